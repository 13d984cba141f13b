//! `targets` and every delegated role: what names mean.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::canonical;
use crate::metadata::delegations::{self, Delegations};
use crate::metadata::walk::Layout;
use crate::metadata::{Claim, Dialect, Document, FileMeta, MetadataError, TargetTable, Unknown, tuf1};
use crate::name::TargetName;
use crate::number::MetaVersion;
use crate::time::DateTime;

const KNOWN: &[&str] = &["_type", "delegations", "expires", "targets", "version"];

/// A targets document; a delegated role's file has the same shape.
///
/// Source: notary `tuf/data/targets.go`.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    /// When it stops being valid.
    pub expires: DateTime,
    /// Its version.
    pub version: MetaVersion,
    /// The roles it delegates to.
    pub delegations: Delegations,
    /// What each name means.
    pub targets: TargetTable,
    unknown: Unknown,
}

impl Targets {
    /// A document without targets and delegations.
    pub fn new(version: MetaVersion, expires: DateTime) -> Self {
        Self {
            expires,
            version,
            delegations: Delegations::default(),
            targets: TargetTable::default(),
            unknown: Unknown::default(),
        }
    }

    /// The first field of an entry that this dialect does not know; reads every entry.
    pub fn unknown_entry_field(&self) -> Option<String> {
        self.targets.unknown_field()
    }

    /// Decodes every target from a value.
    fn of_value(mut value: Value) -> Result<Self, MetadataError> {
        let targets = value.as_object_mut().and_then(|fields| fields.remove("targets")).unwrap_or_default();
        let targets: Option<BTreeMap<TargetName, FileMeta>> = serde_json::from_value(targets)?;
        let targets = targets.unwrap_or_default();
        for meta in targets.values() {
            meta.refuse_near_misses()?;
        }
        Self::assemble(serde_json::from_value(value)?, TargetTable::from(targets))
    }

    /// Decodes everything but the targets, which stay in the file.
    fn in_file(file: &Bytes, layout: &Layout) -> Result<Self, MetadataError> {
        let mut fields = Map::new();
        let mut targets = TargetTable::default();
        for (name, value) in &layout.fields {
            match &file[name.clone()] {
                b"targets" if file[value.start] == b'{' => {
                    targets = TargetTable::in_file(file.clone(), layout.targets.clone())?;
                }
                b"targets" => serde_json::from_slice::<()>(&file[value.clone()])?,
                name => {
                    let name = String::from_utf8_lossy(name).into_owned();
                    fields.insert(name, canonical::strict(&file[value.clone()])?);
                }
            }
        }
        Self::assemble(serde_json::from_value(Value::Object(fields))?, targets)
    }

    fn assemble(wire: Wire, targets: TargetTable) -> Result<Self, MetadataError> {
        wire.unknown.refuse_near_misses(KNOWN)?;
        if wire.kind != Self::TYPE {
            return Err(MetadataError::Type { found: wire.kind, expected: Self::TYPE });
        }
        Ok(Self {
            expires: wire.expires,
            version: wire.version,
            delegations: wire.delegations.unwrap_or_default().try_into()?,
            targets,
            unknown: wire.unknown,
        })
    }
}

/// All fields but `targets`.
#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    delegations: Option<delegations::Wire>,
    expires: DateTime,
    version: MetaVersion,
    #[serde(flatten)]
    unknown: Unknown,
}

impl Document for Targets {
    const TYPE: &'static str = "Targets";

    fn expires(&self) -> DateTime {
        self.expires
    }

    fn version(&self) -> MetaVersion {
        self.version
    }

    fn unknown_field(&self) -> Option<&str> {
        self.unknown.first().or_else(|| self.delegations.unknown_field())
    }

    fn write_canonical(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"_type\":\"Targets\",\"delegations\":");
        canonical::write_value(out, &serde_json::json!(self.delegations));
        out.extend_from_slice(format!(",\"expires\":\"{}\",\"targets\":", self.expires).as_bytes());
        self.targets.write_canonical(out);
        out.extend_from_slice(format!(",\"version\":{}}}", self.version).as_bytes());
    }

    fn decode(claim: Claim<'_>) -> Result<Self, MetadataError> {
        if claim.dialect() == Dialect::Tuf1 {
            return tuf1::targets(claim);
        }
        match claim.layout() {
            Some((file, layout)) => Self::in_file(file, layout),
            None => Self::of_value(claim.value()?),
        }
    }
}
