//! What the next edition is based on: what is published now, or what was begun here and never published.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::author::{Change, Draft, expiry};
use countersign_core::metadata::{Document, Envelope, Root, Snapshot, Targets};
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::signature::Verified;
use countersign_core::time::{DateTime, UpdateStart, is_expired};
use countersign_core::trust::{Environment, RootPhase, Seen, TrustError, TrustedCollection, Unsigned};

use super::outcome::{Published, SignedOutcome};
use super::{Publisher, PublisherError};
use crate::updater::{Refreshed, Roles, Skipped, UpdateError, Warning};

/// What the next edition is based on.
pub(super) enum Base {
    /// What is published now.
    Published(Box<Refreshed>),
    /// What was begun here.
    Begun(Box<Draft>),
}

impl Publisher {
    /// What is published now, else what was begun here, else `None`.
    pub(super) async fn base(&self, now: DateTime) -> Result<Option<Base>, PublisherError> {
        match self.updater.refresh(UpdateStart(now), Roles::Publish).await {
            Ok(refreshed) => Ok(Some(Base::Published(Box::new(refreshed)))),
            Err(UpdateError::NoTrustData { trusted_before: false, .. }) => self.begun(now).await,
            Err(error) => Err(PublisherError::Update(error)),
        }
    }

    /// What `init` left in the cache: root, and targets and snapshot if they are there. `None`, too, when that root can't be
    /// published any more: its certificate is over, or was made while the clock was wrong.
    ///
    /// Deviation: Notary makes new keys when the targets file is missing (13 B15); test
    /// `begun_collection_keeps_its_keys_without_its_targets_file`.
    async fn begun(&self, now: DateTime) -> Result<Option<Base>, PublisherError> {
        let settings = self.updater.settings();
        let roles: Vec<RoleName> = TopRole::ALL.into_iter().map(RoleName::from).collect();
        let cached = self.updater.cache().load(&settings.gun, &roles, &settings.limits).await?;
        let Some(root_file) = cached.files.get(&TopRole::Root.into()) else { return Ok(None) };
        let refused = |error: TrustError| PublisherError::Begun(settings.gun.clone(), error.into());
        let environment = Arc::new(settings.environment(UpdateStart(now), Roles::Publish));
        let root = RootPhase::trust_cached(environment.clone(), root_file.clone(), Seen::default())
            .map_err(refused)?;
        let end = root.clone().finish_root().err();
        if matches!(end, Some(TrustError::NoLeaf { .. } | TrustError::Expired { .. })) {
            return Ok(None);
        }
        let root = root.root().clone();
        let targets = verified::<Targets>(&cached.files, &root, TopRole::Targets, &environment)
            .unwrap_or_else(|| Targets::new(MetaVersion::FIRST, expiry(&TopRole::Targets.into(), now)));
        let snapshot = verified::<Snapshot>(&cached.files, &root, TopRole::Snapshot, &environment)
            .unwrap_or_else(|| Snapshot::new(MetaVersion::FIRST, expiry(&TopRole::Snapshot.into(), now)));
        let draft = Draft::begun(root_file.clone(), (*root).clone(), targets, snapshot);
        Ok(Some(Base::Begun(Box::new(draft))))
    }
}

/// The cached document of a role, if root's keys signed it.
fn verified<T: Document + Clone>(
    files: &BTreeMap<RoleName, Bytes>,
    root: &Verified<Root>,
    role: TopRole,
    environment: &Environment,
) -> Option<T> {
    let envelope = Envelope::parse(files.get(&role.into())?.clone(), &environment.limits).ok()?;
    root.role_keys(role).verify::<T>(&envelope).ok().map(|document| (*document).clone())
}

impl Base {
    /// A draft in which nothing has changed.
    pub(super) fn draft(&self) -> Draft {
        match self {
            Self::Published(refreshed) => Draft::of(&refreshed.collection),
            Self::Begun(draft) => (**draft).clone(),
        }
    }

    pub(super) fn is_unpublished(&self) -> bool {
        matches!(self, Self::Begun(_))
    }

    pub(super) fn collection(&self) -> Option<&TrustedCollection> {
        match self {
            Self::Published(refreshed) => Some(&refreshed.collection),
            Self::Begun(_) => None,
        }
    }

    /// Whether a role has a file, loaded or not.
    pub(super) fn has_file(&self, role: &RoleName) -> bool {
        self.collection().is_some_and(|collection| collection.snapshot().file(role).is_some())
    }

    /// Refuses a change of a role that could not be loaded: a new edition would forget what it says.
    ///
    /// One that only lacks signatures can be witnessed: then `draft` goes on from what it says. Nobody is asked about that here, so it
    /// has to be what this machine trusted before, and be valid still.
    pub(super) fn admit(&self, draft: &mut Draft, change: &Change) -> Result<(), PublisherError> {
        if let Change::Witness { role } = change
            && draft.targets(role).is_none()
            && let Some(unsigned) = self.unsigned(role).filter(|unsigned| self.is_known(unsigned))
        {
            let resumed = draft.resume(role, unsigned.says.clone());
            resumed.map_err(|source| PublisherError::Change { file: None, source })?;
        }
        let role = match change {
            Change::SetTarget { role, .. } | Change::RemoveTarget { role, .. } | Change::Witness { role } => {
                Some(role.clone())
            }
            Change::EditDelegation { role, .. } | Change::RemoveDelegation { role } => role.parent(),
            Change::PurgeKeys { below, .. } => Some(below.clone()),
            _ => None,
        };
        role.map_or(Ok(()), |role| self.admit_role(draft, &role))
    }

    /// Refuses a role that could not be loaded, or is below one, unless `draft` goes on from what it says.
    pub(super) fn admit_role(&self, draft: &Draft, role: &RoleName) -> Result<(), PublisherError> {
        let covers = |skipped: &&Skipped| {
            role.is_below(&skipped.role) || (*role == skipped.role && draft.targets(role).is_none())
        };
        match self.skipped().iter().find(covers) {
            Some(skipped) => Err(PublisherError::delegation(skipped)),
            None => Ok(()),
        }
    }

    /// The roles that could not be loaded.
    pub(super) fn skipped(&self) -> &[Skipped] {
        match self {
            Self::Published(refreshed) => &refreshed.skipped,
            Self::Begun(_) => &[],
        }
    }

    /// Whether what lacks signatures was trusted here and has not expired.
    fn is_known(&self, unsigned: &Unsigned) -> bool {
        let start = self.collection().map(|collection| collection.environment().start);
        unsigned.trusted_before && start.is_some_and(|start| !is_expired(unsigned.says.expires, start))
    }

    /// What a role says that could not be loaded, if it only lacks signatures.
    pub(super) fn unsigned(&self, role: &RoleName) -> Option<&Unsigned> {
        self.skipped().iter().find(|skipped| skipped.role == *role)?.unsigned.as_deref()
    }

    pub(super) fn into_warnings(self) -> Vec<Warning> {
        match self {
            Self::Published(refreshed) => refreshed.warnings,
            Self::Begun(_) => Vec::new(),
        }
    }

    /// The outcome when nothing had to be published.
    pub(super) fn nothing_published(self, gun: &Gun) -> Published {
        Published {
            gun: gun.clone(),
            initialised: None,
            outcome: SignedOutcome::NothingToPublish,
            root_renewed: false,
            warnings: self.into_warnings(),
            confirmed: Ok(()),
        }
    }
}
