//! `key restore`: the keys of a backup, never over others.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use countersign_client::age::{self, AgeError, Identity};
use countersign_client::backup::{Restored, inventory_of, read_tar};
use countersign_client::passphrase::{PassphraseError, Passphrases};
use thiserror::Error;
use zeroize::Zeroizing;

use super::files;
use crate::app::App;
use crate::exit::ExitStatus;

/// Largest file with identities, in bytes.
const IDENTITIES_BYTES: usize = 1 << 20;

/// Restore private keys from a backup
///
/// Reads what `key backup` wrote, and any tar of a `trust/private` directory, of Docker or Notary, compressed or not. A key that is here
/// already is left as it is. No passphrase of a key is needed or changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A file with the identity, `AGE-SECRET-KEY-1…`, of a recipient; can be repeated
    #[arg(long, short, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// Only list what is in the backup
    #[arg(long, short)]
    list: bool,
}

/// Restores, and says what became of each key.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let store = app.key_store()?;
    let (bytes, _) = files::read(&args.file, 2 * age::MAX_BYTES)?;
    let unread = || format!("cannot restore from `{}`", args.file.display());
    let tar = if age::is_age(&bytes) {
        open(args, &bytes, store.passphrases()).with_context(unread)?
    } else {
        bytes
    };
    let keys = read_tar(&tar).with_context(unread)?;
    if args.list {
        app.printer().data_text(&inventory_of(&keys))?;
        return Ok(ExitStatus::Success);
    }
    let mut all_well = true;
    for key in &keys {
        let role = key.header.role.as_deref().unwrap_or("unnamed").escape_debug().to_string();
        let told = match key.restore(&store) {
            Ok(Restored::Added) => format!("Restored {role} key {}", key.id),
            Ok(Restored::Present) => format!("{role} key {} is here already", key.id),
            Ok(Restored::Kept) => format!(
                "{role} key {} is here already, with another passphrase or name, and was left as it is",
                key.id
            ),
            Err(error) => {
                all_well = false;
                app.printer().warn(crate::report::one_line(&error));
                continue;
            }
        };
        app.printer().data(told)?;
    }
    Ok(if all_well { ExitStatus::Success } else { ExitStatus::Failure })
}

/// Decrypts a backup: with identities, or with a passphrase.
fn open(args: &Args, bytes: &[u8], passphrases: &Passphrases) -> Result<Zeroizing<Vec<u8>>, OpenBackupError> {
    if age::wants_passphrase(bytes)? {
        return passphrases.for_backup(&args.file.display().to_string(), |passphrase| {
            match age::decrypt_with_passphrase(bytes, passphrase) {
                Ok(text) => Ok(Some(text)),
                Err(AgeError::NoKey) => Ok(None),
                Err(error) => Err(error.into()),
            }
        });
    }
    if args.identity.is_empty() {
        return Err(OpenBackupError::NoIdentity);
    }
    let mut identities = Vec::new();
    for path in &args.identity {
        identities.extend(read_identities(path).map_err(OpenBackupError::Identity)?);
    }
    Ok(age::decrypt_for(bytes, &identities)?)
}

fn read_identities(path: &Path) -> anyhow::Result<Vec<Identity>> {
    let (text, _) = files::read(path, IDENTITIES_BYTES)?;
    let text = std::str::from_utf8(&text).map_err(|_| AgeError::Identity);
    text.and_then(Identity::parse_file)
        .with_context(|| format!("there is no identity in `{}`", path.display()))
}

/// An encrypted backup that was not opened.
#[derive(Debug, Error)]
pub(crate) enum OpenBackupError {
    /// Its file.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// Its passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// It is for recipients, and none of their identities was named.
    #[error("it is encrypted to recipients; nothing was restored")]
    NoIdentity,
    /// A file with identities.
    #[error("{0:#}")]
    Identity(anyhow::Error),
}
