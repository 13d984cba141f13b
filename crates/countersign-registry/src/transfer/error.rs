//! Why an image did not move.

use std::io;

use countersign_core::digest::Digest;
use thiserror::Error;

use super::short_id;
use crate::client::RegistryError;
use crate::descriptor::Platform;
use crate::manifest::ManifestError;

/// An image that did not move. What arrived of it has no name.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The registry did not do its part.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The index has no image for the platform.
    #[error("index {digest} has no image for {wanted}, only for {}", list(available))]
    NoPlatform {
        /// The index.
        digest: Digest,
        /// The platform.
        wanted: Box<Platform>,
        /// The platforms that it has images for.
        available: Vec<Platform>,
    },
    /// A layer that registries do not hold.
    #[error("layer {digest} lies outside of the registry, at places that nothing vouches for")]
    Foreign {
        /// The layer.
        digest: Digest,
    },
    /// Two descriptors of one digest contradict each other, or a manifest its descriptor.
    #[error("what is known of {digest} contradicts itself: {what}")]
    Contradiction {
        /// The content.
        digest: Digest,
        /// What differs.
        what: &'static str,
    },
    /// Indexes within indexes, too deep.
    #[error("index {digest} is nested too deeply")]
    Deep {
        /// The innermost index.
        digest: Digest,
    },
    /// The place could not be read or written.
    #[error("cannot {verb} {} here", short_id(digest))]
    Place {
        /// `read` or `write`.
        verb: &'static str,
        /// The content.
        digest: Digest,
        /// What the place said.
        source: io::Error,
    },
    /// The place does not have what is to be pushed.
    #[error("{digest} is not here, so the image cannot be pushed")]
    Missing {
        /// The content.
        digest: Digest,
    },
    /// The place has other content under this digest.
    #[error("what is kept here as {digest} is something else; nothing was pushed under the tag")]
    Corrupt {
        /// The digest.
        digest: Digest,
    },
    /// The place has a manifest that can't be used.
    #[error("manifest {digest} cannot be used")]
    Manifest {
        /// The manifest.
        digest: Digest,
        /// What is wrong with it.
        source: ManifestError,
    },
}

fn list(platforms: &[Platform]) -> String {
    if platforms.is_empty() {
        return "none".to_owned();
    }
    platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
