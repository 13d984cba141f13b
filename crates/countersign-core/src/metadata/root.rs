//! `root`: which keys each role has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::key::{KeyId, PublicKey};
use crate::metadata::unknown::Unknown;
use crate::metadata::{Claim, Document, MetadataError};
use crate::name::TopRole;
use crate::number::{MetaVersion, Threshold};
use crate::signature::RoleKeys;
use crate::time::DateTime;

const KNOWN: &[&str] = &["_type", "consistent_snapshot", "expires", "keys", "roles", "version"];

/// The keys and the threshold of one role, by key id.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RoleSpec {
    /// Key ids in the order in which they were added.
    #[serde(deserialize_with = "super::delegations::null_default")]
    pub keyids: Vec<KeyId>,
    /// How many distinct keys must sign.
    pub threshold: Threshold,
}

/// A root document.
///
/// Source: notary `tuf/data/root.go`.
#[derive(Clone, Debug, PartialEq)]
pub struct Root {
    /// When it stops being valid.
    pub expires: DateTime,
    /// Its version.
    pub version: MetaVersion,
    /// Always written `false`, and without meaning: files are always asked for by checksum.
    pub consistent_snapshot: bool,
    /// Every key, by its id.
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// The four roles, and whatever else a file names.
    pub roles: BTreeMap<String, RoleSpec>,
    unknown: Unknown,
}

impl Root {
    /// A root of these roles' keys.
    pub fn new(version: MetaVersion, expires: DateTime) -> Self {
        Self {
            expires,
            version,
            consistent_snapshot: false,
            keys: BTreeMap::new(),
            roles: BTreeMap::new(),
            unknown: Unknown::default(),
        }
    }

    /// The keys and threshold of a top-level role.
    pub fn role_keys(&self, role: TopRole) -> RoleKeys {
        let spec = self.roles.get(role.name());
        let keyids = spec.map_or(&[][..], |spec| &spec.keyids);
        let keys = keyids.iter().filter_map(|id| Some((*id, self.keys.get(id)?.clone()))).collect();
        RoleKeys::new(keys, spec.map_or(Threshold::ONE, |spec| spec.threshold))
    }

    /// The public keys of a top-level role, in the file's order.
    pub fn keys_of(&self, role: TopRole) -> impl Iterator<Item = (&KeyId, &PublicKey)> {
        let keyids = self.roles.get(role.name()).map_or(&[][..], |spec| &spec.keyids);
        keyids.iter().filter_map(|id| self.keys.get_key_value(id))
    }
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(default)]
    consistent_snapshot: bool,
    expires: DateTime,
    keys: BTreeMap<String, PublicKey>,
    roles: BTreeMap<String, RoleSpec>,
    version: MetaVersion,
    #[serde(flatten)]
    unknown: Unknown,
}

impl Document for Root {
    const TYPE: &'static str = "Root";

    fn expires(&self) -> DateTime {
        self.expires
    }

    fn version(&self) -> MetaVersion {
        self.version
    }

    fn unknown_field(&self) -> Option<&str> {
        self.unknown.first()
    }

    fn write_canonical(&self, out: &mut Vec<u8>) {
        canonical::write_value(
            out,
            &serde_json::json!({
                "_type": Self::TYPE,
                "consistent_snapshot": self.consistent_snapshot,
                "expires": self.expires,
                "keys": self.keys,
                "roles": self.roles,
                "version": self.version,
            }),
        );
    }

    fn decode(claim: Claim<'_>) -> Result<Self, MetadataError> {
        let wire: Wire = serde_json::from_value(claim.value()?)?;
        wire.unknown.refuse_near_misses(KNOWN)?;
        if wire.kind != Self::TYPE {
            return Err(MetadataError::Type { found: wire.kind, expected: Self::TYPE });
        }
        let keys = own_ids(wire.keys)?;
        for role in TopRole::ALL {
            if !wire.roles.contains_key(role.name()) {
                return Err(MetadataError::MissingRole(role.name()));
            }
        }
        for (role, spec) in &wire.roles {
            if let Some(key) = spec.keyids.iter().find(|id| !keys.contains_key(id)) {
                return Err(MetadataError::MissingKey { role: role.clone(), key: *key });
            }
        }
        Ok(Self {
            expires: wire.expires,
            version: wire.version,
            consistent_snapshot: wire.consistent_snapshot,
            keys,
            roles: wire.roles,
            unknown: wire.unknown,
        })
    }
}

/// Takes a `keys` object; each key must stand under its own id.
pub(crate) fn own_ids(
    listed: BTreeMap<String, PublicKey>,
) -> Result<BTreeMap<KeyId, PublicKey>, MetadataError> {
    let mut keys = BTreeMap::new();
    for (listed, key) in listed {
        let actual = key.id();
        if listed != actual.to_string() {
            return Err(MetadataError::KeyId { listed, actual });
        }
        keys.insert(actual, key);
    }
    Ok(keys)
}
