//! The trust service: what the HTTP routes ask for, without HTTP.

mod compose;
mod files;
mod keys;
mod proposal;
mod publish;
mod renew;
mod state;

use std::sync::Arc;
use std::time::Duration;

use countersign_core::limits::Limits;
use countersign_core::name::{Gun, RoleName};
use countersign_core::number::{MetaVersion, NumberError};
use countersign_core::time::DateTime;
use thiserror::Error;

pub use self::proposal::ProposeError;
pub use self::publish::Published;
pub(crate) use self::renew::BATCH;
use crate::clock::Clock;
use crate::config::Lifetimes;
use crate::keys::{SigningError, SigningService};
use crate::storage::{Change, Storage, StorageError};
use crate::validate::Rejection;

/// Everything that the service stands on.
#[derive(Clone)]
pub struct Parts {
    /// Where published files are.
    pub storage: Arc<dyn Storage>,
    /// Who holds the server's keys.
    pub signing: Arc<dyn SigningService>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How long what is signed here is valid.
    pub lifetimes: Lifetimes,
    /// Largest uploaded file, in bytes.
    pub part_bytes: u64,
}

/// Publishes, serves and renews collections.
pub struct TrustService {
    storage: Arc<dyn Storage>,
    signing: Arc<dyn SigningService>,
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
    limits: Limits,
    hot: files::HotFiles,
}

impl TrustService {
    /// A service that stands on `parts`.
    pub fn new(parts: Parts) -> Self {
        let Parts { storage, signing, clock, lifetimes, part_bytes } = parts;
        Self {
            storage,
            signing,
            clock,
            lifetimes,
            limits: limits(part_bytes),
            hot: files::HotFiles::default(),
        }
    }

    /// Deletes every file of the collection and its proposal, and says whether there was any file. The server's keys for it
    /// stay.
    pub async fn delete(&self, gun: &Gun) -> Result<bool, ServiceError> {
        let deleted = self.storage.delete(gun, self.clock.now()).await;
        self.hot.forget(gun);
        Ok(deleted?)
    }

    /// At most `limit` entries of the changefeed after number `after`; those of `gun` alone, if one is named.
    pub async fn changes(
        &self,
        gun: Option<&Gun>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Change>, ServiceError> {
        Ok(self.storage.changes(gun, after, limit).await?)
    }

    /// Whether the store answers.
    pub async fn health(&self) -> Result<(), ServiceError> {
        Ok(self.storage.health().await?)
    }
}

/// Bounds on files whose largest is `part_bytes`.
fn limits(part_bytes: u64) -> Limits {
    Limits { targets_bytes: part_bytes, ..Limits::default() }
}

/// The end of a lifetime that begins at `now`.
fn after(now: DateTime, lifetime: Duration) -> DateTime {
    now.plus_seconds(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX))
}

/// A request that failed by no fault of the one who asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The server's keys failed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// A stored file is not what it was when it was stored.
    #[error("the stored {role} of `{gun}` is not metadata that can be used: {why}")]
    Stored {
        /// The collection.
        gun: Gun,
        /// The role.
        role: RoleName,
        /// What is wrong with it.
        why: String,
    },
    /// What was signed here does not hold.
    #[error("the renewed metadata of `{gun}` does not hold; nothing was stored")]
    Renewal {
        /// The collection.
        gun: Gun,
        /// What is wrong with it.
        #[source]
        source: Rejection,
    },
    /// There is no version left.
    #[error("{role} of `{gun}` cannot have a next version")]
    Version {
        /// The collection.
        gun: Gun,
        /// The role.
        role: RoleName,
        /// Why.
        #[source]
        source: NumberError,
    },
    /// A task of this process ended early.
    #[error("a check did not end")]
    Task(#[from] tokio::task::JoinError),
}

/// An upload that was not published.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// A stored version is not lower, or another publish came first.
    #[error("{role} version {offered} is not newer than stored version {stored}; nothing was stored")]
    Version {
        /// The role.
        role: RoleName,
        /// The version offered.
        offered: MetaVersion,
        /// The version stored.
        stored: MetaVersion,
    },
    /// A file is not JSON.
    #[error("{0} is not JSON; nothing was stored")]
    NotJson(RoleName),
    /// Validation refused it.
    #[error("the upload is refused; nothing was stored")]
    Rejected(#[from] Rejection),
    /// The server failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<StorageError> for PublishError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::VersionConflict { role, offered, stored } => {
                Self::Version { role, offered, stored }
            }
            error => Self::Service(error.into()),
        }
    }
}
