//! What is kept of a collection between updates, as a trait.
//!
//! A cache holds files that were trusted when they were stored, and the versions that were seen. Neither is believed
//! when it comes back: files are verified again, versions only ever refuse.

use std::collections::BTreeMap;
use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use countersign_core::key::KeyId;
use countersign_core::limits::Limits;
use countersign_core::name::{Gun, RoleName};
use countersign_core::time::DateTime;
use countersign_core::trust::Seen;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The files of collections, and the versions that were seen of them.
#[async_trait]
pub trait Cache: Send + Sync {
    /// Reads the files of `roles` that are there, none larger than `limits` allows, and the versions seen.
    ///
    /// Makes nothing that isn't there. What is there and cannot be used is left out and named in [`Cached::damage`].
    async fn load(&self, gun: &Gun, roles: &[RoleName], limits: &Limits) -> Result<Cached, CacheError>;

    /// Stores the outcome of an update, unless somebody else stored another one since it began.
    ///
    /// Whatever moment it is interrupted at, each file is the old one or the new one, and no seen version is lower than
    /// before.
    async fn store(&self, gun: &Gun, update: CacheUpdate) -> Result<Stored, CacheError>;

    /// Puts another beginning in the place of all that is kept of a collection: files and versions seen. Staged changes stay.
    ///
    /// Whatever moment it is interrupted at, what is loaded afterwards is wholly the old or wholly the new.
    async fn replace(&self, gun: &Gun, beginning: CacheBeginning) -> Result<(), CacheError>;

    /// Forgets a collection: its files and the versions seen. Staged changes and keys stay.
    async fn forget(&self, gun: &Gun) -> Result<(), CacheError>;

    /// The replacements of keys that were begun and not finished, as [`Cache::note_rotations`] left them. A note that cannot
    /// be read counts as none.
    async fn begun_rotations(&self, gun: &Gun) -> Result<Vec<BegunRotation>, CacheError> {
        let _ = gun;
        Ok(Vec::new())
    }

    /// Notes which replacements of keys are begun, in place of what was noted before. A cache that keeps nothing need not.
    async fn note_rotations(&self, gun: &Gun, begun: &[BegunRotation]) -> Result<(), CacheError> {
        let _ = (gun, begun);
        Ok(())
    }

    /// The proposal that waits for signatures here, of at most `max_bytes`. One that cannot be read counts as none.
    async fn proposal(&self, gun: &Gun, max_bytes: u64) -> Result<Option<Bytes>, CacheError> {
        let _ = (gun, max_bytes);
        Ok(None)
    }

    /// Keeps a proposal in place of the one before, or none. A cache that keeps nothing need not.
    async fn keep_proposal(&self, gun: &Gun, proposal: Option<Bytes>) -> Result<(), CacheError> {
        let _ = (gun, proposal);
        Ok(())
    }
}

/// A replacement of a role's keys that was begun, so that a second run goes on with the same keys.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BegunRotation {
    /// The role.
    pub role: RoleName,
    /// Canonical ids of its keys from then on; none where they are the server's.
    pub keys: Vec<KeyId>,
    /// Canonical ids of the keys that go.
    pub replaces: Vec<KeyId>,
}

/// What a cache holds of a collection.
#[derive(Clone, Debug, Default)]
pub struct Cached {
    /// The files that were asked for and are there.
    pub files: BTreeMap<RoleName, Bytes>,
    /// The versions seen.
    pub seen: Seen,
    /// When a server last confirmed the timestamp; absent if that isn't known.
    pub confirmed: Option<DateTime>,
    /// What is there and cannot be used.
    pub damage: Vec<CacheDamage>,
}

/// The outcome of an update.
#[derive(Clone, Debug)]
pub struct CacheUpdate {
    /// The files that changed, in the order in which they are to be written.
    pub files: Vec<(RoleName, Bytes)>,
    /// The versions seen when the update began.
    pub basis: Seen,
    /// The versions seen now.
    pub seen: Seen,
    /// When the server confirmed the timestamp; absent for files that were never published.
    pub confirmed: Option<DateTime>,
}

/// What a cache is to keep of a collection, and nothing else.
#[derive(Clone, Debug)]
pub struct CacheBeginning {
    /// The files.
    pub files: BTreeMap<RoleName, Bytes>,
    /// The versions seen.
    pub seen: Seen,
    /// When the server confirmed the timestamp.
    pub confirmed: DateTime,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stored {
    /// It is stored.
    Done,
    /// Somebody else stored another one first: nothing was written, and the update is to begin again.
    Overtaken,
}

/// A file in the cache that cannot be used. It is fetched again, unless nothing else remembers which root was trusted.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{file}` in the cache {problem}")]
pub struct CacheDamage {
    /// The file, by its path below the collection's directory.
    pub file: String,
    /// What is wrong, as the end of a sentence.
    pub problem: String,
}

impl CacheDamage {
    /// Whether the file is one that says which root was trusted.
    pub fn is_of_memory(&self) -> bool {
        matches!(self.file.as_str(), "metadata/root.json" | "seen.json")
    }
}

/// A cache that cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Reading or writing went wrong.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Something below the trust directory is a symbolic link, or no directory where one must be.
    #[error("`{path}` is a symbolic link or not a directory; nothing below the trust directory is followed")]
    NotADirectory {
        /// The path.
        path: String,
    },
    /// Somebody else keeps the collection locked.
    #[error("`{path}` stayed locked by another process for {seconds} s")]
    Locked {
        /// The lock file.
        path: String,
        /// How long it was waited for.
        seconds: u64,
    },
}
