//! Digests: the name of content (`sha256:…`), the hashes that metadata lists, and checks of bytes against them.

mod hashes;

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

pub use self::hashes::Hashes;

/// A digest algorithm that content may be named by.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Algorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl Algorithm {
    /// The name in digests and in `hashes`: `sha256` or `sha512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The length of a digest in bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn implementation(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// The digest of some content, written `algorithm:hex`.
///
/// Only `sha256` and `sha512` exist here; hex is lower case, exactly as long as the algorithm says.
///
/// ```
/// use countersign_core::digest::Digest;
/// let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// assert_eq!(Digest::sha256(b"").to_string(), empty);
/// assert_eq!(empty.parse::<Digest>()?, Digest::sha256(b""));
/// # Ok::<(), countersign_core::digest::DigestError>(())
/// ```
///
/// Source: OCI image specification, "Digests".
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; 64],
}

impl Digest {
    /// The SHA-256 of `content`.
    pub fn sha256(content: &[u8]) -> Self {
        Self::of(Algorithm::Sha256, content)
    }

    /// The digest of `content` under `algorithm`.
    pub fn of(algorithm: Algorithm, content: &[u8]) -> Self {
        Self::padded(algorithm, digest::digest(algorithm.implementation(), content).as_ref())
    }

    /// Takes raw digest bytes, which must be as long as `algorithm` says.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, DigestError> {
        if bytes.len() != algorithm.bytes() {
            return Err(DigestError::Length { algorithm: algorithm.name(), found: bytes.len() });
        }
        Ok(Self::padded(algorithm, bytes))
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw digest, 32 or 64 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.bytes()]
    }

    /// The digest in lower-case hex, without the algorithm.
    pub fn hex(&self) -> String {
        hex::encode(self.as_bytes())
    }

    /// Compares `content` with this digest.
    pub fn verify(&self, content: &[u8]) -> Result<(), HashError> {
        let found = Self::of(self.algorithm, content);
        if found == *self { Ok(()) } else { Err(HashError::Mismatch { expected: *self, found }) }
    }

    fn padded(algorithm: Algorithm, digest: &[u8]) -> Self {
        let mut bytes = [0; 64];
        bytes[..digest.len()].copy_from_slice(digest);
        Self { algorithm, bytes }
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, hex_text) = text.split_once(':').ok_or_else(|| DigestError::Shape(text.to_owned()))?;
        let algorithm = Algorithm::of_name(name).ok_or_else(|| DigestError::Algorithm(name.to_owned()))?;
        if hex_text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(DigestError::Shape(text.to_owned()));
        }
        let bytes = hex::decode(hex_text).map_err(|_| DigestError::Shape(text.to_owned()))?;
        Self::from_bytes(algorithm, &bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A digest being computed over content that arrives in pieces.
pub struct Hasher {
    algorithm: Algorithm,
    context: digest::Context,
}

impl Hasher {
    /// Starts a digest.
    pub fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, context: digest::Context::new(algorithm.implementation()) }
    }

    /// Adds the next piece of content.
    pub fn update(&mut self, piece: &[u8]) {
        self.context.update(piece);
    }

    /// Ends the digest.
    pub fn finish(self) -> Digest {
        Digest::padded(self.algorithm, self.context.finish().as_ref())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({})", self.algorithm.name())
    }
}

/// Text or bytes that are no digest.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DigestError {
    /// Not `algorithm:lower-case hex`.
    #[error("`{}` is not a digest such as `sha256:` and 64 lower-case hex digits", .0.escape_default())]
    Shape(String),
    /// An algorithm other than sha256 and sha512.
    #[error("digest algorithm `{}` is not supported, only sha256 and sha512 are", .0.escape_default())]
    Algorithm(String),
    /// The wrong number of bytes for the algorithm.
    #[error("a {algorithm} digest of {found} bytes")]
    Length {
        /// The algorithm's name.
        algorithm: &'static str,
        /// Bytes found.
        found: usize,
    },
}

/// Content that is not what its hashes say.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum HashError {
    /// No digest of a known algorithm was named.
    #[error("no sha256 or sha512 hash is named")]
    NoneKnown,
    /// A digest differs.
    #[error("its digest is {found}, expected {expected}")]
    Mismatch {
        /// The digest that was named.
        expected: Digest,
        /// The digest of the content.
        found: Digest,
    },
}

#[cfg(test)]
mod tests;
