//! Recovery keys: root keys that are kept on paper, whole or in shares of which some restore them.
//!
//! A recovery key is made, written down and forgotten: only its public half stays on the machine. [`RecoveryKey::split`] gives the
//! texts to write down, [`combine`] makes the key of them again. The sharing is Shamir's, over the field of 256 elements; ADR 0007
//! says why it is written here.

mod field;
mod share;
#[cfg(test)]
mod tests;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::certificate::{CertificateError, self_signed};
use countersign_core::key::{KeyError, KeyId, KeyType, PublicKey};
use countersign_core::name::Gun;
use countersign_core::sign::SecretKey;
use countersign_core::time::DateTime;
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::share::Share;
use self::share::{KEY_ID_BYTES, SET_BYTES};

/// Characters of a line in PEM; a public key on P-256 takes two lines.
const COLUMNS: usize = 64;
/// Bytes of a private key on P-256.
const SECRET_BYTES: usize = 32;
/// An `ECPrivateKey` of P-256 without its public key, before and after the scalar.
const SEC1: (&[u8], &[u8]) =
    (b"\x30\x31\x02\x01\x01\x04\x20", b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
/// Where the scalar is in what [`SecretKey::to_private_bytes`] gives.
const SCALAR: std::ops::Range<usize> = 7..7 + SECRET_BYTES;

/// How many shares there are, and how many of them restore the key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shares {
    needed: u8,
    total: u8,
}

impl Shares {
    /// One share, which is the key.
    pub const ONE: Self = Self { needed: 1, total: 1 };

    /// `needed` of `total`.
    ///
    /// # Errors
    /// [`RecoveryError::Shares`]: `needed` is 0 or more than `total`, or 1 of several, each of which would be the key.
    pub fn new(needed: u8, total: u8) -> Result<Self, RecoveryError> {
        if needed == 0 || needed > total || (needed == 1 && total > 1) {
            return Err(RecoveryError::Shares { needed, total });
        }
        Ok(Self { needed, total })
    }

    /// How many restore the key.
    pub fn needed(self) -> u8 {
        self.needed
    }

    /// How many there are.
    pub fn total(self) -> u8 {
        self.total
    }
}

/// A key that was made to be written down. It does not print.
pub struct RecoveryKey(SecretKey);

impl RecoveryKey {
    /// Makes one: ECDSA on P-256.
    ///
    /// # Errors
    /// [`RecoveryError::Key`].
    pub fn generate() -> Result<Self, RecoveryError> {
        SecretKey::generate_ecdsa().map(Self).map_err(RecoveryError::Key)
    }

    /// Its public half.
    pub fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    /// Its public half as a file: PEM of type `PUBLIC KEY` with the role, as Docker and Notary write it.
    pub fn public_pem(&self) -> String {
        let base64 = STANDARD.encode(self.public_key().as_bytes());
        let (first, rest) = base64.split_at(base64.len().min(COLUMNS));
        format!("-----BEGIN PUBLIC KEY-----\nrole: root\n\n{first}\n{rest}\n-----END PUBLIC KEY-----\n")
    }

    /// Its certificate as a root key of a collection.
    ///
    /// # Errors
    /// [`CertificateError`]: the system could not sign it.
    pub fn certificate(&self, gun: &Gun, now: DateTime) -> Result<PublicKey, CertificateError> {
        self_signed(gun, &self.0, now)
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.0.id()
    }

    /// Splits the key. Each call gives other shares, which don't go with those of another.
    ///
    /// # Errors
    /// [`RecoveryError::Random`].
    pub fn split(&self, shares: Shares) -> Result<Vec<Share>, RecoveryError> {
        let bytes = self.0.to_private_bytes();
        let secret = bytes.get(SCALAR).ok_or(RecoveryError::Random)?;
        let mut set = [0; SET_BYTES];
        rand::fill(&mut set).map_err(|_| RecoveryError::Random)?;
        // A polynomial for each byte: the byte itself, and a random coefficient for each further share that is needed.
        let mut coefficients = Zeroizing::new(vec![0; SECRET_BYTES * usize::from(shares.needed - 1)]);
        rand::fill(&mut coefficients).map_err(|_| RecoveryError::Random)?;
        let value_at = |x: u8| {
            let value = |(index, byte): (usize, &u8)| {
                let of_byte = coefficients.iter().skip(index).step_by(SECRET_BYTES);
                field::evaluate(*byte, of_byte.copied(), x)
            };
            Zeroizing::new(secret.iter().enumerate().map(value).collect::<Vec<u8>>())
        };
        Ok((1..=shares.total).map(|x| Share::new(shares, x, set, self.id(), value_at(x))).collect())
    }
}

