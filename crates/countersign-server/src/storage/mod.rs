//! Where published files and the server's keys are kept.
//!
//! Owns the traits and their data; [`sqlite`] is the embedded implementation. Nothing here knows what metadata says:
//! a file is a role, a version and bytes.

pub mod sqlite;

use std::error::Error as StdError;

use async_trait::async_trait;
use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::name::{Gun, RoleName};
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;
use thiserror::Error;

use crate::keys::OnlineRole;

/// One published file, exactly as it was uploaded or made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredFile {
    /// The role.
    pub role: RoleName,
    /// Its version.
    pub version: MetaVersion,
    /// The file.
    pub bytes: Bytes,
    /// The SHA-256 of the file.
    pub sha256: Digest,
    /// When it was stored; `None` for a row that another program wrote in a form that is not understood.
    pub stored_at: Option<DateTime>,
}

/// A stored file without its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileRecord {
    /// The role.
    pub role: RoleName,
    /// Its version.
    pub version: MetaVersion,
    /// The SHA-256 of the file.
    pub sha256: Digest,
}

/// One file to store.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The role.
    pub role: RoleName,
    /// Its version.
    pub version: MetaVersion,
    /// The file.
    pub bytes: Bytes,
}

/// Files that become current together, or not at all.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The files, one for each role; a timestamp is always among them.
    pub files: Vec<NewFile>,
    /// The SHA-256 of the timestamp that was current when they were checked; `None` when there was none. Every change
    /// of a collection makes a new timestamp, so this names the state that they were checked against.
    pub base: Option<Digest>,
    /// When they are stored.
    pub at: DateTime,
    /// When the renewal task should look at the collection again.
    pub renew_at: DateTime,
    /// Whether somebody published: that is an entry of the changefeed, a renewal is not.
    pub announce: bool,
}

/// A proposal to keep for a collection, checked against what is published.
#[derive(Clone, Debug)]
pub struct NewProposal {
    /// The SHA-256 of the timestamp that was current when it was checked.
    pub base: Digest,
    /// The SHA-256 of the kept proposal that it goes on with, or replaces; `None` when there was none.
    pub before: Option<Digest>,
    /// The proposal.
    pub bytes: Bytes,
    /// When it is stored.
    pub at: DateTime,
}

/// One entry of the changefeed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Its number, ascending.
    pub id: i64,
    /// When it happened; `None` when another program wrote it in a form that is not understood.
    pub at: Option<DateTime>,
    /// The collection's name.
    pub gun: String,
    /// What happened.
    pub kind: ChangeKind,
}

/// What a changefeed entry tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChangeKind {
    /// A publish, which made this timestamp.
    Update {
        /// The timestamp's version.
        version: MetaVersion,
        /// The timestamp's SHA-256.
        sha256: Digest,
    },
    /// The collection was deleted.
    Deletion,
}

/// The store of published files.
///
/// Every version is kept, except superseded timestamps: they are no history, and are dropped when one is stored.
#[async_trait]
pub trait Storage: Send + Sync {
    /// The file of `role` with the highest version.
    async fn current(&self, gun: &Gun, role: &RoleName) -> Result<Option<StoredFile>, StorageError>;

    /// The file of `role` with this version.
    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: MetaVersion,
    ) -> Result<Option<StoredFile>, StorageError>;

    /// The file of `role` with this SHA-256.
    async fn by_checksum(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: &Digest,
    ) -> Result<Option<StoredFile>, StorageError>;

    /// The versions of `role` that are stored, ascending.
    async fn versions(&self, gun: &Gun, role: &RoleName) -> Result<Vec<MetaVersion>, StorageError>;

    /// The highest version of every role of the collection, in order of role name.
    async fn heads(&self, gun: &Gun) -> Result<Vec<FileRecord>, StorageError>;

    /// Stores all files of `publication` in one transaction, or none of them.
    ///
    /// # Errors
    /// - [`StorageError::BaseChanged`]: the current timestamp is another one than `publication.base`.
    /// - [`StorageError::VersionConflict`]: a role has a stored version that is not lower than the new one.
    async fn publish(&self, gun: &Gun, publication: &Publication) -> Result<(), StorageError>;

    /// Deletes every file of the collection and its proposal, and says whether there was any file. Keys stay.
    async fn delete(&self, gun: &Gun, at: DateTime) -> Result<bool, StorageError>;

    /// The proposal that is kept for the collection. There is never more than one.
    async fn proposal(&self, gun: &Gun) -> Result<Option<Bytes>, StorageError>;

    /// Keeps a proposal in the place of the one before it.
    ///
    /// # Errors
    /// [`StorageError::BaseChanged`]: the current timestamp or the kept proposal is another one. Nothing was stored.
    async fn keep_proposal(&self, gun: &Gun, proposal: &NewProposal) -> Result<(), StorageError>;

    /// Drops the kept proposal: the one with this SHA-256, or whichever there is.
    async fn drop_proposal(&self, gun: &Gun, which: Option<Digest>) -> Result<(), StorageError>;

    /// At most `limit` entries of the changefeed after number `after`, ascending; those of `gun` alone, if one is named.
    async fn changes(&self, gun: Option<&Gun>, after: i64, limit: u32) -> Result<Vec<Change>, StorageError>;

    /// At most `limit` collections whose renewal is due at `now`, the longest due first.
    async fn renewals_due(&self, now: DateTime, limit: u32) -> Result<Vec<Gun>, StorageError>;

    /// Says when the renewal task should look at the collection again.
    async fn postpone_renewal(&self, gun: &Gun, until: DateTime) -> Result<(), StorageError>;

    /// Brings every renewal that is due later than `latest` forward to it, for a lifetime that became shorter.
    async fn hasten_renewals(&self, latest: DateTime) -> Result<(), StorageError>;

    /// Whether the store can be read and is there.
    async fn health(&self) -> Result<(), StorageError>;
}

