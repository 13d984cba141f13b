//! Private keys as they stand in a file: one or many, encrypted or not.

use zeroize::Zeroizing;

use super::{ENCRYPTED, KeyFileError, KeyFileHeader, MAX_BYTES, Passphrase};
use super::{header_of, is_key, key_of_label, legacy, pbes2};
use crate::pem::{self, Block};
use crate::sign::SecretKey;

/// Largest file of many keys, in bytes: some 30,000 of them.
pub const MAX_BUNDLE_BYTES: usize = 16 * 1024 * 1024;

/// Most rounds of PBKDF2 that opening all keys of one file may take: some minutes, for 2,000 keys as they are written here.
pub const MAX_BUNDLE_ROUNDS: u64 = 400_000_000;

/// A private key as it stands in a file, not opened. It does not print.
pub struct SealedKey(Block);

impl SealedKey {
    /// What stands outside of the encryption.
    pub fn header(&self) -> KeyFileHeader {
        header_of(&self.0)
    }

    /// Decrypts the key. A `passphrase` for a key that isn't encrypted is not used.
    ///
    /// # Errors
    /// As [`read`](super::read).
    pub fn open(&self, passphrase: Option<&Passphrase>) -> Result<SecretKey, KeyFileError> {
        let passphrase = || passphrase.ok_or(KeyFileError::Encrypted);
        if self.0.label == ENCRYPTED {
            return pbes2::decrypt(&self.0.contents, passphrase()?);
        }
        if legacy::is_encrypted(&self.0) {
            let contents = legacy::decrypt(&self.0, passphrase()?)?;
            // Padding alone is a weak sign that the passphrase was right.
            return key_of_label(&self.0.label, &contents).map_err(|_| KeyFileError::WrongPassphrase);
        }
        key_of_label(&self.0.label, &self.0.contents)
    }

    /// Writes the key as it is, still encrypted, with these headers and no others: `gun`, `path` and `role`, each where
    /// there is one. What says how an old key is encrypted stays.
    ///
    /// # Errors
    /// - [`KeyFileError::Role`]: a header that would break the form.
    ///
    /// Source: notary `utils/keys.go` (`ExportKeys`); Go `encoding/pem`, which puts `Proc-Type` first and sorts the rest.
    pub fn write(&self, header: &KeyFileHeader) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        let kept = ["Proc-Type", "DEK-Info"];
        let kept = kept.into_iter().filter_map(|name| self.0.header(name).map(|value| (name, value)));
        let given = [("gun", &header.gun), ("path", &header.path), ("role", &header.role)];
        let given = given.into_iter().filter_map(|(name, value)| value.as_deref().map(|value| (name, value)));
        let headers: Vec<_> = kept.chain(given).collect();
        for (_, value) in &headers {
            super::check_header(value)?;
        }
        Ok(Zeroizing::new(pem::write(&self.0.label, &headers, &self.0.contents).as_bytes().to_vec()))
    }

    /// Whether guessing its passphrase is as slow as for the keys that are written here. `false` for a key that isn't
    /// encrypted.
    pub fn is_strong(&self) -> bool {
        self.0.label == ENCRYPTED
            && pbes2::rounds(&self.0.contents).is_ok_and(|rounds| rounds >= super::ROUNDS)
    }
}

impl std::fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SealedKey").field(&self.header()).finish()
    }
}

/// Every private key in `text`, at most [`MAX_BUNDLE_BYTES`] long; what else is in it is passed over.
///
/// # Errors
/// - [`KeyFileError::TooLarge`], [`KeyFileError::Pem`], [`KeyFileError::NoKey`].
/// - [`KeyFileError::Unsupported`]: opening them all would take more than [`MAX_BUNDLE_ROUNDS`] rounds.
pub fn split(text: &[u8]) -> Result<Vec<SealedKey>, KeyFileError> {
    if text.len() > MAX_BUNDLE_BYTES {
        return Err(KeyFileError::TooLarge { max: MAX_BUNDLE_BYTES });
    }
    let blocks = pem::parse(text).map_err(KeyFileError::Pem)?;
    let keys: Vec<_> = blocks.into_iter().filter(is_key).map(SealedKey).collect();
    let encrypted = keys.iter().filter(|key| key.0.label == ENCRYPTED);
    let rounds = encrypted.filter_map(|key| pbes2::rounds(&key.0.contents).ok().map(u64::from)).sum::<u64>();
    if rounds > MAX_BUNDLE_ROUNDS {
        let what = format!("{rounds} rounds of PBKDF2 for the keys of one file, above {MAX_BUNDLE_ROUNDS}");
        return Err(KeyFileError::Unsupported { what });
    }
    if keys.is_empty() { Err(KeyFileError::NoKey) } else { Ok(keys) }
}

/// The first private key in `text`, at most [`MAX_BYTES`] long; OpenSSL puts curve parameters before it.
///
/// # Errors
/// As [`split`].
pub fn first(text: &[u8]) -> Result<SealedKey, KeyFileError> {
    if text.len() > MAX_BYTES {
        return Err(KeyFileError::TooLarge { max: MAX_BYTES });
    }
    split(text)?.into_iter().next().ok_or(KeyFileError::NoKey)
}

/// The block itself.
#[cfg(test)]
pub(super) fn key_block(text: &[u8]) -> Result<Block, KeyFileError> {
    first(text).map(|sealed| sealed.0)
}
