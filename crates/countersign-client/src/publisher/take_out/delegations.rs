//! Taking a key out of delegations.

use std::collections::BTreeSet;

use countersign_core::author::{Change, DelegationEdit};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::metadata::Delegation;
use countersign_core::name::RoleName;
use countersign_core::signature::RoleKeys;
use countersign_core::trust::TrustedCollection;

use super::super::edit::{EditOptions, Edited, Found};
use super::super::{Proposed, PublisherError};
use super::{Taking, admit_shown, delegations_of};

impl Taking<'_> {
    /// The next role whose delegations have the key, those furthest down first. What is below a delegation that is to go needs no
    /// change of its own.
    pub(super) fn next_parent(
        &self,
        collection: &TrustedCollection,
        present: &BTreeSet<KeyId>,
        tried: &BTreeSet<RoleName>,
    ) -> Option<RoleName> {
        let found = delegations_of(collection, self.key);
        let goes = |declared: &Delegation, keys: &RoleKeys| {
            let changes = without(collection, declared, keys, self.key, self.stand_in.as_ref(), present);
            changes.is_ok_and(|changes| {
                changes.iter().any(|change| matches!(change, Change::RemoveDelegation { .. }))
            })
        };
        let gone: Vec<_> =
            found.iter().filter(|(_, role, keys)| goes(role, keys)).map(|(_, role, _)| &role.name).collect();
        let stays = |parent: &RoleName| !gone.iter().any(|gone| parent == *gone || parent.is_below(gone));
        let parents = found.iter().map(|(parent, _, _)| *parent);
        let next = parents.filter(|parent| stays(parent) && !tried.contains(parent));
        next.max_by_key(|parent| parent.as_str().matches('/').count()).cloned()
    }

    /// Takes the key out of the delegations that one role declares: in one upload or, where one of them stands in the way, the others
    /// without that.
    pub(super) async fn out_of_delegations(
        &mut self,
        collection: &TrustedCollection,
        parent: &RoleName,
        present: &BTreeSet<KeyId>,
    ) {
        let found = of_parent(collection, parent, self.key);
        if let Err(why) = self.stand_in_for(&found, present).await {
            return self.leave(found.iter().map(|(_, declared, _)| declared.name.clone()), why);
        }
        let (mut plain, mut signed_again) = (Vec::new(), Vec::new());
        for (_, declared, keys) in found {
            match self.changes(collection, parent, declared, &keys, present) {
                Ok(changes) if changes.len() > 1 => signed_again.push(declared.name.clone()),
                Ok(_) => plain.push(declared.name.clone()),
                Err(why) => self.leave([declared.name.clone()], why),
            }
        }
        let all = [plain.clone(), signed_again.clone()].concat();
        if all.is_empty() {
            return;
        }
        let outcome = self.edit(parent, &all).await;
        let Err(why) = &outcome else { return self.note(outcome, all) };
        let groups = match why {
            PublisherError::Proposed(proposed) if waits(proposed, parent) => Vec::new(),
            PublisherError::Proposed(proposed) => {
                let (waiting, rest): (Vec<_>, Vec<_>) =
                    all.iter().cloned().partition(|role| waits(proposed, role));
                vec![rest, waiting]
            }
            _ if signed_again.is_empty() => Vec::new(),
            _ => [plain].into_iter().chain(signed_again.into_iter().map(|role| vec![role])).collect(),
        };
        let groups: Vec<_> = groups.into_iter().filter(|roles| !roles.is_empty()).collect();
        if groups.len() < 2 {
            return self.note(outcome, all);
        }
        for roles in groups {
            let outcome = self.edit(parent, &roles).await;
            self.note(outcome, roles);
        }
    }

    /// Takes the key out of these delegations of `parent`, as far as they have it by then.
    async fn edit(&self, parent: &RoleName, roles: &[RoleName]) -> Result<Edited, PublisherError> {
        let plan = |found: &Found<'_>| {
            let Some(collection) = found.base.collection() else { return Ok(Vec::new()) };
            let mut changes = Vec::new();
            for (_, declared, keys) in of_parent(collection, parent, self.key) {
                if roles.contains(&declared.name) {
                    changes.extend(self.changes(collection, parent, declared, &keys, found.present)?);
                }
            }
            Ok(changes)
        };
        self.publisher.edit(EditOptions::default(), self.now, plan).await
    }

    /// The changes that take the key out of one delegation, if what they sign again was looked at.
    fn changes(
        &self,
        collection: &TrustedCollection,
        parent: &RoleName,
        declared: &Delegation,
        keys: &RoleKeys,
        present: &BTreeSet<KeyId>,
    ) -> Result<Vec<Change>, PublisherError> {
        let changes = without(collection, declared, keys, self.key, self.stand_in.as_ref(), present)?;
        admit_shown(collection, &self.shown, parent)?;
        for change in &changes {
            if let Change::Witness { role } = change {
                admit_shown(collection, &self.shown, role)?;
            }
        }
        Ok(changes)
    }

    /// Makes a key for what is released, if that is among these delegations, no other of its keys is here, and it is to be taken over.
    async fn stand_in_for(
        &mut self,
        found: &[(&RoleName, &Delegation, RoleKeys)],
        present: &BTreeSet<KeyId>,
    ) -> Result<(), PublisherError> {
        let releases = found.iter().find(|(_, declared, _)| declared.name == RoleName::releases());
        let nobody_is_left = releases.is_some_and(|(_, _, keys)| {
            keys.canonical_ids().iter().all(|id| *id == self.key || !present.contains(id))
        });
        if self.take_over && nobody_is_left && self.stand_in.is_none() {
            let made = self.publisher.with_keys(|keys| keys.generate(RoleName::releases().as_str(), None));
            self.stand_in = Some(made.await?.public_key().clone());
        }
        Ok(())
    }
}

