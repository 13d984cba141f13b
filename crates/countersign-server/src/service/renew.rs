//! Renewing: new timestamps, and snapshots where the server holds their key, before the old ones expire.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::metadata::{Document, Envelope, Snapshot, Timestamp};
use countersign_core::name::{Gun, TopRole};
use countersign_core::signature::RoleKeys;
use countersign_core::time::DateTime;
use countersign_core::trust::{Offered, TimestampPhase};
use tracing::{debug, error, info, warn};

use super::state::State;
use super::{PublishError, ServiceError, TrustService, after};
use crate::chain::chain;
use crate::keys::OnlineRole;
use crate::storage::{NewFile, Publication, StorageError};
use crate::validate::{self, Rejection};

/// Most collections that one look renews.
pub(crate) const BATCH: u32 = 256;
/// How long a collection that cannot be renewed is left alone, at most.
const RETRY: Duration = Duration::from_hours(1);

impl TrustService {
    /// Renews the collections that are due, at most 256 of them, and says how many were looked at.
    ///
    /// One that cannot be renewed is logged and left alone for a while; the others are not held up by it.
    pub async fn renew_due(&self) -> Result<usize, ServiceError> {
        let due = self.storage.renewals_due(self.clock.now(), BATCH).await?;
        for gun in &due {
            match self.renew(gun).await {
                Ok(()) => {}
                // Somebody published in between: that made a new timestamp too.
                Err(ServiceError::Storage(
                    StorageError::BaseChanged | StorageError::VersionConflict { .. },
                )) => {
                    debug!(%gun, "{gun} was published while it was renewed");
                }
                Err(cause) => {
                    error!(%gun, error = chain(&cause), "{gun} was not renewed");
                    self.retry_later(gun).await?;
                }
            }
        }
        Ok(due.len())
    }

    /// Brings renewals forward that were planned for a longer lifetime than the present one.
    pub async fn hasten_renewals(&self) -> Result<(), ServiceError> {
        let lead = self.lifetimes.timestamp.saturating_sub(self.lifetimes.timestamp / 3);
        Ok(self.storage.hasten_renewals(after(self.clock.now(), lead)).await?)
    }

    /// When these files want to be renewed: when a third of their lifetime is left.
    pub(super) fn renew_at(&self, timestamp: &Bytes, snapshot: &Bytes, now: DateTime) -> DateTime {
        let timestamp = self.claim::<Timestamp>(timestamp);
        let timestamp = timestamp.map_or(now, |claim| before(claim.expires(), self.lifetimes.timestamp));
        let snapshot = self.claim::<Snapshot>(snapshot);
        let snapshot = snapshot.map(|claim| before(claim.expires(), self.lifetimes.snapshot));
        // A snapshot that is not the server's to renew may be past its time; then the timestamp's time counts.
        snapshot.filter(|at| *at > now).map_or(timestamp, |at| at.min(timestamp))
    }

    async fn renew(&self, gun: &Gun) -> Result<(), ServiceError> {
        let state = self.state(gun).await?;
        let environment = self.environment(gun);
        let root = match validate::root(&environment, state.root.clone(), None) {
            Ok(root) => root,
            Err(why) => {
                warn!(%gun, %why, "{gun} cannot be renewed until a new root is published: {why}");
                return self.retry_later(gun).await;
            }
        };
        let Some(stored) = state.stored(&TopRole::Snapshot.into()).await? else {
            return self.retry_later(gun).await;
        };
        let renewed = self.renewed_snapshot(&state, &root, &stored).await?;
        if renewed.is_none() && !self.timestamp_is_due(&state, &stored).await? {
            return Ok(());
        }
        let snapshot = renewed.as_ref().map_or(stored, |file| file.bytes.clone());
        let timestamp = self.next_timestamp(&state, &snapshot)?;
        let keys = root.root().role_keys(TopRole::Timestamp);
        let Some(bytes) = self.sign(gun, OnlineRole::Timestamp, &timestamp, &keys).await? else {
            warn!(%gun, "{gun} cannot be renewed: its timestamp key is not here");
            return self.retry_later(gun).await;
        };
        let offered = Offered::fetched(bytes.clone());
        let phase = root.accept_timestamp(offered).map_err(|error| broken(gun, error.into()))?;
        // A snapshot of the publisher's may have expired: the timestamp that says so is still the right one.
        phase
            .accept_snapshot(Offered::stored(snapshot.clone()))
            .map_err(|error| broken(gun, error.into()))?;
        let renew_at = self.renew_at(&bytes, &snapshot, state.now);
        let timestamp_file = NewFile { role: TopRole::Timestamp.into(), version: timestamp.version, bytes };
        let files = renewed.into_iter().chain([timestamp_file]).collect();
        let publication = Publication { files, base: state.base(), at: state.now, renew_at, announce: false };
        let stored = self.storage.publish(gun, &publication).await;
        self.hot.forget(gun);
        stored?;
        info!(%gun, version = %timestamp.version, "renewed the timestamp of {gun}");
        Ok(())
    }

