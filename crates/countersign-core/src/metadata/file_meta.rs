//! What a file or a target is: its hashes, its length, and a note of its author.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical;
use crate::digest::Hashes;
use crate::metadata::delegations::null_default;
use crate::metadata::{MetadataError, Unknown};
use crate::number::MetaVersion;

const KNOWN: &[&str] = &["custom", "hashes", "length"];

/// Hashes and length of one file or target.
///
/// `length` is in bytes; for a metadata file it is the most that is downloaded, for an image the manifest's size.
///
/// Source: notary `tuf/data/types.go`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FileMeta {
    /// The author's own note, any JSON without floats; absent when `None`.
    #[serde(default, deserialize_with = "canonical::deserialize", skip_serializing_if = "Option::is_none")]
    pub custom: Option<Value>,
    /// Digests by algorithm.
    #[serde(deserialize_with = "null_default")]
    pub hashes: Hashes,
    /// Length in bytes; for a metadata file an upper bound.
    pub length: u64,
    /// The version of a metadata file, where its listing says it: always outside of Notary's files, never in them.
    #[serde(skip)]
    pub version: Option<MetaVersion>,
    #[serde(flatten, skip_serializing)]
    unknown: Unknown,
}

impl FileMeta {
    /// The length of a metadata file whose listing does not bound it.
    pub(crate) const UNBOUNDED: u64 = u64::MAX;

    /// Describes content of `length` bytes with these `hashes`.
    pub fn new(hashes: Hashes, length: u64) -> Self {
        Self { custom: None, hashes, length, version: None, unknown: Unknown::default() }
    }

    /// Describes `content`, with both digests that Notary's tools write.
    pub fn of(content: &[u8]) -> Self {
        Self::new(Hashes::of(content), content.len() as u64)
    }

    pub(crate) fn refuse_near_misses(&self) -> Result<(), MetadataError> {
        self.unknown.refuse_near_misses(KNOWN)
    }

    pub(crate) fn unknown_field(&self) -> Option<&str> {
        self.unknown.first()
    }

    /// Appends the canonical form.
    pub(crate) fn write_canonical(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        // Notary's reader takes a note of `null` for none, and writes none.
        if let Some(custom) = self.custom.as_ref().filter(|custom| !custom.is_null()) {
            out.extend_from_slice(b"\"custom\":");
            canonical::write_value(out, custom);
            out.push(b',');
        }
        out.extend_from_slice(b"\"hashes\":");
        self.hashes.write_canonical(out);
        out.extend_from_slice(b",\"length\":");
        out.extend_from_slice(self.length.to_string().as_bytes());
        out.push(b'}');
    }
}
