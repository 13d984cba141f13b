//! A draft of the next edition of a collection.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::author::change::{admit_target, drop_unused_keys, remove_keys};
use crate::author::root::replace_keys;
use crate::author::{AuthorError, Change, KeyRing, NEAR_EXPIRY, RootKeys, expiry, sign};
use crate::key::KeyId;
use crate::metadata::{Document, FileMeta, Root, Snapshot, Targets};
use crate::name::{RoleName, TargetName, TopRole};
use crate::number::MetaVersion;
use crate::signature::RoleKeys;
use crate::time::DateTime;
use crate::trust::TrustedCollection;

/// The next edition of a collection, being written.
#[derive(Clone, Debug)]
pub struct Draft {
    root: Root,
    /// The keys that must sign a next root besides its own: those of the root before it.
    previous_root: Option<RoleKeys>,
    snapshot: Snapshot,
    roles: BTreeMap<RoleName, Targets>,
    /// The roles that are signed anew.
    dirty: BTreeSet<RoleName>,
    /// The delegations that never had a file: their first version is 1.
    fresh: BTreeSet<RoleName>,
}

/// The files of one upload, by role. There is no timestamp: the server makes it.
#[derive(Clone, Debug)]
pub struct Edition {
    /// Each role's new file.
    pub files: BTreeMap<RoleName, Bytes>,
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

    /// A collection that was begun and never published: what `init` left in a cache.
    pub fn unpublished(root: Root, targets: Targets, snapshot: Snapshot) -> Self {
        let dirty = BTreeSet::from([TopRole::Root.into(), TopRole::Targets.into()]);
        let roles = BTreeMap::from([(TopRole::Targets.into(), targets)]);
        Self { root, previous_root: None, snapshot, roles, dirty, fresh: BTreeSet::new() }
    }

