//! Taking a key out of everything that it may sign: it was stolen, or its owner has left.
//!
//! What can be done is done: of the top-level roles in one upload, then of the delegations that one role declares, in one upload each.
//! What fails does not stop the rest, and is tried once more when something was published after it.

mod delegations;
mod outcome;
mod top_level;

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::digest::Digest;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::metadata::Delegation;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::signature::{RoleKeys, Verified};
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::TrustedCollection;

use serde::Serialize;

pub use self::outcome::{StillSigns, TakenOut};
use super::base::Base;
use super::edit::Edited;
use super::{Publisher, PublisherError};
use crate::updater::{Roles, UpdateError, Warning};

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
    let delegated =
        delegations_of(collection, key).into_iter().map(|(_, role, keys)| (role.name.clone(), keys));
    let of = |(role, keys): (RoleName, RoleKeys)| {
        let ids = keys.canonical_ids();
        ids.contains(&key).then(|| MaySign { role, keys: ids.len(), threshold: keys.threshold().get() })
    };
    tops.into_iter().chain(delegated).filter_map(of).collect()
}

impl Publisher {
    /// Takes a key out of every role of the collection that it may sign. A top-level role that would have too few keys gets a new
    /// one; a delegation that would have none goes, with all below it. What the key signed is signed again with others that are
    /// here. Its private file stays.
    ///
    /// With `take_over`, `targets/releases` gets a new key of this key store where nobody else could sign it here.
    ///
    /// `shown` are the SHA-256 of the files of root, targets and delegations that somebody has looked at: besides them and what is made
    /// of them here, nothing is signed again.
    ///
    /// What could not be done is in [`TakenOut::left`], by role, with its reason:
    /// - [`PublisherError::ChangedSinceShown`]: somebody has published meanwhile.
    /// - [`PublisherError::PutBack`]: it was taken out, and somebody has put it back.
    /// - [`PublisherError::NoRootKeys`]: a top-level role has it, and the root keys are not here.
    /// - [`PublisherError::TooFewKeys`]: a delegation would have fewer keys than must sign.
    /// - [`PublisherError::NobodyLeft`]: nothing could be pulled afterwards, and `take_over` is off.
    /// - [`PublisherError::Proposed`]: it waits for the signatures of others.
    /// - [`PublisherError::Sign`]: the keys of the role that declares a delegation are not here.
    /// - [`PublisherError::Delegation`]: what stands above a role cannot be loaded.
    ///
    /// # Errors
    /// [`PublisherError::Update`], [`PublisherError::NoCollection`], [`PublisherError::Keys`]: nothing was changed.
    pub async fn take_out(
        &self,
        key: KeyId,
        take_over: bool,
        shown: &BTreeMap<RoleName, Digest>,
        now: DateTime,
    ) -> Result<TakenOut, PublisherError> {
        let base = self.base_to_rotate(now).await?;
        let Some(collection) = base.collection() else {
            return Err(PublisherError::NoCollection(self.gun().clone()));
        };
        let before: Vec<_> = may_sign(collection, key).into_iter().map(|may| may.role).collect();
        let shown = shown.clone();
        let mut work = Taking {
            publisher: self,
            key,
            take_over,
            now,
            shown,
            made: BTreeMap::new(),
            stand_in: None,
            taken: BTreeSet::new(),
            left: Vec::new(),
            warnings: Vec::new(),
        };
        let mut last = work.once(&base).await;
        if !work.left.is_empty()
            && !work.taken.is_empty()
            && let Ok(base) = &last
        {
            let left = std::mem::take(&mut work.left);
            last = work.once(base).await;
            if last.is_err() {
                work.left.extend(left);
            }
        }
        Ok(work.outcome(before, last, base.skipped()))
    }
}

/// A key that is being taken out.
struct Taking<'a> {
    publisher: &'a Publisher,
    key: KeyId,
    take_over: bool,
    now: DateTime,
    /// The SHA-256 of the files that were looked at, and of those that were made of them here.
    shown: BTreeMap<RoleName, Digest>,
    /// What top-level roles get in place of the key, as far as that is known.
    made: BTreeMap<TopRole, Option<PublicKey>>,
    /// A new key for what is released.
    stand_in: Option<PublicKey>,
    /// The roles out of which it was taken. What is below them may have gone along.
    taken: BTreeSet<RoleName>,
    left: Vec<StillSigns>,
    warnings: Vec<Warning>,
}

impl Taking<'_> {
    /// Takes it out of each role once; gives what is published afterwards.
    ///
    /// The delegations that are furthest down come first: the key may be the only one here that can sign the role that declares
    /// them.
    async fn once(&mut self, base: &Base) -> Result<Base, UpdateError> {
        self.out_of_top_level(base).await;
        let mut tried = BTreeSet::new();
        loop {
            let found = self.publisher.updater.refresh(UpdateStart(self.now), Roles::Publish).await?;
            let present = match self.publisher.present().await {
                Ok(present) => present,
                Err(why) => {
                    self.leave(
                        delegations_of(&found.collection, self.key)
                            .into_iter()
                            .map(|(_, role, _)| role.name.clone()),
                        why,
                    );
                    return Ok(Base::Published(Box::new(found)));
                }
            };
            let Some(parent) = self.next_parent(&found.collection, &present, &tried) else {
                return Ok(Base::Published(Box::new(found)));
            };
            self.out_of_delegations(&found.collection, &parent, &present).await;
            tried.insert(parent);
        }
    }

    /// Notes what taking it out of roles came to.
    fn note(&mut self, outcome: Result<Edited, PublisherError>, roles: Vec<RoleName>) {
        match outcome {
            Ok(edited) => {
                self.taken.extend(roles);
                self.shown.extend(edited.files);
                self.warnings.extend(edited.published.warnings);
            }
            Err(why) => self.leave(roles, why),
        }
    }

    /// Notes that the key stays in roles.
    fn leave(&mut self, roles: impl IntoIterator<Item = RoleName>, why: PublisherError) {
        let text = format!("{why:?}");
        match self.left.iter_mut().find(|left| format!("{:?}", left.why) == text) {
            Some(left) => left.roles.extend(roles),
            None => self.left.push(StillSigns { roles: roles.into_iter().collect(), why }),
        }
    }
}

/// Refuses to sign again what nobody has looked at.
fn admit_shown(
    collection: &TrustedCollection,
    shown: &BTreeMap<RoleName, Digest>,
    role: &RoleName,
) -> Result<(), PublisherError> {
    let there = match role.top() {
        Some(TopRole::Root) => Some(collection.root().digest()),
        _ => collection.targets(role).map(Verified::digest),
    };
    if there.is_none_or(|there| shown.get(role) == Some(&there)) {
        return Ok(());
    }
    Err(PublisherError::ChangedSinceShown { role: role.clone() })
}

/// The delegations that have the key, with the role that declares them and their keys.
fn delegations_of(collection: &TrustedCollection, key: KeyId) -> Vec<(&RoleName, &Delegation, RoleKeys)> {
    let declared = collection.roles().iter().flat_map(|(parent, targets)| {
        let roles = targets.delegations.roles.iter();
        roles.map(move |role| (parent, role, targets.delegations.role_keys(role)))
    });
    declared.filter(|(_, _, keys)| keys.canonical_ids().contains(&key)).collect()
}
