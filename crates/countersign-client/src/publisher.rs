//! Changing a collection: a draft of the next edition, its signatures, one upload.
//!
//! Every upload is based on what was just refreshed. When somebody else was faster the server says so, and the change is
//! applied again to what they published: nothing is ever lost.
//!
//! Source: notary `client/client.go` (`Publish`), docker/cli `cli/trust/trust_push.go`; reference behaviour 6.6 to 6.8.

mod base;
mod ceremony;
mod edit;
mod error;
mod import;
mod init;
mod outcome;
mod preview;
mod proposal;
mod recover;
mod revoke;
mod ring;
mod rotate;
mod signers;
mod standing;
mod tag;
mod take_out;
mod witness;

use std::sync::Arc;

use countersign_core::author::{Draft, Edition};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::RoleName;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::TrustedCollection;

use crate::changelist::{ChangeList, StagedBy};
use crate::keystore::KeyStore;
use crate::remote::PublishError;
use crate::updater::{OfflineUse, Refreshed, Roles, UpdateError, Updater, Warning};

pub use ceremony::RootChange;
pub use error::PublisherError;
pub use import::{Expired, Imported};
pub use outcome::{Initialised, Published, SignedOutcome, TagToSign};
pub use preview::{
    CertificateTerms, DelegationChange, FileChange, KeysChange, ListedKey, OrderChange, Preview, Signing,
    TagChange, Terms, UnusedKeysChange, is_rearranged,
};
pub use proposal::{Approval, Opened, Proposed, Shared};
pub use recover::{Found, FoundIn, LostPair, LostRoot, NewRoot, PairRecovery, Recovered};
pub use rotate::{OlderRoots, Rotation};
pub use signers::Unpullable;
pub use standing::TagStanding;
pub use take_out::{MaySign, StillSigns, TakenOut, may_sign};
pub use witness::{Lacks, Unusable, Witnessed};

use base::Base;

/// How often an upload is tried when somebody else was faster.
const ATTEMPTS: usize = 5;

/// Changes one collection.
#[derive(Clone)]
pub struct Publisher {
    updater: Updater,
    keys: Arc<dyn KeyStore>,
    options: PublishOptions,
}

/// What a publisher does when a collection is published for the first time.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    /// Which root key a new collection gets.
    pub root_key: RootKey,
    /// The certificate of the root key of a new collection; one is made if there is none here.
    pub root_certificate: Option<PublicKey>,
    /// Who makes and keeps the snapshot key of a new collection.
    pub snapshot_key: SnapshotKey,
}

/// Which root key a new collection gets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RootKey {
    /// The first one in the key store, by its id; a new one if there is none.
    #[default]
    FirstOrNew,
    /// This one.
    Existing(KeyId),
    /// A new one.
    New,
}

/// Who keeps a collection's snapshot key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SnapshotKey {
    /// The publisher.
    #[default]
    Local,
    /// The trust server: needed once others sign, too.
    Server,
}

impl Publisher {
    /// A publisher of `updater`'s collection with the keys in `keys`.
    pub fn new(updater: &Updater, keys: Arc<dyn KeyStore>, options: PublishOptions) -> Self {
        // What is published must be based on what the server has now.
        let mut settings = updater.settings().clone();
        settings.offline = OfflineUse::Forbidden;
        let updater = Updater::new(Arc::clone(updater.remote()), Arc::clone(updater.cache()), settings);
        Self { updater, keys, options }
    }

    /// Signs what a tag means, in the roles that Docker signs it in, and publishes that; a collection that is not there yet
    /// is made first.
    ///
    /// `now` is the time of signing. Keys whose passphrases are not known yet are asked for.
    ///
    /// # Errors
    /// [`PublisherError`]: nothing was published, unless [`PublisherError::Upload`] says that the connection broke.
    pub async fn publish_target(&self, tag: &TagToSign, now: DateTime) -> Result<Published, PublisherError> {
        let mut initialised = None;
        for attempt in 1..=ATTEMPTS {
            let base = self.base_or_init(now, &mut initialised).await?;
            let mut draft = base.draft();
            let roles = self.roles_to_sign(&base, &draft, tag).await?;
            let signers = base.collection().and_then(|collection| tag.signers(collection, &roles));
            for role in &roles {
                draft
                    .apply(&tag.change(role))
                    .map_err(|source| PublisherError::Change { file: None, source })?;
            }
            if let Some(signers) = signers {
                let outcome = SignedOutcome::AlreadySigned { signers };
                return Ok(Published { initialised, outcome, ..base.nothing_published(self.gun()) });
            }
            if let Some(edition) = self.upload(&base, draft, now, attempt).await? {
                let outcome = SignedOutcome::Signed { roles };
                return Ok(self.published(edition, outcome, initialised, base, now).await);
            }
        }
        Err(PublisherError::Conflict { attempts: ATTEMPTS })
    }

