//! The update of the top-level roles: root, timestamp, snapshot, targets, each stored as soon as it is trusted.

use std::sync::Arc;

use bytes::Bytes;
use countersign_core::limits::Limits;
use countersign_core::metadata::FileMeta;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::UpdateStart;
use countersign_core::trust::{
    DelegationsPhase, Environment, Offered, RootPhase, Seen, SnapshotPhase, TargetsPhase, TimestampPhase,
    TrustError,
};

use super::{TufError, TufRepository, TufStore, TufView};
use crate::remote::FetchError;

/// Brings a store up to date with its repository.
#[derive(Clone, Debug)]
pub struct TufUpdater {
    repository: TufRepository,
    store: TufStore,
    limits: Limits,
}

impl TufUpdater {
    /// An updater of `store`, which must have a root to begin with.
    pub fn new(repository: TufRepository, store: TufStore, limits: Limits) -> Self {
        Self { repository, store, limits }
    }

    /// Brings the top-level roles up to date. Delegated roles are loaded when a name leads to them.
    ///
    /// # Errors
    /// [`TufError`]; [`TufError::is_untrusted`] tells "checked, and bad" from "could not check". What was trusted before the
    /// fault is stored.
    ///
    /// Source: TUF 1.0.34 §5.1 to §5.6.
    pub async fn refresh(&self, start: UpdateStart) -> Result<TufView, TufError> {
        let _lock = self.store.lock().await?;
        let root = self.roots(start).await?;
        let is_consistent = root.root().consistent_snapshot;
        let run = Run { updater: self, is_consistent };
        let snapshot = run.timestamp(root.finish_root()?).await?;
        let targets = run.snapshot(snapshot).await?;
        let phase = run.targets(targets).await?;
        let Self { repository, store, limits } = self.clone();
        Ok(TufView::new(repository, store, limits, phase, is_consistent))
    }

    /// The stored root, and every root that follows it.
    async fn roots(&self, start: UpdateStart) -> Result<RootPhase, TufError> {
        let role = RoleName::from(TopRole::Root);
        let max_bytes = self.limits.root_bytes;
        let stored = self.store.read(&role, max_bytes).await?;
        let stored =
            stored.ok_or_else(|| TufError::NoRoot { dir: self.store.dir().display().to_string() })?;
        let environment = Arc::new(Environment::tuf1(self.limits.clone(), start));
        let mut phase = RootPhase::trust_cached(environment, stored, Seen::default())?;
        for _ in 0..self.limits.root_rotations {
            let Some(next) = phase.next_version() else { return Ok(phase) };
            let bytes = match self.repository.metadata(&role, Some(next), max_bytes).await {
                Ok(bytes) => bytes,
                // Some stores of files answer 403 for what is not there.
                Err(FetchError::NotFound { .. } | FetchError::Forbidden { .. }) => return Ok(phase),
                Err(source) => return Err(TufError::Fetch { role, source }),
            };
            phase = phase.accept_root(bytes.clone())?;
            self.store.write(&role, bytes).await?;
        }
        Err(TufError::RootRotations { limit: self.limits.root_rotations })
    }
}

/// One update, once the root is known.
struct Run<'a> {
    updater: &'a TufUpdater,
    is_consistent: bool,
}

impl Run<'_> {
    async fn timestamp(&self, mut phase: TimestampPhase) -> Result<SnapshotPhase, TufError> {
        let role = RoleName::from(TopRole::Timestamp);
        for top in [TopRole::Timestamp, TopRole::Snapshot] {
            if let Some(stale) = self.stored(&top.into()).await? {
                phase.remember(top, stale);
            }
        }
        let limit = self.updater.limits.timestamp_bytes;
        let fetched = self.updater.repository.metadata(&role, None, limit).await;
        let bytes = fetched.map_err(|source| TufError::Fetch { role: role.clone(), source })?;
        match phase.clone().accept_timestamp(Offered::fetched(bytes.clone())) {
            Ok(next) => {
                self.updater.store.write(&role, bytes).await?;
                Ok(next)
            }
            // Nothing new, whatever else it says: what is here stays (TUF 1.0.34 §5.4.3.1).
            Err(equal @ TrustError::Equivocation { .. }) => match self.stored(&role).await? {
                Some(stored) => Ok(phase.accept_timestamp(Offered::cached(stored))?),
                None => Err(equal.into()),
            },
            Err(refused) => Err(refused.into()),
        }
    }

    async fn snapshot(&self, phase: SnapshotPhase) -> Result<TargetsPhase, TufError> {
        let role = RoleName::from(TopRole::Snapshot);
        if let Some(stored) = self.stored(&role).await?
            && let Ok(next) = phase.clone().accept_snapshot(Offered::cached(stored))
        {
            return Ok(next);
        }
        let bytes = self.fetch(&role, phase.wanted()).await?;
        let next = phase.accept_snapshot(Offered::fetched(bytes.clone()))?;
        self.updater.store.write(&role, bytes).await?;
        Ok(next)
    }

    async fn targets(&self, phase: TargetsPhase) -> Result<DelegationsPhase, TufError> {
        let role = RoleName::from(TopRole::Targets);
        if let Some(stored) = self.stored(&role).await?
            && let Ok(next) = phase.clone().accept_targets(Offered::cached(stored))
        {
            return Ok(next);
        }
        let listed = phase.wanted(&role).ok_or_else(|| TrustError::NotInSnapshot(role.clone()))?;
        let bytes = self.fetch(&role, listed).await?;
        let next = phase.accept_targets(Offered::fetched(bytes.clone()))?;
        self.updater.store.write(&role, bytes).await?;
        Ok(next)
    }

    async fn stored(&self, role: &RoleName) -> Result<Option<Bytes>, TufError> {
        Ok(self.updater.store.read(role, self.updater.limits.file_bytes(role.top())).await?)
    }

    async fn fetch(&self, role: &RoleName, listed: &FileMeta) -> Result<Bytes, TufError> {
        let TufUpdater { repository, limits, .. } = self.updater;
        fetch_listed(repository, limits, role, listed, self.is_consistent).await
    }
}

/// Fetches the file of `role` that `listed` describes.
pub(super) async fn fetch_listed(
    repository: &TufRepository,
    limits: &Limits,
    role: &RoleName,
    listed: &FileMeta,
    is_consistent: bool,
) -> Result<Bytes, TufError> {
    let max_bytes = limits.file_bytes(role.top()).min(listed.length);
    let version: Option<MetaVersion> = listed.version.filter(|_| is_consistent);
    let fetched = repository.metadata(role, version, max_bytes).await;
    fetched.map_err(|source| TufError::Fetch { role: role.clone(), source })
}
