//! Digests: the name of content (`sha256:…`), the hashes that metadata lists, and checks of bytes against them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::canonical;

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

/// The `hashes` of one file or target: algorithm name to raw digest, base64 on the wire.
///
/// Unknown algorithms are kept as they came; at least one known algorithm is needed before anything is believed.
///
/// Source: notary `tuf/data/types.go`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Hashes {
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
    unknown: BTreeMap<String, Vec<u8>>,
}

impl Hashes {
    /// Both digests that Notary's tools write, of `content`.
    pub fn of(content: &[u8]) -> Self {
        let mut hashes = Self::default();
        hashes.insert(Digest::of(Algorithm::Sha256, content));
        hashes.insert(Digest::of(Algorithm::Sha512, content));
        hashes
    }

    /// Sets the digest of one algorithm.
    pub fn insert(&mut self, digest: Digest) {
        match digest.algorithm {
            Algorithm::Sha256 => self.sha256 = digest.as_bytes().try_into().ok(),
            Algorithm::Sha512 => self.sha512 = digest.as_bytes().try_into().ok(),
        }
    }

    /// The SHA-256, if it is named.
    pub fn sha256(&self) -> Option<Digest> {
        self.sha256.map(|bytes| Digest::padded(Algorithm::Sha256, &bytes))
    }

    /// The SHA-512, if it is named.
    pub fn sha512(&self) -> Option<Digest> {
        self.sha512.map(|bytes| Digest::padded(Algorithm::Sha512, &bytes))
    }

    /// Every digest whose algorithm is known.
    pub fn known(&self) -> impl Iterator<Item = Digest> {
        self.sha256().into_iter().chain(self.sha512())
    }

    /// The names of all algorithms, known or not.
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = &str> {
        self.entries().into_keys()
    }

    /// Compares `content` with every known digest; at least one must be named.
    ///
    /// # Errors
    /// - [`HashError::NoneKnown`]: only unknown algorithms, or none, are named.
    /// - [`HashError::Mismatch`]: one of them differs.
    ///
    /// Source: notary `tuf/data/types.go`; reference behaviour "every known algorithm present must match".
    pub fn verify(&self, content: &[u8]) -> Result<(), HashError> {
        let mut named = 0;
        for expected in self.known() {
            named += 1;
            expected.verify(content)?;
        }
        if named == 0 { Err(HashError::NoneKnown) } else { Ok(()) }
    }

    /// Whether both name at least one digest in common and agree on every one that both name.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let pairs = [(self.sha256(), other.sha256()), (self.sha512(), other.sha512())];
        let common = pairs.iter().filter_map(|(left, right)| left.zip(*right));
        let mut met = false;
        for (left, right) in common {
            if left != right {
                return false;
            }
            met = true;
        }
        met
    }

    /// Takes digests in hex, by the names of their algorithms.
    pub(crate) fn from_hex(entries: BTreeMap<String, String>) -> Result<Self, DigestError> {
        let mut hashes = Self::default();
        for (name, text) in entries {
            match Algorithm::of_name(&name) {
                Some(algorithm) => {
                    let bytes = hex::decode(&text).map_err(|_| DigestError::Shape(text))?;
                    hashes.insert(Digest::from_bytes(algorithm, &bytes)?);
                }
                None => drop(hashes.unknown.insert(name, text.into_bytes())),
            }
        }
        Ok(hashes)
    }

    /// Whether nothing is named, known or not.
    pub(crate) fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.sha512.is_none() && self.unknown.is_empty()
    }

    /// Takes digests in base64, as a file lists them; `None` when one is not exactly a digest.
    pub(crate) fn from_base64(sha256: &[u8], sha512: Option<&[u8]>) -> Option<Self> {
        let mut hashes = Self { sha256: Some([0; 32]), sha512: None, unknown: BTreeMap::new() };
        decode_exactly(sha256, hashes.sha256.as_mut()?)?;
        if let Some(text) = sha512 {
            decode_exactly(text, hashes.sha512.insert([0; 64]))?;
        }
        Some(hashes)
    }

    /// Appends the canonical form: algorithms in order, digests in base64.
    pub(crate) fn write_canonical(&self, out: &mut Vec<u8>) {
        let mut separator = b'{';
        let mut write = |name: &str, bytes: &[u8]| {
            out.push(separator);
            separator = b',';
            canonical::write_string(out, name);
            out.extend_from_slice(b":\"");
            let start = out.len();
            out.resize(start + bytes.len().div_ceil(3) * 4, 0);
            let written = STANDARD.encode_slice(bytes, &mut out[start..]);
            debug_assert_eq!(written, Ok(out.len() - start), "padded base64 has exactly this length");
            out.push(b'"');
        };
        if self.unknown.is_empty() {
            self.known().for_each(|digest| write(digest.algorithm().name(), digest.as_bytes()));
        } else {
            self.entries().into_iter().for_each(|(name, bytes)| write(name, bytes));
        }
        out.extend_from_slice(if separator == b'{' { b"{}" } else { b"}" });
    }

    fn entries(&self) -> BTreeMap<&str, &[u8]> {
        let mut entries: BTreeMap<&str, &[u8]> =
            self.unknown.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        if let Some(bytes) = &self.sha256 {
            entries.insert("sha256", bytes);
        }
        if let Some(bytes) = &self.sha512 {
            entries.insert("sha512", bytes);
        }
        entries
    }
}

