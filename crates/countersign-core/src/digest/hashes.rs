//! `hashes`: every digest that is named of one content.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Algorithm, Digest, DigestError, HashError};
use crate::canonical;

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
