//! The targets phase: what names mean, by the collection's own keys.

use crate::metadata::{FileMeta, Root, Snapshot, Timestamp};
use crate::name::{RoleName, TopRole};
use crate::signature::Verified;
use crate::trust::delegations::admit_children;
use crate::trust::file::{Expected, Listed};
use crate::trust::{Base, DelegationsPhase, Offered, TrustError};

/// A trusted snapshot. The targets file that it names is wanted.
#[derive(Clone, Debug)]
pub struct TargetsPhase {
    base: Base,
    timestamp: Verified<Timestamp>,
    snapshot: Verified<Snapshot>,
}

impl TargetsPhase {
    pub(super) fn new(base: Base, timestamp: Verified<Timestamp>, snapshot: Verified<Snapshot>) -> Self {
        Self { base, timestamp, snapshot }
    }

    /// The trusted snapshot.
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        &self.snapshot
    }

    /// The trusted root.
    pub fn root(&self) -> &Verified<Root> {
        &self.base.root
    }

    /// The file of `role` that the snapshot names.
    pub fn wanted(&self, role: &RoleName) -> Option<&FileMeta> {
        self.snapshot.file(role)
    }

    /// Accepts the targets file and returns the phase that loads delegations.
    ///
    /// # Errors
    /// - [`TrustError::Hash`], [`TrustError::Length`]: it is not the file that the snapshot names.
    /// - [`TrustError::Signature`], [`TrustError::Rollback`], [`TrustError::Equivocation`], [`TrustError::Expired`].
    ///
    /// Source: TUF 1.0.34 §5.6.
    pub fn accept_targets(self, offered: Offered) -> Result<DelegationsPhase, TrustError> {
        let Self { base, timestamp, snapshot } = self;
        let (role, keys) = (RoleName::from(TopRole::Targets), base.root.role_keys(TopRole::Targets));
        let listed = snapshot.file(&role).ok_or_else(|| TrustError::NotInSnapshot(role.clone()))?;
        let expected =
            Expected { role: &role, keys: &keys, listed: Some(Listed { meta: listed, by: "snapshot" }) };
        let targets = expected.accept(offered, &base)?;
        admit_children(&role, &targets, base.environment.limits.delegations)?;
        Ok(DelegationsPhase::new(base, timestamp, snapshot, targets))
    }
}
