//! Documents that somebody else wrote, in place of what a draft would say.

use super::Draft;
use crate::author::root::admit_thresholds;
use crate::author::{AuthorError, DAY, ProposalError, expiry};
use crate::metadata::{Root, Targets};
use crate::name::{RoleName, TopRole};
use crate::number::MetaVersion;
use crate::time::DateTime;
use crate::trust::Environment;

/// How much later than one's own the expiry of somebody else's file may be, in seconds: one day for clocks that disagree.
const CLOCK_TOLERANCE: i64 = DAY;

impl Draft {
    /// Takes the next root as it is. Of its own keys, those sign that a client counts.
    ///
    /// # Errors
    /// - [`ProposalError::Overtaken`]: it is not the next one. [`ProposalError::Author`]: it could not be published.
    /// - [`ProposalError::RootCertificate`], [`ProposalError::Root`], [`ProposalError::TooFewRootKeys`]: clients would refuse it.
    pub(in crate::author) fn take_root(
        &mut self,
        root: Root,
        environment: &Environment,
    ) -> Result<(), ProposalError> {
        let role = RoleName::from(TopRole::Root);
        admit_thresholds(&root)?;
        admit_next(&role, self.next_version(&role)?, root.version)?;
        let Environment { anchor, start, .. } = environment;
        anchor
            .admit_new_leaves(&self.root, &root, *start)
            .map_err(|(key, source)| ProposalError::RootCertificate { key, source })?;
        let keys = anchor.counted_root_keys(&root, *start).map_err(ProposalError::Root)?;
        let (counted, threshold) = (keys.canonical_ids().len(), keys.threshold().get());
        if counted < threshold {
            return Err(ProposalError::TooFewRootKeys { counted, threshold });
        }
        self.counted_root = Some(keys);
        self.root = root;
        self.dirty.insert(role);
        Ok(())
    }

    /// Takes what `role` says next as it is.
    ///
    /// # Errors
    /// - [`ProposalError::Form`]: an entry has more than would be written here.
    /// - [`ProposalError::Overtaken`]: it is not what comes next. [`ProposalError::Author`]: it could not be published.
    pub(in crate::author) fn take_targets(
        &mut self,
        role: &RoleName,
        targets: Targets,
    ) -> Result<(), ProposalError> {
        if !targets.targets.is_as_written() {
            return Err(ProposalError::Form { role: role.clone() });
        }
        self.targets_mut(role)?;
        admit_next(role, self.next_version(role)?, targets.version)?;
        *self.targets_mut(role)? = targets;
        self.touch(role.clone());
        Ok(())
    }

    /// Checks that `role` is here what `other` would write at `now`, an expiry that is somewhat different aside.
    pub(in crate::author) fn admit_same(
        &self,
        other: &Self,
        role: &RoleName,
        now: DateTime,
    ) -> Result<(), ProposalError> {
        if !self.agrees(other, role) {
            return Err(ProposalError::Another { role: role.clone() });
        }
        let (version, expires) = match self.roles.get(role) {
            Some(targets) if *role != TopRole::Root => (targets.version, targets.expires),
            _ => (self.root.version, self.root.expires),
        };
        admit_next(role, other.next_version(role)?, version)?;
        admit_lifetime(role, expires, now)
    }

    /// Whether `role` says the same here and there, whenever it was written.
    fn agrees(&self, other: &Self, role: &RoleName) -> bool {
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

fn admit_next(role: &RoleName, expected: MetaVersion, found: MetaVersion) -> Result<(), ProposalError> {
    if found == expected {
        Ok(())
    } else {
        Err(ProposalError::Overtaken { role: role.clone(), found, expected })
    }
}

/// Refuses a file that is valid for longer than one that is written at `now`, or for less than a tenth of that time.
fn admit_lifetime(role: &RoleName, expires: DateTime, now: DateTime) -> Result<(), ProposalError> {
    let usual = expiry(role, now);
    let (left, whole) = (now.seconds_until(expires), now.seconds_until(usual));
    let role = role.clone();
    if left > whole + CLOCK_TOLERANCE {
        Err(ProposalError::TooLong { role, expires, usual })
    } else if left < whole / 10 {
        Err(ProposalError::TooShort { role, expires, usual })
    } else {
        Ok(())
    }
}
