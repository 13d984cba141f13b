//! A lost root key: the collection is deleted at its server and published anew under another root.
//!
//! Nobody can sign a root that leads on from the lost one, so everybody who trusts the collection has to trust it anew. What
//! delegates signed goes on as it is; targets are signed again. Versions go on from where they were, and so does root's, which a
//! server takes one by one.
//!
//! All that can fail without the server is done before the deletion: keys are made and opened, files are signed. What is deleted is
//! exactly what was verified. From then on, a recovery that was cut off goes on from the files that are left here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::author::{KeyRing, expiry, sign};
use countersign_core::certificate::self_signed;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::metadata::{Document as _, RoleSpec, Root, Targets};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::{MetaVersion, Threshold};
use countersign_core::sign::SecretKey;
use countersign_core::signature::{RoleKeys, Verified};
use countersign_core::time::{DateTime, UpdateStart, is_expired};
use countersign_core::trust::{PinRule, TrustError};

use super::super::import::checked::Checked;
use super::super::import::{Expired, FIRST, MAX_ROOTS, admit_fields, renewed, snapshot, unnumbered};
use super::super::rotate::take_noted;
use super::super::{Publisher, PublisherError, SnapshotKey};
use super::served::Served;
use crate::cache::{BegunRotation, CacheBeginning};
use crate::cache_memory::MemoryCache;
use crate::import::Remains;
use crate::remote::PublishError;
use crate::updater::{Roles, UpdateError, UpdateSettings, Updater};

/// What a recovery from a lost root would do.
#[derive(Debug)]
pub struct LostRoot {
    /// Canonical ids of the root keys that are lost.
    pub root_keys: BTreeSet<KeyId>,
    /// The version of the root that they signed.
    pub root_version: MetaVersion,
    /// Canonical ids of the targets keys, and whether they sign on; they are replaced if they are not here.
    pub targets: (BTreeSet<KeyId>, bool),
    /// Who keeps the snapshot key.
    pub snapshot_key: SnapshotKey,
    /// The delegations whose files go on as they are.
    pub delegations: Vec<RoleName>,
    /// What could not be brought along, in words.
    pub left_out: Vec<String>,
}

/// A collection that is published under another root.
#[derive(Debug)]
pub struct NewRoot {
    /// Canonical id of its root key.
    pub root_key: KeyId,
    /// The root's version.
    pub root_version: MetaVersion,
    /// Canonical ids of the targets keys, if they are new.
    pub new_targets_keys: Option<BTreeSet<KeyId>>,
    /// The roles that were published.
    pub roles: BTreeSet<RoleName>,
    /// Whether the server shows it, so that it is trusted here. An error here does not undo it.
    pub confirmed: Result<(), UpdateError>,
}

/// What the next root is made of, and the keys that sign with it.
struct Prepared {
    root: Root,
    root_key: Arc<SecretKey>,
    new_targets_keys: Option<BTreeSet<KeyId>>,
    ring: KeyRing,
    /// Every file but root and snapshot.
    files: BTreeMap<RoleName, Bytes>,
    snapshot_key: SnapshotKey,
}

impl Publisher {
    /// What [`Publisher::recover_lost_root`] would do with `remains`. Nothing is made or changed, and nobody is asked.
    ///
    /// # Errors
    /// - [`PublisherError::RootKeysHere`]: the root keys are not lost.
    /// - [`PublisherError::Remains`]: a file is not what its keys signed, or older than what was seen here.
    pub async fn lost_root(&self, remains: &Remains, now: DateTime) -> Result<LostRoot, PublisherError> {
        let checked = self.checked(remains, Expired::Renewed, now).await?;
        let present = self.present().await?;
        let root_keys = admit_lost(&checked.root, &present)?;
        let targets = checked.root.role_keys(TopRole::Targets);
        let snapshot_here = holds(&checked.root.role_keys(TopRole::Snapshot), &present);
        Ok(LostRoot {
            root_keys,
            root_version: checked.root.version,
            targets: (targets.canonical_ids(), holds(&targets, &present)),
            snapshot_key: if snapshot_here { SnapshotKey::Local } else { SnapshotKey::Server },
            delegations: checked.roles.keys().filter(|role| role.is_delegation()).cloned().collect(),
            left_out: checked.left_out,
        })
    }

