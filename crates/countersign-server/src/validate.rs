//! Whether an upload may become the current state of its collection.
//!
//! What metadata is valid is for `countersign-core`: [`trusted`] runs the phases that a client runs over the state that
//! the upload would produce. What is decided here is what only a server can know: which versions are stored, which
//! files it holds, and in which of Notary's words a refusal is told.
//!
//! Source: notary `server/handlers/validation.go`.

pub(crate) mod proposal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, MetadataError, Root, Snapshot, Targets};
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::UpdateStart;
use countersign_core::trust::{
    Environment, Offered, RootPhase, Seen, TimestampPhase, TrustError, TrustPinning,
};
use thiserror::Error;

use crate::chain::chain;
use crate::service::PublishError;

/// Most versions that an upload may skip.
const VERSION_STEP: u64 = 1000;

/// An upload that is refused, in words that old clients print.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{message}")]
pub struct Rejection {
    /// Which of Notary's kinds of refusal it is.
    pub kind: RejectionKind,
    /// What is wrong.
    pub message: String,
}

/// Notary's kinds of refusal; an old client begins its message by it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RejectionKind {
    /// "An error occurred during validation".
    Validation,
    /// "Metadata hierarchy is incomplete".
    Hierarchy {
        /// The role that is missing.
        missing: &'static str,
    },
    /// "The root metadata is invalid".
    Root,
    /// "The targets metadata is invalid".
    Targets,
    /// "The snapshot metadata is invalid".
    Snapshot,
}

impl RejectionKind {
    /// The kind for a file of `role`.
    fn of(role: &RoleName) -> Self {
        match role.top() {
            Some(TopRole::Root | TopRole::Timestamp) => Self::Root,
            Some(TopRole::Snapshot) => Self::Snapshot,
            Some(TopRole::Targets) | None => Self::Targets,
        }
    }
}

impl Rejection {
    /// A refusal of this kind.
    pub(crate) fn new(kind: RejectionKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The refusal of a file of `role` that is not the metadata it should be.
    pub(crate) fn metadata(role: &RoleName, error: &MetadataError) -> Self {
        Self::new(
            RejectionKind::of(role),
            format!("{role} is not metadata that can be used: {}", chain(error)),
        )
    }
}

impl From<TrustError> for Rejection {
    fn from(error: TrustError) -> Self {
        let kind = match &error {
            TrustError::Hash { listed_by: "snapshot", .. }
            | TrustError::Length { listed_by: "snapshot", .. }
            | TrustError::NotInSnapshot(_)
            | TrustError::OtherRoot { .. }
            | TrustError::RoleRemoved { .. } => RejectionKind::Snapshot,
            TrustError::TooManyDelegations(_) => RejectionKind::Targets,
            error => error.role().map_or(RejectionKind::Root, RejectionKind::of),
        };
        Self::new(kind, chain(&error))
    }
}

/// One uploaded file: readable metadata, nothing more is known.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The role that it claims to be of.
    pub(crate) role: RoleName,
    /// The version that it claims.
    pub(crate) version: MetaVersion,
    /// The file.
    pub(crate) bytes: Bytes,
    /// Its SHA-256.
    pub(crate) digest: Digest,
}

impl Part {
    /// Reads an uploaded file.
    ///
    /// # Errors
    /// [`MetadataError`]: it is not metadata of its role.
    pub(crate) fn parse(role: RoleName, bytes: Bytes, limits: &Limits) -> Result<Self, MetadataError> {
        let envelope = Envelope::parse(bytes.clone(), limits)?;
        let version = match role.top() {
            Some(TopRole::Root) => envelope.claim::<Root>()?.version(),
            Some(TopRole::Snapshot) => envelope.claim::<Snapshot>()?.version(),
            _ => envelope.claim::<Targets>()?.version(),
        };
        Ok(Self { role, version, digest: Digest::sha256(&bytes), bytes })
    }
}

