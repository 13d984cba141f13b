//! The snapshot phase: which files belong together.

use crate::metadata::{FileMeta, Root, Snapshot, Timestamp};
use crate::name::{RoleName, TopRole};
use crate::signature::Verified;
use crate::trust::file::{Expected, Listed};
use crate::trust::{Base, Offered, TargetsPhase, TrustError};

/// A trusted timestamp. The snapshot that it names is wanted.
#[derive(Clone, Debug)]
pub struct SnapshotPhase {
    base: Base,
    timestamp: Verified<Timestamp>,
}

impl SnapshotPhase {
    pub(super) fn new(base: Base, timestamp: Verified<Timestamp>) -> Self {
        Self { base, timestamp }
    }

    /// The trusted timestamp.
    pub fn timestamp(&self) -> &Verified<Timestamp> {
        &self.timestamp
    }

    /// The trusted root.
    pub fn root(&self) -> &Verified<Root> {
        &self.base.root
    }

    /// The snapshot file that is wanted.
    pub fn wanted(&self) -> &FileMeta {
        &self.timestamp.snapshot
    }

    /// Accepts the snapshot and returns the phase that knows which files belong together.
    ///
    /// # Errors
    /// - [`TrustError::Hash`], [`TrustError::Length`]: it is not the file that the timestamp names.
    /// - [`TrustError::Signature`], [`TrustError::Rollback`], [`TrustError::Equivocation`], [`TrustError::Expired`].
    /// - [`TrustError::Version`], [`TrustError::ListedRollback`]: it has another version than the timestamp names, or takes one back.
    /// - [`TrustError::OtherRoot`]: it belongs to another root; look for a newer one, then begin again.
    ///
    /// Source: TUF 1.0.34 §5.5; notary `tuf/builder.go` (the root's hash).
    pub fn accept_snapshot(self, offered: Offered) -> Result<TargetsPhase, TrustError> {
        let Self { base, timestamp } = self;
        let (role, keys) = (RoleName::from(TopRole::Snapshot), base.root.role_keys(TopRole::Snapshot));
        let listed = Some(Listed { meta: &timestamp.snapshot, by: "timestamp" });
        let expected = Expected { role: &role, keys: &keys, listed };
        let snapshot: Verified<Snapshot> = expected.accept(offered, &base)?;
        if let Some(root) = snapshot.file(&TopRole::Root.into()) {
            if root.hashes.sha256().is_some_and(|listed| listed != base.root.digest()) {
                return Err(TrustError::OtherRoot { trusted: base.root.version });
            }
            Listed { meta: root, by: "snapshot" }.admit(&TopRole::Root.into(), &base.root)?;
        }
        Ok(TargetsPhase::new(base, timestamp, snapshot))
    }
}
