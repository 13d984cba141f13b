//! What a trust server answers when it does not give what was asked for.

use std::error::Error as StdError;

use thiserror::Error;

/// An answer without the file or key that was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The server has no such file.
    #[error("`{server}` does not have it")]
    NotFound {
        /// The server.
        server: String,
    },
    /// The server cannot be reached.
    #[error("`{server}` cannot be reached")]
    Offline {
        /// The server.
        server: String,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A connection that cannot be trusted: TLS, a certificate, a file in the TLS directory.
    #[error("there is no trusted connection to `{server}`")]
    Connection {
        /// The server.
        server: String,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The server demands credentials that were not given or not accepted: status 401.
    #[error("`{server}` does not know who asks (status 401)")]
    Unauthorized {
        /// The server.
        server: String,
        /// What went wrong on the way to a token, where it did.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The credentials are not enough: status 403.
    #[error("`{server}` does not allow it (status 403)")]
    Forbidden {
        /// The server.
        server: String,
    },
    /// Any other status than 200.
    #[error("`{server}` answered with status {status}")]
    Status {
        /// The server.
        server: String,
        /// The status.
        status: u16,
    },
    /// An answer with status 200 that cannot be what was asked for.
    #[error("`{server}` gave a bad answer: {reason}")]
    BadAnswer {
        /// The server.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl FetchError {
    /// Whether the server could not be reached or is out of order, so that an older, still valid file may stand in.
    ///
    /// After 401, 403, 404, a bad answer or an untrusted connection it may not.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Offline { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Whether the server says that it has no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

/// An upload that the server did not take. Nothing of it was published, unless the connection broke after it was sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Somebody else published in the meantime.
    #[error("`{server}` already has a newer version")]
    Conflict {
        /// The server.
        server: String,
    },
    /// The server checked the files and refuses them.
    #[error("`{server}` refused the upload: {message}")]
    Rejected {
        /// The server.
        server: String,
        /// The server's name for the fault, such as `ErrBadTargets`.
        name: String,
        /// What it says of it.
        message: String,
    },
    /// The server refuses the upload without a reason that can be read.
    #[error("`{server}` refused the upload (status {status}, code `{}`)", code.escape_default())]
    Refused {
        /// The server.
        server: String,
        /// The status.
        status: u16,
        /// The server's error code; empty when there is none.
        code: String,
    },
    /// The upload did not come through.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}