/// Restores a key from its shares, in any order; more than are needed must agree, too.
///
/// # Errors
/// - [`RecoveryError::TooFew`]: more are needed.
/// - [`RecoveryError::OtherSet`]: one belongs to another key, or was made at another time.
/// - [`RecoveryError::Twice`]: one is there twice.
/// - [`RecoveryError::OtherKey`]: what comes out is not the key that the shares name: one was changed.
pub fn combine(shares: &[Share]) -> Result<SecretKey, RecoveryError> {
    let Some(first) = shares.first() else { return Err(RecoveryError::TooFew { given: 0, needed: 1 }) };
    for (index, share) in shares.iter().enumerate() {
        if !share.is_of_same_set(first) {
            return Err(RecoveryError::OtherSet { number: share.number() });
        }
        if shares[..index].iter().any(|other| other.number() == share.number()) {
            return Err(RecoveryError::Twice { number: share.number() });
        }
    }
    let needed = usize::from(first.shares().needed);
    if shares.len() < needed {
        return Err(RecoveryError::TooFew { given: shares.len(), needed: first.shares().needed });
    }
    let key = restore(&shares[..needed])?;
    // The others are on the same polynomials, or one of all is wrong.
    for surplus in &shares[needed..] {
        let with_surplus: Vec<&Share> = shares[1..needed].iter().chain([surplus]).collect();
        if needed > 1 && restore_of(&with_surplus)?.id() != key.id() {
            return Err(RecoveryError::OtherKey { found: key.id() });
        }
    }
    let expected = first.key_id();
    if key.id().as_bytes()[..KEY_ID_BYTES] != *expected {
        return Err(RecoveryError::OtherKey { found: key.id() });
    }
    Ok(key)
}

fn restore(shares: &[Share]) -> Result<SecretKey, RecoveryError> {
    restore_of(&shares.iter().collect::<Vec<_>>())
}

fn restore_of(shares: &[&Share]) -> Result<SecretKey, RecoveryError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SEC1.0.len() + SECRET_BYTES + SEC1.1.len()));
    bytes.extend_from_slice(SEC1.0);
    let numbers: Vec<u8> = shares.iter().map(|share| share.number()).collect();
    let weights = field::weights(&numbers);
    for index in 0..SECRET_BYTES {
        bytes.push(field::at_zero(&weights, shares.iter().map(|share| share.value()[index])));
    }
    bytes.extend_from_slice(SEC1.1);
    SecretKey::from_private_bytes(KeyType::Ecdsa, &bytes).map_err(RecoveryError::Key)
}

/// A recovery key that could not be made, split or restored.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RecoveryError {
    /// A split that makes no sense.
    #[error("{needed} of {total} shares cannot be: at least 2 restore a key, and not more than there are")]
    Shares {
        /// How many are to restore the key.
        needed: u8,
        /// How many there are to be.
        total: u8,
    },
    /// Text that is no share.
    #[error("this is no recovery share, or it has a typing error")]
    NoShare,
    /// Not enough.
    #[error("{given} of {needed} shares that are needed are here; nothing was restored")]
    TooFew {
        /// How many are here.
        given: usize,
        /// How many it takes.
        needed: u8,
    },
    /// A share that doesn't go with the first one.
    #[error("share {number} is of another key or of another split; nothing was restored")]
    OtherSet {
        /// Its number.
        number: u8,
    },
    /// One share, twice.
    #[error("share {number} is there twice; nothing was restored")]
    Twice {
        /// Its number.
        number: u8,
    },
    /// Shares that give another key than they say.
    #[error("the shares give key {}, which is not the one that they name: one of them was changed; nothing was restored", found.short())]
    OtherKey {
        /// What they give.
        found: KeyId,
    },
    /// No key could be made, or what the shares give is none.
    #[error("the shares give no key")]
    Key(#[source] KeyError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}