/// The delegations of one role that have the key.
fn of_parent<'a>(
    collection: &'a TrustedCollection,
    parent: &RoleName,
    key: KeyId,
) -> Vec<(&'a RoleName, &'a Delegation, RoleKeys)> {
    delegations_of(collection, key).into_iter().filter(|(of, _, _)| *of == parent).collect()
}

/// Whether a role of a proposal lacks signatures.
fn waits(proposed: &Proposed, role: &RoleName) -> bool {
    let mut standing = proposed.standing.iter().filter(|standing| standing.role == *role);
    standing.any(|standing| standing.groups.iter().any(|group| !group.is_met()))
}

/// The changes that take a key out of one delegation. `stand_in` is a new key for what is released.
fn without(
    collection: &TrustedCollection,
    declared: &Delegation,
    keys: &RoleKeys,
    key: KeyId,
    stand_in: Option<&PublicKey>,
    present: &BTreeSet<KeyId>,
) -> Result<Vec<Change>, PublisherError> {
    let (role, threshold) = (declared.name.clone(), keys.threshold().get());
    let is_released = role == RoleName::releases();
    let add_keys: Vec<_> = stand_in.filter(|_| is_released).cloned().into_iter().collect();
    let mut left = keys.canonical_ids();
    left.remove(&key);
    left.extend(add_keys.iter().filter_map(|key| key.canonical_id().ok()));
    if left.is_empty() && !is_released {
        return Ok(vec![Change::RemoveDelegation { role }]);
    }
    if left.is_empty() {
        return Err(PublisherError::NobodyLeft { role });
    }
    if left.len() < threshold {
        return Err(PublisherError::TooFewKeys { role, keys: left.len(), threshold });
    }
    let edit = DelegationEdit { add_keys, remove_keys: vec![key], ..DelegationEdit::default() };
    let mut changes = vec![Change::EditDelegation { role: role.clone(), edit }];
    let signed = collection.targets(&role);
    if signed.is_none_or(|file| file.signers().intersection(&left).count() >= threshold) {
        return Ok(changes);
    }
    // With a threshold above one the others are asked; somebody has to be here.
    if stand_in.is_some_and(|_| is_released) || !left.is_disjoint(present) {
        changes.push(Change::Witness { role });
    } else if is_released {
        return Err(PublisherError::NobodyLeft { role });
    }
    Ok(changes)
}
