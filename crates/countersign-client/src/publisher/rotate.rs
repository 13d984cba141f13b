//! Replacing keys: of root, targets, snapshot and timestamp, and of delegations.
//!
//! Every change of a top-level role's keys is a new root, signed by the root keys before it and by its own, so that clients
//! go from one version to the next. New private keys are kept and noted before anything is uploaded: a rotation that was
//! interrupted goes on with the same keys when it is run again. Replaced keys are deleted once the server shows the new ones.
//!
//! Source: notary `client/client.go` (`RotateKey`), reference behaviour 5.4.

mod delegation;
mod new_keys;

use std::collections::BTreeSet;

use countersign_core::author::{AuthorError, Change, Draft};
use countersign_core::key::{KeyId, KeyType, PublicKey};
use countersign_core::metadata::{Envelope, Root};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;

use super::base::Base;
use super::{ATTEMPTS, Published, Publisher, PublisherError, SignedOutcome};
use crate::cache::BegunRotation;
use crate::keystore::KeyEntry;
use crate::remote::{Fetched, RemoteFile};
use crate::updater::Warning;

/// Which keys are replaced, and by which.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Rotation {
    /// The root keys. The present ones must be here, because they sign the new root, too; they stay in the key store.
    Root {
        /// Canonical ids of the keys in the key store that take their place, each under a new certificate; a new key if none
        /// is named. Naming the present key renews its certificate.
        keys: Vec<KeyId>,
        /// Which older root keys sign as well.
        older: OlderRoots,
    },
    /// The targets keys.
    Targets {
        /// Canonical ids of the keys that take their place; a new key if none is named.
        keys: Vec<KeyId>,
    },
    /// The snapshot keys, which are kept here from now on, whoever kept the ones before.
    Snapshot {
        /// Canonical ids of the keys that take their place; a new key if none is named.
        keys: Vec<KeyId>,
    },
    /// The snapshot key, which the server makes and keeps.
    ServerSnapshot,
    /// The server's timestamp key.
    Timestamp,
    /// The keys of a delegation. It is signed again on the way if enough of its keys are here.
    Delegation {
        /// The role.
        role: RoleName,
        /// Keys that it gets.
        add: Vec<PublicKey>,
        /// Canonical ids of the keys that it loses.
        remove: Vec<KeyId>,
    },
}

/// Which older root keys sign a new root, as far as they are here, for clients that do not go from one version to the next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OlderRoots {
    /// None: those of the root before it are enough for every client that walks.
    #[default]
    None,
    /// Those of so many versions before the present one.
    Versions(u64),
    /// All.
    All,
}

impl Rotation {
    /// The top-level role whose keys are replaced.
    fn role(&self) -> Option<TopRole> {
        match self {
            Self::Root { .. } => Some(TopRole::Root),
            Self::Targets { .. } => Some(TopRole::Targets),
            Self::Snapshot { .. } | Self::ServerSnapshot => Some(TopRole::Snapshot),
            Self::Timestamp => Some(TopRole::Timestamp),
            Self::Delegation { .. } => None,
        }
    }

    /// Whether this asks for what was begun.
    fn goes_on_from(&self, begun: &BegunRotation) -> bool {
        match self {
            Self::Root { keys, .. } | Self::Targets { keys } | Self::Snapshot { keys } => {
                let is_same =
                    keys.len() == begun.keys.len() && keys.iter().all(|key| begun.keys.contains(key));
                !begun.keys.is_empty() && (keys.is_empty() || is_same)
            }
            Self::ServerSnapshot => begun.keys.is_empty(),
            // Asking for one more timestamp key does no harm.
            Self::Timestamp | Self::Delegation { .. } => false,
        }
    }
}

impl Publisher {
    /// Replaces keys and publishes that at once. Staged changes stay staged.
    ///
    /// The outcome is [`SignedOutcome::NothingToPublish`] when an earlier run got as far as the server without learning of it.
    ///
    /// # Errors
    /// - [`PublisherError::NoRootKeys`]: the root keys are not here; nothing was made, asked or changed.
    /// - [`PublisherError`]: nothing was published, unless [`PublisherError::Upload`] says that the connection broke. What was
    ///   begun goes on when it is run again.
    pub async fn rotate(&self, rotation: Rotation, now: DateTime) -> Result<Published, PublisherError> {
        let base = self.base_to_rotate(now).await?;
        match rotation {
            Rotation::Delegation { role, add, remove } => {
                self.rotate_delegation(base, &role, add, remove, now).await
            }
            rotation => {
                let Some(role) = rotation.role() else { return Ok(base.nothing_published(self.gun())) };
                self.rotate_top(base, role, rotation, now).await
            }
        }
    }

