//! Putting the keys of a backup back.

use std::path::{Path, PathBuf};

use countersign_core::key_file::{self, KeyFileHeader};
use zeroize::Zeroizing;

use super::{BackedUp, BackupError};
use crate::keystore::KeyStoreError;
use crate::keystore_dir::{DirKeyStore, place_of};

/// The directory of the keys, wherever it was.
const PRIVATE: &str = "private";

/// What became of a key of a backup.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Restored {
    /// It is here again.
    Added,
    /// It was here, in the same file.
    Present,
    /// It was here in another file, with another passphrase or role, and that was left as it is.
    Kept,
}

impl BackedUp {
    /// Puts the key back, if it is not here. A key that is not encrypted is encrypted on the way, with a passphrase that is asked
    /// for.
    ///
    /// # Errors
    /// Those of reading and writing key files; [`KeyStoreError::OtherKey`]: a key that needs no passphrase is not the one
    /// that its name says.
    pub fn restore(&self, store: &DirKeyStore) -> Result<Restored, KeyStoreError> {
        store.restore(self.id, &self.text)
    }
}

/// Reads a file of a backup; `None` if its name is no key's.
pub(super) fn key_of(path: &Path, text: Zeroizing<Vec<u8>>) -> Result<Option<BackedUp>, BackupError> {
    let parts: Vec<_> = path.iter().collect();
    let begin =
        parts.iter().rposition(|part| *part == PRIVATE).map_or(parts.len().saturating_sub(1), |at| at + 1);
    let below: PathBuf = parts[begin..].iter().collect();
    let Some((id, role, gun)) = place_of(&below) else { return Ok(None) };
    let unusable = |source| BackupError::File { path: path.display().to_string(), source };
    let sealed = key_file::first(&text).map_err(unusable)?;
    let named = sealed.header();
    let header = KeyFileHeader {
        role: named.role.clone().or(role),
        gun: named.gun.clone().or(gun),
        path: None,
        encrypted: named.encrypted,
    };
    // A file that says all itself stays as it is, byte for byte.
    let text = if (&header.role, &header.gun) == (&named.role, &named.gun) {
        text
    } else {
        sealed.write(&header).map_err(unusable)?
    };
    Ok(Some(BackedUp { id, header, text }))
}
