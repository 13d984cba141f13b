//! `timestamp`: which snapshot is the current one.

use std::collections::BTreeMap;

use crate::metadata::snapshot::{self, Wire};
use crate::metadata::{Claim, Dialect, Document, FileMeta, MetadataError, Unknown, tuf1};
use crate::name::TopRole;
use crate::number::MetaVersion;
use crate::time::DateTime;

/// A timestamp document.
///
/// Source: notary `tuf/data/timestamp.go`.
#[derive(Clone, Debug, PartialEq)]
pub struct Timestamp {
    /// When it stops being valid.
    pub expires: DateTime,
    /// Its version.
    pub version: MetaVersion,
    /// The snapshot file, with a SHA-256.
    pub snapshot: FileMeta,
    others: BTreeMap<String, FileMeta>,
    unknown: Unknown,
}

impl Timestamp {
    /// A timestamp of this snapshot file.
    pub fn new(version: MetaVersion, expires: DateTime, snapshot: FileMeta) -> Self {
        Self { expires, version, snapshot, others: BTreeMap::new(), unknown: Unknown::default() }
    }
}

impl Document for Timestamp {
    const TYPE: &'static str = "Timestamp";
    const IS_UNLISTED: bool = true;

    fn expires(&self) -> DateTime {
        self.expires
    }

    fn version(&self) -> MetaVersion {
        self.version
    }

    fn unknown_field(&self) -> Option<&str> {
        self.unknown.first().or_else(|| self.others.keys().next().map(String::as_str))
    }

    fn write_canonical(&self, out: &mut Vec<u8>) {
        let mut meta = self.others.clone();
        meta.insert(TopRole::Snapshot.name().to_owned(), self.snapshot.clone());
        snapshot::write(out, Self::TYPE, self.expires, &meta, self.version);
    }

    fn listed_versions(&self) -> Vec<(&str, MetaVersion)> {
        self.snapshot.version.map(|version| (TopRole::Snapshot.name(), version)).into_iter().collect()
    }

    fn decode(claim: Claim<'_>) -> Result<Self, MetadataError> {
        if claim.dialect() == Dialect::Tuf1 {
            return tuf1::timestamp(claim);
        }
        let mut wire = Wire::decode(claim.value()?, Self::TYPE, &[TopRole::Snapshot])?;
        let name = TopRole::Snapshot.name();
        let snapshot = wire.meta.remove(name).ok_or(MetadataError::MissingHash(name))?;
        Ok(Self {
            expires: wire.expires,
            version: wire.version,
            snapshot,
            others: wire.meta,
            unknown: wire.unknown,
        })
    }
}
