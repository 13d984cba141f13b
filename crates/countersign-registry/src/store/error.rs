//! What can go wrong in the store.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_core::digest::Digest;
use thiserror::Error;

use crate::manifest::ManifestError;
use crate::reference::ImageReference;

/// A store operation that was refused or could not be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused something.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`, `rename`, ….
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The disk, the quota or the file size limit is used up.
    #[error("no room to write `{}`; what was written of it is discarded and nothing else is changed", path.display())]
    Full {
        /// The file that was being written.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The directory holds other things than an image layout.
    #[error("`{}` is not empty and has no `oci-layout` file; nothing is written there", dir.display())]
    NotALayout {
        /// The directory.
        dir: PathBuf,
    },
    /// The layout is of another version.
    #[error("`{}` names layout version `{}`, expected `1.0.0`", path.display(), found.escape_debug())]
    LayoutVersion {
        /// The `oci-layout` file.
        path: PathBuf,
        /// The version it names.
        found: String,
    },
    /// `index.json` or `oci-layout` is not what it should be.
    #[error("`{}` is damaged; it is left as it is", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        source: serde_json::Error,
    },
    /// A file that the layout needs is not there.
    #[error("`{}` is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is larger than it may be.
    #[error("`{}` has more than {limit_bytes} bytes, which is the most that is read of it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit_bytes: u64,
    },
    /// Two entries of `index.json` give one name to two images.
    #[error("`{}` gives the name `{}` to both {first} and {second}", path.display(), name.escape_debug())]
    AmbiguousName {
        /// The index file.
        path: PathBuf,
        /// The name.
        name: String,
        /// One digest.
        first: Digest,
        /// The other digest.
        second: Digest,
    },
    /// The store does not have a blob.
    #[error("blob {digest} is not in the store")]
    BlobMissing {
        /// The blob.
        digest: Digest,
    },
    /// A blob's content is not what its name says.
    #[error("blob {digest} in the store is damaged: {damage}; fetch it again")]
    BlobCorrupt {
        /// The name.
        digest: Digest,
        /// What differs.
        damage: Damage,
    },
    /// What was written is not what was announced.
    #[error("blob {expected}: {damage}; it is discarded")]
    BlobRefused {
        /// The announced digest.
        expected: Digest,
        /// What differs.
        damage: Damage,
    },
    /// More was written than the caller allows.
    #[error("a blob has more than {limit_bytes} bytes; it is discarded")]
    BlobTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// A blob that is called a manifest is none.
    #[error("{digest} in the store is not a usable manifest")]
    Manifest {
        /// The blob.
        digest: Digest,
        /// Why.
        source: ManifestError,
    },
    /// A reference names another digest than the image has.
    #[error("`{reference}` can't name the image {found}")]
    OtherDigest {
        /// The reference, with its digest.
        reference: ImageReference,
        /// The image's digest.
        found: Digest,
    },
    /// Images that hold each other, or more of them than are looked at.
    #[error("{digest} holds more than {limit} manifests")]
    TooMany {
        /// The outermost index.
        digest: Digest,
        /// The limit.
        limit: usize,
    },
    /// A lock was not free in time.
    #[error("another process holds `{}` for longer than {} s", path.display(), waited.as_secs())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// Garbage can't be collected while images are being transferred.
    #[error("images are being transferred in `{}`; nothing is removed", dir.display())]
    InUse {
        /// The store.
        dir: PathBuf,
    },
}

/// How content differs from its name.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Damage {
    /// Another number of bytes.
    #[error("it has {found} bytes, expected {expected}")]
    Length {
        /// Bytes expected.
        expected: u64,
        /// Bytes found; when there were too many, as many as were looked at.
        found: u64,
    },
    /// Another digest.
    #[error("its digest is {found}")]
    Digest {
        /// The digest found.
        found: Digest,
    },
}

impl StoreError {
    /// Names the action and the path of an error of the operating system.
    pub(super) fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full { path, source }
            }
            _ => Self::Io { action, path, source },
        }
    }
}
