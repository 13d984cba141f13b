//! What a tag is said to mean before it is signed.

use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::TrustedTarget;

use super::{Published, Publisher, PublisherError, SignedOutcome, TagToSign};
use crate::lookup::{LookupError, resolve_tag, signers};
use crate::updater::{Roles, UpdateError};

/// What a collection says of a tag.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TagStanding {
    /// There is no such collection yet.
    NoCollection,
    /// The tag is not released.
    Unsigned,
    /// It is.
    Signed {
        /// What it means.
        target: Box<TrustedTarget>,
        /// The roles that say so, `targets/releases` aside.
        signers: Vec<RoleName>,
    },
}

impl Publisher {
    /// What is said of a tag now.
    ///
    /// # Errors
    /// [`PublisherError::Update`], [`PublisherError::Lookup`]: it cannot be told.
    pub async fn standing(&self, tag: &TargetName, now: DateTime) -> Result<TagStanding, PublisherError> {
        let refreshed = match self.updater.refresh(UpdateStart(now), Roles::Publish).await {
            Err(UpdateError::NoTrustData { trusted_before: false, .. }) => {
                return Ok(TagStanding::NoCollection);
            }
            refreshed => refreshed.map_err(PublisherError::Update)?,
        };
        let collection = &refreshed.collection;
        match resolve_tag(collection, tag, self.updater.settings().releases) {
            Ok(target) => {
                let signers = signers(collection, &target);
                Ok(TagStanding::Signed { target: Box::new(target), signers })
            }
            Err(LookupError::NotSigned { .. } | LookupError::OnlyElsewhere { .. }) => {
                Ok(TagStanding::Unsigned)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the collection is published.
    ///
    /// # Errors
    /// [`PublisherError::Update`]: it cannot be told.
    pub async fn exists(&self, now: DateTime) -> Result<bool, PublisherError> {
        match self.updater.refresh(UpdateStart(now), Roles::Publish).await {
            Err(UpdateError::NoTrustData { trusted_before: false, .. }) => Ok(false),
            refreshed => refreshed.map(|_| true).map_err(PublisherError::Update),
        }
    }

    /// Whether `targets/releases` is delegated and has no file, so that nothing can be pulled until a signer has signed.
    ///
    /// # Errors
    /// [`PublisherError::Update`]: it cannot be told.
    pub async fn awaits_first_signature(&self, now: DateTime) -> Result<bool, PublisherError> {
        let refreshed = self.updater.refresh(UpdateStart(now), Roles::Publish).await;
        let collection = refreshed.map_err(PublisherError::Update)?.collection;
        let releases = RoleName::releases();
        let targets = collection.targets(&TopRole::Targets.into());
        let is_delegated = targets.is_some_and(|targets| targets.delegations.role(&releases).is_some());
        Ok(is_delegated && collection.snapshot().file(&releases).is_none())
    }

    /// As [`Publisher::publish_target`], for somebody who means to sign: that the tag means it already is not enough if no key
    /// that is here has had a part in it.
    ///
    /// # Errors
    /// [`PublisherError::NoSigningKeys`], besides those of [`Publisher::publish_target`].
    ///
    /// Deviation: Docker reports a signature without any key; test `sign_without_a_key_is_no_success`.
    pub async fn countersign(&self, tag: &TagToSign, now: DateTime) -> Result<Published, PublisherError> {
        let published = self.publish_target(tag, now).await?;
        let SignedOutcome::AlreadySigned { signers } = &published.outcome else { return Ok(published) };
        let refreshed = self.updater.refresh(UpdateStart(now), Roles::Publish).await;
        let collection = refreshed.map_err(PublisherError::Update)?.collection;
        let present = self.present().await?;
        let files = || signers.iter().filter_map(|role| Some((role, collection.targets(role)?)));
        if files().any(|(_, file)| !file.signers().is_disjoint(&present)) {
            return Ok(published);
        }
        let roles = files().map(|(role, file)| (role.clone(), file.signers().iter().copied().collect()));
        Err(PublisherError::NoSigningKeys { tag: tag.tag.clone(), roles: roles.collect() })
    }
}

impl Published {
    /// Whether anything was signed.
    pub fn is_changed(&self) -> bool {
        matches!(self.outcome, SignedOutcome::Signed { .. })
    }
}
