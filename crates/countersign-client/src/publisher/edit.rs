//! Publishing changes that are worked out from what is there, anew for each attempt.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::author::{Change, Draft};
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::time::{DateTime, UpdateStart};

use super::base::Base;
use super::{ATTEMPTS, Initialised, Published, Publisher, PublisherError, SignedOutcome};
use crate::updater::Roles;

/// What changes are worked out from.
pub(super) struct Found<'a> {
    pub(super) base: &'a Base,
    pub(super) draft: &'a Draft,
    /// Canonical ids of the keys that are here.
    pub(super) present: &'a BTreeSet<KeyId>,
}

/// What an edit does besides its changes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EditOptions {
    /// Makes a collection that is not there yet.
    pub(super) makes_collection: bool,
    /// Hands the snapshot key to the server, unless it has it.
    pub(super) hands_over_snapshot: bool,
}

/// An edit that was published.
pub(super) struct Edited {
    pub(super) published: Published,
    /// The SHA-256 of each file that it changed. What else a proposal brought along is not among them.
    pub(super) files: BTreeMap<RoleName, Digest>,
}

impl Publisher {
    /// Applies what `plan` makes of what is there, and publishes the outcome.
    pub(super) async fn publish_edit(
        &self,
        options: EditOptions,
        now: DateTime,
        plan: impl Fn(&Found<'_>) -> Result<Vec<Change>, PublisherError>,
    ) -> Result<Published, PublisherError> {
        Ok(self.edit(options, now, plan).await?.published)
    }

    /// As [`Publisher::publish_edit`], and says which files came of it.
    pub(super) async fn edit(
        &self,
        options: EditOptions,
        now: DateTime,
        plan: impl Fn(&Found<'_>) -> Result<Vec<Change>, PublisherError>,
    ) -> Result<Edited, PublisherError> {
        let mut initialised = None;
        for attempt in 1..=ATTEMPTS {
            let base = self.base_to_edit(options, now, &mut initialised).await?;
            let mut draft = base.draft();
            let present = self.present().await?;
            for change in plan(&Found { base: &base, draft: &draft, present: &present })? {
                base.admit(&mut draft, &change)?;
                draft.apply(&change).map_err(|source| PublisherError::Change { file: None, source })?;
            }
            if options.hands_over_snapshot
                && let Some(change) = self.hand_over(&draft, &present).await?
            {
                draft.apply(&change).map_err(|source| PublisherError::Change { file: None, source })?;
            }
            if draft.dirty().is_empty() {
                let outcome = SignedOutcome::NothingToPublish;
                let published = Published { initialised, outcome, ..base.nothing_published(self.gun()) };
                return Ok(Edited { published, files: BTreeMap::new() });
            }
            let changed = draft.dirty().clone();
            if let Some(edition) = self.upload(&base, draft, now, attempt).await? {
                let roles = edition.files.keys().cloned().collect();
                let outcome = SignedOutcome::Signed { roles };
                let files = edition.files.iter().filter(|(role, _)| changed.contains(role));
                let files = files.map(|(role, file)| (role.clone(), Digest::sha256(file))).collect();
                let published = self.published(edition, outcome, initialised, base, now).await;
                return Ok(Edited { published, files });
            }
        }
        Err(PublisherError::Conflict { attempts: ATTEMPTS })
    }

    async fn base_to_edit(
        &self,
        options: EditOptions,
        now: DateTime,
        initialised: &mut Option<Initialised>,
    ) -> Result<Base, PublisherError> {
        if options.makes_collection {
            return self.base_or_init(now, initialised).await;
        }
        let refreshed = self.updater.refresh(UpdateStart(now), Roles::Publish).await;
        Ok(Base::Published(Box::new(refreshed.map_err(PublisherError::Update)?)))
    }

    /// The change that gives the snapshot role to the server's key; `None` if it has it.
    ///
    /// Others can sign only then: each edition needs a snapshot, and theirs would need the key of somebody else.
    async fn hand_over(
        &self,
        draft: &Draft,
        present: &BTreeSet<KeyId>,
    ) -> Result<Option<Change>, PublisherError> {
        let key = self.server_key(TopRole::Snapshot).await?;
        let listed = draft.root().role_keys(TopRole::Snapshot);
        if listed.keys().contains_key(&key.id()) {
            return Ok(None);
        }
        let root = draft.root().role_keys(TopRole::Root);
        if root.canonical_ids().intersection(present).count() < root.threshold().get() {
            return Err(PublisherError::HandOver { root_keys: root.canonical_ids().into_iter().collect() });
        }
        Ok(Some(Change::ReplaceKeys { role: TopRole::Snapshot, keys: vec![key] }))
    }
}
