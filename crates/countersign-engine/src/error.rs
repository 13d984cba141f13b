//! What can go wrong in an engine.

use countersign_registry::client::RegistryError;
use countersign_registry::reference::ImageReference;
use countersign_registry::store::{ArchiveError, StoreError};
use countersign_registry::transfer::TransferError;
use thiserror::Error;

/// An engine's operation that could not be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The engine has no such image.
    #[error("there is no image `{}` here", .0.familiar())]
    NoSuchImage(ImageReference),
    /// There is no tag to push to.
    #[error("`{}` has no tag to push to", .0.familiar())]
    NoTag(ImageReference),
    /// The registry can't be asked.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The image did not move.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The local store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive was not loaded or saved.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The work was cut off because the program ends.
    #[error("the operation was cut off")]
    CutOff,
}
