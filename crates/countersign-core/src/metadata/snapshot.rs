//! `snapshot`: which file of each role belongs together.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::metadata::{Claim, Dialect, Document, FileMeta, MetadataError, Unknown, tuf1};
use crate::name::{RoleName, TopRole};
use crate::number::MetaVersion;
use crate::time::DateTime;

pub(super) const KNOWN: &[&str] = &["_type", "expires", "meta", "version"];

/// A snapshot document.
///
/// Source: notary `tuf/data/snapshot.go`.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// When it stops being valid.
    pub expires: DateTime,
    /// Its version.
    pub version: MetaVersion,
    /// The file of each role: `root`, `targets`, and every delegation that was published.
    pub meta: BTreeMap<String, FileMeta>,
    unknown: Unknown,
}

impl Snapshot {
    /// A snapshot that lists nothing yet.
    pub fn new(version: MetaVersion, expires: DateTime) -> Self {
        Self { expires, version, meta: BTreeMap::new(), unknown: Unknown::default() }
    }

    /// The file of a role, if it is listed.
    pub fn file(&self, role: &RoleName) -> Option<&FileMeta> {
        self.meta.get(role.as_str())
    }
}

/// Snapshot and timestamp have one shape.
#[derive(Deserialize)]
pub(super) struct Wire {
    #[serde(rename = "_type")]
    pub(super) kind: String,
    pub(super) expires: DateTime,
    pub(super) meta: BTreeMap<String, FileMeta>,
    pub(super) version: MetaVersion,
    #[serde(flatten)]
    pub(super) unknown: Unknown,
}

impl Wire {
    /// Decodes a document of this `_type` that lists a SHA-256 of each of `required`.
    pub(super) fn decode(
        value: Value,
        kind: &'static str,
        required: &[TopRole],
    ) -> Result<Self, MetadataError> {
        let wire: Self = serde_json::from_value(value)?;
        wire.unknown.refuse_near_misses(KNOWN)?;
        if wire.kind != kind {
            return Err(MetadataError::Type { found: wire.kind, expected: kind });
        }
        for meta in wire.meta.values() {
            meta.refuse_near_misses()?;
        }
        for role in required {
            if wire.meta.get(role.name()).and_then(|meta| meta.hashes.sha256()).is_none() {
                return Err(MetadataError::MissingHash(role.name()));
            }
        }
        Ok(wire)
    }
}

/// Appends the canonical form that snapshot and timestamp share.
pub(super) fn write(
    out: &mut Vec<u8>,
    kind: &str,
    expires: DateTime,
    meta: &BTreeMap<String, FileMeta>,
    version: MetaVersion,
) {
    out.extend_from_slice(format!("{{\"_type\":\"{kind}\",\"expires\":\"{expires}\",\"meta\":{{").as_bytes());
    for (index, (name, meta)) in meta.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        crate::canonical::write_string(out, name);
        out.push(b':');
        meta.write_canonical(out);
    }
    out.extend_from_slice(format!("}},\"version\":{version}}}").as_bytes());
}

impl Document for Snapshot {
    const TYPE: &'static str = "Snapshot";

    fn expires(&self) -> DateTime {
        self.expires
    }

    fn version(&self) -> MetaVersion {
        self.version
    }

    fn unknown_field(&self) -> Option<&str> {
        self.unknown.first().or_else(|| self.meta.values().find_map(FileMeta::unknown_field))
    }

    fn write_canonical(&self, out: &mut Vec<u8>) {
        write(out, Self::TYPE, self.expires, &self.meta, self.version);
    }

    fn listed_versions(&self) -> Vec<(&str, MetaVersion)> {
        self.meta.iter().filter_map(|(role, meta)| Some((role.as_str(), meta.version?))).collect()
    }

    fn decode(claim: Claim<'_>) -> Result<Self, MetadataError> {
        if claim.dialect() == Dialect::Tuf1 {
            return tuf1::snapshot(claim);
        }
        let wire = Wire::decode(claim.value()?, Self::TYPE, &[TopRole::Root, TopRole::Targets])?;
        Ok(Self { expires: wire.expires, version: wire.version, meta: wire.meta, unknown: wire.unknown })
    }
}
