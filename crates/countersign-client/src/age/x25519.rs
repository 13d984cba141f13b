//! Recipients and the identities that they belong to.
//!
//! Source: C2SP `age.md`, "The X25519 recipient type"; RFC 7748.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use zeroize::Zeroizing;

use super::header::{Stanza, decode, encode, malformed};
use super::stream::{open_once, seal_once};
use super::{AgeError, FileKey, KEY_BYTES, Key, derive, random};
use crate::bech32;

const KIND: &str = "X25519";
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";
const RECIPIENT: &str = "age";
const IDENTITY: &str = "age-secret-key-";

/// Somebody whom a file can be encrypted to: `age1…`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipient([u8; KEY_BYTES]);

impl Recipient {
    pub(super) fn wrap(&self, file_key: &FileKey) -> Result<Stanza, AgeError> {
        let ephemeral = Identity::generate()?;
        let share = ephemeral.recipient()?;
        let key = wrapping_key(&ephemeral, &self.0, &share.0, &self.0)?;
        let args = vec![KIND.to_owned(), encode(&share.0)];
        Ok(Stanza { args, body: seal_once(&key, file_key.as_slice())? })
    }
}

impl FromStr for Recipient {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let bytes = bech32::decode(RECIPIENT, text).ok_or(AgeError::Recipient)?;
        bytes.as_slice().try_into().map(Self).map_err(|_| AgeError::Recipient)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32::encode(RECIPIENT, &self.0))
    }
}

/// What decrypts files that are encrypted to its recipient: `AGE-SECRET-KEY-1…`. It does not print.
pub struct Identity(Key);

impl Identity {
    /// Makes a new one.
    ///
    /// # Errors
    /// [`AgeError::Random`].
    pub fn generate() -> Result<Self, AgeError> {
        random().map(Self)
    }

    /// Reads the identities in a file as `age-keygen` writes it: one a line, beside comments and empty lines.
    ///
    /// # Errors
    /// [`AgeError::Identity`]: a line is something else, or there is no identity.
    pub fn parse_file(text: &str) -> Result<Vec<Self>, AgeError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities = lines.map(str::parse).collect::<Result<Vec<_>, _>>()?;
        if identities.is_empty() { Err(AgeError::Identity) } else { Ok(identities) }
    }

    /// The recipient that it belongs to.
    ///
    /// # Errors
    /// [`AgeError::Identity`]: there is none, which is so improbable that it means damage.
    pub fn recipient(&self) -> Result<Recipient, AgeError> {
        let public = self.key()?.compute_public_key().map_err(|_| AgeError::Identity)?;
        public.as_ref().try_into().map(Recipient).map_err(|_| AgeError::Identity)
    }

    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, AgeError> {
        if stanza.kind() != Some(KIND) {
            return Ok(None);
        }
        let share = match stanza.args.as_slice() {
            [_, share] => decode(share)?,
            _ => return Err(malformed("a recipient's line")),
        };
        if share.len() != KEY_BYTES {
            return Err(malformed("a recipient's line"));
        }
        let own = self.recipient()?;
        open_once(&wrapping_key(self, &share, &share, &own.0)?, &stanza.body)
    }

    fn key(&self) -> Result<PrivateKey, AgeError> {
        PrivateKey::from_private_key(&X25519, self.0.as_slice()).map_err(|_| AgeError::Identity)
    }
}

impl FromStr for Identity {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let bytes = Zeroizing::new(bech32::decode(IDENTITY, text).ok_or(AgeError::Identity)?);
        let mut key = Key::default();
        if bytes.len() != KEY_BYTES {
            return Err(AgeError::Identity);
        }
        key.copy_from_slice(&bytes);
        Ok(Self(key))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// The key under which the file key is wrapped, from a shared secret and both halves in public.
fn wrapping_key(mine: &Identity, peer: &[u8], share: &[u8], recipient: &[u8]) -> Result<Key, AgeError> {
    let salt = [share, recipient].concat();
    agreement::agree(&mine.key()?, UnparsedPublicKey::new(&X25519, peer), AgeError::Recipient, |secret| {
        derive(secret, &salt, LABEL)
    })
}
