//! Keys as files, where Docker and Notary keep them: `<trust directory>/private/<canonical id>.key`.
//!
//! Older Notaries kept them below `private/root_keys/` and `private/tuf_keys/<GUN>/`, some with the role behind the id
//! (`<id>_root.key`). Those are read where they are; Notary itself moves them. Symbolic links are not followed.
//!
//! Source: notary `trustmanager/keystore.go`, `storage/filestore.go`.

mod find;
mod manage;
mod used;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use countersign_core::key::KeyId;
use countersign_core::key_file::{self, KeyFileError, Passphrase};
use countersign_core::name::Gun;
use countersign_core::sign::SecretKey;

use self::find::KeyPath;
pub(crate) use self::find::place_of;
pub use self::manage::{Existing, Keeping, NewPassphrase, Stored};
use crate::files;
use crate::keystore::{KeyEntry, KeyList, KeyStore, KeyStoreError, belongs_to_collection};
use crate::passphrase::{KeyInQuestion, OpenError, Passphrases};

/// A [`KeyStore`] of encrypted files in a trust directory.
///
/// Directories are made for their owner alone (0700), and so are files (0600), whatever the umask; a file is there whole
/// or not at all.
#[derive(Debug)]
pub struct DirKeyStore {
    private: PathBuf,
    passphrases: Arc<Passphrases>,
    opened: Mutex<HashMap<KeyId, Arc<SecretKey>>>,
}

impl DirKeyStore {
    /// The store in `trust_dir`, such as `~/.docker/trust`, which need not exist yet.
    pub fn new(trust_dir: &Path, passphrases: Arc<Passphrases>) -> Self {
        Self { private: trust_dir.join("private"), passphrases, opened: Mutex::default() }
    }

    /// The directory of the key files.
    pub fn path(&self) -> &Path {
        &self.private
    }

    /// What the keys of this store are opened with.
    pub fn passphrases(&self) -> &Arc<Passphrases> {
        &self.passphrases
    }

    /// Notes that a key is used, wherever it is kept.
    pub(crate) fn note_use(&self, id: KeyId) {
        used::note(&self.private, id);
    }

    /// When a key was last opened for signing on this machine, if it was.
    pub fn last_used(&self, id: KeyId) -> Option<SystemTime> {
        used::last(&self.private, id)
    }

    fn file(&self, id: KeyId) -> PathBuf {
        self.private.join(format!("{id}.key"))
    }

    fn open(&self, id: KeyId, ask: bool) -> Result<Option<Arc<SecretKey>>, KeyStoreError> {
        if let Some(key) = self.opened().get(&id) {
            return Ok(Some(Arc::clone(key)));
        }
        let found = find::one(&self.private, id)?.ok_or(KeyStoreError::NotFound { id })?;
        let text = read(&found.path)?;
        let entry = entry_of(&found, &text)?;
        let unusable = |source| KeyStoreError::File { path: found.path.clone(), source };
        let key = if entry.encrypted {
            let open = |passphrase: &_| key_file::read(&text, Some(passphrase)).map(|file| file.key);
            let opened = if ask {
                self.passphrases.for_existing(entry.in_question(), open).map(Some)
            } else {
                self.passphrases.for_existing_unasked(entry.in_question(), open)
            };
            opened.map_err(|error| match error {
                OpenError::Passphrase(error) => KeyStoreError::Passphrase(error),
                OpenError::File(source) => unusable(source),
            })?
        } else {
            Some(key_file::read(&text, None).map_err(unusable)?.key)
        };
        let Some(key) = key else { return Ok(None) };
        if key.id() != id {
            return Err(KeyStoreError::OtherKey { path: found.path, found: key.id() });
        }
        let key = Arc::new(key);
        self.opened().insert(id, Arc::clone(&key));
        Ok(Some(key))
    }

