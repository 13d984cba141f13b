//! Private keys: where they are kept, and how they are found and opened.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::key::{KeyError, KeyId};
use countersign_core::key_file::KeyFileError;
use countersign_core::name::Gun;
use countersign_core::sign::SecretKey;
use thiserror::Error;

use crate::keystore_token::TokenError;
use crate::passphrase::{KeyInQuestion, PassphraseError};

/// Keeps private keys.
///
/// Keys are known by their canonical id. Methods block: they read files, derive keys from passphrases (a tenth of a
/// second and more each) and may wait for a person. Async callers go through `tokio::task::spawn_blocking`.
pub trait KeyStore: Send + Sync {
    /// Lists the keys, without opening any.
    fn list(&self) -> Result<KeyList, KeyStoreError>;

    /// Opens a key, asking for its passphrase if it must. An opened key stays in memory and is not asked for again.
    ///
    /// # Errors
    /// - [`KeyStoreError::NotFound`]: it is not here.
    /// - [`KeyStoreError::Passphrase`]: its passphrase could not be had.
    fn load(&self, id: KeyId) -> Result<Arc<SecretKey>, KeyStoreError>;

    /// Opens a key as far as that needs no person: `None` if its passphrase would have to be asked for.
    ///
    /// # Errors
    /// As [`KeyStore::load`]; a passphrase variable that is wrong is an error.
    fn load_unasked(&self, id: KeyId) -> Result<Option<Arc<SecretKey>>, KeyStoreError>;

    /// Keeps `key` for `role`, encrypted with a passphrase that is asked for.
    ///
    /// `gun` is noted for the keys of one collection (targets, snapshot, timestamp) and dropped for the others. A key
    /// that is here already, in the same role, stays as it is.
    ///
    /// # Errors
    /// - [`KeyStoreError::OtherRole`]: the key is here already, in another role.
    fn add(&self, key: SecretKey, role: &str, gun: Option<&Gun>) -> Result<Arc<SecretKey>, KeyStoreError>;

    /// Deletes a key.
    ///
    /// # Errors
    /// - [`KeyStoreError::NotFound`]: it is not here.
    fn remove(&self, id: KeyId) -> Result<(), KeyStoreError>;

    /// Makes an ECDSA key on P-256 and keeps it as [`KeyStore::add`] does.
    fn generate(&self, role: &str, gun: Option<&Gun>) -> Result<Arc<SecretKey>, KeyStoreError> {
        self.add(SecretKey::generate_ecdsa().map_err(KeyStoreError::Generate)?, role, gun)
    }
}

/// The keys of a store.
#[derive(Debug, Default)]
pub struct KeyList {
    /// Those whose files could be read, by id.
    pub keys: Vec<KeyEntry>,
    /// Why others could not. Whoever looks for *any* key of a role must not take one of these for absent.
    pub unreadable: Vec<KeyStoreError>,
}

/// What is known of a key that has not been opened. Nothing vouches for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyEntry {
    /// Canonical id.
    pub id: KeyId,
    /// The role, as its file has it: a base role, a delegation, or a signer's name; empty if it has none.
    pub role: String,
    /// The collection, for the keys that belong to one.
    pub gun: Option<String>,
    /// Where it is kept.
    pub location: PathBuf,
    /// Whether a passphrase opens it.
    pub encrypted: bool,
}

impl KeyEntry {
    /// The key, as passphrases are asked for.
    pub fn in_question(&self) -> KeyInQuestion<'_> {
        KeyInQuestion { id: self.id, role: &self.role }
    }
}

/// Whether keys of `role` belong to one collection, whose name their files note.
///
/// Source: notary `trustmanager/keystore.go` (root and delegation keys have none).
pub(crate) fn belongs_to_collection(role: &str) -> bool {
    matches!(role, "targets" | "snapshot" | "timestamp")
}

/// Keys in memory only: for keys that are not to outlive the process, and for tests.
#[derive(Debug, Default)]
pub struct MemoryKeyStore {
    keys: Mutex<BTreeMap<KeyId, (KeyEntry, Arc<SecretKey>)>>,
}

