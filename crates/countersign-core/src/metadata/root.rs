//! `root`: which keys each role has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::key::{KeyId, ListedKey, PublicKey};
use crate::metadata::delegations::null_default;
use crate::metadata::keys::{admit_keyids, own_ids};
use crate::metadata::{Claim, Dialect, Document, MetadataError, Unknown, tuf1};
use crate::name::TopRole;
use crate::number::{MetaVersion, Threshold};
use crate::signature::RoleKeys;
use crate::time::DateTime;

const KNOWN: &[&str] = &["_type", "consistent_snapshot", "expires", "keys", "roles", "version"];
const KNOWN_SPEC: &[&str] = &["keyids", "threshold"];

/// The keys and the threshold of one role, by key id.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RoleSpec {
    /// Key ids in the order in which they were added.
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
    /// Whether files are also there under names with their versions. Without meaning in Notary's files, which say `false` and
    /// are asked for by checksum.
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

    /// Refuses a root that does not describe all four roles.
    pub(super) fn refuse_missing_roles(&self) -> Result<(), MetadataError> {
        match TopRole::ALL.into_iter().find(|role| !self.roles.contains_key(role.name())) {
            Some(missing) => Err(MetadataError::MissingRole(missing.name())),
            None => Ok(()),
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
    keys: BTreeMap<String, ListedKey>,
    roles: BTreeMap<String, ListedSpec>,
    version: MetaVersion,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Deserialize)]
struct ListedSpec {
    #[serde(deserialize_with = "null_default")]
    keyids: Vec<KeyId>,
    threshold: Threshold,
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
        if claim.dialect() == Dialect::Tuf1 {
            return tuf1::root(claim);
        }
        let mut wire: Wire = serde_json::from_value(claim.value()?)?;
        wire.unknown.refuse_near_misses(KNOWN)?;
        if wire.kind != Self::TYPE {
            return Err(MetadataError::Type { found: wire.kind, expected: Self::TYPE });
        }
        let keys = own_ids(wire.keys, &mut wire.unknown)?;
        let mut roles = BTreeMap::new();
        for (role, ListedSpec { keyids, threshold, unknown }) in wire.roles {
            unknown.refuse_near_misses(KNOWN_SPEC)?;
            wire.unknown.absorb(unknown);
            admit_keyids(&role, &keyids, &keys)?;
            roles.insert(role, RoleSpec { keyids, threshold });
        }
        let root = Self {
            expires: wire.expires,
            version: wire.version,
            consistent_snapshot: wire.consistent_snapshot,
            keys,
            roles,
            unknown: wire.unknown,
        };
        root.refuse_missing_roles()?;
        Ok(root)
    }
}
