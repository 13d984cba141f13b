//! Encryption of the server's keys at rest.
//!
//! ```text
//! sealed = version (1 byte, 1) ‖ salt (16 bytes) ‖ nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes)
//! key    = HKDF-SHA256(secret, salt, "countersign key at rest")
//! ```
//!
//! AES-256-GCM binds the ciphertext to the key's id, collection and role, so that a row moved to another place opens
//! nothing. This protects a database that is copied without its secret: a backup, a disk, a replica. It does not
//! protect from somebody who can read what the server reads.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand;
use countersign_core::name::Gun;
use thiserror::Error;
use zeroize::Zeroizing;

use super::OnlineRole;

/// Name of the cipher in the database, as Notary's signer calls it.
pub(crate) const CIPHER: &str = "A256GCM";
/// Name of the key derivation in the database.
pub(crate) const DERIVATION: &str = "HKDF-SHA256";
const VERSION: u8 = 1;
const SALT: usize = 16;
const INFO: &[&[u8]] = &[b"countersign key at rest"];
/// Fewest bytes of a secret.
const MIN_SECRET: usize = 16;
/// Most bytes of a secret.
const MAX_SECRET: usize = 4096;

/// The secret that the server's keys are encrypted with. It has no `Debug` of its value and is wiped when dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a secret of 16 to 4,096 bytes; white space at its ends does not count.
    ///
    /// It should be random: it is not stretched as a passphrase would be.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretLength> {
        let bytes = bytes.trim_ascii();
        if (MIN_SECRET..=MAX_SECRET).contains(&bytes.len()) {
            Ok(Self(Zeroizing::new(bytes.to_vec())))
        } else {
            Err(SecretLength { found: bytes.len() })
        }
    }

    /// Encrypts `private`; `None` when the system gives no random numbers.
    pub(crate) fn seal(&self, owner: &Owner<'_>, private: &[u8]) -> Option<Vec<u8>> {
        let mut head = [0; 1 + SALT + NONCE_LEN];
        rand::fill(&mut head).ok()?;
        head[0] = VERSION;
        let (salt, nonce) = head[1..].split_at(SALT);
        let mut text = Zeroizing::new(Vec::with_capacity(private.len() + 16));
        text.extend_from_slice(private);
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let tag = self.key(salt)?.seal_in_place_separate_tag(nonce, owner.aad(), &mut text).ok()?;
        Some([&head, text.as_slice(), tag.as_ref()].concat())
    }

    /// Decrypts what [`Secret::seal`] made for the same owner; `None` for anything else.
    pub(crate) fn open(&self, owner: &Owner<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (&version, rest) = sealed.split_first()?;
        let (salt, rest) = rest.split_at_checked(SALT)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        if version != VERSION {
            return None;
        }
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let length = self.key(salt)?.open_in_place(nonce, owner.aad(), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    fn key(&self, salt: &[u8]) -> Option<LessSafeKey> {
        let derived = Salt::new(HKDF_SHA256, salt).extract(&self.0);
        let key: UnboundKey = derived.expand(INFO, &AES_256_GCM).ok()?.into();
        Some(LessSafeKey::new(key))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a sealed key is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    /// The key's id, hex.
    pub(crate) key_id: &'a str,
    /// The collection.
    pub(crate) gun: &'a Gun,
    /// The role.
    pub(crate) role: OnlineRole,
}

impl Owner<'_> {
    fn aad(&self) -> Aad<Vec<u8>> {
        // None of the three can hold a line feed.
        Aad::from(format!("{}\n{}\n{}", self.key_id, self.role, self.gun).into_bytes())
    }
}

/// A secret that is too short or too long.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the secret has {found} bytes, it needs {MIN_SECRET} to {MAX_SECRET}")]
pub struct SecretLength {
    /// Bytes found.
    pub found: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes()).expect("long enough")
    }

    #[test]
    fn sealed_key_opens_for_its_owner_and_secret_only() {
        let (gun, other): (Gun, Gun) = ("g/a".parse().expect("a GUN"), "g/b".parse().expect("a GUN"));
        let owner = Owner { key_id: "ab", gun: &gun, role: OnlineRole::Timestamp };
        let sealed = secret("0123456789abcdef").seal(&owner, b"private").expect("sealed");
        let open = |secret: &Secret, owner: &Owner<'_>, sealed: &[u8]| {
            secret.open(owner, sealed).map(|text| text.to_vec())
        };
        let right = secret(" 0123456789abcdef\n");
        assert_eq!(open(&right, &owner, &sealed).as_deref(), Some(&b"private"[..]));
        assert_eq!(open(&secret("0123456789abcdeF"), &owner, &sealed), None);
        assert_eq!(open(&right, &Owner { gun: &other, ..owner }, &sealed), None);
        assert_eq!(open(&right, &Owner { key_id: "ac", ..owner }, &sealed), None);
        assert_eq!(open(&right, &Owner { role: OnlineRole::Snapshot, ..owner }, &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&right, &owner, &changed), None, "byte {at}");
            assert_eq!(open(&right, &owner, &sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let gun: Gun = "g".parse().expect("a GUN");
        let owner = Owner { key_id: "ab", gun: &gun, role: OnlineRole::Timestamp };
        let secret = secret("0123456789abcdef");
        assert_ne!(secret.seal(&owner, b"x"), secret.seal(&owner, b"x"));
    }

    #[test]
    fn secret_is_bounded_and_does_not_print() {
        assert_eq!(Secret::new(b" 0123456789abcde \n").map(drop), Err(SecretLength { found: 15 }));
        assert!(Secret::new(&[b'x'; 4097]).is_err());
        assert_eq!(format!("{:?}", secret("0123456789abcdef")), "Secret(..)");
    }
}
