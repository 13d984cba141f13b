//! Key files: private keys at rest, encrypted with a passphrase, as Docker and Notary keep them.
//!
//! Written is one form, the one that every Docker and Notary can read: PEM of type `ENCRYPTED PRIVATE KEY` with the
//! role and, for keys of one collection, the GUN as headers, around PBES2 with PBKDF2-HMAC-SHA1 and AES-256-CBC.
//! Read are also the forms that older Notaries left and that OpenSSL makes; [`read`] has the list.
//!
//! Deriving a key from a passphrase takes a tenth of a second and more: call [`read`] and [`write()`] off async threads.

mod cbc;
mod legacy;
mod passphrase;
mod pbes2;
mod private_key_info;
mod sealed;

use thiserror::Error;
use zeroize::Zeroizing;

pub use self::passphrase::Passphrase;
pub use self::pbes2::{MAX_ROUNDS, ROUNDS};
pub use self::sealed::{MAX_BUNDLE_BYTES, MAX_BUNDLE_ROUNDS, SealedKey, first, split};
use crate::key::{KeyError, KeyType};
use crate::name::Gun;
use crate::pem::{self, Block, PemError};
use crate::sign::SecretKey;

/// Largest key file, in bytes. An RSA key of 8192 bits takes a tenth of it.
pub const MAX_BYTES: usize = 64 * 1024;

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PLAIN: &str = "PRIVATE KEY";
const RSA: &str = "RSA PRIVATE KEY";
const EC: &str = "EC PRIVATE KEY";
const ED25519: &str = "ED25519 PRIVATE KEY";

/// A private key with what its file says of it.
#[derive(Debug)]
pub struct KeyFile {
    /// What stands outside of the encryption.
    pub header: KeyFileHeader,
    /// The key.
    pub key: SecretKey,
}

/// What a key file says without its passphrase. Nothing vouches for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyFileHeader {
    /// The role: a base role, a delegation, or `delegation` for an imported key; `None` in the oldest files.
    pub role: Option<String>,
    /// The collection, as it is written; root and delegation keys have none.
    pub gun: Option<String>,
    /// The key's file name in the store it was exported from.
    pub path: Option<String>,
    /// Whether a passphrase is needed.
    pub encrypted: bool,
}

/// Reads the headers of a key file.
///
/// # Errors
/// [`KeyFileError::TooLarge`], [`KeyFileError::Pem`], [`KeyFileError::NoKey`].
pub fn header(text: &[u8]) -> Result<KeyFileHeader, KeyFileError> {
    first(text).map(|sealed| sealed.header())
}

/// Reads and decrypts a key file: the first private key in `text`, at most [`MAX_BYTES`] long.
///
/// - `ENCRYPTED PRIVATE KEY`: PBES2 with PBKDF2 (HMAC with SHA-1, SHA-256, SHA-384 or SHA-512, at most
///   [`MAX_ROUNDS`] rounds) and AES-CBC of any key length;
/// - `PRIVATE KEY`: PKCS#8, standard or as Notary writes it;
/// - `RSA PRIVATE KEY`, `EC PRIVATE KEY`, `ED25519 PRIVATE KEY`: plain, or encrypted with AES-CBC as RFC 1423 has it.
///
/// A `passphrase` for a file that isn't encrypted is not used.
///
/// # Errors
/// - [`KeyFileError::Encrypted`]: a passphrase is needed, and none was given.
/// - [`KeyFileError::WrongPassphrase`]: the key did not come out.
/// - [`KeyFileError::Unsupported`]: an algorithm that is not read here.
/// - [`KeyFileError::Malformed`], [`KeyFileError::Key`], and those of [`header`].
///
/// Source: notary `tuf/utils/pkcs8.go`, `tuf/utils/x509.go` (`ParsePEMPrivateKey`).
pub fn read(text: &[u8], passphrase: Option<&Passphrase>) -> Result<KeyFile, KeyFileError> {
    let sealed = first(text)?;
    Ok(KeyFile { header: sealed.header(), key: sealed.open(passphrase)? })
}

