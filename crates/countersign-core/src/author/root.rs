//! The first root, and what replaces its keys.

use std::collections::BTreeSet;

use crate::author::AuthorError;
use crate::key::PublicKey;
use crate::metadata::{RoleSpec, Root};
use crate::name::{RoleName, TopRole};
use crate::number::{MetaVersion, Threshold};
use crate::signature::RoleKeys;
use crate::time::DateTime;

/// The keys that a collection begins with, one a role.
#[derive(Clone, Debug)]
pub struct RootKeys {
    /// The root key, inside its certificate for this collection.
    pub root: PublicKey,
    /// The targets key.
    pub targets: PublicKey,
    /// The snapshot key: the publisher's, or the server's.
    pub snapshot: PublicKey,
    /// The server's timestamp key.
    pub timestamp: PublicKey,
}

impl RootKeys {
    /// Root version 1 of these keys, each with threshold 1.
    pub fn first_root(self, expires: DateTime) -> Root {
        let mut root = Root::new(MetaVersion::FIRST, expires);
        let roles = [
            (TopRole::Root, self.root),
            (TopRole::Targets, self.targets),
            (TopRole::Snapshot, self.snapshot),
            (TopRole::Timestamp, self.timestamp),
        ];
        for (role, key) in roles {
            replace_keys(&mut root, role, vec![key]);
        }
        root
    }
}

/// Gives `role` these keys, under its threshold.
///
/// Old root certificates stay listed, so that a client can see whom it trusted; old keys of other roles go.
///
/// Source: notary `tuf/tuf.go` (`ReplaceBaseKeys`), reference behaviour 5.4.
pub(super) fn replace_keys(root: &mut Root, role: TopRole, keys: Vec<PublicKey>) {
    let threshold = root.roles.get(role.name()).map_or(Threshold::ONE, |spec| spec.threshold);
    let mut met = BTreeSet::new();
    let keyids = keys.iter().map(PublicKey::id).filter(|id| met.insert(*id)).collect();
    let replaced = root.roles.insert(role.name().to_owned(), RoleSpec { keyids, threshold });
    if role != TopRole::Root {
        for old in replaced.into_iter().flat_map(|spec| spec.keyids) {
            if !root.roles.values().any(|spec| spec.keyids.contains(&old)) {
                root.keys.remove(&old);
            }
        }
    }
    root.keys.extend(keys.into_iter().map(|key| (key.id(), key)));
}

/// Refuses a root in which a role has fewer distinct keys than must sign for it.
pub(super) fn admit_thresholds(root: &Root) -> Result<(), AuthorError> {
    TopRole::ALL.into_iter().try_for_each(|role| admit_threshold(&role.into(), &root.role_keys(role)))
}

/// Refuses keys that are fewer than must sign.
pub(super) fn admit_threshold(role: &RoleName, keys: &RoleKeys) -> Result<(), AuthorError> {
    let (found, threshold) = (keys.canonical_ids().len(), keys.threshold().get());
    if found >= threshold {
        return Ok(());
    }
    Err(AuthorError::Threshold { role: role.clone(), keys: found, threshold })
}
