//! What can go wrong with a daemon.

use std::error::Error as StdError;
use std::time::Duration;

use countersign_core::digest::Digest;
use countersign_registry::credentials::CredentialError;
use countersign_registry::http::{HostFilesError, HttpError};
use thiserror::Error;

use super::endpoint::Address;
use super::resolve::EndpointError;

/// A daemon that did not do what it was asked. Texts of a daemon hold no control characters.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// It isn't known which daemon is meant.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Files of its TLS connection can't be used.
    #[error("the TLS files for the daemon at {address} cannot be used")]
    TlsFiles {
        /// The daemon.
        address: Address,
        /// What is wrong with them.
        source: HostFilesError,
    },
    /// Nobody is there. The words are Docker's.
    #[error("Cannot connect to the Docker daemon at {address}. Is the docker daemon running?")]
    Connect {
        /// The daemon.
        address: Address,
        /// What the system said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Nothing came in time.
    #[error("the daemon at {address} did not answer within {after:?}")]
    Silent {
        /// The daemon.
        address: Address,
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended too early.
    #[error("the daemon at {address} ended the connection before its answer was complete{}", quoted(.said))]
    Reset {
        /// The daemon.
        address: Address,
        /// What the program in between said.
        said: String,
    },
    /// More than is read.
    #[error("the answer of the daemon at {address} is larger than the {limit} bytes allowed")]
    TooLarge {
        /// The daemon.
        address: Address,
        /// Most bytes allowed.
        limit: u64,
    },
    /// Something else answers there.
    #[error("what answers at {address} does not speak the Engine API: {what}")]
    Garbage {
        /// Where.
        address: Address,
        /// What is wrong with its answer.
        what: String,
    },
    /// Another error of the connection.
    #[error(transparent)]
    Http(HttpError),
    /// It refused. The words are Docker's and the daemon's.
    #[error("Error response from daemon: {message}")]
    Refused {
        /// The status.
        status: u16,
        /// Why, in its words.
        message: String,
    },
    /// It began and failed. The words are the daemon's.
    #[error("{message}")]
    Failed {
        /// Why, in its words.
        message: String,
    },
    /// Its version of the API is too old.
    #[error(
        "the daemon at {address} speaks version {theirs} of the Engine API; {wanted} is the oldest that is spoken here"
    )]
    Old {
        /// The daemon.
        address: Address,
        /// Its newest version.
        theirs: String,
        /// Our oldest.
        wanted: &'static str,
    },
    /// `DOCKER_API_VERSION` names none.
    #[error("`DOCKER_API_VERSION` is `{}`, which is no version such as `1.41`", .0.escape_debug())]
    Version(String),
    /// Credentials for the registry can't be had.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// There are credentials, and others than the daemon would hear them; nothing was sent.
    #[error("the credentials for `{domain}` are not sent to the daemon at {address} in plain text")]
    PlainCredentials {
        /// The daemon.
        address: Address,
        /// The registry that they are for.
        domain: String,
    },
    /// It says that it pulled, and has no such image.
    #[error("the daemon was asked for `{wanted}` and {}", has(.found))]
    OtherDigest {
        /// The image that was asked for, with its digest.
        wanted: String,
        /// What it has or says instead.
        found: Vec<Digest>,
    },
    /// It pushed and does not say what.
    #[error("the daemon does not say which digest it pushed `{0}` as")]
    NoDigest(String),
    /// It says that it pushed two things under one tag.
    #[error("the daemon says that it pushed `{reference}` as {first}, and as {second}")]
    SecondDigest {
        /// What was to be pushed.
        reference: String,
        /// The first digest.
        first: Digest,
        /// The other one.
        second: Digest,
    },
    /// It says that it pushed to another tag.
    #[error("the daemon was asked to push `{reference}` and says that it pushed the tag `{}`", tag.escape_debug())]
    OtherTag {
        /// What was to be pushed.
        reference: String,
        /// The tag that it names.
        tag: String,
    },
    /// What it says that it pushed is not the image of that name.
    #[error(
        "the daemon says that it pushed `{reference}` as {pushed}, which is not a digest of its image of that name"
    )]
    OtherImage {
        /// What was to be pushed.
        reference: String,
        /// The digest that it reports.
        pushed: Digest,
    },
}

impl DaemonError {
    /// Whether nobody is there, as opposed to having answered.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Connect { .. })
    }

    pub(super) fn of_http(error: HttpError, address: &Address) -> Self {
        let address = address.clone();
        match error {
            HttpError::Refused { .. } => {
                let source = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
                Self::Connect { address, source: source.into() }
            }
            HttpError::Unreachable { source, .. } | HttpError::Dns { source, .. } => {
                Self::Connect { address, source: source.into() }
            }
            HttpError::Timeout { after, .. } => Self::Silent { address, after },
            HttpError::Reset { .. } => Self::Reset { address, said: String::new() },
            HttpError::TooLarge { limit, .. } => Self::TooLarge { address, limit },
            HttpError::Protocol { .. } => {
                Self::Garbage { address, what: "its answer is not HTTP".to_owned() }
            }
            error => Self::Http(error),
        }
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn has(found: &[Digest]) -> String {
    match found {
        [] => "has no image of that digest under that name".to_owned(),
        found => {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            format!("has {} under that name", found.join(", "))
        }
    }
}