impl MemoryKeyStore {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<KeyId, (KeyEntry, Arc<SecretKey>)>) -> T) -> T {
        act(&mut self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl KeyStore for MemoryKeyStore {
    fn list(&self) -> Result<KeyList, KeyStoreError> {
        let keys = self.with(|keys| keys.values().map(|(entry, _)| entry.clone()).collect());
        Ok(KeyList { keys, unreadable: Vec::new() })
    }

    fn load(&self, id: KeyId) -> Result<Arc<SecretKey>, KeyStoreError> {
        self.with(|keys| keys.get(&id).map(|(_, key)| Arc::clone(key))).ok_or(KeyStoreError::NotFound { id })
    }

    fn load_unasked(&self, id: KeyId) -> Result<Option<Arc<SecretKey>>, KeyStoreError> {
        self.load(id).map(Some)
    }

    fn add(&self, key: SecretKey, role: &str, gun: Option<&Gun>) -> Result<Arc<SecretKey>, KeyStoreError> {
        let gun = gun.filter(|_| belongs_to_collection(role)).map(ToString::to_string);
        let id = key.id();
        let entry = KeyEntry { id, role: role.to_owned(), gun, location: "memory".into(), encrypted: false };
        self.with(|keys| {
            let (kept, key) = keys.entry(id).or_insert_with(|| (entry, Arc::new(key)));
            if kept.role == role {
                Ok(Arc::clone(key))
            } else {
                Err(KeyStoreError::OtherRole { id, role: kept.role.clone() })
            }
        })
    }

    fn remove(&self, id: KeyId) -> Result<(), KeyStoreError> {
        self.with(|keys| keys.remove(&id)).map(|_| ()).ok_or(KeyStoreError::NotFound { id })
    }
}

/// What went wrong with a key store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The key is not here.
    #[error("private key {id} is not in the key store")]
    NotFound {
        /// The key.
        id: KeyId,
    },
    /// The key is here already, for something else.
    #[error("key with same ID already exists for role: {}", role.escape_default())]
    OtherRole {
        /// The key.
        id: KeyId,
        /// The role that it is here for.
        role: String,
    },
    /// A directory of keys that could not be made or listed.
    #[error("cannot use key directory `{}`", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that could not be read.
    #[error("cannot read key file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that could not be written.
    #[error("cannot write key file `{}`; the key was not stored", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that could not be deleted.
    #[error("cannot delete key file `{}`", path.display())]
    Delete {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is no readable key.
    #[error("cannot use key file `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyFileError,
    },
    /// A file with another key than its name says.
    #[error("key file `{}` holds key {found}", path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// Canonical id of the key in it.
        found: KeyId,
    },
    /// A key that is not encrypted, where only an encrypted one will do.
    #[error("key file `{}` is not encrypted; nothing was done with it", path.display())]
    Plain {
        /// The file.
        path: PathBuf,
    },
    /// A key whose role is what it was made for.
    #[error("key {} is for the role `{}`, which is no name that can be changed", id.short(), role.escape_default())]
    FixedRole {
        /// The key.
        id: KeyId,
        /// Its role.
        role: String,
    },
    /// The key was changed or removed by somebody else in the meantime.
    #[error("key file `{}` has changed in the meantime; it was left as it is", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A key of one collection without the collection's name.
    #[error("a {role} key belongs to one collection, and it is not known to which; the key was not stored")]
    NoCollection {
        /// Its role.
        role: String,
    },
    /// A token.
    #[error(transparent)]
    Token(TokenError),
    /// A passphrase that could not be had.
    #[error(transparent)]
    Passphrase(PassphraseError),
    /// No key could be made.
    #[error("no key was generated")]
    Generate(#[source] KeyError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_store_keeps_lists_and_removes() {
        let store = MemoryKeyStore::default();
        let gun: Gun = "example.com/app".parse().expect("a GUN");
        let root = store.generate("root", Some(&gun)).expect("a key");
        let targets = store.generate("targets", Some(&gun)).expect("a key");
        assert_eq!(store.load(root.id()).expect("kept").id(), root.id());
        let list = store.list().expect("a list").keys;
        let gun_of = |id| list.iter().find(|entry| entry.id == id).and_then(|entry| entry.gun.as_deref());
        assert_eq!((gun_of(root.id()), gun_of(targets.id())), (None, Some("example.com/app")));
        store.remove(root.id()).expect("kept");
        assert!(matches!(store.load(root.id()), Err(KeyStoreError::NotFound { .. })));
        assert!(matches!(store.remove(root.id()), Err(KeyStoreError::NotFound { .. })));
    }
}
