//! Publishing: an upload becomes the current state, or nothing changes.
//!
//! ```text
//! parts → versions → root → snapshot (uploaded or made) → timestamp (made) → a client's update over all of it → store
//! ```
//!
//! What is signed on the way is thrown away when a later step refuses. Source: notary `server/handlers/validation.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Envelope, FileMeta, MetadataError, Snapshot};
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::trust::TimestampPhase;
use serde::de::IgnoredAny;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tracing::info;

use super::compose::{Uploads, file_of};
use super::state::State;
use super::{PublishError, ServiceError, TrustService};
use crate::keys::OnlineRole;
use crate::storage::{NewFile, Publication, StorageError};
use crate::validate::{self, Candidacy, Candidate, Part, Rejection, RejectionKind};

/// How often an upload is checked again because a renewal or another upload came between.
pub(super) const ATTEMPTS: u32 = 5;

/// What is held for as long as an upload is worked on, also when nobody waits for its outcome any more: an upload that was
/// given up still has a thread of its own, and counts.
pub(crate) type Turn = Arc<OwnedSemaphorePermit>;

/// What an upload became.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Published {
    /// The version of each role that was stored.
    pub versions: BTreeMap<RoleName, MetaVersion>,
}

impl TrustService {
    /// Publishes `files`, bytes by role. A `timestamp` among them is ignored: the server makes its own.
    ///
    /// # Errors
    /// - [`PublishError::Version`]: a stored version is not lower. Fetch, apply the change again, try again.
    /// - [`PublishError::Rejected`]: a client would refuse the result.
    /// - [`PublishError::Service`]: the server failed. Nothing was stored in any of these cases.
    pub async fn publish(
        &self,
        gun: &Gun,
        files: BTreeMap<RoleName, Bytes>,
    ) -> Result<Published, PublishError> {
        self.publish_in_turn(gun, files, None).await
    }

