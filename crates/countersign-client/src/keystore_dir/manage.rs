//! Bringing keys in and out, and changing what is around them: passphrases, roles, places.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_core::key::KeyId;
use countersign_core::key_file::{self, KeyFileHeader, Passphrase, SealedKey};
use countersign_core::name::{Gun, RoleName};
use countersign_core::sign::SecretKey;
use zeroize::Zeroizing;

use super::{DirKeyStore, entry_of, find, read};
use crate::backup::Restored;
use crate::files;
use crate::keystore::{KeyEntry, KeyStoreError, belongs_to_collection};
use crate::passphrase::{KeyInQuestion, OpenError};

/// How a key is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Keeping<'a> {
    /// A base role, a delegation, or a signer's name.
    pub role: &'a str,
    /// The collection, for targets, snapshot and timestamp keys; dropped for the others.
    pub gun: Option<&'a Gun>,
    /// What it is encrypted with.
    pub passphrase: &'a Passphrase,
    /// What happens to the same key if it is here already.
    pub existing: Existing,
}

/// What happens to a key that is stored again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Existing {
    /// It stays as it is; in another role, the new one is refused.
    Keep,
    /// Role, collection and passphrase become the new ones, as Docker's `trust key load` has it.
    Replace,
}

/// What became of a key that was to be stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stored {
    /// It is here now.
    Added,
    /// It was here, and has another role or passphrase now.
    Replaced,
    /// It was here, and was left as it is.
    Unchanged,
}

/// What a key is to be encrypted with from now on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NewPassphrase {
    /// Another one, which is asked for.
    Asked,
    /// The same, in a file that resists guessing as well as new ones do.
    Same,
}

impl DirKeyStore {
    /// Keeps `key` under a passphrase that is known.
    ///
    /// # Errors
    /// - [`KeyStoreError::OtherRole`]: it is here in another role, and is not to be replaced.
    /// - [`KeyStoreError::NoCollection`]: a key of one collection, without its name.
    pub fn store(&self, key: &SecretKey, keeping: &Keeping<'_>) -> Result<Stored, KeyStoreError> {
        let (id, role) = (key.id(), keeping.role);
        let gun = gun_for(role, keeping.gun)?;
        let Some(found) = find::one(&self.private, id)? else {
            self.create(key, role, gun, keeping.passphrase)?;
            return Ok(Stored::Added);
        };
        if keeping.existing == Existing::Keep {
            let kept = entry_of(&found, &read(&found.path)?)?;
            return if kept.role == role {
                Ok(Stored::Unchanged)
            } else {
                Err(KeyStoreError::OtherRole { id, role: kept.role })
            };
        }
        let text = key_file::write(key, role, gun, keeping.passphrase)
            .map_err(|source| KeyStoreError::File { path: self.file(id), source })?;
        self.replace(id, &text)?;
        Ok(Stored::Replaced)
    }

    /// Keeps a key without opening it, under the id that it is said to have, which is checked when it is opened first.
    ///
    /// # Errors
    /// - [`KeyStoreError::Plain`]: it is not encrypted.
    /// - as [`DirKeyStore::store`], with [`Existing::Keep`].
    ///
    /// Source: notary `utils/keys.go` (`ImportKeys`).
    pub fn store_sealed(
        &self,
        key: &SealedKey,
        id: KeyId,
        role: &str,
        gun: Option<&Gun>,
    ) -> Result<Stored, KeyStoreError> {
        let gun = gun_for(role, gun)?;
        let path = self.file(id);
        if !key.header().encrypted {
            return Err(KeyStoreError::Plain { path });
        }
        if let Some(found) = find::one(&self.private, id)? {
            let kept = entry_of(&found, &read(&found.path)?)?;
            return if kept.role == role {
                Ok(Stored::Unchanged)
            } else {
                Err(KeyStoreError::OtherRole { id, role: kept.role })
            };
        }
        let header = KeyFileHeader {
            role: Some(role.to_owned()),
            gun: gun.map(ToString::to_string),
            path: None,
            encrypted: true,
        };
        let text = key.write(&header).map_err(|source| KeyStoreError::File { path: path.clone(), source })?;
        self.create_directory()?;
        files::create_private(&path, &text).map_err(|source| KeyStoreError::Write { path, source })?;
        Ok(Stored::Added)
    }

    /// Looks at one key, without opening it.
    ///
    /// # Errors
    /// - [`KeyStoreError::NotFound`]: it is not here.
    pub fn entry(&self, id: KeyId) -> Result<KeyEntry, KeyStoreError> {
        let found = find::one(&self.private, id)?.ok_or(KeyStoreError::NotFound { id })?;
        entry_of(&found, &read(&found.path)?)
    }

