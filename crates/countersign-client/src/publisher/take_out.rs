//! Taking a key out of everything that it may sign: it was stolen, or its owner has left.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::author::{Change, DelegationEdit};
use countersign_core::certificate::self_signed;
use countersign_core::digest::Digest;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::metadata::Delegation;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::signature::RoleKeys;
use countersign_core::time::DateTime;
use countersign_core::trust::TrustedCollection;

use serde::Serialize;

use super::edit::{EditOptions, Found};
use super::{Published, Publisher, PublisherError};

/// A role that a key may sign.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct MaySign {
    /// The role.
    pub role: RoleName,
    /// How many keys it has.
    pub keys: usize,
    /// How many of them must sign.
    pub threshold: usize,
}

/// The roles of a collection that a key may sign, by its canonical id: a certificate counts as the key inside it.
pub fn may_sign(collection: &TrustedCollection, key: KeyId) -> Vec<MaySign> {
    let tops = TopRole::ALL.map(|role| (RoleName::from(role), collection.root().role_keys(role)));
    let delegated = delegations_of(collection, key).into_iter().map(|(role, keys)| (role.name.clone(), keys));
    let of = |(role, keys): (RoleName, RoleKeys)| {
        let ids = keys.canonical_ids();
        ids.contains(&key).then(|| MaySign { role, keys: ids.len(), threshold: keys.threshold().get() })
    };
    tops.into_iter().chain(delegated).filter_map(of).collect()
}