/// One of the server's own keys, its private part encrypted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyRow {
    /// The key's id, hex.
    pub key_id: String,
    /// The collection that it was made for.
    pub gun: Gun,
    /// The role that it was made for.
    pub role: OnlineRole,
    /// `ecdsa` or `ed25519`.
    pub algorithm: String,
    /// The public key as it stands in metadata before base64.
    pub public: Vec<u8>,
    /// The private key, encrypted.
    pub sealed: Vec<u8>,
    /// Whether it has signed.
    pub used: bool,
}

/// How many keys are kept for collections of which nothing is published. Anybody can ask for one under any name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PendingKeys {
    /// How many there may be. Default 10,000, some 10 MiB.
    pub most: u32,
    /// For how many seconds one that was asked for stays, whatever comes. Default an hour. After that it goes when room is
    /// needed.
    pub seconds: i64,
}

impl Default for PendingKeys {
    fn default() -> Self {
        Self { most: 10_000, seconds: 3600 }
    }
}

/// The store of the server's own keys.
#[async_trait]
pub trait KeyStorage: Send + Sync {
    /// The key with this id that was made for this collection and role.
    async fn key(&self, gun: &Gun, role: OnlineRole, key_id: &str) -> Result<Option<KeyRow>, StorageError>;

    /// A key of this algorithm that was made for this collection and role, has not signed, and was made or kept at `since` or
    /// later.
    async fn unused_key(
        &self,
        gun: &Gun,
        role: OnlineRole,
        algorithm: &str,
        since: DateTime,
    ) -> Result<Option<KeyRow>, StorageError>;

    /// Stores `row` unless there is an unused key already, and returns the one that is there afterwards, kept from `at` on.
    ///
    /// # Errors
    /// [`StorageError::PendingKeys`]: nothing of its collection is published, and there are as many such keys as `pending`
    /// allows. Older ones than it says were dropped before.
    async fn add_key(&self, row: KeyRow, at: DateTime, pending: PendingKeys) -> Result<KeyRow, StorageError>;

    /// Notes that a key has signed.
    async fn mark_used(&self, key_id: &str, at: DateTime) -> Result<(), StorageError>;

    /// Any one key, to try the secret on.
    async fn any_key(&self) -> Result<Option<KeyRow>, StorageError>;
}

/// A store that did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The collection changed between the check and the transaction.
    #[error("the collection changed while the upload was checked; nothing was stored")]
    BaseChanged,
    /// A stored version is not lower than the new one.
    #[error("{role} version {offered} is not newer than stored version {stored}; nothing was stored")]
    VersionConflict {
        /// The role.
        role: RoleName,
        /// The version that was to be stored.
        offered: MetaVersion,
        /// The highest stored version.
        stored: MetaVersion,
    },
    /// Too many keys wait for a collection of theirs.
    #[error("there are {most} keys of collections of which nothing is published; no key was made")]
    PendingKeys {
        /// How many there may be.
        most: u32,
    },
    /// A stored row that cannot be what it should be.
    #[error("the database holds {what} that cannot be read: `{}`", value.escape_debug())]
    Row {
        /// Which value.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// The database was made by a later version of this program.
    #[error("the database has schema version {found}, this program knows {known}")]
    Schema {
        /// The version found.
        found: i64,
        /// The highest known.
        known: i64,
    },
    /// The database cannot be opened, read or written.
    #[error("the database did not {action}")]
    Backend {
        /// What it was asked to do.
        action: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}
