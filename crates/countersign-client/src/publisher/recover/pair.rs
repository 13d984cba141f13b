//! A lost tagging pair: new targets and snapshot keys, by the word of the root key, in one upload.

use std::collections::BTreeSet;

use countersign_core::author::Change;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::TopRole;
use countersign_core::time::DateTime;

use super::super::base::Base;
use super::super::rotate::{is_finished, take_noted};
use super::super::{ATTEMPTS, Published, Publisher, PublisherError, Rotation, SignedOutcome, SnapshotKey};
use crate::cache::BegunRotation;
use crate::updater::Warning;

/// What a recovery of the tagging pair does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PairRecovery {
    /// Replaces keys that are here, too.
    pub force: bool,
}

/// The keys of targets and snapshot that are not here, as they are found before anything is changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LostPair {
    /// The roles whose keys would be replaced, with canonical ids of their keys.
    pub roles: Vec<(TopRole, BTreeSet<KeyId>)>,
    /// Who keeps the snapshot key afterwards.
    pub snapshot_key: SnapshotKey,
    /// Whether an earlier run has begun with this.
    pub is_begun: bool,
}

/// A tagging pair that was recovered.
#[derive(Debug)]
pub struct Recovered {
    /// What was published.
    pub published: Published,
    /// The roles with their new keys.
    pub roles: Vec<(TopRole, BTreeSet<KeyId>)>,
}

/// A role whose keys are replaced.
struct Replacement {
    begun: BegunRotation,
    role: TopRole,
    lost: BTreeSet<KeyId>,
    keys: Vec<PublicKey>,
}

impl Publisher {
    /// Which keys [`Publisher::recover_pair`] would replace. Nothing is made, and nobody is asked for a passphrase.
    ///
    /// # Errors
    /// - [`PublisherError::NoCollection`], [`PublisherError::Update`]: what is published cannot be had or trusted.
    /// - [`PublisherError::NoRootKeys`]: the root keys, which must sign that, are not here.
    pub async fn lost_pair(&self, recovery: PairRecovery, now: DateTime) -> Result<LostPair, PublisherError> {
        let base = self.base_to_rotate(now).await?;
        self.lost_of(&base, recovery).await
    }

    /// Replaces the lost keys of targets and snapshot, and signs targets again, delegations and all: one upload. Staged changes
    /// stay staged.
    ///
    /// A recovery that was cut off goes on with the same keys when it is run again. [`SignedOutcome::NothingToPublish`]: nothing is
    /// lost, or an earlier run got as far as the server.
    ///
    /// # Errors
    /// - As [`Publisher::lost_pair`].
    /// - [`PublisherError::RecoveredByAnother`]: somebody else has replaced the keys meanwhile.
    pub async fn recover_pair(
        &self,
        recovery: PairRecovery,
        now: DateTime,
    ) -> Result<Recovered, PublisherError> {
        let mut base = self.base_to_rotate(now).await?;
        let noted = self.updater.cache().begun_rotations(self.gun()).await?;
        if let Some(recovered) = self.finished_pair(&base, noted.clone()).await? {
            return Ok(recovered.into(base.nothing_published(self.gun())));
        }
        let lost = self.lost_of(&base, recovery).await?;
        if lost.roles.is_empty() {
            return Ok(Finished::default().into(base.nothing_published(self.gun())));
        }
        self.admit_root_keys(&base).await?;
        let (replacements, noted) = self.begin_pair(&lost, noted, &base, now).await?;
        for attempt in 1..=ATTEMPTS {
            let mut draft = base.draft();
            for replacement in &replacements {
                if draft.root().role_keys(replacement.role).canonical_ids() != replacement.lost {
                    self.updater.cache().note_rotations(self.gun(), &noted).await?;
                    return Err(PublisherError::RecoveredByAnother { role: replacement.role });
                }
                let change = Change::ReplaceKeys { role: replacement.role, keys: replacement.keys.clone() };
                draft.apply(&change).map_err(|source| PublisherError::Change { file: None, source })?;
            }
            if let Some(edition) = self.upload(&base, draft, now, attempt).await? {
                let outcome = SignedOutcome::Signed { roles: edition.files.keys().cloned().collect() };
                let mut published = self.published(edition, outcome, None, base, now).await;
                let roles = replacements.iter().map(Replacement::described).collect();
                published.warnings.extend(self.tidy_up_pair(replacements, noted, &published).await?);
                return Ok(Recovered { published, roles });
            }
            base = self.base_to_rotate(now).await?;
        }
        Err(PublisherError::Conflict { attempts: ATTEMPTS })
    }