    /// As [`TrustService::publish`], with what says that it may be worked on.
    pub(crate) async fn publish_in_turn(
        &self,
        gun: &Gun,
        files: BTreeMap<RoleName, Bytes>,
        turn: Option<Turn>,
    ) -> Result<Published, PublishError> {
        let limits = self.limits.clone();
        let uploads = in_turn(turn.as_ref(), move || parse(files, &limits)).await??;
        let mut attempt = 1;
        loop {
            match self.publish_once(gun, &uploads, turn.as_ref()).await {
                Err(PublishError::Service(ServiceError::Storage(StorageError::BaseChanged)))
                    if attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn publish_once(
        &self,
        gun: &Gun,
        uploads: &Uploads,
        turn: Option<&Turn>,
    ) -> Result<Published, PublishError> {
        let state = self.state(gun).await?;
        if state.root.is_none() && !uploads.contains_key(&TopRole::Root.into()) {
            return Err(validate::no_root().into());
        }
        let parts: Vec<Part> = uploads.values().cloned().collect();
        validate::admit_versions(&parts, &state.versions())?;

        let root = self.trusted_root(&state, uploads, turn).await?;
        let snapshot = self.snapshot_of(&state, uploads, &root).await?;
        let timestamp = self.next_timestamp(&state, &snapshot.bytes)?;
        let (version, keys) = (timestamp.version, root.root().role_keys(TopRole::Timestamp));
        let timestamp = self
            .sign(gun, OnlineRole::Timestamp, &timestamp, &keys)
            .await?
            .ok_or_else(|| Rejection::new(RejectionKind::Root, "no  timestamp keys exist on the server"))?;
        let candidate = self.candidate(&state, uploads, root, &snapshot, &timestamp).await?;
        in_turn(turn, move || candidate.check()).await??;

        let renew_at = self.renew_at(&timestamp, &snapshot.bytes, state.now);
        let made = [
            NewFile { role: TopRole::Snapshot.into(), version: snapshot.version, bytes: snapshot.bytes },
            NewFile { role: TopRole::Timestamp.into(), version, bytes: timestamp },
        ];
        let uploaded = parts.into_iter().filter(|part| part.role != TopRole::Snapshot);
        let uploaded = uploaded.map(|Part { role, version, bytes, .. }| NewFile { role, version, bytes });
        let files: Vec<NewFile> = uploaded.chain(made).collect();
        let versions = files.iter().map(|file| (file.role.clone(), file.version)).collect();
        let publication = Publication { files, base: state.base(), at: state.now, renew_at, announce: true };
        let stored = self.storage.publish(gun, &publication).await;
        self.hot.forget(gun);
        stored?;
        for (role, version) in &versions {
            info!(%gun, %role, %version, "published {role} version {version} of {gun}");
        }
        Ok(Published { versions })
    }

    async fn trusted_root(
        &self,
        state: &State,
        uploads: &Uploads,
        turn: Option<&Turn>,
    ) -> Result<TimestampPhase, PublishError> {
        let environment = self.environment(&state.gun);
        let stored = state.root.clone();
        let uploaded = uploads.get(&TopRole::Root.into()).map(|part| part.bytes.clone());
        Ok(in_turn(turn, move || validate::root(&environment, stored, uploaded)).await??)
    }

    /// The snapshot that will be current: the uploaded one, if every file that it names is here, or one made for it.
    async fn snapshot_of(
        &self,
        state: &State,
        uploads: &Uploads,
        root: &TimestampPhase,
    ) -> Result<SnapshotFile, PublishError> {
        if let Some(part) = uploads.get(&TopRole::Snapshot.into()) {
            let claim = Envelope::parse(part.bytes.clone(), &self.limits).and_then(|file| file.claim());
            let claim: Snapshot = claim.map_err(|error| Rejection::metadata(&part.role, &error))?;
            admit_listed(state, uploads, &claim.meta).await?;
            return Ok(SnapshotFile { version: part.version, meta: claim.meta, bytes: part.bytes.clone() });
        }
        let made = self.next_snapshot(state, uploads).await?;
        let keys = root.root().role_keys(TopRole::Snapshot);
        let Some(bytes) = self.sign(&state.gun, OnlineRole::Snapshot, &made, &keys).await? else {
            let message = "no snapshot was included in update and server does not hold current snapshot key for repository";
            return Err(Rejection::new(RejectionKind::Hierarchy { missing: "snapshot" }, message).into());
        };
        Ok(SnapshotFile { version: made.version, meta: made.meta, bytes })
    }

    /// What would be current, for a client's update over it.
    async fn candidate(
        &self,
        state: &State,
        uploads: &Uploads,
        root: TimestampPhase,
        snapshot: &SnapshotFile,
        timestamp: &Bytes,
    ) -> Result<Proposed, PublishError> {
        let top = RoleName::from(TopRole::Targets);
        let changed = || uploads.keys().filter(|role| role.is_delegation());
        let mut targets = BTreeMap::new();
        for role in validate::ancestors(changed()).into_iter().chain(changed().cloned()).chain([top]) {
            let candidacy = match uploads.get(&role) {
                Some(part) => Candidacy::Uploaded(part.bytes.clone()),
                None => match state.stored(&role).await? {
                    Some(bytes) => Candidacy::Stored(bytes),
                    None => continue,
                },
            };
            targets.insert(role, candidacy);
        }
        let is_left = |role: &RoleName| !snapshot.meta.contains_key(role.as_str());
        let gone: Vec<_> = state.listed_delegations().into_iter().filter(is_left).collect();
        let mut left = BTreeMap::new();
        for role in validate::ancestors(gone.iter()).into_iter().chain(gone) {
            if let Some(bytes) = state.stored(&role).await? {
                left.insert(role, bytes);
            }
        }
        let (timestamp, snapshot) = (timestamp.clone(), snapshot.bytes.clone());
        Ok(Proposed { candidate: Candidate { root, timestamp, snapshot, targets }, left })
    }
}

/// What would be current, and the delegations that would be left out.
struct Proposed {
    candidate: Candidate,
    left: BTreeMap<RoleName, Bytes>,
}

impl Proposed {
    fn check(&self) -> Result<(), Rejection> {
        validate::trusted(&self.candidate, &self.left)
    }
}

/// Runs work off the async threads, and holds `turn` until it ends.
async fn in_turn<T: Send + 'static>(
    turn: Option<&Turn>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ServiceError> {
    let turn = turn.cloned();
    let done = spawn_blocking(move || {
        let outcome = work();
        drop(turn);
        outcome
    });
    Ok(done.await?)
}

/// Reads the uploaded files. A timestamp only has to be JSON: the server makes its own.
fn parse(files: BTreeMap<RoleName, Bytes>, limits: &Limits) -> Result<Uploads, PublishError> {
    let mut uploads = Uploads::new();
    for (role, bytes) in files {
        if role == TopRole::Timestamp {
            serde_json::from_slice::<IgnoredAny>(&bytes).map_err(|_| PublishError::NotJson(role))?;
            continue;
        }
        let part = Part::parse(role.clone(), bytes, limits).map_err(|error| match error {
            MetadataError::Json(error) if !error.is_data() => PublishError::NotJson(role.clone()),
            error => Rejection::metadata(&role, &error).into(),
        })?;
        uploads.insert(role, part);
    }
    Ok(uploads)
}

/// The snapshot that would be current.
struct SnapshotFile {
    version: MetaVersion,
    meta: BTreeMap<String, FileMeta>,
    bytes: Bytes,
}

/// Refuses a snapshot that names a file which is neither uploaded with it nor the newest one stored.
///
/// Deviation: Notary takes it, and answers 404 for that file until the next good publish (13 B6).
async fn admit_listed(
    state: &State,
    uploads: &Uploads,
    meta: &BTreeMap<String, FileMeta>,
) -> Result<(), PublishError> {
    for (name, meta) in meta {
        let refuse = |why: &str| Rejection::new(RejectionKind::Snapshot, format!("the snapshot names {why}"));
        let role: RoleName =
            name.parse().map_err(|_| refuse(&format!("`{}`, which is no role", name.escape_debug())))?;
        if matches!(role.top(), Some(TopRole::Snapshot | TopRole::Timestamp)) {
            return Err(refuse(&format!("`{role}`, which no snapshot can name")).into());
        }
        let uploaded = uploads.get(&role).map(|part| part.digest);
        let here = uploaded.or(state.heads.get(&role).map(|head| head.sha256));
        if here.is_none() || meta.hashes.sha256() != here {
            let why = format!("a {role} that is neither in this update nor the newest one on the server");
            return Err(refuse(&why).into());
        }
        // Uploaded files are held against every hash with the rest of the checks; a stored one that was listed so before
        // has been.
        if uploaded.is_none() && state.listed.get(name) != Some(meta) {
            let file = file_of(state, uploads, &role).await?.unwrap_or_default();
            if meta.hashes.verify(&file).is_err() || meta.length < file.len() as u64 {
                return Err(refuse(&format!("another {role} than the one on the server")).into());
            }
        }
    }
    Ok(())
}