    /// Deletes the collection at its server and publishes `remains` under a new root: with the key of the key store that `root_key`
    /// names, else one that is made. Targets are signed again, with a new key if theirs is not here.
    ///
    /// A recovery that was cut off goes on when it is run again with the same remains. With `leave_out`, delegations whose files are
    /// missing or have expired go without them.
    ///
    /// # Errors
    /// - As [`Publisher::lost_root`].
    /// - [`PublisherError::WouldLose`]: delegations would lose what they say, and `leave_out` is off; nothing was changed.
    /// - [`PublisherError::ChangedMeanwhile`]: the server has something else than the remains; nothing was changed.
    /// - [`PublisherError::Delete`]: the server does not delete it; nothing was changed there.
    /// - [`PublisherError::AnotherRoot`]: somebody else published it under a root of theirs. Nothing of it was touched.
    pub async fn recover_lost_root(
        &self,
        remains: &Remains,
        root_key: Option<KeyId>,
        leave_out: bool,
        now: DateTime,
    ) -> Result<NewRoot, PublisherError> {
        let checked = self.checked(remains, Expired::Renewed, now).await?;
        admit_lost(&checked.root, &self.present().await?)?;
        let served = self.served(remains).await?;
        let last = checked.root.version.next().map_err(unnumbered)?.get();
        if last > MAX_ROOTS {
            return Err(PublisherError::TooManyRoots { max: MAX_ROOTS });
        }
        let mut next = self.prepare(&checked, &served, root_key, now).await?;
        if !matches!(served, Served::Begun(_)) {
            // A server takes no file that is over, and by then the collection would be gone.
            let roles = self.lost_with(remains, &checked, &next.files, now);
            if !roles.is_empty() && !leave_out {
                return Err(PublisherError::WouldLose { gun: self.gun().clone(), roles });
            }
            next.files.retain(|role, _| !roles.contains(role));
        }
        let begin = match &served {
            Served::Begun(root) => root.version.get() + 1,
            Served::Nothing | Served::Remains => last.min(FIRST),
        };
        if matches!(served, Served::Remains) {
            // Whatever was published while somebody was asked must not be lost.
            if !matches!(self.served(remains).await?, Served::Remains) {
                return Err(PublisherError::ChangedMeanwhile(self.gun().clone()));
            }
            self.updater.remote().delete().await.map_err(PublisherError::Delete)?;
        }
        self.publish_roots(&mut next, &checked, begin..=last, now).await?;
        let confirmed = self.trust_new_root(next.root_key.id(), now).await?;
        if confirmed.is_ok() {
            self.updater.cache().note_rotations(self.gun(), &[]).await?;
        }
        let tops = [TopRole::Root, TopRole::Snapshot].map(RoleName::from);
        Ok(NewRoot {
            root_key: next.root_key.id(),
            root_version: MetaVersion::new(last).map_err(unnumbered)?,
            new_targets_keys: next.new_targets_keys,
            roles: next.files.into_keys().chain(tops).collect(),
            confirmed,
        })
    }

