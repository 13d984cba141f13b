//! Editions that need more signatures than there are keys in one place.
//!
//! Whatever cannot be published for want of signatures is left as a [`Proposal`]: here, and on a trust server that keeps one. Others
//! open it ([`Publisher::open_proposal`]), look at what it changes, and add their signatures ([`Publisher::approve`]); whoever adds
//! the last one publishes it. Staged changes stay staged until they have come true.

mod kept;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::author::{
    AuthorError, Draft, Edition, KeyRing, OpenProposal, Proposal, ProposalError, RoleStanding,
};
use countersign_core::key::KeyId;
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::TrustedCollection;

use self::kept::{Displaced, Waiting};
use super::base::Base;
use super::ring::{in_order_of_asking, sign_apart};
use super::{Preview, Published, Publisher, PublisherError, SignedOutcome};
use crate::remote::PublishError;
use crate::updater::Roles;

/// An edition that waits for signatures. Nothing of it is published.
#[derive(Debug)]
pub struct Proposed {
    /// The collection.
    pub gun: Gun,
    /// The proposal with the signatures that there are. It is kept here, too.
    pub proposal: Proposal,
    /// How far each of its files is.
    pub standing: Vec<RoleStanding>,
    /// Whether others find it on the trust server.
    pub shared: Shared,
}

/// Where others find a proposal.
#[derive(Debug)]
pub enum Shared {
    /// On the trust server.
    OnServer,
    /// Nowhere yet: its file has to travel. With the server's reason, if it keeps proposals.
    HereAlone(Option<PublishError>),
}

/// A proposal that was held against what is published, and can be signed.
pub struct Opened {
    gun: Gun,
    /// What is published; absent where nobody was asked.
    base: Option<Base>,
    open: OpenProposal,
    /// What is kept here and would be lost if this were signed.
    displaces: Option<Displaced>,
    /// What it changes.
    pub preview: Preview,
    /// Canonical ids of the keys that are here and would add a signature.
    pub here: BTreeSet<KeyId>,
}

/// What came of an approval.
#[derive(Debug)]
pub enum Approval {
    /// The signatures are enough, and the edition is published.
    Published(Box<Published>),
    /// More are needed.
    Waiting(Box<Proposed>),
}

impl Proposed {
    /// What is missing, in one line: `root has 1 of 2 signatures`.
    pub fn wanting(&self) -> String {
        let groups = self.standing.iter().flat_map(|role| role.groups.iter().map(move |group| (role, group)));
        let short = groups.filter(|(_, group)| !group.is_met());
        let lines: Vec<_> = short
            .map(|(role, group)| {
                format!("{} has {} of {} signatures", role.role, group.signed.len(), group.needed)
            })
            .collect();
        if lines.is_empty() { "every signature is there".to_owned() } else { lines.join(", ") }
    }
}

impl Opened {
    /// The proposal with the signatures that there are.
    pub fn proposal(&self) -> Proposal {
        self.open.to_proposal()
    }

    /// The collection as it would be.
    pub fn draft(&self) -> &Draft {
        self.open.draft()
    }

    /// How far each file is.
    pub fn standing(&self) -> Vec<RoleStanding> {
        self.open.standing()
    }

    /// Whether every signature is there.
    pub fn is_complete(&self) -> bool {
        self.open.is_complete()
    }

    /// Checks that it can be signed, or published, without losing another proposal that is kept here.
    ///
    /// # Errors
    /// [`PublisherError::KeptProposal`]: it cannot.
    pub fn admit(&self) -> Result<(), PublisherError> {
        self.displaces.as_ref().map_or(Ok(()), |displaced| Err(displaced.refusal(&self.gun)))
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("open", &self.open).finish_non_exhaustive()
    }
}

/// Whether a key is here of any role that changes.
fn holds_any(ring: &KeyRing, draft: &Draft) -> bool {
    let wanted = draft.wanted_keys();
    draft.dirty().iter().filter_map(|role| wanted.get(role)).flatten().any(|id| ring.find(id).is_some())
}

impl Publisher {
    /// Signs a draft. Where a role needs more signatures than there are keys here, goes on with the proposal that waits for
    /// them if it says the same, else leaves one.
    ///
    /// # Errors
    /// [`PublisherError::Proposed`], besides what keeps it from being signed.
    pub(super) async fn edition(
        &self,
        base: &Base,
        draft: Draft,
        now: DateTime,
    ) -> Result<Edition, PublisherError> {
        let ring = self.open_keys(in_order_of_asking(&draft)).await?;
        let (with, whole) = (ring.clone(), draft.clone());
        let refused = match sign_apart(move || whole.sign(&with, now)).await {
            Ok(edition) => return Ok(edition),
            Err(refused) => refused,
        };
        let waits = matches!(refused, PublisherError::Sign(AuthorError::MissingKeys { needed: 2.., .. }));
        // Nobody could hold a proposal against a role that they cannot load.
        let is_witnessed = base.skipped().iter().any(|skipped| draft.dirty().contains(&skipped.role));
        match base.collection() {
            Some(collection) if waits && !is_witnessed && holds_any(&ring, &draft) => {
                self.add_to_proposal(collection, &draft, ring, now).await
            }
            _ => Err(refused),
        }
    }

