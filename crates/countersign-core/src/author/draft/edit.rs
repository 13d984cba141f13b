//! What each change does to a draft. A change that is refused leaves the draft as it was.

use super::Draft;
use crate::author::change::{admit_target, drop_unused_keys, remove_keys};
use crate::author::root::admit_threshold;
use crate::author::{AuthorError, DelegationEdit};
use crate::key::KeyId;
use crate::metadata::{FileMeta, Prefixes, Targets, is_undelegated};
use crate::name::{RoleName, TargetName, TopRole};
use crate::number::{MetaVersion, Threshold};

impl Draft {
    pub(super) fn set_target(
        &mut self,
        role: &RoleName,
        name: &TargetName,
        meta: &FileMeta,
    ) -> Result<(), AuthorError> {
        admit_target(name, meta)?;
        self.admit_role(role)?;
        if !self.paths(role).is_some_and(|paths| paths.cover(name.as_str())) {
            return Err(AuthorError::OutsidePaths { role: role.clone(), name: name.clone() });
        }
        let targets = &mut self.targets_mut(role)?.targets;
        if targets.find(name).as_deref() != Some(meta) {
            targets.insert(name.clone(), meta.clone());
            self.touch(role.clone());
        }
        Ok(())
    }

    pub(super) fn remove_target(&mut self, role: &RoleName, name: &TargetName) -> Result<(), AuthorError> {
        self.admit_role(role)?;
        let is_there = self.roles.get(role).is_some_and(|targets| targets.targets.find(name).is_some());
        if is_there {
            self.targets_mut(role)?.targets.remove(name);
            self.touch(role.clone());
        }
        Ok(())
    }

    pub(super) fn edit_delegation(
        &mut self,
        role: &RoleName,
        edit: &DelegationEdit,
    ) -> Result<(), AuthorError> {
        let parent = role.parent().ok_or_else(|| AuthorError::UnknownRole(role.clone()))?;
        self.admit_role(&parent)?;
        let mut delegations =
            self.roles.get(&parent).map_or_else(Default::default, |parent| parent.delegations.clone());
        edit.apply(role, &mut delegations)?;
        if self.roles.get(&parent).is_some_and(|parent| parent.delegations == delegations) {
            return Ok(());
        }
        self.targets_mut(&parent)?.delegations = delegations;
        self.touch(parent);
        Ok(())
    }

    /// Says how many of a role's keys must sign; what has that threshold is left as it is.
    ///
    /// Nothing that the server signs can have more than one: it holds one key.
    pub(super) fn set_threshold(&mut self, role: &RoleName, threshold: Threshold) -> Result<(), AuthorError> {
        if matches!(role.top(), Some(TopRole::Snapshot | TopRole::Timestamp)) {
            return Err(AuthorError::OneKey(role.clone()));
        }
        if role.top().is_some() {
            if let Some(spec) = self.root.roles.get_mut(role.as_str())
                && spec.threshold != threshold
            {
                spec.threshold = threshold;
                self.dirty.insert(TopRole::Root.into());
                if *role == TopRole::Targets {
                    self.touch(role.clone());
                }
            }
            return Ok(());
        }
        let parent = role.parent().ok_or_else(|| AuthorError::UnknownRole(role.clone()))?;
        self.admit_role(&parent)?;
        let declared = self.roles.get(&parent).and_then(|targets| targets.delegations.role(role));
        let declared = declared.ok_or_else(|| AuthorError::UnknownRole(role.clone()))?;
        if declared.threshold == threshold {
            return Ok(());
        }
        // What it says has too few signatures then.
        let is_raised = declared.threshold < threshold;
        if is_raised && self.snapshot.file(role).is_some() && !self.roles.contains_key(role) {
            return Err(AuthorError::NotLoaded(role.clone()));
        }
        let mut delegations = self.targets_mut(&parent)?.delegations.clone();
        for declared in delegations.roles.iter_mut().filter(|declared| declared.name == *role) {
            declared.threshold = threshold;
        }
        delegations.keys_of(role).map_or(Ok(()), |keys| admit_threshold(role, &keys))?;
        self.targets_mut(&parent)?.delegations = delegations;
        self.touch(parent);
        if is_raised && self.roles.contains_key(role) {
            self.touch(role.clone());
        }
        Ok(())
    }