    /// Makes and opens keys, and signs what can be signed before the root: nothing is changed but the key store and the notes.
    async fn prepare(
        &self,
        checked: &Checked,
        served: &Served,
        named: Option<KeyId>,
        now: DateTime,
    ) -> Result<Prepared, PublisherError> {
        let present = self.present().await?;
        let old = &*checked.root;
        let snapshot_here = holds(&old.role_keys(TopRole::Snapshot), &present);
        let (timestamp, snapshot) = self.online_keys(served, snapshot_here).await?;
        let noted = self.updater.cache().begun_rotations(self.gun()).await?;
        let begun = |role| take_noted(&mut noted.clone(), role).map(|begun| begun.keys).unwrap_or_default();
        // Nobody follows from the root that was begun to one of another key.
        if let (Some(named), Served::Begun(root)) = (named, served)
            && !root.role_keys(TopRole::Root).canonical_ids().contains(&named)
        {
            let begun = root.role_keys(TopRole::Root).canonical_ids().into_iter().collect();
            return Err(PublisherError::BegunWithAnother { begun });
        }
        let named = named.into_iter().collect();
        let root_key = self.own_keys(TopRole::Root, named, begun(TopRole::Root)).await?.remove(0);
        let of_targets = old.role_keys(TopRole::Targets);
        let targets = if holds(&of_targets, &present) {
            None
        } else {
            Some(self.own_keys(TopRole::Targets, Vec::new(), begun(TopRole::Targets)).await?)
        };
        let new_ids = |keys: &[Arc<SecretKey>]| keys.iter().map(|key| key.id()).collect::<Vec<_>>();
        let mut notes = vec![(TopRole::Root, vec![root_key.id()])];
        notes.extend(targets.as_ref().map(|keys| (TopRole::Targets, new_ids(keys))));
        let notes = notes.into_iter().map(|(role, keys)| BegunRotation {
            role: role.into(),
            keys,
            replaces: old.role_keys(role).canonical_ids().into_iter().collect(),
        });
        self.updater.cache().note_rotations(self.gun(), &notes.collect::<Vec<_>>()).await?;

        let certificate = self_signed(self.gun(), &root_key, now).map_err(PublisherError::Certificate)?;
        let mut root = Root::new(old.version, expiry(&TopRole::Root.into(), now));
        give(&mut root, TopRole::Root, Threshold::ONE, [certificate]);
        match &targets {
            Some(keys) => {
                let keys = keys.iter().map(|key| key.public_key().clone());
                give(&mut root, TopRole::Targets, Threshold::ONE, keys);
            }
            None => carry(old, &mut root, TopRole::Targets),
        }
        match snapshot {
            Some(key) => give(&mut root, TopRole::Snapshot, Threshold::ONE, [key]),
            None => carry(old, &mut root, TopRole::Snapshot),
        }
        give(&mut root, TopRole::Timestamp, Threshold::ONE, [timestamp]);

        let mut ring = self.ring(&root, checked, &present).await?;
        ring.insert(root_key.clone());
        let new_targets_keys = targets.as_ref().map(|keys| new_ids(keys).into_iter().collect());
        targets.into_iter().flatten().for_each(|key| ring.insert(key));
        let mut signers: BTreeMap<_, _> = checked.keys().collect();
        signers.insert(TopRole::Targets.into(), root.role_keys(TopRole::Targets));
        let files = match served {
            Served::Begun(_) => self.published_files(checked, signers).await?,
            Served::Nothing | Served::Remains => signed_again(checked, &root, &ring, now)?,
        };
        let snapshot_key = if snapshot_here { SnapshotKey::Local } else { SnapshotKey::Server };
        Ok(Prepared { root, root_key, new_targets_keys, ring, files, snapshot_key })
    }

    /// The delegations that would lose what they say: they had a file that is not among `files`, or theirs is over.
    fn lost_with(
        &self,
        remains: &Remains,
        checked: &Checked,
        files: &BTreeMap<RoleName, Bytes>,
        now: DateTime,
    ) -> Vec<RoleName> {
        let listed = self.listed(remains).into_iter();
        let refused = checked.refused.iter().filter_map(TrustError::role).cloned();
        let missing = listed.chain(checked.missing.iter().cloned()).chain(refused);
        let missing = missing.filter(|role| role.is_delegation() && !files.contains_key(role));
        let is_over = |(role, (file, _)): (&RoleName, &(Verified<Targets>, RoleKeys))| {
            // One that was renewed is another file.
            let stays = files.get(role).is_some_and(|bytes| bytes == file.bytes());
            (role.is_delegation() && stays && is_expired(file.expires(), UpdateStart(now)))
                .then(|| role.clone())
        };
        let lost: BTreeSet<_> = missing.chain(checked.roles.iter().filter_map(is_over)).collect();
        lost.into_iter().collect()
    }

    /// The server's timestamp key, and its snapshot key unless that is here: those of the root that was begun with, else others
    /// than the lost root names, so that what they signed counts for nothing.
    async fn online_keys(
        &self,
        served: &Served,
        snapshot_here: bool,
    ) -> Result<(PublicKey, Option<PublicKey>), PublisherError> {
        let key = async |role: TopRole| match served {
            Served::Begun(root) => {
                let key = root.keys_of(role).next().map(|(_, key)| key.clone());
                key.ok_or_else(|| PublisherError::AnotherRoot(self.gun().clone()))
            }
            // That the files are gone does not say that the keys are.
            Served::Nothing | Served::Remains => {
                let made = self.updater.remote().rotate_key(role).await;
                made.map_err(|source| PublisherError::ServerKey { role, source })
            }
        };
        let timestamp = key(TopRole::Timestamp).await?;
        let snapshot = if snapshot_here { None } else { Some(key(TopRole::Snapshot).await?) };
        Ok((timestamp, snapshot))
    }