    fn create(
        &self,
        key: &SecretKey,
        role: &str,
        gun: Option<&Gun>,
        passphrase: &Passphrase,
    ) -> Result<(), KeyStoreError> {
        let path = self.file(key.id());
        let text = key_file::write(key, role, gun, passphrase)
            .map_err(|source| KeyStoreError::File { path: path.clone(), source })?;
        self.create_directory()?;
        files::create_private(&path, &text).map_err(|source| KeyStoreError::Write { path, source })
    }

    fn create_directory(&self) -> Result<(), KeyStoreError> {
        files::create_private_dir(&self.private)
            .map_err(|source| KeyStoreError::Directory { path: self.private.clone(), source })
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<KeyId, Arc<SecretKey>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyStore for DirKeyStore {
    fn list(&self) -> Result<KeyList, KeyStoreError> {
        let mut list = KeyList::default();
        for found in find::all(&self.private)?.into_values() {
            match read(&found.path).and_then(|text| entry_of(&found, &text)) {
                Ok(entry) => list.keys.push(entry),
                Err(error) => list.unreadable.push(error),
            }
        }
        Ok(list)
    }

    fn load(&self, id: KeyId) -> Result<Arc<SecretKey>, KeyStoreError> {
        let key = self.open(id, true)?.ok_or(KeyStoreError::NotFound { id })?;
        used::note(&self.private, id);
        Ok(key)
    }

    fn load_unasked(&self, id: KeyId) -> Result<Option<Arc<SecretKey>>, KeyStoreError> {
        self.open(id, false)
    }

    fn add(&self, key: SecretKey, role: &str, gun: Option<&Gun>) -> Result<Arc<SecretKey>, KeyStoreError> {
        let id = key.id();
        if let Some(found) = find::one(&self.private, id)? {
            let kept = entry_of(&found, &read(&found.path)?)?;
            if kept.role != role {
                return Err(KeyStoreError::OtherRole { id, role: kept.role });
            }
        } else {
            let path = self.file(id);
            let passphrase =
                self.passphrases.for_new(KeyInQuestion { id, role }).map_err(KeyStoreError::Passphrase)?;
            let gun = gun.filter(|_| belongs_to_collection(role));
            let text = key_file::write(&key, role, gun, &passphrase)
                .map_err(|source| KeyStoreError::File { path: path.clone(), source })?;
            files::create_private_dir(&self.private)
                .map_err(|source| KeyStoreError::Directory { path: self.private.clone(), source })?;
            files::create_private(&path, &text).map_err(|source| KeyStoreError::Write { path, source })?;
        }
        Ok(Arc::clone(self.opened().entry(id).or_insert_with(|| Arc::new(key))))
    }

    fn remove(&self, id: KeyId) -> Result<(), KeyStoreError> {
        self.opened().remove(&id);
        let mut removed = false;
        // One key may lie in several places; what is left in one would come back.
        while let Some(found) = find::one(&self.private, id)? {
            fs::remove_file(&found.path)
                .map_err(|source| KeyStoreError::Delete { path: found.path, source })?;
            removed = true;
        }
        used::forget(&self.private, id);
        if removed { Ok(()) } else { Err(KeyStoreError::NotFound { id }) }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyStoreError> {
    let read = |source: io::Error| KeyStoreError::Read { path: path.to_owned(), source };
    files::read_bounded(path, key_file::MAX_BYTES).map_err(read)
}

/// What file and place say of a key; the file's own headers first.
fn entry_of(found: &KeyPath, text: &[u8]) -> Result<KeyEntry, KeyStoreError> {
    let unusable = |source: KeyFileError| KeyStoreError::File { path: found.path.clone(), source };
    let header = key_file::header(text).map_err(unusable)?;
    Ok(KeyEntry {
        id: found.id,
        role: header.role.or_else(|| found.role.clone()).unwrap_or_default(),
        gun: header.gun.or_else(|| found.gun.clone()),
        location: found.path.clone(),
        encrypted: header.encrypted,
    })
}
