//! The embedded signing service: keys in the server's own database, encrypted at rest, decrypted in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::Gun;
use countersign_core::sign::{SecretKey, Sign as _};
use countersign_core::verify::Method;
use tracing::info;

use super::seal::{Owner, Secret};
use super::{KeyAlgorithm, OnlineRole, SigningError, SigningService};
use crate::clock::Clock;
use crate::storage::{KeyRow, KeyStorage};

/// Most decrypted keys in memory. When there are more, all are forgotten and read again as they are needed.
const OPEN_KEYS: usize = 10_000;

/// Keys in a [`KeyStorage`], encrypted with a [`Secret`].
pub struct EmbeddedSigning {
    rows: Arc<dyn KeyStorage>,
    secret: Arc<Secret>,
    algorithm: KeyAlgorithm,
    clock: Arc<dyn Clock>,
    open: Mutex<HashMap<KeyId, OpenKey>>,
}

/// A decrypted key, and what it was made for.
#[derive(Clone)]
struct OpenKey {
    gun: Gun,
    role: OnlineRole,
    key: Arc<SecretKey>,
    used: bool,
}

impl EmbeddedSigning {
    /// Keys in `rows`, encrypted with `secret`; new ones are of `algorithm`.
    ///
    /// # Errors
    /// [`SigningError::Sealed`]: a key is there already, and `secret` is not the one that it was encrypted with.
    pub async fn new(
        rows: Arc<dyn KeyStorage>,
        secret: Arc<Secret>,
        algorithm: KeyAlgorithm,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SigningError> {
        let service = Self { rows, secret, algorithm, clock, open: Mutex::default() };
        if let Some(row) = service.rows.any_key().await? {
            service.decrypt(&row)?;
        }
        Ok(service)
    }

    async fn find(&self, gun: &Gun, role: OnlineRole, id: &KeyId) -> Result<Option<OpenKey>, SigningError> {
        let known = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some(known) = known {
            return Ok(Some(known).filter(|key| key.gun == *gun && key.role == role));
        }
        let Some(row) = self.rows.key(gun, role, &id.to_string()).await? else { return Ok(None) };
        let key =
            OpenKey { key: Arc::new(self.decrypt(&row)?), used: row.used, gun: row.gun, role: row.role };
        self.keep(*id, key.clone());
        Ok(Some(key))
    }

    fn keep(&self, id: KeyId, key: OpenKey) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_KEYS {
            open.clear();
        }
        open.insert(id, key);
    }

    fn decrypt(&self, row: &KeyRow) -> Result<SecretKey, SigningError> {
        let sealed = || SigningError::Sealed { id: row.key_id.clone() };
        let owner = Owner { key_id: &row.key_id, gun: &row.gun, role: row.role };
        let private = self.secret.open(&owner, &row.sealed).ok_or_else(sealed)?;
        let algorithm = KeyAlgorithm::of_name(&row.algorithm).ok_or_else(sealed)?;
        let key = SecretKey::from_private_bytes(algorithm.key_type(), &private).map_err(|_| sealed())?;
        if key.id().to_string() == row.key_id { Ok(key) } else { Err(sealed()) }
    }

    fn generate(&self, gun: &Gun, role: OnlineRole) -> Result<KeyRow, SigningError> {
        let key = match self.algorithm {
            KeyAlgorithm::Ecdsa => SecretKey::generate_ecdsa(),
            KeyAlgorithm::Ed25519 => SecretKey::generate_ed25519(),
        }
        .map_err(|_| SigningError::Crypto("generated"))?;
        let key_id = key.id().to_string();
        let owner = Owner { key_id: &key_id, gun, role };
        let sealed =
            self.secret.seal(&owner, &key.to_private_bytes()).ok_or(SigningError::Crypto("encrypted"))?;
        Ok(KeyRow {
            gun: gun.clone(),
            role,
            algorithm: self.algorithm.name().to_owned(),
            public: key.public_key().as_bytes().to_vec(),
            sealed,
            used: false,
            key_id,
        })
    }
}

#[async_trait]
impl SigningService for EmbeddedSigning {
    async fn create(&self, gun: &Gun, role: OnlineRole) -> Result<PublicKey, SigningError> {
        let row = if let Some(row) = self.rows.unused_key(gun, role, self.algorithm.name()).await? {
            row
        } else {
            let row = self.rows.add_key(self.generate(gun, role)?, self.clock.now()).await?;
            info!(%gun, %role, key = row.key_id, "made a {role} key for {gun}");
            row
        };
        Ok(PublicKey::new(self.algorithm.key_type(), row.public))
    }

    async fn holds(&self, gun: &Gun, role: OnlineRole, id: &KeyId) -> Result<bool, SigningError> {
        Ok(self.find(gun, role, id).await?.is_some())
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: OnlineRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<(Method, Vec<u8>), SigningError> {
        let no_key = || SigningError::NoKey { gun: gun.clone(), role, id: *id };
        let found = self.find(gun, role, id).await?.ok_or_else(no_key)?;
        let signature = found.key.sign(message).map_err(|_| SigningError::Crypto("used to sign"))?;
        if !found.used {
            self.rows.mark_used(&id.to_string(), self.clock.now()).await?;
            self.keep(*id, OpenKey { used: true, ..found });
        }
        Ok(signature)
    }
}
