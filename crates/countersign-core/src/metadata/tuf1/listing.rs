//! `snapshot` and `timestamp`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::digest::Hashes;
use crate::metadata::tuf1::{read, wrong};
use crate::metadata::{Claim, FileMeta, MetadataError, Snapshot, Timestamp};
use crate::name::{RoleName, TopRole};
use crate::number::MetaVersion;
use crate::time::DateTime;

#[derive(Deserialize)]
struct Wire {
    expires: DateTime,
    meta: BTreeMap<String, Listed>,
    version: MetaVersion,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    length: Option<u64>,
    version: MetaVersion,
}

impl Listed {
    fn read(self) -> Result<FileMeta, MetadataError> {
        let length = self.length.unwrap_or(FileMeta::UNBOUNDED);
        let mut meta = FileMeta::new(hashes(self.hashes)?, length);
        meta.version = Some(self.version);
        Ok(meta)
    }
}

/// Takes hex digests. Those of unknown algorithms are kept.
pub(super) fn hashes(listed: BTreeMap<String, String>) -> Result<Hashes, MetadataError> {
    Hashes::from_hex(listed).map_err(wrong)
}

/// Source: TUF 1.0.34 §4.4.
pub(in crate::metadata) fn snapshot(claim: Claim<'_>) -> Result<Snapshot, MetadataError> {
    let wire: Wire = read(claim, "snapshot")?;
    let mut snapshot = Snapshot::new(wire.version, wire.expires);
    for (file, listed) in wire.meta {
        let role = role_of(&file)?;
        // A snapshot speaks of targets roles only. Old repositories have long listed some root, and never renewed the entry.
        if role.is_delegation() || role == TopRole::Targets {
            snapshot.meta.insert(role.into(), listed.read()?);
        }
    }
    match snapshot.file(&TopRole::Targets.into()) {
        Some(_) => Ok(snapshot),
        None => Err(MetadataError::MissingRole(TopRole::Targets.name())),
    }
}

/// Source: TUF 1.0.34 §4.6.
pub(in crate::metadata) fn timestamp(claim: Claim<'_>) -> Result<Timestamp, MetadataError> {
    let mut wire: Wire = read(claim, "timestamp")?;
    let name = TopRole::Snapshot.name();
    let listed = wire.meta.remove("snapshot.json").ok_or(MetadataError::MissingRole(name))?;
    Ok(Timestamp::new(wire.version, wire.expires, listed.read()?))
}

/// The role whose file is called `file`.
fn role_of(file: &str) -> Result<RoleName, MetadataError> {
    let name = file.strip_suffix(".json");
    let name = name.ok_or_else(|| wrong(format_args!("`{}` is no metadata file", file.escape_default())))?;
    let top = TopRole::ALL.into_iter().find(|top| top.name() == name);
    match top {
        Some(top) => Ok(top.into()),
        None => RoleName::flat(name.to_owned()).map_err(wrong),
    }
}
