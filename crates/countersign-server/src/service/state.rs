//! The stored state of one collection, as an upload or a renewal finds it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::metadata::{Envelope, FileMeta, Snapshot};
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::Environment;

use super::{ServiceError, TrustService};
use crate::storage::{FileRecord, Storage, StorageError};
use crate::validate;

/// The highest version of each role, and what the snapshot among them lists.
pub(super) struct State {
    pub(super) gun: Gun,
    pub(super) now: DateTime,
    pub(super) heads: BTreeMap<RoleName, FileRecord>,
    pub(super) root: Option<Bytes>,
    /// What the stored snapshot lists; nothing when there is none, or none that can be read.
    pub(super) listed: BTreeMap<String, FileMeta>,
    storage: Arc<dyn Storage>,
}

impl TrustService {
    /// What is stored of `gun` now.
    pub(super) async fn state(&self, gun: &Gun) -> Result<State, ServiceError> {
        let heads = self.storage.heads(gun).await?;
        let mut state = State {
            gun: gun.clone(),
            now: self.clock.now(),
            heads: heads.into_iter().map(|record| (record.role.clone(), record)).collect(),
            root: None,
            listed: BTreeMap::new(),
            storage: Arc::clone(&self.storage),
        };
        state.root = state.stored(&TopRole::Root.into()).await?;
        let snapshot = state.stored(&TopRole::Snapshot.into()).await?;
        let claim = |file| Envelope::parse(file, &self.limits).and_then(|envelope| envelope.claim());
        state.listed =
            snapshot.and_then(|file| claim(file).ok()).map(|claim: Snapshot| claim.meta).unwrap_or_default();
        Ok(state)
    }

    /// What files of `gun` are checked against now.
    pub(super) fn environment(&self, gun: &Gun) -> Arc<Environment> {
        validate::environment(gun, self.limits.clone(), UpdateStart(self.clock.now()))
    }
}

impl State {
    /// The bytes of the highest version of `role`.
    ///
    /// # Errors
    /// [`StorageError::BaseChanged`]: it was there a moment ago.
    pub(super) async fn stored(&self, role: &RoleName) -> Result<Option<Bytes>, ServiceError> {
        let Some(head) = self.heads.get(role) else { return Ok(None) };
        let file = self.storage.by_version(&self.gun, role, head.version).await?;
        let file = file.filter(|file| file.sha256 == head.sha256).ok_or(StorageError::BaseChanged)?;
        Ok(Some(file.bytes))
    }

    /// The highest version of every role.
    pub(super) fn versions(&self) -> BTreeMap<RoleName, MetaVersion> {
        self.heads.values().map(|head| (head.role.clone(), head.version)).collect()
    }

    /// The version after the highest of `role`.
    pub(super) fn next_version(&self, role: TopRole) -> Result<MetaVersion, ServiceError> {
        let role = RoleName::from(role);
        let Some(head) = self.heads.get(&role) else { return Ok(MetaVersion::FIRST) };
        head.version.next().map_err(|source| ServiceError::Version { gun: self.gun.clone(), role, source })
    }

    /// The SHA-256 of the current timestamp, which names this state.
    pub(super) fn base(&self) -> Option<Digest> {
        self.heads.get(&RoleName::from(TopRole::Timestamp)).map(|head| head.sha256)
    }

    /// The delegated roles that the stored snapshot lists, parents before children.
    pub(super) fn listed_delegations(&self) -> BTreeSet<RoleName> {
        let roles = self.listed.keys().filter_map(|name| name.parse::<RoleName>().ok());
        roles.filter(RoleName::is_delegation).collect()
    }
}
