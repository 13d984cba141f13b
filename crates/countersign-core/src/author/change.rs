//! What a publisher wants to change.

use std::collections::BTreeSet;

use crate::author::AuthorError;
use crate::canonical;
use crate::key::{KeyId, PublicKey};
use crate::metadata::{Delegation, Delegations, FileMeta};
use crate::name::{RoleName, TargetName, TopRole};
use crate::number::Threshold;

/// One change of a collection.
///
/// Source: notary `client/changelist/change.go`, `client/helpers.go`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// Says what a name means.
    SetTarget {
        /// The role that says it.
        role: RoleName,
        /// The name.
        name: TargetName,
        /// What it means.
        meta: FileMeta,
    },
    /// Takes a name back; a name that is not there is fine.
    RemoveTarget {
        /// The role.
        role: RoleName,
        /// The name.
        name: TargetName,
    },
    /// Creates a delegation or edits it.
    EditDelegation {
        /// The delegated role.
        role: RoleName,
        /// What changes.
        edit: DelegationEdit,
    },
    /// Removes a delegation.
    RemoveDelegation {
        /// The delegated role.
        role: RoleName,
    },
    /// Removes keys from every delegation below a role, at every depth, as far as roles are at hand.
    ///
    /// A role further down whose own keys are not at hand stays as it is, and is named by
    /// [`Edition::unpurged`](crate::author::Edition::unpurged).
    ///
    /// Source: notary `tuf/tuf.go` (`PurgeDelegationKeys`), where this is the role `targets/*`.
    PurgeKeys {
        /// The role under which delegations are searched, `targets` or a delegation.
        below: RoleName,
        /// Canonical ids of the keys.
        keys: Vec<KeyId>,
    },
    /// Signs a role again as it is.
    Witness {
        /// The role.
        role: RoleName,
    },
    /// Says how many of a role's keys must sign: of root, targets or a delegation.
    SetThreshold {
        /// The role.
        role: RoleName,
        /// How many must sign, at most as many as it has keys.
        threshold: Threshold,
    },
    /// Replaces the keys of a top-level role.
    ReplaceKeys {
        /// The role.
        role: TopRole,
        /// Its keys from now on.
        keys: Vec<PublicKey>,
    },
}

/// What changes of one delegation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DelegationEdit {
    /// The threshold, used only when the delegation is created.
    pub threshold: Option<Threshold>,
    /// Keys to add.
    pub add_keys: Vec<PublicKey>,
    /// Canonical ids of keys to remove.
    pub remove_keys: Vec<KeyId>,
    /// Paths to add.
    pub add_paths: Vec<String>,
    /// Paths to remove.
    pub remove_paths: Vec<String>,
    /// Whether every path is removed first.
    pub clear_paths: bool,
}

impl DelegationEdit {
    /// Applies the edit to `role` in its parent's delegations; creates the role when it adds something.
    pub(super) fn apply(&self, role: &RoleName, delegations: &mut Delegations) -> Result<(), AuthorError> {
        admit_keys(&self.add_keys)?;
        if let Some(path) = self.add_paths.iter().find(|path| has_control(path)) {
            return Err(AuthorError::Unwritable(path.clone()));
        }
        let at = match delegations.roles.iter().position(|declared| declared.name == *role) {
            Some(at) => at,
            None if self.threshold.is_some() || !self.add_keys.is_empty() || !self.add_paths.is_empty() => {
                delegations
                    .roles
                    .push(Delegation::new(role.clone(), self.threshold.unwrap_or(Threshold::ONE)));
                delegations.roles.len() - 1
            }
            None => return Err(AuthorError::UnknownRole(role.clone())),
        };
        for key in &self.add_keys {
            delegations.keys.insert(key.id(), key.clone());
        }
        remove_keys(delegations, at, &self.remove_keys);
        let declared = &mut delegations.roles[at];
        for id in self.add_keys.iter().map(PublicKey::id) {
            if !declared.keyids.contains(&id) {
                declared.keyids.push(id);
            }
        }
        if self.clear_paths {
            declared.paths.clear();
        }
        declared.paths.retain(|path| !self.remove_paths.contains(path));
        for path in &self.add_paths {
            if !declared.paths.contains(path) {
                declared.paths.push(path.clone());
            }
        }
        drop_unused_keys(delegations);
        Ok(())
    }
}

/// Removes keys, by canonical id, from one delegation.
pub(super) fn remove_keys(delegations: &mut Delegations, at: usize, canonical: &[KeyId]) {
    let removed = |id: &KeyId| {
        let of_key = delegations.keys.get(id).and_then(|key| key.canonical_id().ok());
        canonical.contains(id) || of_key.is_some_and(|id| canonical.contains(&id))
    };
    let kept = delegations.roles[at].keyids.iter().filter(|id| !removed(id)).copied().collect();
    delegations.roles[at].keyids = kept;
}

/// Drops the keys that no delegation names.
pub(super) fn drop_unused_keys(delegations: &mut Delegations) {
    let used: BTreeSet<_> = delegations.roles.iter().flat_map(|role| &role.keyids).collect();
    delegations.keys.retain(|id, _| used.contains(id));
}

/// Refuses keys that no file of this dialect could carry.
pub(super) fn admit_keys(keys: &[PublicKey]) -> Result<(), AuthorError> {
    match keys.iter().map(PublicKey::keytype).find(|keytype| has_control(keytype)) {
        Some(keytype) => Err(AuthorError::Unwritable(keytype.to_owned())),
        None => Ok(()),
    }
}

/// Refuses a target that no file of this dialect could carry.
///
/// Deviation: Notary signs a note as it was typed, and then nobody can verify it (13 B1); test
/// `custom_is_canonical_before_it_is_signed`.
pub(super) fn admit_target(name: &TargetName, meta: &FileMeta) -> Result<(), AuthorError> {
    if has_control(name.as_str()) {
        return Err(AuthorError::ControlCharacter(name.clone()));
    }
    if meta.length > canonical::MAX_INTEGER {
        return Err(AuthorError::Length { name: name.clone(), length: meta.length });
    }
    if let Some(algorithm) = meta.hashes.algorithms().find(|algorithm| has_control(algorithm)) {
        return Err(AuthorError::Unwritable(algorithm.to_owned()));
    }
    let Some(custom) = &meta.custom else { return Ok(()) };
    let refused = |reason: String| AuthorError::Custom { name: name.clone(), reason };
    let text = serde_json::to_vec(custom).map_err(|error| refused(error.to_string()))?;
    let read = canonical::strict(&text).map_err(|error| refused(error.to_string()))?;
    if canonical::to_vec(&read).iter().any(|byte| *byte < b' ') {
        return Err(refused("it has a control character".to_owned()));
    }
    Ok(())
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < b' ')
}