    /// The next edition of a trusted collection; nothing is changed yet.
    pub fn of(collection: &TrustedCollection) -> Self {
        Self {
            root: (**collection.root()).clone(),
            previous_root: Some(collection.root().role_keys(TopRole::Root)),
            snapshot: (**collection.snapshot()).clone(),
            roles: collection
                .roles()
                .iter()
                .map(|(role, targets)| (role.clone(), (**targets).clone()))
                .collect(),
            dirty: BTreeSet::new(),
            fresh: BTreeSet::new(),
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

    /// Applies one change.
    ///
    /// # Errors
    /// [`AuthorError`]: the role does not exist or may not, the name or its note cannot be written. The draft is as it was.
    pub fn apply(&mut self, change: &Change) -> Result<(), AuthorError> {
        match change {
            Change::SetTarget { role, name, meta } => self.set_target(role, name, meta),
            Change::RemoveTarget { role, name } => {
                if self.targets_mut(role)?.targets.remove(name).is_some() {
                    self.dirty.insert(role.clone());
                }
                Ok(())
            }
            Change::EditDelegation { role, edit } => {
                self.edit_parent(role, |parent| edit.apply(role, &mut parent.delegations))
            }
            Change::RemoveDelegation { role } => {
                self.edit_parent(role, |parent| {
                    parent.delegations.roles.retain(|declared| declared.name != *role);
                    drop_unused_keys(&mut parent.delegations);
                    Ok(())
                })?;
                let below = format!("{role}/");
                self.snapshot.meta.retain(|name, _| name != role.as_str() && !name.starts_with(&below));
                self.roles.retain(|name, _| name != role && !name.as_str().starts_with(&below));
                self.dirty.retain(|name| name != role && !name.as_str().starts_with(&below));
                Ok(())
            }
            Change::PurgeKeys { below, keys } => self.purge(below, keys),
            Change::Witness { role } => {
                self.targets_mut(role)?;
                self.dirty.insert(role.clone());
                Ok(())
            }
            Change::ReplaceKeys { role, keys } => {
                replace_keys(&mut self.root, *role, keys.clone());
                self.dirty.insert(TopRole::Root.into());
                if *role == TopRole::Targets {
                    self.dirty.insert(TopRole::Targets.into());
                }
                Ok(())
            }
        }
    }

    /// Canonical ids of every key that could help to sign: of the dirty roles, and of the snapshot.
    pub fn wanted_keys(&self) -> BTreeMap<RoleName, BTreeSet<KeyId>> {
        let mut wanted = BTreeMap::new();
        for role in self.dirty.iter().cloned().chain([TopRole::Snapshot.into()]) {
            let ids = self.groups(&role).iter().flat_map(RoleKeys::canonical_ids).collect();
            wanted.insert(role, ids);
        }
        wanted
    }

    /// Signs what is dirty, and the snapshot if `ring` holds its key, into the files of one upload.
    ///
    /// # Errors
    /// - [`AuthorError::MissingKeys`]: a role's threshold cannot be met with `ring`; only the snapshot may be left out, for a
    ///   server that holds its key.
    /// - [`AuthorError::UnknownField`]: a file has a field that would be lost.
    ///
    /// Source: notary `client/client.go` (`publish`), reference behaviour 6.6.
    pub fn sign(mut self, ring: &KeyRing, now: DateTime) -> Result<Edition, AuthorError> {
        let mut files = BTreeMap::new();
        let root_role = RoleName::from(TopRole::Root);
        if self.dirty.contains(&root_role) {
            admit_known(&root_role, self.root.unknown_field().map(str::to_owned))?;
            if self.previous_root.is_some() {
                self.root.version = next(&root_role, self.root.version)?;
            }
            self.root.expires = expiry(&root_role, now);
            files.insert(root_role.clone(), sign(&root_role, &self.root, &self.groups(&root_role), ring)?);
        }
        for role in self.dirty.iter().filter(|role| **role != root_role).cloned().collect::<Vec<_>>() {
            let (groups, is_fresh) = (self.groups(&role), self.fresh.contains(&role));
            let targets = self.targets_mut(&role)?;
            targets.version = if is_fresh { MetaVersion::FIRST } else { next(&role, targets.version)? };
            targets.expires = expiry(&role, now);
            let unknown =
                targets.unknown_field().map(str::to_owned).or_else(|| targets.unknown_entry_field());
            let file = sign(&role, targets, &groups, ring)?;
            admit_known(&role, unknown)?;
            files.insert(role, file);
        }
        if let Some(snapshot) = self.sign_snapshot(&files, ring, now)? {
            files.insert(TopRole::Snapshot.into(), snapshot);
        }
        Ok(Edition { files })
    }

    fn sign_snapshot(
        &mut self,
        files: &BTreeMap<RoleName, Bytes>,
        ring: &KeyRing,
        now: DateTime,
    ) -> Result<Option<Bytes>, AuthorError> {
        let role = RoleName::from(TopRole::Snapshot);
        let groups = self.groups(&role);
        if !groups.iter().flat_map(RoleKeys::canonical_ids).any(|id| ring.find(&id).is_some()) {
            return Ok(None);
        }
        admit_known(&role, self.snapshot.unknown_field().map(str::to_owned))?;
        for (name, file) in files {
            self.snapshot.meta.insert(name.to_string(), FileMeta::of(file));
        }
        self.snapshot.version = next(&role, self.snapshot.version)?;
        self.snapshot.expires = expiry(&role, now);
        sign(&role, &self.snapshot, &groups, ring).map(Some)
    }

    fn set_target(&mut self, role: &RoleName, name: &TargetName, meta: &FileMeta) -> Result<(), AuthorError> {
        admit_target(name, meta)?;
        self.targets_mut(role)?;
        if !self.may_speak_of(role, name) {
            return Err(AuthorError::OutsidePaths { role: role.clone(), name: name.clone() });
        }
        let targets = &mut self.targets_mut(role)?.targets;
        if targets.find(name).as_deref() != Some(meta) {
            targets.insert(name.clone(), meta.clone());
            self.dirty.insert(role.clone());
        }
        Ok(())
    }

    fn purge(&mut self, below: &RoleName, keys: &[KeyId]) -> Result<(), AuthorError> {
        let delegations = &mut self.targets_mut(below)?.delegations;
        let before = delegations.clone();
        for at in 0..delegations.roles.len() {
            remove_keys(delegations, at, keys);
        }
        drop_unused_keys(delegations);
        if *delegations != before {
            self.dirty.insert(below.clone());
        }
        Ok(())
    }

    /// Whether `role` and each role above it may speak of `name`.
    fn may_speak_of(&self, role: &RoleName, name: &TargetName) -> bool {
        let Some(parent) = role.parent() else { return true };
        let declared = self.roles.get(&parent).and_then(|parent| parent.delegations.role(role));
        let covered = declared
            .is_some_and(|declared| declared.paths.iter().any(|path| name.as_str().starts_with(path)));
        covered && self.may_speak_of(&parent, name)
    }

    /// The document of a role; a delegation that was never published begins empty.
    fn targets_mut(&mut self, role: &RoleName) -> Result<&mut Targets, AuthorError> {
        if !role.is_delegation() && *role != TopRole::Targets {
            return Err(AuthorError::NotTargets(role.clone()));
        }
        if !self.roles.contains_key(role) {
            let declared =
                role.parent().and_then(|parent| self.roles.get(&parent)?.delegations.role(role).cloned());
            if declared.is_none() {
                return Err(AuthorError::UnknownRole(role.clone()));
            }
            self.roles.insert(role.clone(), Targets::new(MetaVersion::FIRST, self.root.expires));
            self.fresh.insert(role.clone());
        }
        self.roles.get_mut(role).ok_or_else(|| AuthorError::UnknownRole(role.clone()))
    }

    fn edit_parent(
        &mut self,
        role: &RoleName,
        edit: impl FnOnce(&mut Targets) -> Result<(), AuthorError>,
    ) -> Result<(), AuthorError> {
        let parent = role.parent().ok_or_else(|| AuthorError::UnknownRole(role.clone()))?;
        edit(self.targets_mut(&parent)?)?;
        self.dirty.insert(parent);
        Ok(())
    }

    /// The key groups that must sign a role.
    fn groups(&self, role: &RoleName) -> Vec<RoleKeys> {
        match role.top() {
            Some(TopRole::Root) => {
                self.previous_root.clone().into_iter().chain([self.root.role_keys(TopRole::Root)]).collect()
            }
            Some(top) => vec![self.root.role_keys(top)],
            None => {
                let parent = role.parent().and_then(|parent| self.roles.get(&parent));
                let keys = parent
                    .and_then(|parent| Some(parent.delegations.role_keys(parent.delegations.role(role)?)));
                keys.into_iter().collect()
            }
        }
    }
}

fn admit_known(role: &RoleName, unknown: Option<String>) -> Result<(), AuthorError> {
    unknown.map_or(Ok(()), |field| Err(AuthorError::UnknownField { role: role.clone(), field }))
}

fn next(role: &RoleName, version: MetaVersion) -> Result<MetaVersion, AuthorError> {
    version.next().map_err(|source| AuthorError::Version { role: role.clone(), source })
}
