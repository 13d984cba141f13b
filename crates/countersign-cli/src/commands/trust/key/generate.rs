//! `trust key generate`: a signer's key pair.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use countersign_client::keystore::KeyStore as _;
use countersign_core::name::TopRole;
use countersign_core::public_key_file;
use tempfile::NamedTempFile;
use thiserror::Error;

use super::super::{SigningError, is_signer_name};
use crate::app::App;
use crate::exit::ExitStatus;

/// Generate a signer's key pair: the private key is kept here, the public key is written to NAME.pub
///
/// Whoever owns a repository makes the holder a signer of it with `countersign trust signer add --key NAME.pub NAME REPOSITORY`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The signer's name
    name: String,
    /// Directory for the public key; without it, the current one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Generates. The public key has a place before the private key is made.
///
/// Source: docker/cli `cli/command/trust/key_generate.go`.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let name = &args.name;
    if !is_signer_name(name) {
        return Err(SigningError::Name { what: "key", name: name.clone() }.into());
    }
    if TopRole::ALL.iter().any(|role| role.name() == name) || name == "releases" {
        return Err(SigningError::Reserved(name.clone()).into());
    }
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => std::env::current_dir().context("the current directory cannot be told")?,
    };
    let path = dir.join(format!("{name}.pub"));
    let mut file = reserve(&dir, &path)?;
    app.printer().status(format_args!("Generating key for {name}..."))?;
    let key = app.key_store()?.generate(name, None);
    let key = key.with_context(|| format!("failed to generate key for {name}"))?;
    let kept = || {
        format!(
            "private key {} is kept, and its public key could not be written to `{}`",
            key.id(),
            path.display()
        )
    };
    let text = public_key_file::write(key.public_key(), name).unwrap_or_default();
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).with_context(kept)?;
    file.persist_noclobber(&path).with_context(kept)?;
    app.printer().status(format_args!(
        "Successfully generated and loaded private key. Corresponding public key available: {}",
        path.display()
    ))?;
    if app.printer().is_quiet() {
        app.printer().data(path.display())?;
    }
    Ok(ExitStatus::Success)
}

/// A file, for its owner alone, that becomes the public key's.
fn reserve(dir: &Path, path: &Path) -> Result<NamedTempFile, PlaceError> {
    if path.symlink_metadata().is_ok() {
        return Err(PlaceError::Exists(path.to_owned()));
    }
    if !dir.is_dir() {
        return Err(PlaceError::Missing(dir.to_owned()));
    }
    NamedTempFile::with_prefix_in(".countersign-key-", dir)
        .map_err(|source| PlaceError::Unwritable { dir: dir.to_owned(), source })
}

/// A public key that has no place; no key was made.
#[derive(Debug, Error)]
enum PlaceError {
    /// There is a file already.
    #[error("public key file already exists: \"{}\"", .0.display())]
    Exists(PathBuf),
    /// There is no such directory.
    #[error("public key path does not exist: \"{}\"", .0.display())]
    Missing(PathBuf),
    /// Nothing can be written there.
    #[error("no public key can be written to \"{}\"; no key was generated", dir.display())]
    Unwritable {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