    async fn lost_of(&self, base: &Base, recovery: PairRecovery) -> Result<LostPair, PublisherError> {
        let (draft, present) = (base.draft(), self.present().await?);
        let root = draft.root();
        let is_lost = |role: TopRole| {
            let keys = root.role_keys(role);
            keys.canonical_ids().intersection(&present).count() < keys.threshold().get()
        };
        let mut roles = Vec::new();
        if recovery.force || is_lost(TopRole::Targets) {
            roles.push(TopRole::Targets);
        }
        let is_servers = is_lost(TopRole::Snapshot) && {
            let key = self.server_key(TopRole::Snapshot).await?;
            root.role_keys(TopRole::Snapshot).keys().contains_key(&key.id())
        };
        if !is_servers && (recovery.force || is_lost(TopRole::Snapshot)) {
            roles.push(TopRole::Snapshot);
        }
        let snapshot_key = match roles.contains(&TopRole::Snapshot) {
            true => self.options.snapshot_key,
            false if is_servers => SnapshotKey::Server,
            false => SnapshotKey::Local,
        };
        let noted = self.updater.cache().begun_rotations(self.gun()).await?;
        let is_begun = roles.iter().any(|role| noted.iter().any(|begun| begun.role == *role));
        let roles: Vec<_> =
            roles.into_iter().map(|role| (role, root.role_keys(role).canonical_ids())).collect();
        if !roles.is_empty() {
            self.admit_root_present(base).await?;
        }
        Ok(LostPair { roles, snapshot_key, is_begun })
    }

    /// Makes the keys, or takes those that an earlier run has made, and notes them; gives the other notes, too.
    async fn begin_pair(
        &self,
        lost: &LostPair,
        mut noted: Vec<BegunRotation>,
        base: &Base,
        now: DateTime,
    ) -> Result<(Vec<Replacement>, Vec<BegunRotation>), PublisherError> {
        let mut replacements = Vec::new();
        for (role, ids) in &lost.roles {
            let rotation = match (role, lost.snapshot_key) {
                (TopRole::Targets, _) => Rotation::Targets { keys: Vec::new() },
                (_, SnapshotKey::Local) => Rotation::Snapshot { keys: Vec::new() },
                (_, SnapshotKey::Server) => Rotation::ServerSnapshot,
            };
            let begun = take_noted(&mut noted, *role);
            let (begun, keys) = self.begin(*role, &rotation, begun, base, now).await?;
            replacements.push(Replacement { begun, role: *role, lost: ids.clone(), keys });
        }
        let begun = replacements.iter().map(|replacement| replacement.begun.clone());
        let all: Vec<_> = noted.iter().cloned().chain(begun).collect();
        self.updater.cache().note_rotations(self.gun(), &all).await?;
        Ok((replacements, noted))
    }

    /// What an earlier run has done without learning of it; its notes go.
    async fn finished_pair(
        &self,
        base: &Base,
        mut noted: Vec<BegunRotation>,
    ) -> Result<Option<Finished>, PublisherError> {
        let mut finished = Finished::default();
        for role in [TopRole::Targets, TopRole::Snapshot] {
            let Some(begun) = take_noted(&mut noted, role) else { continue };
            if !is_finished(&begun, role, base) {
                return Ok(None);
            }
            finished.roles.push((role, base.draft().root().role_keys(role).canonical_ids()));
            finished.warnings.extend(self.tidy_up(&begun, noted.clone()).await?);
        }
        Ok((!finished.roles.is_empty()).then_some(finished))
    }

    async fn tidy_up_pair(
        &self,
        replacements: Vec<Replacement>,
        noted: Vec<BegunRotation>,
        published: &Published,
    ) -> Result<Vec<Warning>, PublisherError> {
        let mut warnings = Vec::new();
        for Replacement { begun, .. } in replacements {
            // Old keys are kept as long as nobody has seen the new ones.
            let replaces = if published.confirmed.is_ok() { begun.replaces } else { Vec::new() };
            warnings.extend(self.tidy_up(&BegunRotation { replaces, ..begun }, noted.clone()).await?);
        }
        Ok(warnings)
    }
}

impl Replacement {
    fn described(&self) -> (TopRole, BTreeSet<KeyId>) {
        (self.role, self.keys.iter().filter_map(|key| key.canonical_id().ok()).collect())
    }
}

/// What an earlier run has done.
#[derive(Default)]
struct Finished {
    roles: Vec<(TopRole, BTreeSet<KeyId>)>,
    warnings: Vec<Warning>,
}

impl Finished {
    fn into(self, mut published: Published) -> Recovered {
        published.warnings.extend(self.warnings);
        Recovered { published, roles: self.roles }
    }
}
