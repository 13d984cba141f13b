//! A draft of the next edition of a collection.

mod edit;
mod sign;
mod taken;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::author::change::admit_keys;
use crate::author::root::replace_keys;
use crate::author::{AuthorError, Change, NEAR_EXPIRY, RootKeys, expiry};
use crate::key::{KeyId, PublicKey};
use crate::metadata::{Delegations, Root, Snapshot, Targets};
use crate::name::{RoleName, TopRole};
use crate::number::MetaVersion;
use crate::signature::{RoleKeys, Verified};
use crate::time::DateTime;
use crate::trust::TrustedCollection;

/// The next edition of a collection, being written.
#[derive(Clone, Debug)]
pub struct Draft {
    root: Root,
    /// The keys that must sign a next root besides its own: those of the root before it.
    previous_root: Option<RoleKeys>,
    /// Root's own keys that clients count, where the root was somebody else's; otherwise all of them are.
    counted_root: Option<RoleKeys>,
    /// The first root as its keys have signed it: published as it is, as long as nothing in it changes.
    signed_root: Option<Bytes>,
    /// Keys of older roots that sign a next root, too, as far as they are at hand.
    older_roots: BTreeMap<KeyId, PublicKey>,
    snapshot: Snapshot,
    roles: BTreeMap<RoleName, Targets>,
    /// The roles that are signed anew.
    dirty: BTreeSet<RoleName>,
    /// The delegations that never had a file: their first version is 1.
    fresh: BTreeSet<RoleName>,
    /// The newest version that is known of delegations, those included that are gone: one that comes back goes on from it.
    last: BTreeMap<RoleName, MetaVersion>,
    /// What the roles delegated to that are dirty for nothing but a purge: without their keys they stay as they were.
    purged: BTreeMap<RoleName, Delegations>,
}

/// The files of one upload, by role. There is no timestamp: the server makes it.
#[derive(Clone, Debug)]
pub struct Edition {
    /// Each role's new file.
    pub files: BTreeMap<RoleName, Bytes>,
    /// The roles that still delegate to purged keys, because their own keys are not at hand.
    pub unpurged: BTreeSet<RoleName>,
}

impl Draft {
    /// A new collection of these keys: root version 1 and everything else signed for the first time.
    ///
    /// The first published targets and snapshot have version 2, as Notary's: version 1 is what `init` leaves in a cache.
    pub fn first(keys: RootKeys, now: DateTime) -> Self {
        let root = keys.first_root(expiry(&TopRole::Root.into(), now));
        let targets = Targets::new(MetaVersion::FIRST, expiry(&TopRole::Targets.into(), now));
        let snapshot = Snapshot::new(MetaVersion::FIRST, expiry(&TopRole::Snapshot.into(), now));
        Self::unpublished(root, targets, snapshot)
    }

    /// As [`Draft::unpublished`], with the file of `root` as `init` has signed it. It is published as it is, so that its keys
    /// are not needed again.
    ///
    /// Source: notary `client/client.go` (`signRootIfNecessary`), reference behaviour 6.6 and 6.8.
    pub fn begun(root_file: Bytes, root: Root, targets: Targets, snapshot: Snapshot) -> Self {
        let mut draft = Self::unpublished(root, targets, snapshot);
        draft.dirty.remove(&TopRole::Root.into());
        draft.signed_root = Some(root_file);
        draft
    }

    /// A collection that was begun and never published; its root is signed anew, too.
    pub fn unpublished(root: Root, targets: Targets, snapshot: Snapshot) -> Self {
        let dirty = BTreeSet::from([TopRole::Root.into(), TopRole::Targets.into()]);
        let roles = BTreeMap::from([(TopRole::Targets.into(), targets)]);
        let (fresh, last, purged) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        let (previous_root, counted_root, signed_root, older_roots) = (None, None, None, BTreeMap::new());
        Self {
            root,
            previous_root,
            counted_root,
            signed_root,
            older_roots,
            snapshot,
            roles,
            dirty,
            fresh,
            last,
            purged,
        }
    }

    /// The next edition of a trusted collection; nothing is changed yet.
    pub fn of(collection: &TrustedCollection) -> Self {
        Self {
            root: (**collection.root()).clone(),
            previous_root: Some(collection.root().role_keys(TopRole::Root)),
            counted_root: None,
            signed_root: None,
            older_roots: BTreeMap::new(),
            snapshot: (**collection.snapshot()).clone(),
            roles: collection
                .roles()
                .iter()
                .map(|(role, targets)| (role.clone(), (**targets).clone()))
                .collect(),
            dirty: BTreeSet::new(),
            fresh: BTreeSet::new(),
            last: collection.seen().iter().map(|(role, seen)| (role.clone(), seen.version)).collect(),
            purged: BTreeMap::new(),
        }
    }