impl Publisher {
    /// Takes a key out of every role of the collection that it may sign: of the top-level roles in one upload, then of the
    /// delegations. A top-level role that would have too few keys gets a new one; a delegation that would have none goes. What
    /// the key signed is signed again with others that are here. Its private file stays. Gives what was published.
    ///
    /// With `take_over`, `targets/releases` gets a new key of this key store where nobody else could sign it here.
    ///
    /// `shown` are the SHA-256 of the files of targets and delegations that somebody has looked at: nothing else is signed again.
    ///
    /// # Errors
    /// An upload that went before stays published.
    /// - [`PublisherError::ChangedSinceShown`]: somebody has published meanwhile.
    /// - [`PublisherError::NoRootKeys`]: a top-level role has it, and the root keys are not here. Nothing was changed.
    /// - [`PublisherError::TooFewKeys`]: a delegation would have fewer keys than must sign.
    /// - [`PublisherError::NobodyLeft`]: nothing could be pulled afterwards, and `take_over` is off.
    /// - [`PublisherError::Proposed`]: it waits for the signatures of others.
    pub async fn take_out(
        &self,
        key: KeyId,
        take_over: bool,
        shown: &BTreeMap<RoleName, Digest>,
        now: DateTime,
    ) -> Result<Vec<Published>, PublisherError> {
        let base = self.base_to_rotate(now).await?;
        let Some(collection) = base.collection() else {
            return Err(PublisherError::NoCollection(self.gun().clone()));
        };
        let may = may_sign(collection, key);
        let tops: Vec<_> = may.iter().filter_map(|may| may.role.top()).collect();
        let mut published = Vec::new();
        if !tops.is_empty() {
            self.admit_root_keys(&base).await?;
            let mut made = Vec::new();
            for role in tops.iter().copied() {
                made.push((role, self.key_in_place_of(collection, role, key, now).await?));
            }
            // Of what is there by then: others may have changed its keys, too.
            let plan = |found: &Found<'_>| {
                if tops.contains(&TopRole::Targets) {
                    admit_shown(found, shown, &TopRole::Targets.into())?;
                }
                let replaced = made.iter().filter_map(|(role, made)| {
                    let mut keys = others(found.base.collection()?, *role, key)?;
                    keys.extend(made.clone());
                    Some(Change::ReplaceKeys { role: *role, keys })
                });
                Ok(replaced.collect())
            };
            published.push(self.publish_edit(EditOptions::default(), now, plan).await?);
        }
        if may.len() > tops.len() {
            let stand_in = if take_over && self.nobody_is_left(collection, key).await? {
                let made = self.with_keys(|keys| keys.generate(RoleName::releases().as_str(), None)).await?;
                Some(made.public_key().clone())
            } else {
                None
            };
            let present = self.present().await?;
            let plan = |found: &Found<'_>| {
                let Some(collection) = found.base.collection() else { return Ok(Vec::new()) };
                let changes = delegations_of(collection, key).into_iter().filter_map(|(declared, keys)| {
                    without(collection, declared, &keys, key, stand_in.as_ref(), found.present).ok()
                });
                let changes: Vec<_> = changes.flatten().collect();
                for change in &changes {
                    let again = match change {
                        Change::Witness { role } => Some(role.clone()),
                        Change::EditDelegation { role, .. } | Change::RemoveDelegation { role } => {
                            role.parent()
                        }
                        _ => None,
                    };
                    // Targets that were signed again above were looked at there.
                    let looked_at =
                        |role: &RoleName| *role == TopRole::Targets && tops.contains(&TopRole::Targets);
                    again
                        .filter(|role| !looked_at(role))
                        .map_or(Ok(()), |role| admit_shown(found, shown, &role))?;
                }
                Ok(changes)
            };
            published.push(self.publish_edit(EditOptions::default(), now, plan).await?);
            for (declared, keys) in delegations_of(collection, key) {
                without(collection, declared, &keys, key, stand_in.as_ref(), &present)?;
            }
        }
        Ok(published)
    }

    /// Whether `targets/releases` has the key, and no other of its keys is here.
    async fn nobody_is_left(
        &self,
        collection: &TrustedCollection,
        key: KeyId,
    ) -> Result<bool, PublisherError> {
        let releases = RoleName::releases();
        let found = delegations_of(collection, key).into_iter().find(|(role, _)| role.name == releases);
        let Some((_, keys)) = found else { return Ok(false) };
        let mut others = keys.canonical_ids();
        others.remove(&key);
        Ok(others.is_disjoint(&self.present().await?))
    }

    /// The key that a top-level role gets in place of `key`; none, if it has enough others.
    async fn key_in_place_of(
        &self,
        collection: &TrustedCollection,
        role: TopRole,
        key: KeyId,
        now: DateTime,
    ) -> Result<Option<PublicKey>, PublisherError> {
        let threshold = collection.root().role_keys(role).threshold().get();
        if others(collection, role, key).is_none_or(|others| others.len() >= threshold) {
            return Ok(None);
        }
        let is_here = self.present().await?.contains(&key);
        if role == TopRole::Timestamp || (role == TopRole::Snapshot && !is_here) {
            let made = self.updater.remote().rotate_key(role).await;
            return made.map(Some).map_err(|source| PublisherError::ServerKey { role, source });
        }
        let gun = self.gun().clone();
        let made = self.with_keys(move |keys| keys.generate(role.name(), Some(&gun))).await?;
        Ok(Some(match role {
            TopRole::Root => self_signed(self.gun(), &made, now).map_err(PublisherError::Certificate)?,
            _ => made.public_key().clone(),
        }))
    }
}

/// Refuses to sign again what nobody has looked at.
fn admit_shown(
    found: &Found<'_>,
    shown: &BTreeMap<RoleName, Digest>,
    role: &RoleName,
) -> Result<(), PublisherError> {
    let there = found.base.collection().and_then(|collection| collection.targets(role));
    if there.is_none_or(|there| shown.get(role) == Some(&there.digest())) {
        return Ok(());
    }
    Err(PublisherError::ChangedSinceShown { role: role.clone() })
}

/// The keys of a top-level role besides `key`; `None` if it does not have that.
fn others(collection: &TrustedCollection, role: TopRole, key: KeyId) -> Option<Vec<PublicKey>> {
    let all: Vec<_> = collection.root().keys_of(role).map(|(_, key)| key.clone()).collect();
    let others: Vec<_> =
        all.iter().filter(|listed| listed.canonical_id().ok() != Some(key)).cloned().collect();
    (others.len() < all.len()).then_some(others)
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

/// The delegations that have the key, with their keys.
fn delegations_of(collection: &TrustedCollection, key: KeyId) -> Vec<(&Delegation, RoleKeys)> {
    let declared = collection.roles().values().flat_map(|targets| {
        let roles = targets.delegations.roles.iter();
        roles.map(|role| (role, targets.delegations.role_keys(role)))
    });
    declared.filter(|(_, keys)| keys.canonical_ids().contains(&key)).collect()
}
