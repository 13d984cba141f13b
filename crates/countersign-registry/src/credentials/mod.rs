//! Who we are to a registry: Docker's `config.json`, its credential helpers, `login` and `logout`.
//!
//! ```no_run
//! # async fn example() -> Result<(), countersign_registry::credentials::CredentialError> {
//! use countersign_registry::credentials::{CredentialStore, server_key};
//! let store = CredentialStore::new("/home/alice/.docker".as_ref());
//! let credentials = store.lookup(server_key("docker.io")).await?;
//! # drop(credentials);
//! # Ok(())
//! # }
//! ```

mod config_file;
mod error;
mod helper;
mod secret;
mod store;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use error::CredentialError;
pub use secret::Secret;
pub use store::{CredentialStore, StoredIn};

use crate::reference::DEFAULT_DOMAIN;

/// The name that Docker Hub's credentials are kept under.
pub const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The name that the credentials of a registry's domain are kept under.
///
/// Source: docker/docker `registry/auth.go`, `GetAuthConfigKey`.
pub fn server_key(domain: &str) -> &str {
    if domain == DEFAULT_DOMAIN || domain == "index.docker.io" { DOCKER_HUB_KEY } else { domain }
}

/// Who we are to one registry.
#[derive(Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// An account.
    Password {
        /// The account's name.
        username: String,
        /// Its password.
        password: Secret,
    },
    /// A long-lived token that the registry's token service takes instead of a password.
    IdentityToken(Secret),
    /// A token that the registry itself takes as it is.
    RegistryToken(Secret),
}

impl Credentials {
    /// An account with its password.
    pub fn password(username: &str, password: impl Into<Secret>) -> Self {
        Self::Password { username: username.to_owned(), password: password.into() }
    }

    /// Whether there is nothing to keep secret.
    pub fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous)
    }

    /// The account's name, if it is known.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Password { username, .. } => Some(username),
            _ => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Password { .. } => "Password(..)",
            Self::IdentityToken(_) => "IdentityToken(..)",
            Self::RegistryToken(_) => "RegistryToken(..)",
        })
    }
}

/// Where the credentials for one registry come from. Asked once, and only when the registry wants some.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// The credentials; [`Credentials::Anonymous`] if there are none.
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialError>;
}

/// Credentials that are known already.
#[derive(Clone, Debug, Default)]
pub struct Fixed(Arc<Credentials>);

impl Fixed {
    /// A source of these.
    pub fn new(credentials: Credentials) -> Self {
        Self(Arc::new(credentials))
    }

    /// A source of none.
    pub fn anonymous() -> Self {
        Self::default()
    }
}

#[async_trait]
impl CredentialSource for Fixed {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialError> {
        Ok(Arc::clone(&self.0))
    }
}

/// The credentials that a store has for one registry.
#[derive(Clone, Debug)]
pub struct Stored {
    store: CredentialStore,
    key: String,
}

impl Stored {
    /// The credentials that `store` keeps for a registry's domain, such as `docker.io` or `localhost:5000`.
    pub fn new(store: CredentialStore, domain: &str) -> Self {
        Self { store, key: server_key(domain).to_owned() }
    }
}

#[async_trait]
impl CredentialSource for Stored {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialError> {
        self.store.lookup(&self.key).await.map(Arc::new)
    }
}
