//! What a publication of staged changes would change, before anything is signed.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::author::Draft;
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::metadata::{Delegations, Targets};
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::time::DateTime;
use serde::Serialize;

use super::{Publisher, PublisherError};
use crate::changelist::{ChangeList, StagedBy};

/// What would change.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Preview {
    /// How many changes are staged.
    pub staged: usize,
    /// The names whose meaning would change, by role and name.
    pub tags: Vec<TagChange>,
    /// The delegations that would change.
    pub delegations: Vec<DelegationChange>,
    /// The top-level roles whose keys would change.
    pub keys: Vec<KeysChange>,
    /// The roles that would be signed anew. The snapshot is always one of them.
    pub signing: Vec<Signing>,
}

/// A name that would mean something else.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TagChange {
    /// The role that says what it means.
    pub role: RoleName,
    /// The name.
    pub tag: TargetName,
    /// What it means: its SHA-256, if it has one.
    pub before: Option<Digest>,
    /// What it would mean.
    pub after: Option<Digest>,
}

/// A delegation that would come, go or change.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct DelegationChange {
    /// The delegated role.
    pub role: RoleName,
    /// What it is; absent if it is none.
    pub before: Option<Terms>,
    /// What it would be; absent if it would be none.
    pub after: Option<Terms>,
}

/// The terms of a delegation.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Terms {
    /// Canonical ids of its keys.
    pub keys: BTreeSet<KeyId>,
    /// How many of them must sign.
    pub threshold: usize,
    /// The prefixes of the names that it may speak of.
    pub paths: Vec<String>,
}

/// A top-level role whose keys, or the number of them that must sign, would change.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct KeysChange {
    /// The role.
    pub role: RoleName,
    /// Canonical ids of its keys.
    pub before: BTreeSet<KeyId>,
    /// How many of them must sign.
    pub threshold_before: usize,
    /// Canonical ids of what would be its keys.
    pub after: BTreeSet<KeyId>,
    /// How many of those would have to sign.
    pub threshold_after: usize,
}

/// A role that would be signed anew.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Signing {
    /// The role.
    pub role: RoleName,
    /// Canonical ids of the keys that may sign it and are here.
    pub here: BTreeSet<KeyId>,
    /// Canonical ids of those that are not.
    pub elsewhere: BTreeSet<KeyId>,
}

impl Publisher {
    /// What [`Publisher::publish_changes`] would change of what is published now. Nothing is signed, and nobody is asked.
    ///
    /// # Errors
    /// [`PublisherError::Change`]: a staged change cannot be made; [`PublisherError::NoCollection`]: there is nothing to change.
    pub async fn preview(&self, list: &ChangeList, now: DateTime) -> Result<Preview, PublisherError> {
        let mut changes = list.list().await?;
        changes.retain(|change| change.staged_by == StagedBy::Author);
        let base = self.base(now).await?.ok_or_else(|| PublisherError::NoCollection(self.gun().clone()))?;
        let before = base.draft();
        let mut after = before.clone();
        for staged in &changes {
            base.admit(&mut after, &staged.change)?;
            let file = Some(staged.file.clone());
            after.apply(&staged.change).map_err(|source| PublisherError::Change { file, source })?;
        }
        let compared = Preview::between(&before, &after, &self.present().await?);
        Ok(Preview { staged: changes.len(), ..compared })
    }
}

impl Preview {
    /// What `after` changes of `before`, where the keys that are `present` are here. Nothing is staged.
    pub(super) fn between(before: &Draft, after: &Draft, present: &BTreeSet<KeyId>) -> Self {
        let mut preview = Self::default();
        if after.dirty() == before.dirty() {
            return preview;
        }
        for role in after.dirty() {
            let (old, new) = (before.targets(role), after.targets(role));
            preview.tags.extend(tags(role, old, new));
            preview.delegations.extend(delegations(old, new));
        }
        preview.keys = TopRole::ALL.into_iter().filter_map(|role| keys(role, before, after)).collect();
        let wanted = after.wanted_keys().into_iter();
        preview.signing = wanted
            .map(|(role, keys)| {
                let (here, elsewhere) = keys.into_iter().partition(|key| present.contains(key));
                Signing { role, here, elsewhere }
            })
            .collect();
        preview
    }
}

fn tags(role: &RoleName, old: Option<&Targets>, new: Option<&Targets>) -> Vec<TagChange> {
    let entries = |file: Option<&Targets>| -> BTreeMap<_, _> {
        file.into_iter().flat_map(|file| file.targets.entries()).collect()
    };
    let (old, new) = (entries(old), entries(new));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    changed
        .map(|name| {
            let digest = |entries: &BTreeMap<TargetName, countersign_core::metadata::FileMeta>| {
                entries.get(name).and_then(|meta| meta.hashes.sha256())
            };
            TagChange { role: role.clone(), tag: name.clone(), before: digest(&old), after: digest(&new) }
        })
        .collect()
}

fn delegations(old: Option<&Targets>, new: Option<&Targets>) -> Vec<DelegationChange> {
    let none = Delegations::default();
    let of = |file: Option<&'_ Targets>| file.map_or(none.clone(), |file| file.delegations.clone());
    let (old, new) = (of(old), of(new));
    let names: BTreeSet<_> = old.roles.iter().chain(&new.roles).map(|role| role.name.clone()).collect();
    let change = |role: RoleName| {
        let (before, after) = (terms(&old, &role), terms(&new, &role));
        (before != after).then_some(DelegationChange { role, before, after })
    };
    names.into_iter().filter_map(change).collect()
}

fn terms(delegations: &Delegations, role: &RoleName) -> Option<Terms> {
    let declared = delegations.role(role)?;
    Some(Terms {
        keys: delegations.role_keys(declared).canonical_ids(),
        threshold: declared.threshold.get(),
        paths: declared.paths.clone(),
    })
}

fn keys(role: TopRole, before: &Draft, after: &Draft) -> Option<KeysChange> {
    let of = |draft: &Draft| {
        let keys = draft.root().role_keys(role);
        (keys.canonical_ids(), keys.threshold().get())
    };
    let ((before, threshold_before), (after, threshold_after)) = (of(before), of(after));
    let is_same = before == after && threshold_before == threshold_after;
    (!is_same).then(|| KeysChange { role: role.into(), before, threshold_before, after, threshold_after })
}
