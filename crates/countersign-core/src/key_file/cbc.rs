//! AES in CBC mode.

use aws_lc_rs::cipher::{
    AES_128, AES_128_KEY_LEN, AES_192, AES_192_KEY_LEN, AES_256, AES_256_KEY_LEN, AES_CBC_IV_LEN, Algorithm,
    DecryptingKey, DecryptionContext, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::KeyFileError;

pub(super) const BLOCK_BYTES: usize = AES_CBC_IV_LEN;

/// An initialisation vector.
pub(super) type Iv = [u8; BLOCK_BYTES];

/// AES with one of its three key lengths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Aes {
    Aes128,
    Aes192,
    Aes256,
}

impl Aes {
    pub(super) fn key_bytes(self) -> usize {
        match self {
            Self::Aes128 => AES_128_KEY_LEN,
            Self::Aes192 => AES_192_KEY_LEN,
            Self::Aes256 => AES_256_KEY_LEN,
        }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes128 => &AES_128,
            Self::Aes192 => &AES_192,
            Self::Aes256 => &AES_256,
        }
    }

    /// Decrypts whole blocks and leaves the padding on: Notary never looks at it, so files may have any.
    pub(super) fn decrypt(
        self,
        key: &[u8],
        iv: Iv,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        let malformed = || KeyFileError::Malformed { what: "the ciphertext is not whole blocks" };
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK_BYTES) {
            return Err(malformed());
        }
        let mut text = Zeroizing::new(ciphertext.to_vec());
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        UnboundCipherKey::new(self.algorithm(), key)
            .and_then(DecryptingKey::cbc)
            .and_then(|key| key.decrypt(&mut text, context).map(|_| ()))
            .map_err(|_| malformed())?;
        Ok(text)
    }

    /// Encrypts with PKCS#7 padding. `key` must be [`Aes::key_bytes`] long.
    pub(super) fn encrypt(self, key: &[u8], iv: Iv, text: &[u8]) -> Result<Vec<u8>, KeyFileError> {
        // Room for the padding from the start, so that no copy of the text is left behind.
        let mut buffer = Zeroizing::new(Vec::with_capacity(text.len() + BLOCK_BYTES));
        buffer.extend_from_slice(text);
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        UnboundCipherKey::new(self.algorithm(), key)
            .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
            .and_then(|key| key.less_safe_encrypt(&mut *buffer, context))
            .map_err(|_| KeyFileError::Malformed { what: "it cannot be encrypted" })?;
        Ok(std::mem::take(&mut *buffer))
    }
}
