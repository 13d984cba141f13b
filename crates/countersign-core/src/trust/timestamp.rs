//! The timestamp phase: what is current.

use bytes::Bytes;

use crate::metadata::{Document, Root, Snapshot, Targets, Timestamp};
use crate::name::{RoleName, TopRole};
use crate::signature::Verified;
use crate::trust::file::Expected;
use crate::trust::{Base, Offered, SnapshotPhase, TrustError};

/// A trusted, unexpired root. What is current is not known yet.
#[derive(Clone, Debug)]
pub struct TimestampPhase(Base);

impl TimestampPhase {
    pub(super) fn new(base: Base) -> Self {
        Self(base)
    }

    /// The trusted root.
    pub fn root(&self) -> &Verified<Root> {
        &self.0.root
    }

    /// Takes a stale file of a top-level role as a floor against rollback, and says whether it could serve as one.
    ///
    /// `bytes` must verify under the trusted root, but may have expired and been superseded. It is never a truth.
    pub fn remember(&mut self, role: TopRole, bytes: Bytes) -> bool {
        match role {
            TopRole::Root => false,
            TopRole::Timestamp => self.raise::<Timestamp>(role, bytes),
            TopRole::Snapshot => self.raise::<Snapshot>(role, bytes),
            TopRole::Targets => self.raise::<Targets>(role, bytes),
        }
    }

    /// Accepts the timestamp and returns the phase that knows what is current.
    ///
    /// # Errors
    /// - [`TrustError::Signature`]: it is not signed by root's timestamp keys.
    /// - [`TrustError::Rollback`], [`TrustError::Equivocation`]: it is older than one that was trusted, or differs from it.
    /// - [`TrustError::ListedRollback`]: it names an older snapshot than one that was trusted named.
    /// - [`TrustError::Expired`]: its time is over, as in a freeze.
    ///
    /// Source: TUF 1.0.34 §5.4.
    pub fn accept_timestamp(self, offered: Offered) -> Result<SnapshotPhase, TrustError> {
        let (role, keys) = (RoleName::from(TopRole::Timestamp), self.0.root.role_keys(TopRole::Timestamp));
        let expected = Expected { role: &role, keys: &keys, listed: None };
        let timestamp = expected.accept(offered, &self.0)?;
        Ok(SnapshotPhase::new(self.0, timestamp))
    }

    fn raise<T: Document>(&mut self, role: TopRole, bytes: Bytes) -> bool {
        let base = &mut self.0;
        let (name, keys) = (RoleName::from(role), base.root.role_keys(role));
        let expected = Expected { role: &name, keys: &keys, listed: None };
        let Ok(stale) = expected.verify_stale::<T>(bytes, &base.environment) else { return false };
        base.seen.raise(name.clone(), &keys, &stale);
        base.floors.raise(&name, &*stale);
        true
    }
}
