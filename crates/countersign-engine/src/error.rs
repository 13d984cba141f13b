//! What can go wrong in an engine.

use std::io;
use std::path::PathBuf;

use countersign_core::digest::Digest;
use countersign_registry::client::RegistryError;
use countersign_registry::reference::ImageReference;
use countersign_registry::store::{ArchiveError, StoreError};
use countersign_registry::transfer::TransferError;
use thiserror::Error;

use crate::docker::DaemonError;
use crate::podman::PodmanError;

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
    /// A daemon did not do it.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// Podman's program did not do it.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// Something was pushed, and the registry does not show it, so its length isn't known.
    #[error(
        "`{reference}` was pushed as {digest}, and the registry does not show that manifest, whose length would be signed"
    )]
    UnknownLength {
        /// What was pushed.
        reference: String,
        /// Its digest, by the word of the engine.
        digest: Digest,
        /// What the registry said.
        source: RegistryError,
    },
    /// Something that this engine does not do.
    #[error("the engine `{engine}` does not support {what}")]
    NotWithThis {
        /// The engine's name.
        engine: &'static str,
        /// What it doesn't do.
        what: &'static str,
    },
    /// A name for one image, and an archive with another number of them.
    #[error(
        "the archive has {images} images, and one name was given; they were loaded under their own names"
    )]
    NotOne {
        /// How many images it has.
        images: usize,
    },
    /// An archive that can't be read.
    #[error("cannot read `{}`", path.display())]
    ReadArchive {
        /// The archive.
        path: PathBuf,
        /// What reading it said.
        source: io::Error,
    },
    /// An archive that can't be written; what was there is as it was.
    #[error("cannot write `{}`", path.display())]
    WriteArchive {
        /// The archive.
        path: PathBuf,
        /// What writing it said.
        source: io::Error,
    },
    /// The work was cut off because the program ends.
    #[error("the operation was cut off")]
    CutOff,
}
