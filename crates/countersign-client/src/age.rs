//! The age format, version 1: one file, encrypted with a passphrase or to recipients.
//!
//! What is encrypted here opens with `age -d`, and what `age` encrypted opens here: whoever has an old backup needs no
//! Countersign. ADR 0006 says why the format is written here, on the one cryptographic library of the project, and not
//! taken from a crate. Files are small and are held in memory.
//!
//! Source: C2SP `age.md`.

mod header;
mod scrypt;
mod stream;
mod x25519;

use aws_lc_rs::{hkdf, rand};
use countersign_core::key_file::Passphrase;
use thiserror::Error;
use zeroize::Zeroizing;

use self::header::Header;
pub use self::x25519::{Identity, Recipient};

/// Largest file that is encrypted or decrypted, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

const FILE_KEY_BYTES: usize = 16;
const KEY_BYTES: usize = 32;

/// The key of one file. Everything else in it is derived from this.
type FileKey = Zeroizing<[u8; FILE_KEY_BYTES]>;
type Key = Zeroizing<[u8; KEY_BYTES]>;

/// Whether `bytes` begin as an age file does.
pub fn is_age(bytes: &[u8]) -> bool {
    bytes.starts_with(header::FIRST_LINE)
}

/// Whether an age file is encrypted with a passphrase, and not to recipients.
///
/// # Errors
/// [`AgeError::Malformed`].
pub fn wants_passphrase(bytes: &[u8]) -> Result<bool, AgeError> {
    Ok(Header::parse(bytes)?.0.stanzas.iter().any(|stanza| stanza.kind() == Some(scrypt::KIND)))
}

/// Encrypts `text` with a passphrase.
///
/// # Errors
/// [`AgeError::Random`].
pub fn encrypt_with_passphrase(text: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>, AgeError> {
    let file_key = random::<FILE_KEY_BYTES>()?;
    encrypt(text, &file_key, &[scrypt::wrap(&file_key, passphrase)?])
}

/// Encrypts `text` so that each of the recipients, at least one, can decrypt it.
///
/// # Errors
/// [`AgeError::Random`], [`AgeError::Recipient`].
pub fn encrypt_to(text: &[u8], recipients: &[Recipient]) -> Result<Vec<u8>, AgeError> {
    let file_key = random::<FILE_KEY_BYTES>()?;
    let stanzas =
        recipients.iter().map(|recipient| recipient.wrap(&file_key)).collect::<Result<Vec<_>, _>>()?;
    if stanzas.is_empty() {
        return Err(AgeError::NoKey);
    }
    encrypt(text, &file_key, &stanzas)
}

/// Decrypts a file that is encrypted with a passphrase.
///
/// # Errors
/// - [`AgeError::NoKey`]: it is encrypted to recipients, or with another passphrase.
/// - [`AgeError::Malformed`], [`AgeError::TooSlow`]; [`AgeError::Damaged`]: it was changed or cut off.
pub fn decrypt_with_passphrase(
    bytes: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let (header, rest) = Header::parse(bytes)?;
    let stanza = match header.stanzas.as_slice() {
        [stanza] if stanza.kind() == Some(scrypt::KIND) => stanza,
        // One passphrase among others would let whoever knows it pretend that the file is from somebody else.
        _ => return Err(AgeError::NoKey),
    };
    let file_key = scrypt::unwrap(stanza, passphrase)?.ok_or(AgeError::NoKey)?;
    decrypt(&header, rest, &file_key)
}

/// Decrypts a file that is encrypted to a recipient whose identity is among these.
///
/// # Errors
/// As [`decrypt_with_passphrase`].
pub fn decrypt_for(bytes: &[u8], identities: &[Identity]) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let (header, rest) = Header::parse(bytes)?;
    for stanza in &header.stanzas {
        for identity in identities {
            if let Some(file_key) = identity.unwrap(stanza)? {
                return decrypt(&header, rest, &file_key);
            }
        }
    }
    Err(AgeError::NoKey)
}

fn encrypt(text: &[u8], file_key: &FileKey, stanzas: &[header::Stanza]) -> Result<Vec<u8>, AgeError> {
    let mut bytes = Header::write(stanzas, file_key)?;
    stream::seal(text, file_key, &mut bytes)?;
    Ok(bytes)
}

fn decrypt(header: &Header, rest: &[u8], file_key: &FileKey) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    header.verify(file_key)?;
    stream::open(rest, file_key)
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, AgeError> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| AgeError::Random)?;
    Ok(bytes)
}

/// HKDF with SHA-256.
fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<Key, AgeError> {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            KEY_BYTES
        }
    }
    let mut key = Key::default();
    let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    derived
        .expand(&[info], Length)
        .and_then(|okm| okm.fill(key.as_mut_slice()))
        .map_err(|_| AgeError::Random)?;
    Ok(key)
}

/// An age file that could not be written or read.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum AgeError {
    /// Bytes that break the format.
    #[error("it is no age file of version 1: {what}")]
    Malformed {
        /// The part.
        what: &'static str,
    },
    /// Neither the passphrase nor an identity opens it.
    #[error("neither passphrase nor identity decrypts it")]
    NoKey,
    /// It was changed, or its end is missing.
    #[error("it is damaged: what is in it is not what was encrypted")]
    Damaged,
    /// More than [`MAX_BYTES`].
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// A passphrase that takes too long to try.
    #[error("trying a passphrase takes 2^{log_n} rounds, of at most 2^{}", scrypt::MAX_LOG_N)]
    TooSlow {
        /// The rounds, as a power of two.
        log_n: u8,
    },
    /// Text that is no recipient of this kind.
    #[error("a recipient begins with `age1`, and has no typing error")]
    Recipient,
    /// Text that is no identity.
    #[error("an identity begins with `AGE-SECRET-KEY-1`, and has no typing error")]
    Identity,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}

#[cfg(test)]
mod tests;