    /// The next edition of a collection of which nothing is known but its root: only that can change.
    pub(super) fn of_root(root: &Verified<Root>) -> Self {
        let (version, expires) = (MetaVersion::FIRST, root.expires);
        Self {
            previous_root: Some(root.role_keys(TopRole::Root)),
            dirty: BTreeSet::new(),
            roles: BTreeMap::new(),
            ..Self::unpublished(
                (**root).clone(),
                Targets::new(version, expires),
                Snapshot::new(version, expires),
            )
        }
    }

    /// The root as it would be signed.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The targets document of a role as it would be signed.
    pub fn targets(&self, role: &RoleName) -> Option<&Targets> {
        self.roles.get(role)
    }

    /// The roles that will be signed anew, the snapshot aside.
    pub fn dirty(&self) -> &BTreeSet<RoleName> {
        &self.dirty
    }

    /// Whether the root expires within six months of `now`.
    pub fn root_is_near_expiry(&self, now: DateTime) -> bool {
        now.seconds_until(self.root.expires) < NEAR_EXPIRY
    }

    /// Has the root signed anew although nothing in it changes.
    pub fn renew_root(&mut self) {
        self.dirty.insert(TopRole::Root.into());
    }

    /// Has root signed also with older root certificates, as far as their keys are at hand: clients that hold a root of that
    /// age and do not walk from version to version then follow.
    ///
    /// Source: notary `client/client.go` (`LegacyVersions`), reference behaviour 5.4.
    pub fn sign_root_also_with(&mut self, certificates: impl IntoIterator<Item = PublicKey>) {
        self.older_roots.extend(certificates.into_iter().map(|key| (key.id(), key)));
    }

    /// Takes what a delegated role says that is published and could not be loaded, for its keys to sign it again. One that is here
    /// stays as it is.
    ///
    /// # Errors
    /// - [`AuthorError::UnknownRole`]: nobody here delegates to it, or its file was dropped here.
    /// - [`AuthorError::Form`]: it has entries that would not be written so.
    pub fn resume(&mut self, role: &RoleName, says: Targets) -> Result<(), AuthorError> {
        let declared = role.parent().and_then(|parent| self.roles.get(&parent));
        let is_declared = declared.is_some_and(|parent| parent.delegations.role(role).is_some());
        if !is_declared || self.snapshot.file(role).is_none() {
            return Err(AuthorError::UnknownRole(role.clone()));
        }
        if !says.targets.is_as_written() {
            return Err(AuthorError::Form(role.clone()));
        }
        self.roles.entry(role.clone()).or_insert(says);
        Ok(())
    }

    /// Applies one change.
    ///
    /// # Errors
    /// [`AuthorError`]: the role does not exist or may not, the name or its note cannot be written. The draft is as it was.
    pub fn apply(&mut self, change: &Change) -> Result<(), AuthorError> {
        match change {
            Change::SetTarget { role, name, meta } => self.set_target(role, name, meta),
            Change::RemoveTarget { role, name } => self.remove_target(role, name),
            Change::EditDelegation { role, edit } => self.edit_delegation(role, edit),
            Change::RemoveDelegation { role } => self.remove_delegation(role),
            Change::PurgeKeys { below, keys } => self.purge_keys(below, keys),
            Change::Witness { role } => {
                self.targets_mut(role)?;
                self.touch(role.clone());
                Ok(())
            }
            Change::SetThreshold { role, threshold } => self.set_threshold(role, *threshold),
            Change::ReplaceKeys { role, keys } => {
                admit_keys(keys)?;
                replace_keys(&mut self.root, *role, keys.clone());
                self.dirty.insert(TopRole::Root.into());
                if *role == TopRole::Targets {
                    self.touch(TopRole::Targets.into());
                }
                Ok(())
            }
        }
    }

    /// Canonical ids of every key that could help to sign: of the dirty roles, and of the snapshot.
    pub fn wanted_keys(&self) -> BTreeMap<RoleName, BTreeSet<KeyId>> {
        let mut wanted = BTreeMap::new();
        for role in self.dirty.iter().cloned().chain([TopRole::Snapshot.into()]) {
            let mut ids: BTreeSet<_> = self.groups(&role).iter().flat_map(RoleKeys::canonical_ids).collect();
            if role == TopRole::Root {
                ids.extend(self.older_roots.values().filter_map(|key| key.canonical_id().ok()));
            }
            wanted.insert(role, ids);
        }
        wanted
    }
}