/// Writes `key` encrypted with `passphrase`, with `role` and `gun` as headers, byte for byte in Notary's form.
///
/// # Errors
/// - [`KeyFileError::EmptyPassphrase`]: a key is never written unencrypted.
/// - [`KeyFileError::Role`]: `role` has a line break or a control character.
/// - [`KeyFileError::Random`]: the system gave no random bytes.
///
/// Source: notary `tuf/utils/pkcs8.go` (`ConvertTUFKeyToPKCS8`), `tuf/utils/x509.go` (`ConvertPrivateKeyToPKCS8`).
pub fn write(
    key: &SecretKey,
    role: &str,
    gun: Option<&Gun>,
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    if passphrase.is_empty() {
        return Err(KeyFileError::EmptyPassphrase);
    }
    check_header(role)?;
    if !key.is_in_memory() {
        return Err(KeyFileError::Held);
    }
    let contents = pbes2::encrypt(&private_key_info::write(key), passphrase)?;
    let gun = gun.map(|gun| ("gun", gun.as_str()));
    let headers: Vec<_> = gun.into_iter().chain([("role", role)]).collect();
    let text = pem::write(ENCRYPTED, &headers, &contents);
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

/// Whether a header can have this value and be read back.
fn check_header(value: &str) -> Result<(), KeyFileError> {
    if value.chars().any(char::is_control) || value.trim() != value {
        return Err(KeyFileError::Role(value.to_owned()));
    }
    Ok(())
}

fn is_key(block: &Block) -> bool {
    [ENCRYPTED, PLAIN, RSA, EC, ED25519].contains(&block.label.as_str())
}

fn header_of(block: &Block) -> KeyFileHeader {
    let header = |name| block.header(name).filter(|value| !value.is_empty()).map(str::to_owned);
    KeyFileHeader {
        role: header("role"),
        gun: header("gun"),
        path: header("path"),
        encrypted: block.label == ENCRYPTED || legacy::is_encrypted(block),
    }
}

fn key_of_label(label: &str, contents: &[u8]) -> Result<SecretKey, KeyFileError> {
    let key_type = match label {
        RSA => KeyType::Rsa,
        EC => KeyType::Ecdsa,
        ED25519 => KeyType::Ed25519,
        _ => return private_key_info::read(contents),
    };
    SecretKey::from_private_bytes(key_type, contents).map_err(KeyFileError::Key)
}

/// A key file that could not be read or written.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum KeyFileError {
    /// More bytes than a key file has.
    #[error("a key file is at most {max} bytes long")]
    TooLarge {
        /// The most that is read.
        max: usize,
    },
    /// No PEM.
    #[error("the key file is not PEM")]
    Pem(#[source] PemError),
    /// PEM, with no private key in it.
    #[error("there is no private key in the file")]
    NoKey,
    /// A passphrase is needed.
    #[error("the key is encrypted, and there is no passphrase for it")]
    Encrypted,
    /// The passphrase is not the one that the key was encrypted with.
    #[error("the passphrase does not decrypt the key")]
    WrongPassphrase,
    /// An algorithm that is not read here.
    #[error("the key file uses {what}, which is not supported")]
    Unsupported {
        /// The algorithm, by name or object identifier.
        what: String,
    },
    /// Bytes that break the format.
    #[error("the key file is damaged: {what}")]
    Malformed {
        /// The part.
        what: &'static str,
    },
    /// The format is right, the key is none.
    #[error("the key in the file cannot be used")]
    Key(#[source] KeyError),
    /// Nothing to encrypt with.
    #[error("the passphrase is empty; the key was not written")]
    EmptyPassphrase,
    /// A key whose private bytes are not here.
    #[error("the key is held by hardware, which does not give it away; it was not written")]
    Held,
    /// A role that would break the headers.
    #[error("`{}` cannot be the role of a key file; the key was not written", .0.escape_default())]
    Role(String),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes; the key was not written")]
    Random,
}

#[cfg(test)]
mod tests;