/// Refuses versions that cannot follow the stored ones.
///
/// Root must be exactly the next, the first one 1 or 2; the others greater than what is stored, by at most 1,000. A collection of
/// which nothing is stored may begin where it was elsewhere: nobody but its owner publishes that.
///
/// Deviation: Notary lets any version above the stored one pass (13 A5).
pub(crate) fn admit_versions(
    parts: &[Part],
    stored: &BTreeMap<RoleName, MetaVersion>,
) -> Result<(), PublishError> {
    let is_new = stored.is_empty();
    for Part { role, version: offered, .. } in parts {
        let stored = stored.get(role).copied();
        if let Some(stored) = stored
            && *offered <= stored
        {
            return Err(PublishError::Version { role: role.clone(), offered: *offered, stored });
        }
        let base = stored.map_or(0, MetaVersion::get);
        if *role == TopRole::Root {
            let current = base.max(1);
            if offered.get() > current + 1 {
                let message = format!(
                    "Root modifications must increment the version. Current {current}, new {offered}"
                );
                return Err(Rejection::new(RejectionKind::Root, message).into());
            }
        } else if !is_new && offered.get() > base + VERSION_STEP {
            let message =
                format!("{role} version {offered} is more than {VERSION_STEP} above stored version {base}");
            return Err(Rejection::new(RejectionKind::of(role), message).into());
        }
    }
    Ok(())
}

/// What uploads of `gun` are checked against at `start`: these limits, and no pins.
pub(crate) fn environment(gun: &Gun, limits: Limits, start: UpdateStart) -> Arc<Environment> {
    Arc::new(Environment::notary(gun.clone(), TrustPinning::default(), limits, start))
}

/// Trusts the root that will be current: the stored one, replaced by the uploaded one if there is one.
///
/// # Errors
/// [`Rejection`]: there is neither, the chain from one to the other is broken, or the newest has expired (publishing
/// under an expired root is refused; Deviation: Notary accepts it, 13 B12).
pub(crate) fn root(
    environment: &Arc<Environment>,
    stored: Option<Bytes>,
    uploaded: Option<Bytes>,
) -> Result<TimestampPhase, Rejection> {
    let seen = Seen::default();
    let phase = match (stored, uploaded) {
        (None, None) => return Err(no_root()),
        (None, Some(first)) => RootPhase::trust_first(Arc::clone(environment), first, seen)?,
        (Some(stored), None) => RootPhase::trust_cached(Arc::clone(environment), stored, seen)?,
        (Some(stored), Some(next)) => {
            RootPhase::trust_cached(Arc::clone(environment), stored, seen)?.accept_root(next)?
        }
    };
    Ok(phase.finish_root()?)
}

/// The state that an upload would produce.
pub(crate) struct Candidate {
    /// The phase that trusts its root.
    pub(crate) root: TimestampPhase,
    /// Its timestamp, made for it.
    pub(crate) timestamp: Bytes,
    /// Its snapshot, uploaded or made for it.
    pub(crate) snapshot: Bytes,
    /// Its targets file and every delegation that has to be looked at.
    pub(crate) targets: BTreeMap<RoleName, Candidacy>,
}

/// Where a file of a candidate comes from.
#[derive(Clone, Debug)]
pub(crate) enum Candidacy {
    /// From the upload: it must hold now.
    Uploaded(Bytes),
    /// From the store: it may have expired since it was published.
    Stored(Bytes),
}

impl Candidacy {
    fn offered(&self) -> Offered {
        match self {
            Self::Uploaded(bytes) => Offered::fetched(bytes.clone()),
            Self::Stored(bytes) => Offered::stored(bytes.clone()),
        }
    }
}

/// Runs a client's update over `candidate`: what a client would refuse is refused.
///
/// `left` are delegated roles that the snapshot no longer lists, and the stored roles above them: one that is still
/// delegated to keys that signed it must not leave. Other stored delegations are not looked at unless something uploaded
/// stands below them: that their keys were taken away is no reason to refuse the file that takes them.
pub(crate) fn trusted(candidate: &Candidate, left: &BTreeMap<RoleName, Bytes>) -> Result<(), Rejection> {
    let phase = candidate.root.clone().accept_timestamp(Offered::fetched(candidate.timestamp.clone()))?;
    let phase = phase.accept_snapshot(Offered::fetched(candidate.snapshot.clone()))?;
    let top = RoleName::from(TopRole::Targets);
    let targets = candidate.targets.get(&top).ok_or_else(no_targets)?;
    let mut phase = phase.accept_targets(targets.offered())?;
    // In this order a parent stands before its children.
    for (role, file) in candidate.targets.iter().filter(|(role, _)| **role != top) {
        phase.accept_delegation(role, file.offered())?;
    }
    for (role, stored) in left {
        if phase.remember(role, stored.clone()) {
            phase.standing(role)?;
        }
        // It may lead to the roles below it; if it is not delegated, or not by this file, nothing below it is either.
        drop(phase.accept_delegation(role, Offered::stored(stored.clone())));
    }
    Ok(())
}

