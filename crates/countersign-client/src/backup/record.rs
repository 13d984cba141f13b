//! Which backups were made on this machine, so that it can be said which keys are in none.
//!
//! Source: none; `backups.json` in the trust directory is ours.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use countersign_core::key::KeyId;
use countersign_core::time::DateTime;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::files;

const FILE: &str = "backups.json";
/// Largest record, in bytes: ten backups of 10,000 keys.
const MAX_BYTES: usize = 16 << 20;
/// Most backups that are remembered.
const BACKUPS: usize = 10;

/// The backups that were made of a trust directory's keys, the latest last.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct BackupRecord {
    /// Each of them.
    pub backups: Vec<RecordedBackup>,
}

/// A backup that was made, and verified then. Whether it still is where it was, nobody knows.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RecordedBackup {
    /// When it was made.
    pub time: DateTime,
    /// Where it was written.
    pub file: PathBuf,
    /// The keys in it.
    pub keys: Vec<KeyId>,
}

impl BackupRecord {
    /// Reads the record in `trust_dir`. Without one, there were no backups.
    ///
    /// # Errors
    /// [`RecordError`]: there is one that cannot be read.
    pub fn load(trust_dir: &Path) -> Result<Self, RecordError> {
        let path = trust_dir.join(FILE);
        let failed = |source| RecordError { path: path.clone(), source };
        let bytes = match files::read_bounded(&path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))
    }

    /// Notes a backup.
    ///
    /// # Errors
    /// [`RecordError`]: it cannot be noted.
    pub fn note(trust_dir: &Path, backup: RecordedBackup) -> Result<(), RecordError> {
        let path = trust_dir.join(FILE);
        let failed = |source| RecordError { path: path.clone(), source };
        // One that cannot be read is begun anew: it only says of what there are copies.
        let mut record = Self::load(trust_dir).unwrap_or_default();
        record.backups.push(backup);
        let surplus = record.backups.len().saturating_sub(BACKUPS);
        record.backups.drain(..surplus);
        let text = serde_json::to_vec(&record).map_err(|error| failed(error.into()))?;
        files::create_private_dir(trust_dir)
            .and_then(|()| files::replace_private(&path, &text))
            .map_err(failed)
    }

    /// The latest backup with a key in it.
    pub fn of(&self, id: KeyId) -> Option<&RecordedBackup> {
        self.backups.iter().rev().find(|backup| backup.keys.contains(&id))
    }

    /// The latest backup whose file is still where it was written, with a key in it.
    pub fn at_hand(&self, id: KeyId) -> Option<&RecordedBackup> {
        let has = |backup: &&RecordedBackup| backup.keys.contains(&id);
        self.backups
            .iter()
            .rev()
            .filter(has)
            .find(|backup| fs::metadata(&backup.file).is_ok_and(|file| file.is_file()))
    }
}

/// A record that cannot be read or written.
#[derive(Debug, Error)]
#[error("cannot use the record of backups `{}`", path.display())]
pub struct RecordError {
    /// The file.
    path: PathBuf,
    /// Why.
    source: io::Error,
}
