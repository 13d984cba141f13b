//! A repository that is up to date, and what names mean in it.

use countersign_core::limits::Limits;
use countersign_core::metadata::FileMeta;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;
use countersign_core::trust::{DelegationsPhase, Offered, SearchStep, TargetSearch, TrustError};

use super::updater::fetch_listed;
use super::{TufError, TufRepository, TufStore, TufTargetError};

/// The trusted metadata of a repository.
#[derive(Debug)]
pub struct TufView {
    pub(super) repository: TufRepository,
    store: TufStore,
    limits: Limits,
    phase: DelegationsPhase,
    pub(super) is_consistent: bool,
}

/// What a name means in a repository.
#[derive(Clone, Debug, PartialEq)]
pub struct TufTarget {
    /// The name.
    pub name: TargetName,
    /// The role that says so.
    pub role: RoleName,
    /// Its hashes and length.
    pub meta: FileMeta,
}

impl TufView {
    pub(super) fn new(
        repository: TufRepository,
        store: TufStore,
        limits: Limits,
        phase: DelegationsPhase,
        is_consistent: bool,
    ) -> Self {
        Self { repository, store, limits, phase, is_consistent }
    }

    /// The trusted version of each top-level role, and when it expires.
    pub fn versions(&self) -> Vec<(TopRole, MetaVersion, DateTime)> {
        let (root, timestamp, snapshot) = (self.phase.root(), self.phase.timestamp(), self.phase.snapshot());
        let mut versions = vec![
            (TopRole::Root, root.version, root.expires),
            (TopRole::Timestamp, timestamp.version, timestamp.expires),
            (TopRole::Snapshot, snapshot.version, snapshot.expires),
        ];
        let targets = self.phase.targets(&TopRole::Targets.into());
        versions.extend(targets.map(|targets| (TopRole::Targets, targets.version, targets.expires)));
        versions
    }

    /// Finds what `name` means, loading the delegated roles that lead there.
    ///
    /// # Errors
    /// - [`TufTargetError::Unknown`]: nobody who may speak of it does.
    /// - [`TufTargetError::Metadata`]: a role on the way cannot be fetched or is not trusted. No other role is asked in its place.
    ///
    /// Source: TUF 1.0.34 §5.6.7.
    pub async fn find(&mut self, name: &TargetName) -> Result<TufTarget, TufTargetError> {
        let mut search = TargetSearch::new(name.clone());
        loop {
            match search.step(&self.phase).map_err(TufError::Untrusted)? {
                SearchStep::Found { role, meta } => return Ok(TufTarget { name: name.clone(), role, meta }),
                SearchStep::NotFound => return Err(TufTargetError::Unknown(name.clone())),
                SearchStep::Needs(role) => self.load(&mut search, &role).await?,
            }
        }
    }

    async fn load(&mut self, search: &mut TargetSearch, role: &RoleName) -> Result<(), TufError> {
        let max_bytes = self.limits.file_bytes(None);
        if let Some(stored) = self.store.read(role, max_bytes).await?
            && search.accept(&mut self.phase, Offered::cached(stored)).is_ok()
        {
            return Ok(());
        }
        let listed = self.phase.wanted(role).ok_or_else(|| TrustError::NotInSnapshot(role.clone()))?;
        let bytes = fetch_listed(&self.repository, &self.limits, role, listed, self.is_consistent).await?;
        search.accept(&mut self.phase, Offered::fetched(bytes.clone()))?;
        Ok(self.store.write(role, bytes).await?)
    }
}