    /// Removes a delegation with all below it. One that is not there is fine, as Notary has it.
    pub(super) fn remove_delegation(&mut self, role: &RoleName) -> Result<(), AuthorError> {
        let parent = role.parent().ok_or_else(|| AuthorError::UnknownRole(role.clone()))?;
        if let Some(targets) = self.roles.get_mut(&parent)
            && targets.delegations.role(role).is_some()
        {
            targets.delegations.roles.retain(|declared| declared.name != *role);
            drop_unused_keys(&mut targets.delegations);
            self.touch(parent);
        }
        let gone = |name: &RoleName| name == role || name.is_below(role);
        self.snapshot.meta.retain(|name, _| !name.parse().is_ok_and(|name| gone(&name)));
        for (name, targets) in self.roles.iter().filter(|(name, _)| gone(name)) {
            if !self.fresh.contains(name) {
                self.last.insert(name.clone(), targets.version);
            }
        }
        self.roles.retain(|name, _| !gone(name));
        self.dirty.retain(|name| !gone(name));
        self.fresh.retain(|name| !gone(name));
        self.purged.retain(|name, _| !gone(name));
        Ok(())
    }

    /// Removes keys from the delegations of `below` and of every role under it that is at hand.
    pub(super) fn purge_keys(&mut self, below: &RoleName, keys: &[KeyId]) -> Result<(), AuthorError> {
        self.admit_role(below)?;
        for (role, targets) in
            self.roles.iter_mut().filter(|(role, _)| *role == below || role.is_below(below))
        {
            let mut delegations = targets.delegations.clone();
            for at in 0..delegations.roles.len() {
                remove_keys(&mut delegations, at, keys);
            }
            drop_unused_keys(&mut delegations);
            if targets.delegations == delegations {
                continue;
            }
            let before = std::mem::replace(&mut targets.delegations, delegations);
            let is_new = self.dirty.insert(role.clone());
            if role == below {
                self.purged.remove(role);
            } else if is_new {
                self.purged.insert(role.clone(), before);
            }
        }
        Ok(())
    }

    /// Marks a role as changed by more than a purge.
    pub(super) fn touch(&mut self, role: RoleName) {
        self.purged.remove(&role);
        self.dirty.insert(role);
    }

    /// The document of a role; a delegation that was never published begins empty.
    pub(super) fn targets_mut(&mut self, role: &RoleName) -> Result<&mut Targets, AuthorError> {
        self.admit_role(role)?;
        let (last, fresh, expires) = (self.last.get(role), &mut self.fresh, self.root.expires);
        Ok(self.roles.entry(role.clone()).or_insert_with(|| {
            if last.is_none() {
                fresh.insert(role.clone());
            }
            Targets::new(last.copied().unwrap_or(MetaVersion::FIRST), expires)
        }))
    }

    /// Whether `role` is delegated to nobody, as far as that can be seen from here.
    pub(super) fn is_undelegated(&self, role: &RoleName) -> bool {
        is_undelegated(role, &|role| self.roles.get(role).map(|targets| &targets.delegations))
    }

    /// Checks that `role` has a document here, or may begin one.
    fn admit_role(&self, role: &RoleName) -> Result<(), AuthorError> {
        if !role.is_delegation() && *role != TopRole::Targets {
            return Err(AuthorError::NotTargets(role.clone()));
        }
        if self.roles.contains_key(role) {
            return Ok(());
        }
        let parent = role.parent().and_then(|parent| self.roles.get(&parent));
        if parent.is_none_or(|parent| parent.delegations.role(role).is_none()) {
            return Err(AuthorError::UnknownRole(role.clone()));
        }
        // A new document would forget what the published one says.
        if self.snapshot.file(role).is_some() {
            return Err(AuthorError::NotLoaded(role.clone()));
        }
        Ok(())
    }

    /// Which names `role` may speak of, as everybody who searches will see it.
    fn paths(&self, role: &RoleName) -> Option<Prefixes<'_>> {
        let Some(parent) = role.parent() else { return Some(Prefixes::all()) };
        let declared = self.roles.get(&parent)?.delegations.role(role)?;
        Some(self.paths(&parent)?.restrict(declared))
    }
}
