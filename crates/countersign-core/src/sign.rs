//! Signing: the [`Sign`] trait, and secret keys held in memory.

mod secret_key;

use thiserror::Error;

pub use self::secret_key::SecretKey;
use crate::key::{KeyId, PublicKey};
use crate::verify::Method;

/// Something that signs with one key: a key in memory, in hardware, or with a service.
///
/// A signature carries the scoped id of the key that the role lists, which may be around a certificate; the caller, who
/// knows the role, puts it on.
pub trait Sign: Send + Sync {
    /// The bare public key.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message` in the one method that this dialect writes for the key's type.
    fn sign(&self, message: &[u8]) -> Result<(Method, Vec<u8>), SignError>;
}

/// A signature that could not be made.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("key {key} could not sign{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
pub struct SignError {
    /// Canonical id of the key.
    pub key: KeyId,
    /// What its holder said of it, if it is held elsewhere.
    pub reason: Option<String>,
}