/// The refusal of a collection without root.
pub(crate) fn no_root() -> Rejection {
    Rejection::new(RejectionKind::Validation, "no pre-existing root and no root provided in update.")
}

/// The refusal of a collection without targets.
pub(crate) fn no_targets() -> Rejection {
    Rejection::new(RejectionKind::Validation, "targets must be loaded first")
}

/// Every role above `roles`, the top-level ones excepted: what has to be loaded to know who may sign them.
pub(crate) fn ancestors<'a>(roles: impl Iterator<Item = &'a RoleName>) -> BTreeSet<RoleName> {
    let mut found = BTreeSet::new();
    for role in roles {
        let mut above = role.parent();
        while let Some(role) = above.filter(RoleName::is_delegation) {
            above = role.parent();
            found.insert(role);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(role: &str, version: u64) -> Part {
        let bytes = Bytes::new();
        Part {
            role: role.parse().expect("a role"),
            version: MetaVersion::new(version).expect("a version"),
            digest: Digest::sha256(&bytes),
            bytes,
        }
    }

    fn admitted(part: Part, stored: Option<u64>) -> Result<(), PublishError> {
        let version = |version| MetaVersion::new(version).expect("a version");
        let own = stored.map(|stored| (part.role.clone(), version(stored)));
        // Something is stored of the collection, if not of this role.
        let timestamp = (RoleName::from(TopRole::Timestamp), version(1));
        admit_versions(&[part], &own.into_iter().chain([timestamp]).collect())
    }

    #[test]
    fn root_version_is_exactly_the_next_and_the_first_is_one_or_two() {
        for (offered, stored) in [(1, None), (2, None), (2, Some(1)), (8, Some(7))] {
            assert!(admitted(part("root", offered), stored).is_ok(), "{offered} after {stored:?}");
        }
        for (offered, stored, text) in [
            (3, None, "Root modifications must increment the version. Current 1, new 3"),
            (3, Some(1), "Root modifications must increment the version. Current 1, new 3"),
            (9, Some(7), "Root modifications must increment the version. Current 7, new 9"),
        ] {
            let Err(PublishError::Rejected(rejection)) = admitted(part("root", offered), stored) else {
                panic!("{offered} after {stored:?} was admitted");
            };
            assert_eq!((rejection.kind, rejection.message.as_str()), (RejectionKind::Root, text));
        }
        for (offered, stored) in [(1, 1), (6, 7)] {
            let refused = admitted(part("root", offered), Some(stored));
            assert!(matches!(refused, Err(PublishError::Version { .. })));
        }
    }

    #[test]
    fn other_versions_are_greater_by_at_most_a_thousand() {
        for role in ["targets", "snapshot", "targets/releases"] {
            for (offered, stored) in [(1, None), (1000, None), (6, Some(5)), (1005, Some(5))] {
                assert!(admitted(part(role, offered), stored).is_ok(), "{role} {offered} after {stored:?}");
            }
            for (offered, stored) in [(1001, None), (1006, Some(5))] {
                let refused = admitted(part(role, offered), stored);
                assert!(
                    matches!(refused, Err(PublishError::Rejected(_))),
                    "{role} {offered} after {stored:?}"
                );
            }
            let refused = admitted(part(role, 5), Some(5));
            assert!(matches!(refused, Err(PublishError::Version { .. })), "{role}");
        }
    }

    #[test]
    fn first_upload_of_a_collection_may_go_on_from_any_version() {
        let parts = [part("root", 2), part("targets", 1_001), part("targets/releases", 5_000)];
        assert!(admit_versions(&parts, &BTreeMap::new()).is_ok());
        assert!(admit_versions(&[part("root", 3)], &BTreeMap::new()).is_err());
    }

    #[test]
    fn ancestors_are_the_delegations_above() {
        let roles: Vec<RoleName> =
            ["targets/a/b/c", "targets/x", "targets"].map(|role| role.parse().expect("a role")).to_vec();
        let found: Vec<_> = ancestors(roles.iter()).into_iter().map(String::from).collect();
        assert_eq!(found, ["targets/a", "targets/a/b"]);
    }
}