    /// Uploads root versions one by one, the first with all other files.
    async fn publish_roots(
        &self,
        next: &mut Prepared,
        checked: &Checked,
        versions: std::ops::RangeInclusive<u64>,
        now: DateTime,
    ) -> Result<(), PublisherError> {
        let is_first = *versions.start() == FIRST;
        let mut files = if is_first { next.files.clone() } else { BTreeMap::new() };
        for version in versions {
            next.root.version = MetaVersion::new(version).map_err(unnumbered)?;
            let groups = [next.root.role_keys(TopRole::Root)];
            let file = sign(&TopRole::Root.into(), &next.root, &groups, &next.ring);
            files.insert(TopRole::Root.into(), file.map_err(PublisherError::Sign)?);
            if next.snapshot_key == SnapshotKey::Local {
                let number = checked.snapshot.get() + version;
                let file = snapshot(&next.root, &next.files, &files, number, &next.ring, now)?;
                files.insert(TopRole::Snapshot.into(), file);
            }
            self.updater.remote().publish(&files).await.map_err(|error| match error {
                PublishError::Conflict { .. } => PublisherError::AnotherRoot(self.gun().clone()),
                error => PublisherError::Upload(error),
            })?;
            // The others are there; root and snapshot go on alone.
            files.clear();
        }
        Ok(())
    }

    /// Verifies what the server shows under the new root, and trusts it here in place of what was.
    async fn trust_new_root(
        &self,
        root_key: KeyId,
        now: DateTime,
    ) -> Result<Result<(), UpdateError>, PublisherError> {
        let mut settings: UpdateSettings = self.updater.settings().clone();
        if matches!(settings.pinning.rule(&settings.gun), PinRule::FirstUse | PinRule::Refused) {
            settings.pinning.certs.insert(settings.gun.to_string(), [root_key].into());
        }
        let remote = Arc::clone(self.updater.remote());
        let fresh = Updater::new(remote, Arc::new(MemoryCache::default()), settings);
        let collection = match fresh.refresh(UpdateStart(now), Roles::Publish).await {
            Ok(refreshed) => refreshed.collection,
            Err(error) => return Ok(Err(error)),
        };
        let (files, seen) = (collection.files(), collection.seen().clone());
        let beginning = CacheBeginning { files, seen, confirmed: now };
        self.updater.cache().replace(self.gun(), beginning).await?;
        Ok(Ok(()))
    }
}

/// Refuses where the root keys are here; gives their canonical ids.
fn admit_lost(root: &Root, present: &BTreeSet<KeyId>) -> Result<BTreeSet<KeyId>, PublisherError> {
    let keys = root.role_keys(TopRole::Root);
    let ids = keys.canonical_ids();
    if holds(&keys, present) {
        return Err(PublisherError::RootKeysHere { keys: ids.into_iter().collect() });
    }
    Ok(ids)
}

/// Whether enough keys of a role are here.
fn holds(keys: &RoleKeys, present: &BTreeSet<KeyId>) -> bool {
    keys.canonical_ids().intersection(present).count() >= keys.threshold().get()
}

/// Targets with the next version, by the keys of the new root; the others as they are, or renewed where they expire soon.
fn signed_again(
    checked: &Checked,
    root: &Root,
    ring: &KeyRing,
    now: DateTime,
) -> Result<BTreeMap<RoleName, Bytes>, PublisherError> {
    let mut files = renewed(checked, ring, now)?;
    let role = RoleName::from(TopRole::Targets);
    if let Some((file, _)) = checked.roles.get(&role) {
        admit_fields(&role, file.unknown_field().or(file.unknown_entry_field().as_deref()))?;
        let mut next = (**file).clone();
        next.version = next.version.next().map_err(unnumbered)?;
        next.expires = expiry(&role, now);
        let signed = sign(&role, &next, &[root.role_keys(TopRole::Targets)], ring);
        files.insert(role, signed.map_err(PublisherError::Sign)?);
    }
    Ok(files)
}

fn give(root: &mut Root, role: TopRole, threshold: Threshold, keys: impl IntoIterator<Item = PublicKey>) {
    let keys: Vec<_> = keys.into_iter().collect();
    let spec = RoleSpec { keyids: keys.iter().map(PublicKey::id).collect(), threshold };
    root.roles.insert(role.name().to_owned(), spec);
    root.keys.extend(keys.into_iter().map(|key| (key.id(), key)));
}

/// Gives a role the keys and the threshold that it has in another root.
fn carry(from: &Root, to: &mut Root, role: TopRole) {
    give(to, role, from.role_keys(role).threshold(), from.keys_of(role).map(|(_, key)| key.clone()));
}