    /// The key as it is kept, encrypted, with `gun`, `path` (its id) and `role` as headers: what
    /// [`key_file::split`] and `notary key import` read.
    ///
    /// # Errors
    /// - [`KeyStoreError::NotFound`]: it is not here.
    /// - [`KeyStoreError::Plain`]: it is not encrypted.
    ///
    /// Source: notary `utils/keys.go` (`ExportKeys`).
    pub fn export(&self, id: KeyId) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        let sealed = self.sealed(id)?;
        if !sealed.entry.encrypted {
            return Err(KeyStoreError::Plain { path: sealed.entry.location });
        }
        let header = KeyFileHeader { path: Some(id.to_string()), ..sealed.header() };
        sealed
            .key
            .write(&header)
            .map_err(|source| KeyStoreError::File { path: sealed.entry.location, source })
    }

    /// Encrypts a key with another passphrase, in the form and with the strength of new files; asks for both.
    ///
    /// A key in an older place moves to where Docker and Notary look. The old file goes when the new one is on the disk.
    ///
    /// # Errors
    /// - [`KeyStoreError::Passphrase`]: one could not be had; the key is as it was.
    /// - [`KeyStoreError::Changed`]: somebody else was faster.
    pub fn change_passphrase(&self, id: KeyId, new: NewPassphrase) -> Result<(), KeyStoreError> {
        let sealed = self.sealed(id)?;
        let path = sealed.entry.location.clone();
        let unusable = |source| KeyStoreError::File { path: path.clone(), source };
        let question = sealed.entry.in_question();
        let (key, old) = self.open_sealed(&sealed, id)?;
        let passphrase = match old.filter(|_| new == NewPassphrase::Same) {
            Some(old) => old,
            None => self.passphrases.for_change(question).map_err(KeyStoreError::Passphrase)?,
        };
        let gun = sealed.entry.gun.as_deref().and_then(|gun| gun.parse::<Gun>().ok());
        let text = key_file::write(&key, &sealed.entry.role, gun.as_ref(), &passphrase).map_err(unusable)?;
        sealed.is_still_there()?;
        self.replace(id, &text)?;
        self.opened().insert(id, Arc::new(key));
        Ok(())
    }

    /// The passphrase that opens a key; a person is asked for it.
    ///
    /// # Errors
    /// - [`KeyStoreError::Plain`]: the key has none.
    /// - [`KeyStoreError::Passphrase`]: it could not be had.
    pub fn passphrase_of(&self, id: KeyId) -> Result<Passphrase, KeyStoreError> {
        let sealed = self.sealed(id)?;
        let plain = || KeyStoreError::Plain { path: sealed.entry.location.clone() };
        self.open_sealed(&sealed, id)?.1.ok_or_else(plain)
    }

    /// Opens a key, and gives the passphrase that did, if it has one.
    fn open_sealed(
        &self,
        sealed: &Sealed,
        id: KeyId,
    ) -> Result<(SecretKey, Option<Passphrase>), KeyStoreError> {
        let path = || sealed.entry.location.clone();
        let unusable = |source| KeyStoreError::File { path: path(), source };
        let (key, passphrase) = if sealed.entry.encrypted {
            let open = |passphrase: &Passphrase| {
                sealed.key.open(Some(passphrase)).map(|key| (key, Some(passphrase.clone())))
            };
            self.passphrases.for_existing(sealed.entry.in_question(), open).map_err(|error| match error {
                OpenError::Passphrase(error) => KeyStoreError::Passphrase(error),
                OpenError::File(source) => unusable(source),
            })?
        } else {
            (sealed.key.open(None).map_err(unusable)?, None)
        };
        if key.id() != id {
            return Err(KeyStoreError::OtherKey { path: path(), found: key.id() });
        }
        Ok((key, passphrase))
    }

    /// Gives the key of a signer or a delegation another role. It needs no passphrase: the role stands outside of the encryption.
    ///
    /// # Errors
    /// - [`KeyStoreError::FixedRole`]: a key of root, targets, snapshot or timestamp, or one that is to become one.
    pub fn rename(&self, id: KeyId, role: &str) -> Result<(), KeyStoreError> {
        let sealed = self.sealed(id)?;
        for role in [&sealed.entry.role, role] {
            if role.parse::<RoleName>().is_ok_and(|role| role.top().is_some()) {
                return Err(KeyStoreError::FixedRole { id, role: role.to_owned() });
            }
        }
        let header = KeyFileHeader { role: Some(role.to_owned()), gun: None, ..sealed.header() };
        let unusable = |source| KeyStoreError::File { path: sealed.entry.location.clone(), source };
        let text = sealed.key.write(&header).map_err(unusable)?;
        sealed.is_still_there()?;
        self.replace(id, &text)
    }

    /// A key's file, not opened, with all that its place says of it in its headers.
    pub(crate) fn file_of(&self, id: KeyId) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        let sealed = self.sealed(id)?;
        let (own, whole) = (sealed.key.header(), sealed.header());
        if (&own.role, &own.gun) == (&whole.role, &whole.gun) {
            return Ok(sealed.text);
        }
        sealed.key.write(&whole).map_err(|source| KeyStoreError::File { path: sealed.entry.location, source })
    }

    /// Puts a key's file back, if there is none. A key that is not encrypted is encrypted first.
    pub(crate) fn restore(&self, id: KeyId, text: &[u8]) -> Result<Restored, KeyStoreError> {
        let path = self.file(id);
        if find::one(&self.private, id)?.is_some() {
            return match self.file_of(id) {
                Ok(here) if *here == text => Ok(Restored::Present),
                // One that cannot be read may still be the better one; a person has to look.
                _ => Ok(Restored::Kept),
            };
        }
        let encrypted = self.encrypted(id, text, &path)?;
        let text = encrypted.as_deref().map_or(text, Vec::as_slice);
        self.create_directory()?;
        files::create_private(&path, text).map_err(|source| KeyStoreError::Write { path, source })?;
        Ok(Restored::Added)
    }

    /// The file of a key that is not encrypted, with it encrypted; `None` for one that is. What cannot be read stays as it is.
    fn encrypted(
        &self,
        id: KeyId,
        text: &[u8],
        path: &Path,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, KeyStoreError> {
        let Ok(plain) = key_file::read(text, None) else { return Ok(None) };
        if plain.key.id() != id {
            return Err(KeyStoreError::OtherKey { path: path.to_owned(), found: plain.key.id() });
        }
        let unusable = |source| KeyStoreError::File { path: path.to_owned(), source };
        let header = plain.header;
        let role = header.role.unwrap_or_default();
        let gun = header.gun.and_then(|gun| gun.parse::<Gun>().ok());
        let passphrase =
            self.passphrases.for_new(KeyInQuestion { id, role: &role }).map_err(KeyStoreError::Passphrase)?;
        key_file::write(&plain.key, &role, gun.as_ref(), &passphrase).map(Some).map_err(unusable)
    }

    fn sealed(&self, id: KeyId) -> Result<Sealed, KeyStoreError> {
        let found = find::one(&self.private, id)?.ok_or(KeyStoreError::NotFound { id })?;
        let text = read(&found.path)?;
        let entry = entry_of(&found, &text)?;
        let key = key_file::first(&text)
            .map_err(|source| KeyStoreError::File { path: found.path.clone(), source })?;
        Ok(Sealed { entry, text: Zeroizing::new(text), key })
    }

    /// Puts a file in the place of a key's, and removes what else there is of the key.
    fn replace(&self, id: KeyId, text: &[u8]) -> Result<(), KeyStoreError> {
        let path = self.file(id);
        files::replace_private(&path, text)
            .map_err(|source| KeyStoreError::Write { path: path.clone(), source })?;
        for old in self.others(id, &path)? {
            fs::remove_file(&old).map_err(|source| KeyStoreError::Delete { path: old, source })?;
        }
        self.opened().remove(&id);
        Ok(())
    }

    /// The files of a key besides the one where it belongs.
    fn others(&self, id: KeyId, path: &Path) -> Result<Vec<PathBuf>, KeyStoreError> {
        let files = find::of(&self.private, id)?.into_iter().map(|found| found.path);
        Ok(files.filter(|other| other != path).collect())
    }
}

/// A key's file as it was read.
struct Sealed {
    entry: KeyEntry,
    text: Zeroizing<Vec<u8>>,
    key: SealedKey,
}

impl Sealed {
    /// What the file and its place say.
    fn header(&self) -> KeyFileHeader {
        let role = Some(self.entry.role.clone()).filter(|role| !role.is_empty());
        KeyFileHeader { role, gun: self.entry.gun.clone(), path: None, encrypted: self.entry.encrypted }
    }

    fn is_still_there(&self) -> Result<(), KeyStoreError> {
        let path = &self.entry.location;
        match read(path) {
            Ok(text) if text == *self.text => Ok(()),
            _ => Err(KeyStoreError::Changed { path: path.clone() }),
        }
    }
}

/// The collection that a key's file notes.
fn gun_for<'a>(role: &str, gun: Option<&'a Gun>) -> Result<Option<&'a Gun>, KeyStoreError> {
    match gun {
        _ if !belongs_to_collection(role) => Ok(None),
        Some(gun) => Ok(Some(gun)),
        None => Err(KeyStoreError::NoCollection { role: role.to_owned() }),
    }
}