    /// Opens the proposal that is given, else the one that waits here or on the server, against what is published now.
    ///
    /// # Errors
    /// - [`PublisherError::NothingProposed`]: there is none, or it is overtaken.
    /// - [`PublisherError::Proposal`]: the one that was given is not for signing.
    pub async fn open_proposal(
        &self,
        given: Option<&Proposal>,
        now: DateTime,
    ) -> Result<Opened, PublisherError> {
        let base = self.base(now).await?;
        let base = base.ok_or_else(|| PublisherError::NoCollection(self.gun().clone()))?;
        let none = |source| PublisherError::NothingProposed { gun: self.gun().clone(), source };
        let Some(collection) = base.collection() else { return Err(none(None)) };
        let mut found = self.pending(collection).await?;
        let overtaken = found.overtaken.take();
        let Waiting { open, displaces } = match given {
            None => found.waiting().ok_or_else(|| none(overtaken))?,
            Some(given) => found.given(given.open(collection)?),
        };
        let present = self.present().await?;
        let preview = Preview::between(open.before(), open.draft(), &present);
        let here = open.wanted_keys(&open.roles()).intersection(&present).copied().collect();
        Ok(Opened { gun: self.gun().clone(), base: Some(base), open, displaces, preview, here })
    }

    /// Opens the root of a proposal without asking anybody, for a key that is kept away from every network. It is held against the
    /// published root that came along, and against what is cached here of roots.
    ///
    /// # Errors
    /// [`PublisherError::Proposal`]: it is not for signing.
    pub async fn open_root_alone(&self, given: &Proposal, now: DateTime) -> Result<Opened, PublisherError> {
        let settings = self.updater.settings();
        let cached = self.updater.cache().load(&settings.gun, &[], &settings.limits).await?;
        let environment = Arc::new(settings.environment(UpdateStart(now), Roles::Publish));
        let open = given.open_root(&environment, cached.seen)?;
        let present = self.present().await?;
        let preview = Preview::between(open.before(), open.draft(), &present);
        let here = open.wanted_keys(&open.roles()).intersection(&present).copied().collect();
        Ok(Opened { gun: self.gun().clone(), base: None, open, displaces: None, preview, here })
    }

    /// Adds the signatures of the keys that are here to every file of a proposal, and publishes it when they are enough.
    ///
    /// # Errors
    /// - [`PublisherError::KeptProposal`]: another proposal that is kept here would be lost.
    /// - [`PublisherError::NothingToSign`]: no key here could add one, and some are missing.
    /// - [`PublisherError`]: nothing was published; what was signed is kept here.
    pub async fn approve(&self, opened: Opened, now: DateTime) -> Result<Approval, PublisherError> {
        let (base, open, ring) = self.signed(opened).await?;
        let collection = self.published_before(base.as_ref())?;
        match (self.finish_or_leave(collection, open, ring, now).await?, base) {
            (Ok(edition), Some(base)) => {
                Ok(Approval::Published(Box::new(self.publish_proposed(edition, base, now).await?)))
            }
            (Ok(_), None) => Err(PublisherError::NoCollection(self.gun().clone())),
            (Err(proposed), _) => Ok(Approval::Waiting(proposed)),
        }
    }

    /// Adds the signatures of the keys that are here, and leaves it to others to publish the outcome. Where nobody was asked, the
    /// outcome is the caller's to keep.
    ///
    /// # Errors
    /// As [`Publisher::approve`].
    pub async fn sign_proposal(&self, opened: Opened) -> Result<Proposed, PublisherError> {
        let (base, open, _) = self.signed(opened).await?;
        if base.is_some() {
            return self.leave(self.published_before(base.as_ref())?, open).await;
        }
        let (gun, proposal, standing) = (self.gun().clone(), open.to_proposal(), open.standing());
        Ok(Proposed { gun, proposal, standing, shared: Shared::HereAlone(None) })
    }

    async fn signed(&self, opened: Opened) -> Result<(Option<Base>, OpenProposal, KeyRing), PublisherError> {
        opened.admit()?;
        let Opened { base, mut open, here, .. } = opened;
        if here.is_empty() && !open.is_complete() {
            let standing = open.standing();
            let (gun, proposal) = (self.gun().clone(), open.to_proposal());
            let shared = Shared::HereAlone(None);
            return Err(PublisherError::NothingToSign(Box::new(Proposed {
                gun,
                proposal,
                standing,
                shared,
            })));
        }
        let snapshot = open.snapshot_keys();
        let ring = self.open_keys(here.into_iter().chain(snapshot).collect()).await?;
        let (roles, with) = (open.roles(), ring.clone());
        let open = sign_apart(move || open.sign(&with, &roles).map(|()| open)).await?;
        Ok((base, open, ring))
    }

