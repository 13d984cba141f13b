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
use crate::storage::{KeyRow, KeyStorage, PendingKeys};

/// Most decrypted keys in memory. When there are more, all are forgotten and read again as they are needed.
const OPEN_KEYS: usize = 10_000;

/// Keys in a [`KeyStorage`], encrypted with a [`Secret`].
pub struct EmbeddedSigning {
    rows: Arc<dyn KeyStorage>,
    secret: Arc<Secret>,
    algorithm: KeyAlgorithm,
    clock: Arc<dyn Clock>,
    pending: PendingKeys,
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
        let pending = PendingKeys::default();
        let service = Self { rows, secret, algorithm, clock, pending, open: Mutex::default() };
        if let Some(row) = service.rows.any_key().await? {
            service.decrypt(&row)?;
        }
        Ok(service)
    }

    /// Keeps as many keys of collections that are yet to be published as `pending` says.
    #[must_use]
    pub fn with_pending(self, pending: PendingKeys) -> Self {
        Self { pending, ..self }
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
        let (now, algorithm) = (self.clock.now(), self.algorithm.name());
        // One that was handed out a while ago is kept anew, so that it outlasts the publication that it is asked for.
        let recent = now.plus_seconds(-self.pending.seconds / 2);
        let row = if let Some(row) = self.rows.unused_key(gun, role, algorithm, recent).await? {
            row
        } else {
            let made = self.generate(gun, role)?;
            let id = made.key_id.clone();
            let row = self.rows.add_key(made, now, self.pending).await?;
            if row.key_id == id {
                info!(%gun, %role, key = row.key_id, "made a {role} key for {gun}");
            }
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use countersign_core::name::RoleName;

    use super::*;
    use crate::clock::SystemClock;
    use crate::config::{Config, SecretSource};
    use crate::storage::sqlite::SqliteStorage;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The forms in which bytes are printed, by accident or on purpose.
    fn printed(bytes: &[u8]) -> [String; 4] {
        let list = format!("{bytes:?}");
        let list = list.trim_matches(['[', ']']).to_owned();
        [hex::encode(bytes), hex::encode_upper(bytes), STANDARD.encode(bytes), list]
    }

    /// NCC 2015-5: no private key and no secret in a log, an error or a `Debug`.
    #[tokio::test]
    async fn key_material_is_in_no_log_and_no_debug() {
        const SECRET: &[u8] = b"correct horse battery";
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let directory = tempfile::tempdir().expect("a directory");
        let storage = SqliteStorage::open(&directory.path().join("db")).await.expect("a store");
        let secret = Arc::new(Secret::new(SECRET).expect("a secret"));
        let open = async |secret: &Arc<Secret>| {
            let rows: Arc<dyn KeyStorage> = Arc::new(storage.clone());
            EmbeddedSigning::new(rows, Arc::clone(secret), KeyAlgorithm::Ecdsa, Arc::new(SystemClock)).await
        };
        let signing = open(&secret).await.expect("a service");
        let gun: Gun = "g".parse().expect("a GUN");
        let public = signing.create(&gun, OnlineRole::Timestamp).await.expect("a key");
        signing.sign(&gun, OnlineRole::Timestamp, &public.id(), b"message").await.expect("signed");
        let foreign = signing.sign(&gun, OnlineRole::Snapshot, &public.id(), b"message").await;
        let other = Arc::new(Secret::new(b"another secret 16").expect("a secret"));
        let sealed = open(&other).await.err().expect("the wrong secret");

        let row = storage.any_key().await.expect("read").expect("there");
        let private = signing.decrypt(&row).expect("decrypted");
        let mut config = Config::new(directory.path());
        config.secret = SecretSource::Given(Arc::clone(&secret));
        let mut text = String::from_utf8(log.0.lock().expect("not poisoned").clone()).expect("text");
        assert!(text.contains("made a timestamp key for g"), "{text}");
        write!(text, "{config:?} {secret:?} {row:?} {private:?} {sealed:?} {foreign:?}").expect("written");
        write!(text, "{sealed} {:?}", RoleName::from(OnlineRole::Timestamp)).expect("written");
        assert!(!text.contains("correct horse"), "{text}");
        for form in printed(&private.to_private_bytes()).iter().chain(&printed(SECRET)) {
            assert!(!text.contains(form), "{form}");
        }
    }
}
