//! Publishing what is left of a collection on a server that never had it.
//!
//! Its root is signed again with its own root keys, so that everybody who trusts the collection follows: with the new server's
//! timestamp key, and its snapshot key unless that is here. The other files go as they are, but for those that expire soon and
//! whose keys are here. A server takes root versions one by one and begins at 1 or 2, so a collection with a longer past gets
//! there in as many uploads.

pub(super) mod checked;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use countersign_core::author::{AuthorError, KeyRing, NEAR_EXPIRY, expiry, sign};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::metadata::{Document as _, Envelope, FileMeta, RoleSpec, Root, Snapshot, Targets};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::{MetaVersion, NumberError, Threshold};
use countersign_core::signature::{RoleKeys, Verified};
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::TrustError;

use self::checked::Checked;
use super::{Publisher, PublisherError, SnapshotKey};
use crate::import::Remains;
use crate::remote::{Fetched, RemoteFile};
use crate::updater::{Roles, UpdateError};

/// Most root versions that are published one after the other.
pub(super) const MAX_ROOTS: u64 = 1_000;
/// The version of the first root that a server takes, if the collection is not at 1 still.
pub(super) const FIRST: u64 = 2;

/// What an import does with root, targets or delegations that have expired: signing them anew says once more what they say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Expired {
    /// Nothing is published.
    #[default]
    Refused,
    /// They are signed anew, as far as their keys are here.
    Renewed,
}

/// A collection that is published again.
#[derive(Debug)]
pub struct Imported {
    /// The roles that were published.
    pub roles: BTreeSet<RoleName>,
    /// The root's version.
    pub root_version: MetaVersion,
    /// Who keeps the snapshot key from now on.
    pub snapshot_key: SnapshotKey,
    /// What could not be brought along, in words.
    pub left_out: Vec<String>,
    /// Whether the server shows it. An error here does not undo it.
    pub confirmed: Result<(), UpdateError>,
}

impl Publisher {
    /// Publishes what is left of this collection, signed on with its own root keys, which must be here.
    ///
    /// An import that was cut off goes on when it is run again.
    ///
    /// # Errors
    /// - [`PublisherError::Remains`]: a file is not what its keys signed, is older than what this machine knows of the collection, or
    ///   another one of that version. A delegation's file is no exception; [`Remains::leave_out`] goes without it.
    /// - [`PublisherError::WouldLose`]: delegations had a file, and have none here.
    /// - [`PublisherError::ExpiredRemains`]: files have expired, and `expired` does not say to sign them anew.
    /// - [`PublisherError::NoRootKeys`]: the root keys are not here. Nothing was published.
    /// - [`PublisherError::Exists`]: the server has the collection.
    pub async fn import(
        &self,
        remains: &Remains,
        expired: Expired,
        now: DateTime,
    ) -> Result<Imported, PublisherError> {
        let (begin, last) = self.versions(remains).await?;
        let mut checked = self.checked(remains, expired, now).await?;
        if let Some(error) = checked.refused.pop() {
            return Err(PublisherError::Remains(self.gun().clone(), error));
        }
        if !checked.missing.is_empty() {
            return Err(PublisherError::WouldLose { gun: self.gun().clone(), roles: checked.missing });
        }
        if let Some(ended @ TrustError::NoLeaf { .. }) = checked.over {
            return Err(PublisherError::Remains(self.gun().clone(), ended));
        }
        let mut root = (*checked.root).clone();
        let present = self.present().await?;
        admit_root(&root, &present)?;
        let timestamp = self.server_key(TopRole::Timestamp).await?;
        set_key(&mut root, TopRole::Timestamp, timestamp);
        let keeps_snapshot = !root.role_keys(TopRole::Snapshot).canonical_ids().is_disjoint(&present);
        if !keeps_snapshot {
            let snapshot = self.server_key(TopRole::Snapshot).await?;
            set_key(&mut root, TopRole::Snapshot, snapshot);
        }
        let ring = self.ring(&root, &checked, &present).await?;
        let is_begun = begin > last.min(FIRST);
        let role_files = if is_begun {
            self.published_files(&checked, checked.keys()).await?
        } else {
            renewed(&checked, &ring, now)?
        };
        let mut files = if is_begun { BTreeMap::new() } else { role_files.clone() };
        for version in begin..=last {
            root.version = MetaVersion::new(version).map_err(unnumbered)?;
            root.expires = expiry(&TopRole::Root.into(), now);
            let groups = [checked.root.role_keys(TopRole::Root), root.role_keys(TopRole::Root)];
            let file = sign(&TopRole::Root.into(), &root, &groups, &ring).map_err(PublisherError::Sign)?;
            files.insert(TopRole::Root.into(), file);
            if keeps_snapshot {
                let number = checked.snapshot.get() + version;
                let file = snapshot(&root, &role_files, &files, number, &ring, now)?;
                files.insert(TopRole::Snapshot.into(), file);
            }
            self.updater.remote().publish(&files).await.map_err(PublisherError::Upload)?;
            // The others are there; root and snapshot go on alone.
            files.clear();
        }
        let shown = self.updater.refresh(UpdateStart(now), Roles::Publish).await;
        Ok(Imported {
            roles: role_files.into_keys().chain([TopRole::Root.into()]).collect(),
            root_version: root.version,
            snapshot_key: if keeps_snapshot { SnapshotKey::Local } else { SnapshotKey::Server },
            left_out: checked.left_out,
            confirmed: shown.map(|_| ()),
        })
    }

