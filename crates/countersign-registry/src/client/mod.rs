//! The OCI distribution protocol: one registry, its repositories, their manifests and blobs.
//!
//! Nothing is believed because the registry says so: what arrives is compared with the digest that it was asked for by.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use countersign_registry::auth::Tokens;
//! use countersign_registry::client::{RegistryClient, RegistryParts};
//! use countersign_registry::credentials::Fixed;
//! use countersign_registry::http::{HttpClient, HttpConfig};
//! let registry = RegistryClient::new(RegistryParts {
//!     domain: "docker.io".to_owned(),
//!     http: HttpClient::new(HttpConfig::default()),
//!     tokens: Tokens::new(),
//!     credentials: Arc::new(Fixed::anonymous()),
//! })?;
//! let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse()?;
//! let manifest = registry.repository("library/alpine").manifest(&digest).await?;
//! # drop(manifest);
//! # Ok(())
//! # }
//! ```

mod answer;
mod download;
mod error;
mod manifests;
mod scheme;
mod upload;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use url::Url;

pub use error::{Action, Part, RegistryError};
pub use upload::Uploaded;

use crate::auth::{Realms, Scope, Session, SessionParts, Tokens};
use crate::credentials::CredentialSource;
use crate::http::HttpClient;
use crate::reference::DEFAULT_DOMAIN;

/// Where Docker Hub's registry is.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// What a client of one registry is made of.
pub struct RegistryParts {
    /// The registry's domain as in image references: `docker.io`, `localhost:5000`.
    pub domain: String,
    /// Connections.
    pub http: HttpClient,
    /// Tokens, shared with other clients.
    pub tokens: Tokens,
    /// Who we are to the registry.
    pub credentials: Arc<dyn CredentialSource>,
}

/// How a transfer goes on after it broke off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retry {
    /// Attempts in all. Default 5, as Docker.
    pub attempts: u32,
    /// Pause before the second attempt; it doubles with each. Default 500 ms.
    pub first_pause: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, first_pause: Duration::from_millis(500) }
    }
}

impl Retry {
    async fn pause(&self, attempt: u32) {
        let doublings = attempt.saturating_sub(2).min(6);
        tokio::time::sleep(self.first_pause * 2_u32.pow(doublings)).await;
    }
}

/// A client of one registry. Clones share connections, tokens and what is known of the registry.
#[derive(Clone)]
pub struct RegistryClient {
    inner: Arc<Inner>,
    retry: Retry,
    monolithic_bytes: u64,
    chunk_bytes: u64,
}

struct Inner {
    parts: RegistryParts,
    /// Authority part of the registry's URLs.
    host: String,
    session: OnceCell<Session>,
}

impl RegistryClient {
    /// A client that has not talked to its registry.
    ///
    /// # Errors
    /// [`RegistryError::Domain`]: no URL can be made of the domain.
    pub fn new(parts: RegistryParts) -> Result<Self, RegistryError> {
        let host =
            if parts.domain == DEFAULT_DOMAIN { DOCKER_HUB_HOST.to_owned() } else { parts.domain.clone() };
        scheme::base("https", &host)?;
        let inner = Inner { parts, host, session: OnceCell::new() };
        Ok(Self {
            inner: Arc::new(inner),
            retry: Retry::default(),
            monolithic_bytes: 8 << 20,
            chunk_bytes: u64::MAX,
        })
    }

    /// Sets how transfers go on after they broke off.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Sends blobs of up to `monolithic` bytes in one request, and larger ones in pieces of `chunk` bytes.
    ///
    /// Default: 8 MiB, and larger ones in one piece that can be resumed.
    #[must_use]
    pub fn with_upload_sizes(self, monolithic: u64, chunk: u64) -> Self {
        Self { monolithic_bytes: monolithic, chunk_bytes: chunk.max(1), ..self }
    }

    /// The registry's domain as in image references.
    pub fn domain(&self) -> &str {
        &self.inner.parts.domain
    }

    /// One repository, by its path: `library/alpine`. The path is one of a parsed
    /// [`ImageReference`](crate::reference::ImageReference).
    pub fn repository(&self, path: &str) -> Repository {
        Repository { registry: self.clone(), path: path.to_owned() }
    }

    /// The root of the registry's URLs. This machine and hosts named insecure are tried for what they speak.
    ///
    /// # Errors
    /// [`RegistryError::Auth`]: such a host can't be reached.
    pub async fn base(&self) -> Result<Url, RegistryError> {
        scheme::find(&self.inner.parts.http, &self.inner.host).await
    }

    async fn session(&self) -> Result<&Session, RegistryError> {
        let open = || async {
            let host = self.base().await?;
            let parts = &self.inner.parts;
            Ok(Session::new(SessionParts {
                http: parts.http.clone(),
                tokens: parts.tokens.clone(),
                host,
                credentials: Arc::clone(&parts.credentials),
                realms: Realms::named_by_host(),
            }))
        };
        self.inner.session.get_or_try_init(open).await
    }
}

impl fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistryClient({})", self.domain())
    }
}

/// One repository of a registry.
#[derive(Clone, Debug)]
pub struct Repository {
    registry: RegistryClient,
    path: String,
}

impl Repository {
    /// The registry that it is in.
    pub fn registry(&self) -> &RegistryClient {
        &self.registry
    }

    /// Its path within the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn scopes(&self, action: Action) -> Vec<Scope> {
        let actions = match action {
            Action::Pull => "pull",
            Action::Push => "pull,push",
        };
        vec![Scope::repository(&self.path, actions)]
    }

    /// The session and the URL of `what` in this repository: `manifests/latest`, `blobs/uploads/`.
    async fn locate(&self, what: &str) -> Result<(&Session, Url), RegistryError> {
        let session = self.registry.session().await?;
        let mut url = session.host().clone();
        url.set_path(&format!("/v2/{}/{what}", self.path));
        Ok((session, url))
    }
}
