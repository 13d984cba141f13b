//! What a publication of staged changes would change, before anything is signed.

mod compare;

use std::collections::BTreeSet;

use countersign_core::author::Draft;
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::metadata::FileMeta;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;
use serde::Serialize;

pub use self::compare::is_rearranged;
use super::{Publisher, PublisherError};
use crate::changelist::{ChangeList, StagedBy};

/// What would change.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Preview {
    /// How many changes are staged.
    pub staged: usize,
    /// The names whose meaning would change, by role and name.
    pub tags: Vec<TagChange>,
    /// The delegations that would change.
    pub delegations: Vec<DelegationChange>,
    /// The roles whose delegations would be asked in another order than those before with the new ones at the end.
    pub orders: Vec<OrderChange>,
    /// The roles of root whose keys would change.
    pub keys: Vec<KeysChange>,
    /// The roles whose files would list other keys that none of their roles has.
    pub unused: Vec<UnusedKeysChange>,
    /// What root would say of consistent snapshots, which Notary's format has no use for; absent if that stays as it is.
    pub consistent_snapshot: Option<bool>,
    /// The files that are written already, with another version or expiry than those before.
    pub files: Vec<FileChange>,
    /// The roles that would be signed anew. The snapshot is always one of them.
    pub signing: Vec<Signing>,
}

/// A name that would mean something else.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TagChange {
    /// The role that says what it means.
    pub role: RoleName,
    /// The name.
    pub tag: TargetName,
    /// What it means: its SHA-256, if it has one.
    pub before: Option<Digest>,
    /// What it would mean.
    pub after: Option<Digest>,
    /// All that is said of it: digests, length and note; absent if it means nothing.
    pub entry_before: Option<FileMeta>,
    /// All that would be said of it.
    pub entry_after: Option<FileMeta>,
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
    /// Its keys as they are listed, in that order.
    pub listed: Vec<ListedKey>,
}

/// A key as a file lists it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ListedKey {
    /// Its canonical id.
    pub id: KeyId,
    /// The id under which it is listed: for a certificate, that of the certificate.
    pub listed: KeyId,
    /// Its type on the wire.
    pub keytype: String,
    /// What its certificate says, if it is in one that can be read.
    pub certificate: Option<CertificateTerms>,
}

/// What a certificate says of its key.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct CertificateTerms {
    /// Its common name.
    pub name: String,
    /// The first instant at which it is valid.
    pub not_before: DateTime,
    /// The last one.
    pub not_after: DateTime,
}

/// A role whose delegations would be asked in another order. The first that speaks of a name decides.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct OrderChange {
    /// The role that delegates.
    pub role: RoleName,
    /// Its delegations in their order.
    pub before: Vec<RoleName>,
    /// The order that they would have.
    pub after: Vec<RoleName>,
}

/// A file that would list other keys that none of its roles has, such as those of older roots.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct UnusedKeysChange {
    /// The role.
    pub role: RoleName,
    /// Those keys.
    pub before: Vec<ListedKey>,
    /// What they would be.
    pub after: Vec<ListedKey>,
}

/// The version and expiry of a file that is written.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FileChange {
    /// The role.
    pub role: RoleName,
    /// Its version.
    pub version: MetaVersion,
    /// When it would stop being valid.
    pub expires: DateTime,
}

/// A role of root whose keys, their certificates, or the number of them that must sign, would change.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct KeysChange {
    /// The role.
    pub role: String,
    /// Canonical ids of its keys.
    pub before: BTreeSet<KeyId>,
    /// How many of them must sign; 0 if there is no such role.
    pub threshold_before: usize,
    /// Canonical ids of what would be its keys.
    pub after: BTreeSet<KeyId>,
    /// How many of those would have to sign; 0 if there would be no such role.
    pub threshold_after: usize,
    /// Its keys as they are listed, in that order.
    pub listed_before: Vec<ListedKey>,
    /// What would be its keys, as they would be listed.
    pub listed_after: Vec<ListedKey>,
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
        preview.add_root(before.root(), after.root());
        for role in after.dirty().iter().filter(|role| role.is_delegation() || **role == TopRole::Targets) {
            preview.add_targets(role, before.targets(role), after.targets(role));
        }
        if preview == Self::default() && after.dirty() == before.dirty() {
            return preview;
        }
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