    /// The root versions that are to be published, unless the server has a collection of this name that this import did not
    /// begin.
    async fn versions(&self, remains: &Remains) -> Result<(u64, u64), PublisherError> {
        let settings = self.updater.settings();
        let bytes = remains.files.get(&RoleName::from(TopRole::Root)).cloned().unwrap_or_default();
        let claimed: Result<Root, _> =
            Envelope::parse(bytes, &settings.limits).and_then(|envelope| envelope.claim());
        let role = RoleName::from(TopRole::Root);
        let unread =
            |source| PublisherError::Remains(settings.gun.clone(), TrustError::Metadata { role, source });
        let root = claimed.map_err(unread)?;
        let last = root.version.get() + 1;
        Ok((self.first_version(&root, last).await?, last))
    }

    async fn first_version(&self, root: &Root, last: u64) -> Result<u64, PublisherError> {
        let max_bytes = self.updater.settings().limits.root_bytes;
        let exists = || PublisherError::Exists(self.gun().clone());
        match self.updater.remote().fetch(&RemoteFile::current(TopRole::Root), max_bytes, None).await {
            Err(error) if error.is_not_found() => {
                if last > MAX_ROOTS {
                    return Err(PublisherError::TooManyRoots { max: MAX_ROOTS });
                }
                Ok(last.min(FIRST))
            }
            Err(source) => Err(PublisherError::Update(UpdateError::Fetch {
                file: RemoteFile::current(TopRole::Root),
                source,
            })),
            Ok(Fetched::NotModified) => Err(exists()),
            Ok(Fetched::Bytes(bytes)) => {
                let keys = root.role_keys(TopRole::Root);
                let envelope =
                    Envelope::parse(bytes, &self.updater.settings().limits).map_err(|_| exists())?;
                let there = keys.verify::<Root>(&envelope).map_err(|_| exists())?;
                if there.version.get() < last { Ok(there.version.get() + 1) } else { Err(exists()) }
            }
        }
    }

    /// The files that an upload which was cut off has published, each by the keys of its role: what was checked, or that with the
    /// next version and another end. Anything else is not of that upload.
    pub(super) async fn published_files(
        &self,
        checked: &Checked,
        roles: impl IntoIterator<Item = (RoleName, RoleKeys)>,
    ) -> Result<BTreeMap<RoleName, Bytes>, PublisherError> {
        let limits = &self.updater.settings().limits;
        let mut files = BTreeMap::new();
        for (role, keys) in roles {
            let file = RemoteFile::current(role.clone());
            let answer = self.updater.remote().fetch(&file, limits.file_bytes(role.top()), None).await;
            let bytes = match answer {
                Ok(Fetched::Bytes(bytes)) => bytes,
                Ok(Fetched::NotModified) => return Err(PublisherError::Exists(self.gun().clone())),
                // It was left out.
                Err(error) if error.is_not_found() && role.is_delegation() => continue,
                Err(source) => return Err(PublisherError::Update(UpdateError::Fetch { file, source })),
            };
            let there = Envelope::parse(bytes.clone(), limits)
                .ok()
                .and_then(|file| keys.verify::<Targets>(&file).ok());
            let of_it = |there: &Verified<Targets>| {
                checked.roles.get(&role).is_some_and(|(file, _)| is_of(file, there))
            };
            if !there.as_ref().is_some_and(of_it) {
                return Err(PublisherError::Exists(self.gun().clone()));
            }
            files.insert(role, bytes);
        }
        Ok(files)
    }