    fn published_before<'a>(&self, base: Option<&'a Base>) -> Result<&'a TrustedCollection, PublisherError> {
        let collection = base.and_then(Base::collection);
        collection.ok_or_else(|| PublisherError::NoCollection(self.gun().clone()))
    }

    /// Proposes changes, signed with the keys that are here, be they enough or not.
    ///
    /// # Errors
    /// [`PublisherError::OtherProposal`]: something else waits for signatures already.
    pub(super) async fn propose(
        &self,
        draft: Draft,
        base: Base,
        now: DateTime,
    ) -> Result<Proposed, PublisherError> {
        let collection = self.published_before(Some(&base))?;
        let ring = self.open_keys(in_order_of_asking(&draft)).await?;
        let open = self.proposal_with(collection, &draft, ring, now).await?;
        self.leave(collection, open).await
    }

    /// Drops the proposal, here and on the server. Staged changes stay staged.
    ///
    /// # Errors
    /// [`PublisherError::ServersProposal`]: it is still on the server; here it is dropped.
    pub async fn withdraw_proposal(&self) -> Result<(), PublisherError> {
        self.updater.cache().keep_proposal(self.gun(), None).await?;
        self.updater.remote().withdraw_proposal().await.map_err(PublisherError::ServersProposal)
    }

    async fn add_to_proposal(
        &self,
        collection: &TrustedCollection,
        draft: &Draft,
        ring: KeyRing,
        now: DateTime,
    ) -> Result<Edition, PublisherError> {
        let open = self.proposal_with(collection, draft, ring.clone(), now).await?;
        let outcome = self.finish_or_leave(collection, open, ring, now).await?;
        outcome.map_err(PublisherError::Proposed)
    }

    /// The proposal that waits, or a new one, with what `draft` changes and the signatures of `ring` for that.
    async fn proposal_with(
        &self,
        collection: &TrustedCollection,
        draft: &Draft,
        ring: KeyRing,
        now: DateTime,
    ) -> Result<OpenProposal, PublisherError> {
        let proposal =
            if let Some(Waiting { mut open, displaces }) = self.pending(collection).await?.waiting() {
                let gun = || self.gun().clone();
                open.absorb(draft, now).map_err(|source| match source {
                    ProposalError::TooLong { .. } | ProposalError::TooShort { .. } => {
                        PublisherError::UnusualProposal { gun: gun(), source }
                    }
                    source => PublisherError::OtherProposal { gun: gun(), source },
                })?;
                displaces.map_or(Ok(()), |displaced| Err(displaced.refusal(self.gun())))?;
                open.to_proposal()
            } else {
                let begun = draft.clone().propose(collection, self.gun().clone(), &KeyRing::default(), now);
                begun.map_err(PublisherError::Sign)?
            };
        // What was written here is held against what is published, too.
        let mut open = proposal.open(collection)?;
        // What else is proposed is not what was meant to be signed here.
        let roles: BTreeSet<RoleName> = draft.dirty().clone();
        sign_apart(move || open.sign(&ring, &roles).map(|()| open)).await
    }

    /// The edition if every signature is there; else leaves the proposal for others.
    async fn finish_or_leave(
        &self,
        collection: &TrustedCollection,
        open: OpenProposal,
        ring: KeyRing,
        now: DateTime,
    ) -> Result<Result<Edition, Box<Proposed>>, PublisherError> {
        let mut open = open;
        // Whatever comes of the upload, a signature that was made is not made in vain.
        let bytes = Bytes::from(open.to_proposal().to_bytes());
        self.updater.cache().keep_proposal(self.gun(), Some(bytes)).await?;
        if !open.is_complete() {
            let proposed = self.leave(collection, open).await?;
            // Somebody else's signature may have come in meanwhile.
            open = proposed.proposal.open(collection)?;
            if !open.is_complete() {
                return Ok(Err(Box::new(proposed)));
            }
        }
        sign_apart(move || open.finish(&ring, now)).await.map(Ok)
    }

    async fn publish_proposed(
        &self,
        edition: Edition,
        base: Base,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        match self.updater.remote().publish(&edition.files).await {
            Ok(()) => {
                let roles =
                    edition.files.keys().filter(|role| **role != TopRole::Snapshot).cloned().collect();
                let published =
                    self.published(edition, SignedOutcome::Signed { roles }, None, base, now).await;
                // One that stays is overtaken, and is found to be when it is opened.
                self.updater.cache().keep_proposal(self.gun(), None).await.ok();
                Ok(published)
            }
            Err(PublishError::Conflict { .. }) => Err(PublisherError::Conflict { attempts: 1 }),
            Err(source) => Err(PublisherError::Upload(source)),
        }
    }
}