    /// Applies the changes that authors staged in `list`, publishes the outcome, and removes them from the list. What pushes
    /// have staged is theirs.
    ///
    /// A collection that is not there yet is made first, even for no change.
    ///
    /// # Errors
    /// [`PublisherError`]: nothing was published and every change is still staged.
    pub async fn publish_changes(
        &self,
        list: &ChangeList,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        let mut initialised = None;
        for attempt in 1..=ATTEMPTS {
            let mut changes = list.list().await?;
            changes.retain(|change| change.staged_by == StagedBy::Author);
            let base = self.base_or_init(now, &mut initialised).await?;
            let mut draft = base.draft();
            for staged in &changes {
                base.admit(&mut draft, &staged.change)?;
                let file = Some(staged.file.clone());
                draft.apply(&staged.change).map_err(|source| PublisherError::Change { file, source })?;
            }
            let files: Vec<_> = changes.into_iter().map(|change| change.file).collect();
            if draft.dirty().is_empty() {
                list.remove(&files).await?;
                let outcome = SignedOutcome::NothingToPublish;
                return Ok(Published { initialised, outcome, ..base.nothing_published(self.gun()) });
            }
            if let Some(edition) = self.upload(&base, draft, now, attempt).await? {
                let removed = list.remove(&files).await;
                let roles = edition.files.keys().cloned().collect();
                let outcome = SignedOutcome::Signed { roles };
                let mut published = self.published(edition, outcome, initialised, base, now).await;
                published.warnings.extend(removed.err().map(Warning::StillStaged));
                return Ok(published);
            }
        }
        Err(PublisherError::Conflict { attempts: ATTEMPTS })
    }

    /// Deletes the collection from the server, and what is cached of it. Keys and staged changes stay.
    ///
    /// # Errors
    /// [`PublisherError`]: as long as the server has not deleted it, what is cached stays, too.
    pub async fn delete(&self) -> Result<(), PublisherError> {
        self.updater.remote().delete().await.map_err(PublisherError::Delete)?;
        Ok(self.updater.cache().forget(self.gun()).await?)
    }

    fn gun(&self) -> &countersign_core::name::Gun {
        &self.updater.settings().gun
    }

    /// What the next edition is based on; for a collection that isn't there, the one that is made here.
    async fn base_or_init(
        &self,
        now: DateTime,
        initialised: &mut Option<Initialised>,
    ) -> Result<Base, PublisherError> {
        if let Some(base) = self.base(now).await? {
            return Ok(base);
        }
        let (base, made) = self.initialise(now).await?;
        *initialised = Some(made);
        Ok(base)
    }

    /// Signs a draft and uploads it; `None` when somebody else was faster.
    async fn upload(
        &self,
        base: &Base,
        mut draft: Draft,
        now: DateTime,
        attempt: usize,
    ) -> Result<Option<Edition>, PublisherError> {
        self.renew_root_if_possible(&mut draft, now).await?;
        let edition = self.edition(base, draft, now).await?;
        match self.updater.remote().publish(&edition.files).await {
            Ok(()) => Ok(Some(edition)),
            Err(PublishError::Conflict { .. }) if base.is_unpublished() => {
                // Somebody published the collection with another root. What was made here never counted.
                self.updater.cache().forget(self.gun()).await?;
                Err(PublisherError::PublishedByAnother)
            }
            Err(PublishError::Conflict { .. }) => {
                tracing::debug!(gun = %self.gun(), attempt, "somebody else published first");
                Ok(None)
            }
            // What is refused now may have been right for what was there before: keys may have been replaced meanwhile.
            Err(PublishError::Rejected { .. }) if self.has_moved_on(base, now).await => Ok(None),
            Err(source) => Err(PublisherError::Upload(source)),
        }
    }

    /// Whether the server has another edition than `base`.
    async fn has_moved_on(&self, base: &Base, now: DateTime) -> bool {
        let Some(before) = base.collection() else { return false };
        let after = self.updater.refresh(UpdateStart(now), Roles::Publish).await;
        after.is_ok_and(|after| after.collection.snapshot().digest() != before.snapshot().digest())
    }

    /// Whether the server shows the edition, or a later one.
    fn is_shown(&self, shown: &Refreshed, edition: &Edition, base: &Base) -> Result<(), UpdateError> {
        let version = |collection: &TrustedCollection, role: &RoleName| {
            collection.seen().file(role).map(|file| file.version)
        };
        let is_older = |role: &&RoleName| {
            let before = base.collection().and_then(|collection| version(collection, role));
            version(&shown.collection, role) <= before
        };
        match edition.files.keys().find(is_older) {
            Some(role) => {
                let server = self.updater.remote().server().to_owned();
                Err(UpdateError::NotShown { server, role: role.clone() })
            }
            None => Ok(()),
        }
    }

    /// The outcome of an upload that was taken, and whether the server shows it.
    async fn published(
        &self,
        edition: Edition,
        outcome: SignedOutcome,
        initialised: Option<Initialised>,
        base: Base,
        now: DateTime,
    ) -> Published {
        let confirmed = self.updater.refresh_knowing(UpdateStart(now), Roles::Publish, &edition.files).await;
        let root = RoleName::from(countersign_core::name::TopRole::Root);
        Published {
            gun: self.gun().clone(),
            root_renewed: edition.files.contains_key(&root) && !base.is_unpublished(),
            confirmed: confirmed.and_then(|shown| self.is_shown(&shown, &edition, &base)),
            warnings: base.into_warnings(),
            initialised,
            outcome,
        }
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("updater", &self.updater).finish_non_exhaustive()
    }
}
