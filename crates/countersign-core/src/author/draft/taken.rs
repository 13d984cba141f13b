//! Documents that somebody else wrote, in place of what a draft would say.

use super::Draft;
use crate::author::root::admit_thresholds;
use crate::author::{AuthorError, ProposalError};
use crate::metadata::{Root, Targets};
use crate::name::{RoleName, TopRole};
use crate::number::MetaVersion;
use crate::time::DateTime;

impl Draft {
    /// Takes the next root as it is.
    ///
    /// # Errors
    /// [`ProposalError::Overtaken`]: it is not the next one. [`ProposalError::Author`]: it could not be published.
    pub(in crate::author) fn take_root(&mut self, root: Root) -> Result<(), ProposalError> {
        let role = RoleName::from(TopRole::Root);
        admit_thresholds(&root)?;
        admit_next(&role, Some(self.root.version), root.version)?;
        self.root = root;
        self.dirty.insert(role);
        Ok(())
    }

    /// Takes what `role` says next as it is.
    ///
    /// # Errors
    /// As [`Draft::take_root`].
    pub(in crate::author) fn take_targets(
        &mut self,
        role: &RoleName,
        targets: Targets,
    ) -> Result<(), ProposalError> {
        let present = self.targets_mut(role)?.version;
        let before = (!self.fresh.contains(role)).then_some(present);
        admit_next(role, before, targets.version)?;
        *self.targets_mut(role)? = targets;
        self.touch(role.clone());
        Ok(())
    }

    /// Whether `role` says the same here and there, whenever it was written.
    pub(in crate::author) fn agrees(&self, other: &Self, role: &RoleName) -> bool {
        if *role == TopRole::Root {
            let mut theirs = other.root.clone();
            (theirs.version, theirs.expires) = (self.root.version, self.root.expires);
            return self.root == theirs;
        }
        match (self.roles.get(role), other.roles.get(role)) {
            (Some(mine), Some(theirs)) => {
                let mut theirs = theirs.clone();
                (theirs.version, theirs.expires) = (mine.version, mine.expires);
                *mine == theirs
            }
            _ => false,
        }
    }

    /// Takes what `role` is to say from `other`, and writes it; the message to sign.
    pub(in crate::author) fn write_as(
        &mut self,
        other: &Self,
        role: &RoleName,
        now: DateTime,
    ) -> Result<Vec<u8>, AuthorError> {
        if *role == TopRole::Root {
            let version = std::mem::replace(&mut self.root, other.root.clone()).version;
            self.root.version = version;
            self.dirty.insert(role.clone());
            return self.write_root(now);
        }
        let said = other.roles.get(role).ok_or_else(|| AuthorError::UnknownRole(role.clone()))?;
        let mine = self.targets_mut(role)?;
        let version = std::mem::replace(mine, said.clone()).version;
        mine.version = version;
        self.touch(role.clone());
        self.write_targets(role, now)
    }
}

fn admit_next(role: &RoleName, before: Option<MetaVersion>, found: MetaVersion) -> Result<(), ProposalError> {
    let expected = before.map_or(Ok(MetaVersion::FIRST), MetaVersion::next);
    let expected = expected.map_err(|source| AuthorError::Version { role: role.clone(), source })?;
    if found == expected {
        return Ok(());
    }
    Err(ProposalError::Overtaken { role: role.clone(), found, expected })
}
