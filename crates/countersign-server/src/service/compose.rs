//! The snapshots and timestamps that the server makes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::author::{self, AuthorError, KeyRing};
use countersign_core::key::PublicKey;
use countersign_core::metadata::{Document, Envelope, FileMeta, Snapshot, Targets, Timestamp};
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::sign::{Sign, SignError};
use countersign_core::signature::RoleKeys;
use countersign_core::verify::Method;

use super::state::State;
use super::{PublishError, ServiceError, TrustService, after};
use crate::keys::{OnlineRole, SigningError};
use crate::validate::{Part, Rejection, no_targets};

/// The uploaded files by role.
pub(super) type Uploads = BTreeMap<RoleName, Part>;

impl TrustService {
    /// The next snapshot of a collection: the root, the targets file and every delegation that was listed and still is
    /// delegated, each as it is stored or uploaded.
    ///
    /// The hashes are of the stored bytes. Deviation: Notary hashes what its own serialiser makes of them, and loses the
    /// root of whoever serialises otherwise (13 B7).
    pub(super) async fn next_snapshot(
        &self,
        state: &State,
        uploads: &Uploads,
    ) -> Result<Snapshot, PublishError> {
        let version = state.next_version(TopRole::Snapshot)?;
        let mut snapshot = Snapshot::new(version, after(state.now, self.lifetimes.snapshot));
        for (role, missing) in [(TopRole::Root, None), (TopRole::Targets, Some(no_targets()))] {
            let file = file_of(state, uploads, &role.into()).await?;
            let Some(file) = file else {
                return Err(missing.unwrap_or_else(crate::validate::no_root).into());
            };
            snapshot.meta.insert(role.name().to_owned(), FileMeta::of(&file));
        }
        let mut roles = state.listed_delegations();
        roles.extend(uploads.keys().filter(|role| role.is_delegation()).cloned());
        let mut parents: BTreeMap<RoleName, Targets> = BTreeMap::new();
        if !roles.is_empty() {
            let top = RoleName::from(TopRole::Targets);
            parents.insert(top.clone(), self.targets_of(state, uploads, &top).await?);
        }
        // In this order a parent stands before its children; one that is dropped drops them.
        for role in &roles {
            let parent = role.parent().and_then(|parent| parents.get(&parent));
            if parent.is_none_or(|parent| parent.delegations.role(role).is_none()) {
                continue;
            }
            let Some(meta) = meta_of(state, uploads, role).await? else { continue };
            snapshot.meta.insert(role.to_string(), meta);
            if is_parent(role, &roles) {
                parents.insert(role.clone(), self.targets_of(state, uploads, role).await?);
            }
        }
        Ok(snapshot)
    }

    /// The next timestamp, of this snapshot file.
    pub(super) fn next_timestamp(&self, state: &State, snapshot: &Bytes) -> Result<Timestamp, ServiceError> {
        let version = state.next_version(TopRole::Timestamp)?;
        let expires = after(state.now, self.lifetimes.timestamp);
        Ok(Timestamp::new(version, expires, FileMeta::of(snapshot)))
    }

    /// Signs `document` with every key of `keys` that the server holds; `None` when they are too few.
    pub(super) async fn sign<T: Document + Sync>(
        &self,
        gun: &Gun,
        role: OnlineRole,
        document: &T,
        keys: &RoleKeys,
    ) -> Result<Option<Bytes>, ServiceError> {
        let mut message = Vec::new();
        document.write_canonical(&mut message);
        let mut ring = KeyRing::default();
        for key in keys.keys().values() {
            let Ok(key) = key.bare() else { continue };
            match self.signing.sign(gun, role, &key.id(), &message).await {
                Ok(signature) => ring.insert(Arc::new(Made { key, signature })),
                Err(SigningError::NoKey { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match author::sign(&role.into(), document, std::slice::from_ref(keys), &ring) {
            Ok(file) => Ok(Some(file)),
            Err(AuthorError::MissingKeys { .. }) => Ok(None),
            Err(_) => Err(SigningError::Crypto("used to sign").into()),
        }
    }

    async fn targets_of(
        &self,
        state: &State,
        uploads: &Uploads,
        role: &RoleName,
    ) -> Result<Targets, PublishError> {
        let file = file_of(state, uploads, role).await?.ok_or_else(no_targets)?;
        let claim = Envelope::parse(file, &self.limits).and_then(|envelope| envelope.claim());
        claim.map_err(|error| Rejection::metadata(role, &error).into())
    }
}

/// The file of `role` that would be current: the uploaded one, else the stored one.
pub(super) async fn file_of(
    state: &State,
    uploads: &Uploads,
    role: &RoleName,
) -> Result<Option<Bytes>, ServiceError> {
    match uploads.get(role) {
        Some(part) => Ok(Some(part.bytes.clone())),
        None => state.stored(role).await,
    }
}

async fn meta_of(
    state: &State,
    uploads: &Uploads,
    role: &RoleName,
) -> Result<Option<FileMeta>, ServiceError> {
    if let Some(part) = uploads.get(role) {
        return Ok(Some(FileMeta::of(&part.bytes)));
    }
    let head = state.heads.get(role).map(|head| head.sha256);
    match state.listed.get(role.as_str()) {
        Some(listed) if listed.hashes.sha256() == head => Ok(Some(listed.clone())),
        _ => Ok(state.stored(role).await?.map(|file| FileMeta::of(&file))),
    }
}

fn is_parent(role: &RoleName, roles: &BTreeSet<RoleName>) -> bool {
    roles.iter().any(|child| child.parent().as_ref() == Some(role))
}

/// A signature that was made already, for whoever asks for one.
struct Made {
    key: PublicKey,
    signature: (Method, Vec<u8>),
}

impl Sign for Made {
    fn public_key(&self) -> &PublicKey {
        &self.key
    }

    fn sign(&self, _message: &[u8]) -> Result<(Method, Vec<u8>), SignError> {
        Ok(self.signature.clone())
    }
}