    /// The next snapshot, if the present one is near its end and the server holds the key.
    async fn renewed_snapshot(
        &self,
        state: &State,
        root: &TimestampPhase,
        stored: &Bytes,
    ) -> Result<Option<NewFile>, ServiceError> {
        let near = |claim: Snapshot| before(claim.expires(), self.lifetimes.snapshot) <= state.now;
        let keys = root.root().role_keys(TopRole::Snapshot);
        if !self.claim::<Snapshot>(stored).is_none_or(near) || !self.holds_any(&state.gun, &keys).await? {
            return Ok(None);
        }
        let next = match self.next_snapshot(state, &BTreeMap::new()).await {
            Ok(next) => next,
            Err(PublishError::Service(error)) => return Err(error),
            Err(PublishError::Rejected(source)) => return Err(broken(&state.gun, source)),
            Err(PublishError::Version { .. } | PublishError::NotJson(_)) => {
                return Err(StorageError::BaseChanged.into());
            }
        };
        let signed = self.sign(&state.gun, OnlineRole::Snapshot, &next, &keys).await?;
        let role = TopRole::Snapshot.into();
        Ok(signed.map(|bytes| NewFile { role, version: next.version, bytes }))
    }

    async fn holds_any(&self, gun: &Gun, keys: &RoleKeys) -> Result<bool, ServiceError> {
        for id in keys.keys().keys() {
            if self.signing.holds(gun, OnlineRole::Snapshot, id).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the stored timestamp is near its end; if not, the next look is planned for then.
    async fn timestamp_is_due(&self, state: &State, snapshot: &Bytes) -> Result<bool, ServiceError> {
        let Some(timestamp) = state.stored(&TopRole::Timestamp.into()).await? else { return Ok(true) };
        let at = self.renew_at(&timestamp, snapshot, state.now);
        // One that was made for a longer lifetime than the present one would leave a freeze unnoticed for longer.
        let latest = after(state.now, self.lifetimes.timestamp);
        let is_long = self.claim::<Timestamp>(&timestamp).is_some_and(|claim| claim.expires() > latest);
        if at <= state.now || is_long {
            return Ok(true);
        }
        self.storage.postpone_renewal(&state.gun, at).await?;
        Ok(false)
    }

    /// What a file claims, if it can be read.
    fn claim<T: Document>(&self, file: &Bytes) -> Option<T> {
        Envelope::parse(file.clone(), &self.limits).and_then(|envelope| envelope.claim()).ok()
    }

    async fn retry_later(&self, gun: &Gun) -> Result<(), ServiceError> {
        let wait = RETRY.min(self.lifetimes.timestamp);
        Ok(self.storage.postpone_renewal(gun, after(self.clock.now(), wait)).await?)
    }
}

fn broken(gun: &Gun, source: Rejection) -> ServiceError {
    ServiceError::Renewal { gun: gun.clone(), source }
}

/// The moment when a third of `lifetime` is left until `expires`.
fn before(expires: DateTime, lifetime: Duration) -> DateTime {
    let left = i64::try_from((lifetime / 3).as_secs()).unwrap_or(i64::MAX);
    expires.plus_seconds(-left.max(1))
}
