//! `trust key load`: a private key from a file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use countersign_client::keystore::KeyStore as _;
use countersign_core::key_file::{self, KeyFile, KeyFileError, MAX_BYTES, Passphrase};
use countersign_core::name::{Gun, TopRole};
use thiserror::Error;
use zeroize::Zeroizing;

use super::super::{Face, SigningError, is_signer_name};
use crate::app::App;
use crate::exit::ExitStatus;

/// Rights of anybody but the owner.
const OTHERS: u32 = 0o077;
/// How often the passphrase of the file is asked for.
const TRIES: usize = 4;
/// The name of a key that nobody named.
const UNNAMED: &str = "signer";

/// Load a private key from a file, so that it signs
///
/// Takes PEM of every form that Docker, Notary and OpenSSL write, encrypted or not. The key is kept encrypted with a passphrase
/// of its own; the file stays as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file
    #[arg(value_name = "KEYFILE")]
    file: PathBuf,
    /// The signer's name; without it, what the file says, else `signer`
    #[arg(long)]
    name: Option<String>,
}

/// Loads.
///
/// Deviation: Docker stores nothing of an encrypted file and reports success; test `encrypted_keys_are_really_loaded`.
///
/// Source: docker/cli `cli/command/trust/key_load.go`.
pub(crate) fn run(args: &Args, app: &App, face: Face) -> anyhow::Result<ExitStatus> {
    if let Some(name) = args.name.as_ref().filter(|name| !is_signer_name(name)) {
        return Err(SigningError::Name { what: "key", name: name.clone() }.into());
    }
    let (printer, path) = (app.printer(), args.file.display());
    printer.status(format_args!("Loading key from \"{path}\"..."))?;
    let text = read(&args.file).with_context(|| format!("refusing to load key from {path}"))?;
    let failed = || format!("error importing key from {path}");
    let file = open(&text, app).map_err(|error| match error {
        Unopened::File(KeyFileError::Pem(_) | KeyFileError::NoKey) => {
            let program = if face == Face::Docker { "docker" } else { "countersign" };
            Unopened::NotPrivate { path: args.file.clone(), program }
        }
        error => error,
    });
    let file = file.with_context(failed)?;
    let KeyFile { header, key } = file;
    let role = args.name.clone().or(header.role).unwrap_or_else(|| UNNAMED.to_owned());
    let gun = header.gun.and_then(|gun| gun.parse::<Gun>().ok());
    let (store, id) = (app.key_store()?, key.id());
    let kept = store.list()?.keys.into_iter().find(|entry| entry.id == id);
    match kept {
        Some(entry) if entry.role == role => {
            printer.say(format_args!("Key {} was here already, for {role}; nothing was changed", id.short()));
        }
        Some(entry) => {
            store.rename(id, &role).with_context(failed)?;
            let before = entry.role.escape_default();
            printer.say(format_args!(
                "Key {} was here already, for {before}; it is {role}'s from now on",
                id.short()
            ));
        }
        None => {
            store.add(key, &role, gun.as_ref()).with_context(failed)?;
        }
    }
    if role == TopRole::Root.name() {
        printer.say(format_args!("Key {id} is a root key: new collections may be made with it"));
    }
    printer.status(format_args!("Successfully imported key from {path}"))?;
    if printer.is_quiet() {
        printer.data(id)?;
    }
    Ok(ExitStatus::Success)
}

/// Reads a file that nobody else may.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let stat = |source: io::Error| {
        let reason = if source.kind() == io::ErrorKind::NotFound {
            "no such file or directory".to_owned()
        } else {
            source.to_string()
        };
        Unreadable::Stat { path: path.to_owned(), reason }
    };
    if fs::metadata(path).map_err(stat)?.permissions().mode() & OTHERS != 0 {
        return Err(Unreadable::Open(path.to_owned()));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    File::open(path).and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut text)).map_err(stat)?;
    Ok(text)
}

/// Opens a key, asking for the passphrase of its file if it has one.
fn open(text: &[u8], app: &App) -> Result<KeyFile, Unopened> {
    if !key_file::header(text)?.encrypted {
        return Ok(key_file::read(text, None)?);
    }
    for attempt in 0..TRIES {
        if attempt > 0 {
            app.printer().tell("Passphrase incorrect. Please retry.");
        }
        let answer = app.ask_hidden("Enter passphrase for encrypted key: ").ok_or(Unopened::Nobody)?;
        match key_file::read(text, Some(&Passphrase::trimmed(&answer))) {
            Err(KeyFileError::WrongPassphrase) => {}
            outcome => return Ok(outcome?),
        }
    }
    Err(Unopened::Wrong)
}

/// A file that is not read.
#[derive(Debug, Error)]
enum Unreadable {
    /// It isn't there, or cannot be read.
    #[error("stat {}: {reason}", path.display())]
    Stat {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Others could read it.
    #[error("private key file {} must not be readable or writable by others", .0.display())]
    Open(PathBuf),
}

/// A key that does not come out; nothing was stored.
#[derive(Debug, Error)]
enum Unopened {
    /// No private key.
    #[error("provided file {} is not a supported private key - to add a signer's public key use {program} trust signer add", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// How this program is called.
        program: &'static str,
    },
    /// Nobody knows the passphrase.
    #[error("password invalid, operation has failed.")]
    Wrong,
    /// Nobody could be asked.
    #[error("the passphrase of the encrypted key could not be asked for; nothing was stored")]
    Nobody,
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] KeyFileError),
}
