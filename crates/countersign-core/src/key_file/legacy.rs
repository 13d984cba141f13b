//! PEM that is itself encrypted, with headers that say how: what Notary wrote before 2018, and OpenSSL before 1.0.
//!
//! Source: RFC 1421 §4.6.1, RFC 1423 §1.1; OpenSSL `EVP_BytesToKey`; Go `crypto/x509` (`DecryptPEMBlock`).

use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::cbc::{Aes, BLOCK_BYTES, Iv};
use super::{KeyFileError, Passphrase};
use crate::pem::Block;

const SALT_BYTES: usize = 8;

/// Whether the headers say that the contents are encrypted.
pub(super) fn is_encrypted(block: &Block) -> bool {
    block.header("DEK-Info").is_some()
        || block.header("Proc-Type").is_some_and(|value| value.contains("ENCRYPTED"))
}

/// Decrypts the contents and takes off the padding.
pub(super) fn decrypt(block: &Block, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let (aes, iv) = parse(block.header("DEK-Info").unwrap_or_default())?;
    let key = derive(passphrase, &iv[..SALT_BYTES], aes.key_bytes());
    let mut text = aes.decrypt(&key, iv, &block.contents)?;
    let padding = usize::from(text.last().copied().unwrap_or_default());
    let kept = text.len().checked_sub(padding).filter(|_| (1..=BLOCK_BYTES).contains(&padding));
    let kept = kept.filter(|kept| text[*kept..].iter().all(|byte| usize::from(*byte) == padding));
    text.truncate(kept.ok_or(KeyFileError::WrongPassphrase)?);
    Ok(text)
}

/// Reads `AES-256-CBC,<IV in hex>`.
fn parse(dek_info: &str) -> Result<(Aes, Iv), KeyFileError> {
    let malformed = || KeyFileError::Malformed { what: "the `DEK-Info` header" };
    let (name, hex_iv) = dek_info.split_once(',').ok_or_else(malformed)?;
    let aes = match name.trim().to_ascii_uppercase().as_str() {
        "AES-128-CBC" => Aes::Aes128,
        "AES-192-CBC" => Aes::Aes192,
        "AES-256-CBC" => Aes::Aes256,
        other => {
            return Err(KeyFileError::Unsupported { what: format!("the cipher {}", other.escape_default()) });
        }
    };
    let mut iv = Iv::default();
    hex::decode_to_slice(hex_iv.trim(), &mut iv).map_err(|_| malformed())?;
    Ok((aes, iv))
}

/// The key derivation of OpenSSL: one round of MD5, over and over until there is enough.
fn derive(passphrase: &Passphrase, salt: &[u8], key_bytes: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(key_bytes + BLOCK_BYTES));
    let mut block = Zeroizing::new([0; 16]);
    let mut hash = Md5::new();
    while key.len() < key_bytes {
        if !key.is_empty() {
            hash.update(block.as_slice());
        }
        hash.update(passphrase.as_bytes());
        hash.update(salt);
        block.copy_from_slice(&hash.finalize_reset());
        key.extend_from_slice(block.as_slice());
    }
    key.truncate(key_bytes);
    key
}
