//! The keys in tokens and those in files, as one store.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_core::key::KeyId;
use countersign_core::name::Gun;
use countersign_core::sign::SecretKey;

use super::TokenStore;
use crate::keystore::{KeyList, KeyStore, KeyStoreError};
use crate::keystore_dir::DirKeyStore;

/// Tokens before files, as with Notary: a key that is in both signs in its token. New keys go to files.
pub struct Keys {
    tokens: TokenStore,
    files: Arc<DirKeyStore>,
}

impl Keys {
    /// Takes both.
    pub fn new(tokens: TokenStore, files: Arc<DirKeyStore>) -> Self {
        Self { tokens, files }
    }

    /// The tokens.
    pub fn tokens(&self) -> &TokenStore {
        &self.tokens
    }

    fn open(&self, id: KeyId, ask: bool) -> Result<Option<Arc<SecretKey>>, KeyStoreError> {
        if let Some(key) = self.tokens.load(id, ask)? {
            if ask {
                self.files.note_use(id);
            }
            return Ok(Some(Arc::new(key)));
        }
        if ask {
            return self.files.load(id).map(Some);
        }
        // One that waits for its PIN is not looked for in files.
        if self.tokens.list()?.iter().any(|entry| entry.id == id) {
            return Ok(None);
        }
        self.files.load_unasked(id)
    }
}

impl KeyStore for Keys {
    fn list(&self) -> Result<KeyList, KeyStoreError> {
        let mut list = self.files.list()?;
        match self.tokens.list() {
            Ok(keys) => {
                let ids: BTreeSet<KeyId> = keys.iter().map(|key| key.id).collect();
                list.keys.retain(|key| !ids.contains(&key.id));
                list.keys.splice(0..0, keys);
            }
            Err(error) => list.unreadable.push(error.into()),
        }
        Ok(list)
    }

    fn load(&self, id: KeyId) -> Result<Arc<SecretKey>, KeyStoreError> {
        self.open(id, true)?.ok_or(KeyStoreError::NotFound { id })
    }

    fn load_unasked(&self, id: KeyId) -> Result<Option<Arc<SecretKey>>, KeyStoreError> {
        self.open(id, false)
    }

    fn add(&self, key: SecretKey, role: &str, gun: Option<&Gun>) -> Result<Arc<SecretKey>, KeyStoreError> {
        self.files.add(key, role, gun)
    }

    /// Deletes a key's files. What is in a token stays there.
    fn remove(&self, id: KeyId) -> Result<(), KeyStoreError> {
        self.files.remove(id)
    }
}
