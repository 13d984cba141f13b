//! Why a repository is not up to date, or a target not downloaded.

use std::io;

use countersign_core::digest::HashError;
use countersign_core::name::{RoleName, TargetName};
use countersign_core::trust::TrustError;
use thiserror::Error;

use crate::cache::CacheError;
use crate::remote::FetchError;

/// An update that did not come to its end. Each file that was trusted on the way is stored, nothing else.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TufError {
    /// Nobody said where trust begins.
    #[error("there is no root to begin with in `{dir}`")]
    NoRoot {
        /// The directory of the store.
        dir: String,
    },
    /// The repository did not give a file.
    #[error("the {role} file cannot be fetched")]
    Fetch {
        /// The role.
        role: RoleName,
        /// Why.
        source: FetchError,
    },
    /// A file was checked and is not trusted.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// There are more root versions than are followed.
    #[error("more than {limit} root versions follow the trusted one")]
    RootRotations {
        /// Most that are followed in one update.
        limit: usize,
    },
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] CacheError),
}

impl TufError {
    /// Whether something was checked and is not trusted, as opposed to what could not be checked.
    pub fn is_untrusted(&self) -> bool {
        matches!(self, Self::Untrusted(_) | Self::RootRotations { .. })
    }
}

/// A target that was not downloaded. What was there before is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TufTargetError {
    /// No role that may speak of it does.
    #[error("the repository does not name a target `{}`", .0.as_str().escape_default())]
    Unknown(TargetName),
    /// A name that is no path below a directory.
    #[error("the target `{}` cannot be a file: its name is no path below a directory", .0.as_str().escape_default())]
    Name(TargetName),
    /// The metadata could not be brought to say.
    #[error(transparent)]
    Metadata(#[from] TufError),
    /// The repository did not give the content.
    #[error("the target `{}` cannot be fetched", name.as_str().escape_default())]
    Fetch {
        /// The target.
        name: TargetName,
        /// Why.
        source: FetchError,
    },
    /// The content is longer than was signed.
    #[error("the target `{}` has more than the {length} bytes that were signed; it was not kept", name.as_str().escape_default())]
    Length {
        /// The target.
        name: TargetName,
        /// Bytes that were signed.
        length: u64,
    },
    /// The content is not what was signed.
    #[error("the target `{}` is not the one that was signed; it was not kept", name.as_str().escape_default())]
    Hash {
        /// The target.
        name: TargetName,
        /// The difference.
        source: HashError,
    },
    /// The file cannot be written.
    #[error("the target `{}` cannot be written to `{path}`", name.as_str().escape_default())]
    Write {
        /// The target.
        name: TargetName,
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] CacheError),
}

impl TufTargetError {
    /// Whether something was checked and is not trusted, as opposed to what could not be checked.
    pub fn is_untrusted(&self) -> bool {
        match self {
            Self::Metadata(error) => error.is_untrusted(),
            Self::Unknown(_) | Self::Name(_) | Self::Length { .. } | Self::Hash { .. } => true,
            _ => false,
        }
    }
}
