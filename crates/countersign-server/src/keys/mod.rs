//! The server's own keys: for timestamps always, for snapshots of collections that hand them over.
//!
//! Owns the trait that whoever holds the keys implements, and the embedded implementation. A key belongs to the
//! collection and role that it was made for; asked to sign for another, the service does not have it, so that nobody
//! can borrow a collection's key by naming it in a root of their own.

pub mod embedded;
pub mod seal;

use std::fmt;

use async_trait::async_trait;
use countersign_core::key::{KeyId, KeyType, PublicKey};
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::verify::Method;
use thiserror::Error;

use crate::storage::StorageError;

/// A role whose key a server may hold.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum OnlineRole {
    /// By choice of the collection.
    Snapshot,
    /// Always.
    Timestamp,
}

impl OnlineRole {
    /// The role's name on the wire.
    pub fn name(self) -> &'static str {
        TopRole::from(self).name()
    }

    /// The role with this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Snapshot, Self::Timestamp].into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for OnlineRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<OnlineRole> for TopRole {
    fn from(role: OnlineRole) -> Self {
        match role {
            OnlineRole::Snapshot => Self::Snapshot,
            OnlineRole::Timestamp => Self::Timestamp,
        }
    }
}

impl From<OnlineRole> for RoleName {
    fn from(role: OnlineRole) -> Self {
        TopRole::from(role).into()
    }
}

/// The algorithm of the keys that the server makes. Every client accepts both.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256, what Notary's signer makes.
    #[default]
    Ecdsa,
    /// Ed25519, what Notary's server makes without a signer.
    Ed25519,
}

impl KeyAlgorithm {
    /// The name in metadata and configuration.
    pub fn name(self) -> &'static str {
        self.key_type().name()
    }

    /// The algorithm with this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Ecdsa, Self::Ed25519].into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The type of its public keys.
    pub fn key_type(self) -> KeyType {
        match self {
            Self::Ecdsa => KeyType::Ecdsa,
            Self::Ed25519 => KeyType::Ed25519,
        }
    }
}

/// Whoever holds the server's keys.
#[async_trait]
pub trait SigningService: Send + Sync {
    /// A key of this collection and role that has not signed: the one that is there, or a new one.
    async fn create(&self, gun: &Gun, role: OnlineRole) -> Result<PublicKey, SigningError>;

    /// Whether the service holds the key `id`, made for this collection and role.
    async fn holds(&self, gun: &Gun, role: OnlineRole, id: &KeyId) -> Result<bool, SigningError>;

    /// Signs `message`, the canonical bytes of a `signed` value, with the key `id` of this collection and role; the key
    /// counts as used from then on.
    ///
    /// # Errors
    /// [`SigningError::NoKey`]: it was not made for this collection and role, or not here at all.
    async fn sign(
        &self,
        gun: &Gun,
        role: OnlineRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<(Method, Vec<u8>), SigningError>;
}

/// A key that was not made, found or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SigningError {
    /// No such key for this collection and role.
    #[error("there is no {role} key {id} of `{gun}` here")]
    NoKey {
        /// The collection.
        gun: Gun,
        /// The role.
        role: OnlineRole,
        /// The key that was asked for.
        id: KeyId,
    },
    /// The store of keys failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A stored key cannot be decrypted with the secret, or is not what its row says.
    #[error("key {id} in the database cannot be decrypted with this secret")]
    Sealed {
        /// The key.
        id: String,
    },
    /// The cryptographic library did not do it.
    #[error("a key could not be {0}")]
    Crypto(&'static str),
}
