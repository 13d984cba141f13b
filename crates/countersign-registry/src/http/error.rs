//! Why a request got no usable answer.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error;

use super::host_files::HostFilesError;
use super::proxy::ProxyFault;

/// A request without a usable answer. `host` is the host with its port, if that isn't the scheme's own.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Plain HTTP to a host that is neither this machine nor named insecure; nothing was sent.
    #[error("plain HTTP to `{host}` is refused, it is neither loopback nor named insecure")]
    Plain {
        /// The host.
        host: String,
    },
    /// A URL that no request can be made of.
    #[error("`{}` is no URL for a request", url.escape_default())]
    Url {
        /// The URL, without a password.
        url: String,
    },
    /// The host's name was not found.
    #[error("the host name of `{host}` cannot be resolved")]
    Dns {
        /// The host.
        host: String,
        /// What the name service said.
        source: io::Error,
    },
    /// Nothing listens there.
    #[error("`{host}` refused the connection")]
    Refused {
        /// The host.
        host: String,
    },
    /// The host can't be reached for another reason of the network.
    #[error("`{host}` cannot be reached")]
    Unreachable {
        /// The host.
        host: String,
        /// What the network said.
        source: io::Error,
    },
    /// A deadline passed.
    #[error("`{host}` did not {phase} within {after:?}")]
    Timeout {
        /// The host.
        host: String,
        /// What was waited for.
        phase: Phase,
        /// How long.
        after: Duration,
    },
    /// TLS could not be agreed on, or the host could not prove its name.
    #[error("no trusted TLS connection to `{host}`: {fault}")]
    Tls {
        /// The host.
        host: String,
        /// What is wrong.
        fault: TlsFault,
    },
    /// Files for this host in a TLS directory can't be used.
    #[error("the TLS files for `{host}` cannot be used")]
    HostFiles {
        /// The host.
        host: String,
        /// What is wrong with them.
        source: HostFilesError,
    },
    /// The proxy did not connect us.
    #[error("proxy `{proxy}` did not lead to `{host}`: {fault}")]
    Proxy {
        /// The host behind it.
        host: String,
        /// The proxy's host and port.
        proxy: String,
        /// What went wrong.
        fault: ProxyFault,
    },
    /// The connection ended before the answer did.
    #[error("`{host}` ended the connection before its answer was complete")]
    Reset {
        /// The host.
        host: String,
    },
    /// More bytes than allowed.
    #[error("the answer of `{host}` is larger than the {limit} bytes allowed")]
    TooLarge {
        /// The host.
        host: String,
        /// Most bytes allowed.
        limit: u64,
    },
    /// Not HTTP, or broken HTTP.
    #[error("the answer of `{host}` is not HTTP")]
    Protocol {
        /// The host.
        host: String,
        /// What the protocol's reader said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The content to be sent could not be read.
    #[error("the content for `{host}` cannot be read")]
    Content {
        /// The host.
        host: String,
        /// What reading it said.
        source: io::Error,
    },
}

impl HttpError {
    /// Whether the host could not be reached, as opposed to having answered something that is refused.
    ///
    /// Only then may an older, still valid answer stand in. A certificate that isn't trusted, too many bytes and broken
    /// HTTP are answers.
    pub fn is_offline(&self) -> bool {
        matches!(
            self,
            Self::Dns { .. }
                | Self::Refused { .. }
                | Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Proxy { .. }
                | Self::Reset { .. }
        )
    }

    /// Whether the same request may succeed when repeated at once: the connection broke or stalled.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Reset { .. } | Self::Timeout { .. } | Self::Unreachable { .. })
    }
}

/// What a deadline was for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Phase {
    /// Connecting, the name service included.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// Taking the request and beginning to answer.
    Answer,
    /// Going on with the answer.
    Body,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "accept a connection",
            Self::Handshake => "complete the TLS handshake",
            Self::Answer => "answer",
            Self::Body => "go on with its answer",
        })
    }
}

/// What is wrong with a TLS connection.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum TlsFault {
    /// No trusted authority issued its certificate.
    #[error("its certificate was issued by an unknown authority")]
    UnknownIssuer,
    /// Its certificate is for other names.
    #[error("its certificate is not valid for this name{}", names(.presented))]
    WrongName {
        /// The names that it is for, as far as known.
        presented: Vec<String>,
    },
    /// Its certificate has expired, or this machine's clock is ahead.
    #[error("its certificate has expired")]
    Expired,
    /// Its certificate is not valid yet, or this machine's clock is behind.
    #[error("its certificate is not valid yet")]
    NotYetValid,
    /// Anything else about its certificate.
    #[error("its certificate is refused: {0}")]
    Certificate(String),
    /// It demands a certificate of ours.
    #[error("it requires a client certificate")]
    ClientCertificate,
    /// What answers there does not speak TLS.
    #[error("it does not speak TLS")]
    NotTls,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl TlsFault {
    /// Whether the host's certificate is at fault.
    pub fn is_certificate(&self) -> bool {
        !matches!(self, Self::ClientCertificate | Self::NotTls | Self::Other(_))
    }
}

impl From<&rustls::Error> for TlsFault {
    fn from(error: &rustls::Error) -> Self {
        use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error};
        match error {
            Error::InvalidCertificate(Certificate::UnknownIssuer) => Self::UnknownIssuer,
            Error::InvalidCertificate(Certificate::NotValidForName) => {
                Self::WrongName { presented: Vec::new() }
            }
            Error::InvalidCertificate(Certificate::NotValidForNameContext { presented, .. }) => {
                Self::WrongName { presented: presented.clone() }
            }
            Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
                Self::Expired
            }
            Error::InvalidCertificate(Certificate::NotValidYet | Certificate::NotValidYetContext { .. }) => {
                Self::NotYetValid
            }
            Error::InvalidCertificate(other) => Self::Certificate(other.to_string()),
            Error::InvalidMessage(_) => Self::NotTls,
            Error::AlertReceived(Alert::CertificateRequired) => Self::ClientCertificate,
            other => Self::Other(other.to_string()),
        }
    }
}

fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return String::new();
    }
    format!(", only for {}", presented.join(", ").escape_default())
}

/// Finds an error of type `E` in the chain of `error`, errors wrapped in [`io::Error`] included.
pub(super) fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// An error like `error`, which can't be cloned.
pub(super) fn copied(error: &io::Error) -> io::Error {
    error
        .raw_os_error()
        .map_or_else(|| io::Error::new(error.kind(), error.to_string()), io::Error::from_raw_os_error)
}