    /// Has the server make and keep the snapshot key, if it doesn't yet: whoever signs a delegation without having the snapshot
    /// key cannot publish before that.
    ///
    /// # Errors
    /// As [`Publisher::rotate`]: without the root key nothing is changed.
    ///
    /// Source: docker/cli `cli/command/trust/signer_add.go`.
    pub async fn hand_over_snapshot(&self, now: DateTime) -> Result<Published, PublisherError> {
        let base = self.base_to_rotate(now).await?;
        let present = self.present().await?;
        let held = base.draft().root().role_keys(TopRole::Snapshot);
        // Who cannot sign root can still be told that there is nothing to do.
        if held.canonical_ids().is_disjoint(&present) {
            let key = self.server_key(TopRole::Snapshot).await?;
            if held.keys().contains_key(&key.id()) {
                return Ok(base.nothing_published(self.gun()));
            }
        }
        self.rotate_top(base, TopRole::Snapshot, Rotation::ServerSnapshot, now).await
    }

    pub(super) async fn base_to_rotate(&self, now: DateTime) -> Result<Base, PublisherError> {
        let base = self.base(now).await?;
        base.ok_or_else(|| PublisherError::NoCollection(self.gun().clone()))
    }

    /// Replaces the keys of a top-level role.
    async fn rotate_top(
        &self,
        base: Base,
        role: TopRole,
        rotation: Rotation,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        let mut noted = self.updater.cache().begun_rotations(self.gun()).await?;
        let begun = take_noted(&mut noted, role);
        let is_same =
            |begun: &&BegunRotation| rotation.goes_on_from(begun) && is_finished(begun, role, &base);
        if let Some(begun) = begun.as_ref().filter(is_same) {
            let mut published = base.nothing_published(self.gun());
            published.warnings.extend(self.tidy_up(begun, noted).await?);
            return Ok(published);
        }
        self.admit_root_keys(&base).await?;
        let older = self.older_roots(&rotation, &base).await?;
        let (begun, keys) = self.begin(role, &rotation, begun, &base, now).await?;
        let with_this: Vec<_> = noted.iter().cloned().chain([begun.clone()]).collect();
        self.updater.cache().note_rotations(self.gun(), &with_this).await?;
        let change = Change::ReplaceKeys { role, keys };
        let edit = |draft: &mut Draft| {
            draft.sign_root_also_with(older.clone());
            draft.apply(&change)
        };
        let mut published = self.publish_edited(base, edit, now).await?;
        // Old keys are kept as long as nobody has seen the new ones.
        let replaces = if published.confirmed.is_ok() { begun.replaces } else { Vec::new() };
        published.warnings.extend(self.tidy_up(&BegunRotation { replaces, ..begun }, noted).await?);
        Ok(published)
    }

    /// The keys that a role gets, kept here if they are the publisher's, and the note that this has begun.
    pub(super) async fn begin(
        &self,
        role: TopRole,
        rotation: &Rotation,
        begun: Option<BegunRotation>,
        base: &Base,
        now: DateTime,
    ) -> Result<(BegunRotation, Vec<PublicKey>), PublisherError> {
        let new = self.keys_of(rotation, begun.as_ref(), base, now).await?;
        let earlier = begun.map(|begun| begun.replaces).unwrap_or_default();
        let replaces = replaced(base.draft().root(), role, &new.private, earlier);
        Ok((BegunRotation { role: role.into(), replaces, keys: new.private }, new.public))
    }

    /// Applies an edit to what is published and uploads the outcome; when somebody else was faster, applies it to theirs.
    pub(super) async fn publish_edited(
        &self,
        mut base: Base,
        edit: impl Fn(&mut Draft) -> Result<(), AuthorError>,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        for attempt in 1..=ATTEMPTS {
            let mut draft = base.draft();
            edit(&mut draft).map_err(|source| PublisherError::Change { file: None, source })?;
            if let Some(edition) = self.upload(&base, draft, now, attempt).await? {
                let outcome = SignedOutcome::Signed { roles: edition.files.keys().cloned().collect() };
                return Ok(self.published(edition, outcome, None, base, now).await);
            }
            base = self.base_to_rotate(now).await?;
        }
        Err(PublisherError::Conflict { attempts: ATTEMPTS })
    }

    /// Checks that enough root keys are here to sign a new root, and that the passphrase variables open them.
    pub(super) async fn admit_root_keys(&self, base: &Base) -> Result<(), PublisherError> {
        let here = self.admit_root_present(base).await?;
        self.load_unasked(here).await
    }

    /// Checks that enough root keys are here to sign a new root; gives their canonical ids.
    pub(super) async fn admit_root_present(&self, base: &Base) -> Result<Vec<KeyId>, PublisherError> {
        let keys = base.draft().root().role_keys(TopRole::Root);
        let present = self.present().await?;
        let (here, missing): (Vec<_>, Vec<_>) =
            keys.canonical_ids().into_iter().partition(|id| present.contains(id));
        let needed = keys.threshold().get();
        if here.len() < needed {
            return Err(PublisherError::NoRootKeys { needed, missing });
        }
        Ok(here)
    }