fn decode_exactly(text: &[u8], digest: &mut [u8]) -> Option<()> {
    (STANDARD.decode_slice(text, digest).ok()? == digest.len()).then_some(())
}

impl From<Digest> for Hashes {
    fn from(digest: Digest) -> Self {
        let mut hashes = Self::default();
        hashes.insert(digest);
        hashes
    }
}

impl Serialize for Hashes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries().into_iter().map(|(name, bytes)| (name, STANDARD.encode(bytes))))
    }
}

impl<'de> Deserialize<'de> for Hashes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = BTreeMap::<String, String>::deserialize(deserializer)?;
        let mut hashes = Self::default();
        for (name, text) in entries {
            let bytes = STANDARD
                .decode(text)
                .map_err(|_| D::Error::custom(format!("`{}` hash is not base64", name.escape_default())))?;
            match Algorithm::of_name(&name) {
                Some(algorithm) => {
                    hashes.insert(Digest::from_bytes(algorithm, &bytes).map_err(D::Error::custom)?);
                }
                None => drop(hashes.unknown.insert(name, bytes)),
            }
        }
        Ok(hashes)
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
mod tests {
    use super::*;

    #[test]
    fn digest_text_must_be_lower_case_and_full_length() {
        let text = Digest::sha256(b"x").to_string();
        assert_eq!(text.parse(), Ok(Digest::sha256(b"x")));
        assert!(text.to_uppercase().parse::<Digest>().is_err());
        assert!(text[..text.len() - 2].parse::<Digest>().is_err());
        assert_eq!("md5:00".parse::<Digest>(), Err(DigestError::Algorithm("md5".to_owned())));
    }

    #[test]
    fn hashes_check_every_known_algorithm() {
        let mut hashes = Hashes::of(b"x");
        assert_eq!(hashes.verify(b"x"), Ok(()));
        hashes.insert(Digest::of(Algorithm::Sha512, b"y"));
        assert!(matches!(hashes.verify(b"x"), Err(HashError::Mismatch { .. })));
    }

    #[test]
    fn hashes_of_unknown_algorithms_alone_are_no_check() {
        let hashes: Hashes =
            serde_json::from_str(r#"{"blake3":"AAAA"}"#).expect("unknown algorithms are kept");
        assert_eq!(hashes.verify(b"x"), Err(HashError::NoneKnown));
        assert_eq!(serde_json::to_string(&hashes).expect("hashes serialise"), r#"{"blake3":"AAAA"}"#);
    }

    #[test]
    fn hasher_in_pieces_equals_digest_at_once() {
        let mut hasher = Hasher::new(Algorithm::Sha512);
        hasher.update(b"he");
        hasher.update(b"llo");
        assert_eq!(hasher.finish(), Digest::of(Algorithm::Sha512, b"hello"));
    }
}
