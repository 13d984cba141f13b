//! `key import`: private keys from files, of any format that Docker, Notary or OpenSSL ever wrote.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use countersign_client::keystore::KeyStoreError;
use countersign_client::keystore_dir::{DirKeyStore, Existing, Keeping, Stored};
use countersign_client::passphrase::{KeyInQuestion, MIN_BYTES, OpenError, Passphrases};
use countersign_core::key_file::{self, MAX_BUNDLE_BYTES, Passphrase, SealedKey};
use countersign_core::name::Gun;
use countersign_core::sign::SecretKey;

use super::{KeyRefusal, files, role};
use crate::app::App;
use crate::exit::ExitStatus;

/// What a key is called that nobody has named, as with Notary.
const UNNAMED: &str = "delegation";
const OTHERS_READ_OR_WRITE: u32 = 0o066;
/// Roles whose keys belong to one collection.
const OF_ONE_COLLECTION: [&str; 3] = ["targets", "snapshot", "timestamp"];

/// Import private keys from PEM files, one or many in each
///
/// Every key is opened and looked at before the first is stored. It is stored as a new key would be, encrypted with the passphrase
/// that it has, or with the one of the passphrase variable for its role. A key that is here already stays as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files with private keys: PKCS#8, PKCS#1, SEC 1, or exported by Notary
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What the keys are for whose files don't say: root, targets, snapshot, targets/NAME, or a signer's name
    #[arg(long, short, value_name = "ROLE", default_value = UNNAMED, value_parser = role::parse)]
    role: String,
    /// The collection of targets and snapshot keys whose files don't say
    #[arg(long, short, value_name = "GUN")]
    gun: Option<Gun>,
}

/// A key that was opened.
struct Opened {
    key: SecretKey,
    role: String,
    gun: Option<Gun>,
    /// What opened it, if it was encrypted.
    passphrase: Option<Passphrase>,
}

/// Imports, and prints each id with what became of the key.
///
/// Source: notary `utils/keys.go` (`ImportKeys`).
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let store = app.key_store()?;
    let mut opened = Vec::new();
    for path in &args.files {
        let (text, mode) = files::read(path, MAX_BUNDLE_BYTES)?;
        let keys = key_file::split(&text).with_context(|| format!("cannot import `{}`", path.display()))?;
        for key in &keys {
            if !key.header().encrypted && mode & OTHERS_READ_OR_WRITE != 0 {
                return Err(KeyRefusal::Open { path: path.clone(), mode }.into());
            }
        }
        for key in keys {
            opened.push(open(args, path, &key, store.passphrases())?);
        }
    }
    for key in &opened {
        let stored = keep(key, &store)?;
        told(app, key, stored)?;
    }
    Ok(ExitStatus::Success)
}

/// Opens a key, and finds out what it is for.
fn open(args: &Args, path: &Path, sealed: &SealedKey, passphrases: &Passphrases) -> anyhow::Result<Opened> {
    let header = sealed.header();
    let name = path.display().to_string();
    let role = header.role.unwrap_or_else(|| args.role.clone());
    if role::parse(&role).is_err() {
        return Err(KeyRefusal::Role { path: path.to_owned(), role }.into());
    }
    let unusable = || format!("cannot import `{name}`");
    let (key, passphrase) = if header.encrypted {
        let open = |passphrase: &Passphrase| sealed.open(Some(passphrase));
        let opened = passphrases.for_file(&name, &role, open).map_err(|error| match error {
            OpenError::Passphrase(error) => anyhow::Error::new(error),
            OpenError::File(error) => error.into(),
        });
        opened.map(|(key, passphrase)| (key, Some(passphrase))).with_context(unusable)?
    } else {
        (sealed.open(None).with_context(unusable)?, None)
    };
    if let Some(named) = header.path.filter(|named| !named.ends_with(&key.id().to_string())) {
        return Err(KeyRefusal::OtherKey { path: path.to_owned(), named, found: key.id() }.into());
    }
    let named = header.gun.map(|gun| gun.parse::<Gun>()).transpose().with_context(unusable)?;
    let gun = named.or_else(|| args.gun.clone());
    if gun.is_none() && OF_ONE_COLLECTION.contains(&role.as_str()) {
        return Err(KeyRefusal::NoCollection { path: path.to_owned(), role }.into());
    }
    Ok(Opened { key, role, gun, passphrase })
}

fn keep(opened: &Opened, store: &DirKeyStore) -> Result<Stored, KeyStoreError> {
    let (role, passphrases) = (opened.role.as_str(), store.passphrases());
    let question = KeyInQuestion { id: opened.key.id(), role };
    let here = match store.entry(opened.key.id()) {
        Ok(entry) if entry.role == role => return Ok(Stored::Unchanged),
        Ok(entry) => return Err(KeyStoreError::OtherRole { id: entry.id, role: entry.role }),
        Err(KeyStoreError::NotFound { .. }) => Existing::Keep,
        Err(error) => return Err(error),
    };
    // One that is too short for a new key is no reason to keep a key weak.
    let own = opened.passphrase.as_ref().filter(|passphrase| passphrase.len() >= MIN_BYTES);
    let passphrase = match (passphrases.for_new_unasked(question).map_err(KeyStoreError::Passphrase)?, own) {
        (Some(variable), _) => variable,
        (None, Some(own)) => own.clone(),
        (None, None) => passphrases.for_new(question).map_err(KeyStoreError::Passphrase)?,
    };
    let gun = opened.gun.as_ref();
    store.store(&opened.key, &Keeping { role, gun, passphrase: &passphrase, existing: here })
}

fn told(app: &App, opened: &Opened, stored: Stored) -> anyhow::Result<()> {
    let (id, role) = (opened.key.id(), &opened.role);
    let printer = app.printer();
    if printer.is_quiet() {
        printer.data(id)?;
    } else if stored == Stored::Unchanged {
        printer.data(format_args!("{role} key {id} is here already"))?;
    } else {
        printer.data(format_args!("Imported {role} key {id}"))?;
    }
    Ok(())
}
