//! `delegations`: which keys may sign which target names for somebody else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};

use crate::key::{KeyId, ListedKey, PublicKey};
use crate::metadata::keys::{admit_keyids, own_ids};
use crate::metadata::{MetadataError, PathRule, SuccinctRoles, Unknown};
use crate::name::RoleName;
use crate::number::Threshold;
use crate::signature::RoleKeys;

const KNOWN: &[&str] = &["keys", "roles"];
const KNOWN_ROLE: &[&str] = &["keyids", "name", "paths", "threshold"];

/// One delegated role as its parent declares it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Delegation {
    /// Ids of the keys that may sign, in the order in which they were added.
    #[serde(deserialize_with = "null_default")]
    pub keyids: Vec<KeyId>,
    /// The role's full name, `targets/…`.
    pub name: RoleName,
    /// Byte prefixes of the target names that it may sign; `""` is every name, no path is none.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// How many distinct keys must sign.
    pub threshold: Threshold,
    /// How `paths` are read; prefixes in Notary's files.
    #[serde(skip)]
    pub rule: PathRule,
    /// Whether nobody else is asked about a name that is within the paths; never in Notary's files.
    #[serde(skip)]
    pub terminating: bool,
    #[serde(flatten, skip_serializing)]
    unknown: Unknown,
}

impl Delegation {
    /// A delegation without keys and paths.
    pub fn new(name: RoleName, threshold: Threshold) -> Self {
        Self {
            keyids: Vec::new(),
            name,
            paths: Vec::new(),
            threshold,
            rule: PathRule::default(),
            terminating: false,
            unknown: Unknown::default(),
        }
    }
}

/// The delegations of one targets document.
///
/// Source: notary `tuf/data/roles.go`, `tuf/data/targets.go`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Delegations {
    /// Every key that a delegation names, by its id.
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// The delegated roles, in the order in which they are searched.
    pub roles: Vec<Delegation>,
    /// Roles by hash bins, in place of `roles`; never in Notary's files.
    #[serde(skip)]
    pub bins: Option<SuccinctRoles>,
    #[serde(skip)]
    unknown: Unknown,
}

impl Delegations {
    /// Delegations to these roles, whose names say nothing of who declares them.
    ///
    /// # Errors
    /// [`MetadataError::ForeignDelegation`]: a role is declared twice.
    pub(super) fn of_roles(
        keys: BTreeMap<KeyId, PublicKey>,
        roles: Vec<Delegation>,
    ) -> Result<Self, MetadataError> {
        let delegations = Self { keys, roles, ..Self::default() };
        delegations.refuse_foreign()?;
        Ok(delegations)
    }

    /// Delegations to hash bins.
    pub(super) fn of_bins(keys: BTreeMap<KeyId, PublicKey>, bins: SuccinctRoles) -> Self {
        Self { keys, bins: Some(bins), ..Self::default() }
    }

    /// The keys and threshold of the role `name`, if it is delegated here.
    pub fn keys_of(&self, name: &RoleName) -> Option<RoleKeys> {
        match (self.role(name), &self.bins) {
            (Some(role), _) => Some(self.role_keys(role)),
            (None, Some(bins)) if bins.has(name) => Some(self.usable(&bins.keyids, bins.threshold)),
            _ => None,
        }
    }

    /// The roles that may speak of the target `name`, in the order in which they are asked, each with whether it terminates the
    /// search.
    pub(crate) fn roles_for(&self, name: &str) -> Vec<(RoleName, bool)> {
        let bin = self.bins.as_ref().and_then(|bins| bins.role_for(name)).map(|role| (role, true));
        let covering = self.roles.iter().filter(|role| role.rule.covers(&role.paths, name));
        covering.map(|role| (role.name.clone(), role.terminating)).chain(bin).collect()
    }

    /// The delegation of this name.
    pub fn role(&self, name: &RoleName) -> Option<&Delegation> {
        self.roles.iter().find(|role| role.name == *name)
    }

    /// The keys and threshold of a delegation. A key in a certificate that is too weak is none: its dates are the wrong way
    /// round, or it is signed over SHA-1. Whether it expired is not looked at.
    ///
    /// Source: notary `tuf/tuf.go` (`GetDelegationRole`).
    pub fn role_keys(&self, delegation: &Delegation) -> RoleKeys {
        self.usable(&delegation.keyids, delegation.threshold)
    }

    fn usable(&self, keyids: &[KeyId], threshold: Threshold) -> RoleKeys {
        let keys = keyids.iter().filter_map(|id| Some((*id, self.keys.get(id)?.clone())));
        RoleKeys::new(keys.filter(|(_, key)| key.check_strength().is_ok()).collect(), threshold)
    }

    pub(crate) fn unknown_field(&self) -> Option<&str> {
        self.unknown.first().or_else(|| self.roles.iter().find_map(|role| role.unknown.first()))
    }

    /// Refuses roles that are declared twice, or that belong to different parents.
    fn refuse_foreign(&self) -> Result<(), MetadataError> {
        let mut names = BTreeSet::new();
        let parent = self.roles.first().and_then(|role| role.name.parent());
        for role in &self.roles {
            if !role.name.is_delegation() || role.name.parent() != parent || !names.insert(&role.name) {
                return Err(MetadataError::ForeignDelegation(role.name.to_string()));
            }
        }
        Ok(())
    }
}

impl TryFrom<Wire> for Delegations {
    type Error = MetadataError;

    fn try_from(mut wire: Wire) -> Result<Self, MetadataError> {
        wire.unknown.refuse_near_misses(KNOWN)?;
        let keys = own_ids(wire.keys, &mut wire.unknown)?;
        let delegations = Self { keys, roles: wire.roles, bins: None, unknown: wire.unknown };
        for role in &delegations.roles {
            role.unknown.refuse_near_misses(KNOWN_ROLE)?;
            admit_keyids(role.name.as_str(), &role.keyids, &delegations.keys)?;
        }
        delegations.refuse_foreign()?;
        Ok(delegations)
    }
}

/// Whether nobody delegates to `role`, or to a role above it; `of` gives the delegations of the roles that are at hand.
pub(crate) fn is_undelegated<'a>(
    role: &RoleName,
    of: &impl Fn(&RoleName) -> Option<&'a Delegations>,
) -> bool {
    let Some(parent) = role.parent() else { return false };
    match of(&parent) {
        Some(delegations) => delegations.role(role).is_none(),
        None => is_undelegated(&parent, of),
    }
}

/// `delegations` as it stands in a file.
#[derive(Default, Deserialize)]
pub(crate) struct Wire {
    #[serde(default, deserialize_with = "null_default")]
    keys: BTreeMap<String, ListedKey>,
    #[serde(default, deserialize_with = "null_default")]
    roles: Vec<Delegation>,
    #[serde(flatten)]
    unknown: Unknown,
}

/// Reads `null` as the empty value: Go writes a nil list or map so.
pub(crate) fn null_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
