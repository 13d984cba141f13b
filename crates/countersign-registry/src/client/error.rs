//! Why a registry did not do what it was asked.

use std::fmt;
use std::io;

use countersign_core::digest::Digest;
use thiserror::Error;

use crate::auth::AuthError;
use crate::manifest::ManifestError;

/// Something asked of a registry that did not come about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// No URL can be made of the registry's domain.
    #[error("`{}` is no registry's host and port", domain.escape_default())]
    Domain {
        /// The domain.
        domain: String,
    },
    /// The registry could not be reached or convinced.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The registry does not allow it.
    #[error("`{host}` refused `{action}` for `{repository}`{}", said(.message.as_deref()))]
    Denied {
        /// The registry, host and port.
        host: String,
        /// What was tried.
        action: Action,
        /// The repository.
        repository: String,
        /// What the registry said.
        message: Option<String>,
    },
    /// The registry has no such content.
    #[error("`{host}` has no {part} in `{repository}`")]
    NotFound {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// What was asked for.
        part: Part,
    },
    /// Too many requests.
    #[error("`{host}` takes no more requests at the moment{}", said(.message.as_deref()))]
    TooMany {
        /// The registry.
        host: String,
        /// What the registry said.
        message: Option<String>,
    },
    /// A status that is no answer to what was asked.
    #[error("`{host}` answered with status {status} when asked for {part}{}", said(.message.as_deref()))]
    Status {
        /// The registry, or where it sent us.
        host: String,
        /// What was asked for.
        part: Part,
        /// The status.
        status: u16,
        /// What the registry said.
        message: Option<String>,
    },
    /// The content is not what its digest says; it was discarded.
    #[error("`{host}` sent {part} whose digest is {found}; it was discarded")]
    Digest {
        /// The registry.
        host: String,
        /// What was asked for.
        part: Part,
        /// The digest of what came.
        found: Box<Digest>,
    },
    /// The content has another length than its descriptor says; it was discarded.
    #[error("`{host}` sent {found} bytes for {part}, expected {expected}; they were discarded")]
    Size {
        /// The registry.
        host: String,
        /// What was asked for.
        part: Part,
        /// Bytes that the descriptor names.
        expected: u64,
        /// Bytes that came or were announced; more may have followed.
        found: u64,
    },
    /// The manifest can't be used.
    #[error("{part} from `{host}` is refused")]
    Manifest {
        /// The registry.
        host: String,
        /// Which one.
        part: Part,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The registry sent us somewhere that we don't go.
    #[error("`{host}` redirects {part} to `{}`, which is not followed: {reason}", to.escape_default())]
    Redirect {
        /// Who sent us.
        host: String,
        /// What was asked for.
        part: Part,
        /// Where to.
        to: String,
        /// Why not.
        reason: &'static str,
    },
    /// The registry broke the protocol.
    #[error("`{host}` broke the protocol with {part}: {what}")]
    Protocol {
        /// The registry.
        host: String,
        /// What was asked for.
        part: Part,
        /// What it did.
        what: &'static str,
    },
    /// The place for the content could not be written, or its source not be read.
    #[error("cannot {verb} {part} here")]
    Place {
        /// `write` or `read`.
        verb: &'static str,
        /// What it is.
        part: Part,
        /// What the place said.
        source: io::Error,
    },
    /// The source does not have what is to be sent.
    #[error("{part} is not here, so it cannot be pushed")]
    Missing {
        /// What it is.
        part: Part,
    },
}

impl RegistryError {
    /// Whether the same request may succeed when repeated soon.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Auth(error) => error.is_transient(),
            Self::Status { status, .. } => (500..600).contains(status),
            Self::TooMany { .. } => true,
            _ => false,
        }
    }

    /// Whether the registry could not be reached, as opposed to having answered.
    pub fn is_offline(&self) -> bool {
        match self {
            Self::Auth(error) => error.is_offline(),
            Self::Status { status, .. } => (500..600).contains(status),
            _ => false,
        }
    }
}

/// What is tried with a repository.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Reading from it.
    Pull,
    /// Writing to it.
    Push,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pull => "pull",
            Self::Push => "push",
        })
    }
}

/// A part of an image, for messages.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Part {
    /// A manifest or an index, by digest.
    Manifest(Digest),
    /// A manifest or an index, by tag.
    Tag(String),
    /// A blob.
    Blob(Digest),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest(digest) => write!(f, "manifest {digest}"),
            Self::Tag(tag) => write!(f, "tag `{}`", tag.escape_default()),
            Self::Blob(digest) => write!(f, "blob {digest}"),
        }
    }
}

fn said(message: Option<&str>) -> String {
    message.map_or_else(String::new, |message| format!(": {}", message.escape_default()))
}
