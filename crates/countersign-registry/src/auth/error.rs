//! Why a host was not convinced.

use thiserror::Error;

use crate::credentials::CredentialError;
use crate::http::HttpError;

/// A request that was not let through, or got no answer. Where Docker has words for it, they are Docker's.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// No usable answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Our credentials could not be read.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The token service, or the host itself, knows no such user name with such a password.
    #[error("unauthorized: incorrect username or password")]
    Incorrect {
        /// Who said so, host and port.
        host: String,
    },
    /// The host wants a user name and a password, and there are none.
    #[error("no basic auth credentials")]
    NoCredentials {
        /// The host.
        host: String,
    },
    /// The host refuses and does not say what it wants.
    #[error("you are not authorized to perform this operation: server returned 401.")]
    NoChallenge {
        /// The host.
        host: String,
    },
    /// The host wants something that is not supported.
    #[error("`{host}` asks for `{}`, which is not supported", scheme.escape_default())]
    Scheme {
        /// The host.
        host: String,
        /// The name of what it wants.
        scheme: String,
    },
    /// The host refuses the token that it asked for.
    #[error("`{host}` refused {}", if *anonymous { "anonymous access" } else { "access with these credentials" })]
    Refused {
        /// The host.
        host: String,
        /// Whether the token was asked for without credentials.
        anonymous: bool,
    },
    /// Credentials would have gone to a realm that may not see them; nothing was sent there.
    #[error("`{host}` asks to send credentials to `{}`, which neither it nor the registry nor the policy vouches for; nothing was sent", realm.escape_default())]
    Realm {
        /// The host that named it.
        host: String,
        /// The realm.
        realm: String,
    },
    /// Credentials would have gone over plain HTTP; nothing was sent.
    #[error("credentials for `{host}` would go unencrypted to `{}`; nothing was sent", to.escape_default())]
    Plain {
        /// The host that asked for them.
        host: String,
        /// Where they would have gone.
        to: String,
    },
    /// The realm is no URL that can be asked.
    #[error("`{host}` names the token service `{}`, which is no URL", realm.escape_default())]
    RealmUrl {
        /// The host.
        host: String,
        /// What it named.
        realm: String,
    },
    /// The token service answered with a status that brings no token.
    #[error("the token service at `{realm}` answered with status {status}")]
    TokenStatus {
        /// The token service, host and port.
        realm: String,
        /// The status.
        status: u16,
    },
    /// The token service's answer holds no usable token.
    #[error("the answer of the token service at `{realm}` holds no token")]
    NoToken {
        /// The token service, host and port.
        realm: String,
    },
    /// The content of the request was used up before the host was convinced; it must be sent anew.
    #[error("`{host}` asked for authorization after the content was sent")]
    Resend {
        /// The host.
        host: String,
    },
}

impl AuthError {
    /// Whether the answer could not be had at all, as opposed to a refusal or a bad answer.
    pub fn is_offline(&self) -> bool {
        match self {
            Self::Http(error) => error.is_offline(),
            Self::TokenStatus { status, .. } => (500..600).contains(status),
            _ => false,
        }
    }

    /// Whether the same request may succeed when repeated at once.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Http(error) => error.is_transient(),
            Self::TokenStatus { status, .. } => (500..600).contains(status),
            Self::Resend { .. } => true,
            _ => false,
        }
    }
}