    /// Opens the keys that are needed and here.
    pub(super) async fn ring(
        &self,
        root: &Root,
        checked: &Checked,
        present: &BTreeSet<KeyId>,
    ) -> Result<KeyRing, PublisherError> {
        let tops = [TopRole::Root, TopRole::Snapshot].map(|role| root.role_keys(role).canonical_ids());
        let roles = checked.roles.values().map(|(_, keys)| keys.canonical_ids());
        let mut met = BTreeSet::new();
        let wanted: Vec<_> = tops
            .into_iter()
            .chain(roles)
            .flatten()
            .filter(|id| present.contains(id) && met.insert(*id))
            .collect();
        let opened = self
            .with_keys(move |keys| wanted.into_iter().map(|id| keys.load(id)).collect::<Result<Vec<_>, _>>())
            .await?;
        let mut ring = KeyRing::default();
        for key in opened {
            ring.insert(key);
        }
        Ok(ring)
    }
}

/// Whether `there` is `file`, or what this program makes of it when it signs it anew.
fn is_of(file: &Verified<Targets>, there: &Verified<Targets>) -> bool {
    if there.bytes() == file.bytes() {
        return true;
    }
    let mut renewed = (**file).clone();
    let is_next = renewed.version.next().is_ok_and(|next| next == there.version);
    (renewed.version, renewed.expires) = (there.version, there.expires);
    is_next && renewed == **there
}

/// The files of targets and delegations: as they are, and signed anew where they expire soon and enough keys are here.
pub(super) fn renewed(
    checked: &Checked,
    ring: &KeyRing,
    now: DateTime,
) -> Result<BTreeMap<RoleName, Bytes>, PublisherError> {
    let file = |(role, (file, keys)): (&RoleName, &(Verified<Targets>, RoleKeys))| {
        if now.seconds_until(file.expires()) >= NEAR_EXPIRY {
            return Ok((role.clone(), file.bytes().clone()));
        }
        admit_fields(role, file.unknown_field())?;
        let mut next = (**file).clone();
        next.version = next.version.next().map_err(unnumbered)?;
        next.expires = expiry(role, now);
        match sign(role, &next, std::slice::from_ref(keys), ring) {
            Ok(bytes) => Ok((role.clone(), bytes)),
            Err(AuthorError::MissingKeys { .. }) => Ok((role.clone(), file.bytes().clone())),
            Err(error) => Err(PublisherError::Sign(error)),
        }
    };
    checked.roles.iter().map(file).collect()
}

/// The snapshot of these files.
pub(super) fn snapshot(
    root: &Root,
    roles: &BTreeMap<RoleName, Bytes>,
    files: &BTreeMap<RoleName, Bytes>,
    version: u64,
    ring: &KeyRing,
    now: DateTime,
) -> Result<Bytes, PublisherError> {
    let role = RoleName::from(TopRole::Snapshot);
    let mut snapshot = Snapshot::new(MetaVersion::new(version).map_err(unnumbered)?, expiry(&role, now));
    let listed = roles.iter().chain(files.get_key_value(&RoleName::from(TopRole::Root)));
    snapshot.meta.extend(listed.map(|(role, file)| (role.to_string(), FileMeta::of(file))));
    sign(&role, &snapshot, &[root.role_keys(TopRole::Snapshot)], ring).map_err(PublisherError::Sign)
}

/// Refuses a root that cannot be signed anew: its keys are not here, or it would lose a field.
fn admit_root(root: &Root, present: &BTreeSet<KeyId>) -> Result<(), PublisherError> {
    admit_fields(&TopRole::Root.into(), root.unknown_field())?;
    let keys = root.role_keys(TopRole::Root);
    let missing: Vec<_> = keys.canonical_ids().difference(present).copied().collect();
    if keys.canonical_ids().len() - missing.len() < keys.threshold().get() {
        return Err(PublisherError::NoRootKeys { needed: keys.threshold().get(), missing });
    }
    Ok(())
}

/// Refuses a file that would lose a field if it were signed anew.
pub(super) fn admit_fields(role: &RoleName, unknown: Option<&str>) -> Result<(), PublisherError> {
    let refused = |field: &str| AuthorError::UnknownField { role: role.clone(), field: field.to_owned() };
    unknown.map_or(Ok(()), |field| Err(PublisherError::Sign(refused(field))))
}

/// Gives a role this key alone; the one before goes, if no other role has it.
fn set_key(root: &mut Root, role: TopRole, key: PublicKey) {
    let spec = RoleSpec { keyids: vec![key.id()], threshold: Threshold::ONE };
    let replaced = root.roles.insert(role.name().to_owned(), spec);
    for old in replaced.into_iter().flat_map(|spec| spec.keyids) {
        if !root.roles.values().any(|spec| spec.keyids.contains(&old)) {
            root.keys.remove(&old);
        }
    }
    root.keys.insert(key.id(), key);
}

/// A version that cannot be.
pub(super) fn unnumbered(source: NumberError) -> PublisherError {
    PublisherError::Sign(AuthorError::Version { role: TopRole::Root.into(), source })
}