    /// The certificates of older roots whose keys are to sign as well. Only those count that the present root still lists.
    async fn older_roots(&self, rotation: &Rotation, base: &Base) -> Result<Vec<PublicKey>, PublisherError> {
        let Rotation::Root { older, .. } = rotation else { return Ok(Vec::new()) };
        let root = base.draft().root().clone();
        let is_certificate = |key: &&PublicKey| key.key_type().is_some_and(KeyType::is_certificate);
        match older {
            OlderRoots::None => Ok(Vec::new()),
            OlderRoots::All => {
                let roles = || root.roles.values().flat_map(|spec| &spec.keyids);
                let unused = root.keys.iter().filter(|(id, _)| !roles().any(|used| used == *id));
                Ok(unused.map(|(_, key)| key).filter(is_certificate).cloned().collect())
            }
            OlderRoots::Versions(count) => {
                let newest = root.version.get();
                let mut keys = Vec::new();
                for version in (newest.saturating_sub(*count).max(1)..newest).rev() {
                    let listed = self.root_keys_of(version).await?;
                    keys.extend(listed.into_iter().filter(|key| root.keys.contains_key(&key.id())));
                }
                Ok(keys)
            }
        }
    }

    /// The root keys that an older root has. Nothing vouches for them.
    async fn root_keys_of(&self, version: u64) -> Result<Vec<PublicKey>, PublisherError> {
        let Ok(number) = MetaVersion::new(version) else { return Ok(Vec::new()) };
        let limits = &self.updater.settings().limits;
        let file = RemoteFile::version(TopRole::Root, number);
        let max_bytes = limits.file_bytes(Some(TopRole::Root));
        let fetched = self.updater.remote().fetch(&file, max_bytes, None).await;
        let fetched = fetched.map_err(|source| PublisherError::OlderRoot { version, source })?;
        let Fetched::Bytes(bytes) = fetched else { return Ok(Vec::new()) };
        let claim = Envelope::parse(bytes, limits).and_then(|envelope| envelope.claim::<Root>());
        let keys = claim.map(|root| root.role_keys(TopRole::Root).keys().values().cloned().collect());
        Ok(keys.unwrap_or_default())
    }

    /// Deletes replaced private keys of this collection, then the note that the rotation was begun.
    ///
    /// Deviation: Notary deletes them before the upload, so that a server that is out of order loses them for ever (13 B16);
    /// test `rotation_that_was_refused_keeps_the_old_keys_and_goes_on_with_the_new_ones`.
    pub(super) async fn tidy_up(
        &self,
        begun: &BegunRotation,
        others: Vec<BegunRotation>,
    ) -> Result<Vec<Warning>, PublisherError> {
        let mut warnings = Vec::new();
        if begun.role != TopRole::Root {
            let (begun, gun) = (begun.clone(), self.gun().to_string());
            let kept = self.with_keys(move |keys| {
                let goes = |entry: &KeyEntry| {
                    begun.replaces.contains(&entry.id)
                        && entry.role == begun.role.as_str()
                        && entry.gun.as_ref() == Some(&gun)
                };
                let listed = keys.list()?.keys.into_iter().filter(goes);
                let removed = listed.map(|entry| (entry.id, keys.remove(entry.id)));
                Ok(removed.filter_map(|(id, removed)| Some((id, removed.err()?))).collect::<Vec<_>>())
            });
            warnings.extend(kept.await?.into_iter().map(|(key, source)| Warning::StillKept { key, source }));
        }
        let noted = self.updater.cache().note_rotations(self.gun(), &others).await;
        warnings.extend(noted.err().map(Warning::StillNoted));
        Ok(warnings)
    }
}

/// The keys that no role has any more, besides those that earlier runs meant to replace.
fn replaced(root: &Root, role: TopRole, new: &[KeyId], earlier: Vec<KeyId>) -> Vec<KeyId> {
    let others = TopRole::ALL.into_iter().filter(|other| *other != role);
    let used: BTreeSet<_> = others.flat_map(|other| root.role_keys(other).canonical_ids()).collect();
    let gone = root.role_keys(role).canonical_ids().into_iter().chain(earlier);
    gone.filter(|id| !used.contains(id) && !new.contains(id)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Takes the note on `role` out of all that is noted.
pub(super) fn take_noted(noted: &mut Vec<BegunRotation>, role: TopRole) -> Option<BegunRotation> {
    noted.iter().position(|begun| begun.role == role).map(|at| noted.remove(at))
}

/// Whether the server has what was begun: an upload was taken and nobody here learnt of it.
pub(super) fn is_finished(begun: &BegunRotation, role: TopRole, base: &Base) -> bool {
    let Some(collection) = base.collection() else { return false };
    let now = collection.root().role_keys(role).canonical_ids();
    let is_replaced = begun.replaces.iter().all(|id| !now.contains(id));
    let is_new = begun.keys.is_empty() || begun.keys.iter().copied().eq(now.iter().copied());
    is_replaced && is_new && !begun.replaces.is_empty()
}
