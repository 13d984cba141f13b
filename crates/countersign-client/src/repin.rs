//! Trusting a collection anew whose root no longer leads on from the one that was trusted.
//!
//! That is what an attacker would want, too. So what is published is verified by every rule that holds for a first use, it is
//! said what would change, and nothing is kept before somebody has accepted it: [`RepinOffer::accept`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::certificate::CertificateBundle;
use countersign_core::digest::Digest;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, Root, Snapshot, Targets, Timestamp};
use countersign_core::name::{Gun, RoleName, TargetName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::{RootPhase, Seen, TrustedCollection};
use thiserror::Error;

use crate::cache::{Cache, CacheBeginning, CacheError};
use crate::cache_memory::MemoryCache;
use crate::import::{Remains, RemainsError};
use crate::updater::{OfflineUse, Refreshed, Roles, UpdateError, UpdateSettings, Updater};

/// What comes of the wish to trust a collection anew.
#[derive(Debug)]
pub enum Repin {
    /// Nothing has to be: the root that is trusted leads to the one that is published.
    NotNeeded(Box<Refreshed>),
    /// This is what would be trusted.
    Offer(Box<RepinOffer>),
}

/// What would be trusted from now on. Nothing is kept yet.
pub struct RepinOffer {
    cache: Arc<dyn Cache>,
    gun: Gun,
    confirmed: DateTime,
    collection: TrustedCollection,
    /// Why what is published was refused.
    pub refusal: UpdateError,
    /// The root keys that are trusted; none if the cache lost them.
    pub old_root: Vec<RootKey>,
    /// The root keys that would be.
    pub new_root: Vec<RootKey>,
    /// The other roles whose keys would change.
    pub keys: Vec<RoleKeysChange>,
    /// Tags whose meaning would change.
    pub tags: Vec<Meaning>,
    /// Versions: of each role that there was or would be.
    pub versions: Vec<VersionChange>,
}

/// A root key with its certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RootKey {
    /// Canonical id of the key.
    pub id: KeyId,
    /// Id of its certificate, by which root lists it.
    pub certificate: KeyId,
    /// The common name of its certificate; empty if it has none.
    pub subject: String,
    /// When its certificate begins and ends; absent if it has none.
    pub valid: Option<(DateTime, DateTime)>,
}

/// A role whose keys would be others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoleKeysChange {
    /// The role.
    pub role: RoleName,
    /// Canonical ids of its keys; none if there is no such role.
    pub before: BTreeSet<KeyId>,
    /// Canonical ids of what would be its keys; none if it would be no role.
    pub after: BTreeSet<KeyId>,
}

/// A tag that would mean something else.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Meaning {
    /// The tag.
    pub tag: TargetName,
    /// What it means; absent if it means nothing.
    pub before: Option<Digest>,
    /// What it would mean.
    pub after: Option<Digest>,
}

/// The version of a role.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VersionChange {
    /// The role.
    pub role: RoleName,
    /// The version that was trusted.
    pub before: Option<MetaVersion>,
    /// The version that would be.
    pub after: Option<MetaVersion>,
}

impl VersionChange {
    /// Whether it would go back.
    pub fn goes_back(&self) -> bool {
        matches!((self.before, self.after), (Some(before), Some(after)) if after < before)
    }
}

impl Updater {
    /// Finds out whether the published root leads on from the trusted one, and what trusting it all the same would change.
    ///
    /// Pins and demands of the settings hold as for a first use. Where the published root does lead on from the trusted one, what
    /// is wrong is something else, which no other root sets right: that error is returned.
    ///
    /// # Errors
    /// [`RepinError`]: nothing has changed.
    pub async fn repin(&self, start: UpdateStart) -> Result<Repin, RepinError> {
        let settings = UpdateSettings { offline: OfflineUse::Forbidden, ..self.settings().clone() };
        let online = Self::new(Arc::clone(self.remote()), Arc::clone(self.cache()), settings.clone());
        let seen = self.cache().load(&settings.gun, &[], &settings.limits).await?.seen;
        let remains = match Remains::of_cache(&**self.cache(), &settings.gun, &settings.limits).await {
            Ok(remains) => remains.files,
            Err(RemainsError::NoRoot { .. }) if seen.iter().next().is_none() => {
                return Err(RepinError::Unknown(settings.gun));
            }
            Err(RemainsError::NoRoot { .. }) => BTreeMap::new(),
            Err(RemainsError::Cache(error)) => return Err(error.into()),
            Err(error) => return Err(RepinError::Remains(error)),
        };
        let refusal = match online.refresh(start, Roles::All).await {
            Ok(refreshed) => return Ok(Repin::NotNeeded(Box::new(refreshed))),
            Err(error) if error.is_untrusted() || matches!(error, UpdateError::LostRoot { .. }) => error,
            Err(error) => return Err(RepinError::Update(error)),
        };
        if matches!(refusal, UpdateError::NoTrustData { .. }) {
            return Err(RepinError::Update(refusal));
        }
        let fresh = Self::new(Arc::clone(self.remote()), Arc::new(MemoryCache::default()), settings);
        let collection = fresh.refresh(start, Roles::All).await.map_err(RepinError::Update)?.collection;
        if self.leads_to(&remains, &seen, &collection, start).await {
            return Err(RepinError::SameRoot(refusal));
        }
        let old: Option<Root> = claimed(&remains, &TopRole::Root.into(), &self.settings().limits);
        // A root goes on listing the certificates of those before it.
        if old.is_some_and(|old| {
            collection.root().keys_of(TopRole::Root).any(|(id, _)| old.keys.contains_key(id))
        }) {
            return Err(RepinError::OlderRoot(refusal));
        }
        Ok(Repin::Offer(Box::new(RepinOffer::of(self, refusal, &remains, &seen, collection))))
    }

    /// Whether the trusted root leads to that of `collection`, version by version.
    async fn leads_to(
        &self,
        remains: &BTreeMap<RoleName, Bytes>,
        seen: &Seen,
        collection: &TrustedCollection,
        start: UpdateStart,
    ) -> bool {
        let newest = collection.root();
        let Some(bytes) = remains.get(&TopRole::Root.into()).cloned() else { return false };
        let environment = Arc::new(self.settings().environment(start, Roles::All));
        let Ok(mut root) = RootPhase::trust_cached(environment, bytes, seen.clone()) else { return false };
        while root.root().version < newest.version {
            let Some(bytes) = self.root_after(&root).await else { return false };
            let Ok(next) = root.accept_root(bytes) else { return false };
            root = next;
        }
        root.root().digest() == newest.digest()
    }

    async fn root_after(&self, root: &RootPhase) -> Option<Bytes> {
        use crate::remote::{Fetched, RemoteFile};
        let file = RemoteFile::version(TopRole::Root, root.next_version()?);
        match self.remote().fetch(&file, self.settings().limits.root_bytes, None).await {
            Ok(Fetched::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

impl RepinOffer {
    fn of(
        updater: &Updater,
        refusal: UpdateError,
        remains: &BTreeMap<RoleName, Bytes>,
        seen: &Seen,
        collection: TrustedCollection,
    ) -> Self {
        let limits = &updater.settings().limits;
        let old: Option<Root> = claimed(remains, &TopRole::Root.into(), limits);
        let (before, after) = (Files::of(remains, limits), Files::of(&collection.files(), limits));
        let old_root = old.as_ref().map(root_keys).unwrap_or_default();
        let new_root = root_keys(collection.root());
        let tops = [TopRole::Targets, TopRole::Snapshot, TopRole::Timestamp].map(|top| RoleKeysChange {
            role: top.into(),
            before: old.as_ref().map(|old| old.role_keys(top).canonical_ids()).unwrap_or_default(),
            after: collection.root().role_keys(top).canonical_ids(),
        });
        let delegations = union(&before.delegated, &after.delegated).map(|role| RoleKeysChange {
            before: before.delegated.get(role).cloned().unwrap_or_default(),
            after: after.delegated.get(role).cloned().unwrap_or_default(),
            role: role.clone(),
        });
        let keys = tops.into_iter().chain(delegations).filter(|keys| keys.before != keys.after);
        let tags = union(&before.tags, &after.tags).map(|tag| Meaning {
            tag: tag.clone(),
            before: before.tags.get(tag).copied(),
            after: after.tags.get(tag).copied(),
        });
        let tags = tags.filter(|tag| tag.before != tag.after);
        let mut known = before.versions;
        // What was trusted may be newer than what the cache still has.
        known.extend(seen.iter().map(|(role, file)| (role.clone(), file.version)));
        let versions = union(&known, &after.versions).map(|role| VersionChange {
            role: role.clone(),
            before: known.get(role).copied(),
            after: after.versions.get(role).copied(),
        });
        Self {
            cache: Arc::clone(updater.cache()),
            gun: updater.settings().gun.clone(),
            confirmed: collection.environment().start.0,
            old_root,
            new_root,
            keys: keys.collect(),
            tags: tags.collect(),
            versions: versions.collect(),
            refusal,
            collection,
        }
    }

    /// Trusts it: what was kept of the collection, versions seen included, is replaced at once.
    ///
    /// # Errors
    /// [`CacheError`]: what was trusted before still is.
    pub async fn accept(self) -> Result<(), CacheError> {
        let Self { cache, gun, confirmed, collection, .. } = self;
        let beginning =
            CacheBeginning { files: collection.files(), seen: collection.seen().clone(), confirmed };
        cache.replace(&gun, beginning).await
    }
}

impl std::fmt::Debug for RepinOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RepinOffer")
            .field("gun", &self.gun)
            .field("new_root", &self.new_root)
            .finish_non_exhaustive()
    }
}

/// What files say, for comparison. Nothing vouches for them here.
#[derive(Default)]
struct Files {
    /// What each tag means: `targets/releases` before `targets`.
    tags: BTreeMap<TargetName, Digest>,
    delegated: BTreeMap<RoleName, BTreeSet<KeyId>>,
    versions: BTreeMap<RoleName, MetaVersion>,
}

impl Files {
    fn of(files: &BTreeMap<RoleName, Bytes>, limits: &Limits) -> Self {
        let mut found = Self::default();
        for role in files.keys() {
            let version = match role.top() {
                Some(TopRole::Root) => claimed::<Root>(files, role, limits).map(|file| file.version()),
                Some(TopRole::Snapshot) => {
                    claimed::<Snapshot>(files, role, limits).map(|file| file.version())
                }
                Some(TopRole::Timestamp) => {
                    claimed::<Timestamp>(files, role, limits).map(|file| file.version())
                }
                Some(TopRole::Targets) | None => claimed::<Targets>(files, role, limits).map(|file| {
                    let roles = &file.delegations;
                    found.delegated.extend(
                        roles.roles.iter().map(|of| (of.name.clone(), roles.role_keys(of).canonical_ids())),
                    );
                    file.version()
                }),
            };
            found.versions.extend(version.map(|version| (role.clone(), version)));
        }
        for role in [TopRole::Targets.into(), RoleName::releases()] {
            let file = claimed::<Targets>(files, &role, limits);
            let entries = file.iter().flat_map(|file| file.targets.entries());
            found.tags.extend(entries.filter_map(|(tag, meta)| Some((tag, meta.hashes.sha256()?))));
        }
        found
    }
}

fn claimed<T: Document>(files: &BTreeMap<RoleName, Bytes>, role: &RoleName, limits: &Limits) -> Option<T> {
    Envelope::parse(files.get(role)?.clone(), limits).ok()?.claim().ok()
}

fn root_keys(root: &Root) -> Vec<RootKey> {
    let described = |(id, key): (&KeyId, &PublicKey)| {
        let certificate = CertificateBundle::parse(key.as_bytes()).ok();
        RootKey {
            id: key.canonical_id().unwrap_or(*id),
            certificate: *id,
            subject: certificate.as_ref().map(|leaf| leaf.common_name().to_owned()).unwrap_or_default(),
            valid: certificate.map(|leaf| (leaf.not_before(), leaf.not_after())),
        }
    };
    root.keys_of(TopRole::Root).map(described).collect()
}

fn union<'a, K: Ord, A, B>(
    one: &'a BTreeMap<K, A>,
    other: &'a BTreeMap<K, B>,
) -> impl Iterator<Item = &'a K> {
    one.keys().chain(other.keys()).collect::<BTreeSet<_>>().into_iter()
}

/// A collection that cannot be trusted anew. Nothing has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RepinError {
    /// It was never trusted here.
    #[error("`{0}` was never trusted here, so that there is nothing to trust anew")]
    Unknown(Gun),
    /// The root is the one that was trusted, or leads on from it: something else is wrong.
    #[error(
        "the root leads on from the one that is trusted, and trusting it anew would not help; nothing was changed"
    )]
    SameRoot(#[source] UpdateError),
    /// The root has the certificate of the trusted one, or of one before it, and does not lead on from there: it is older.
    #[error(
        "an older root is served than the one that is trusted, and that is no reason to trust it; nothing was changed"
    )]
    OlderRoot(#[source] UpdateError),
    /// What is published cannot be had, or is not trusted whatever its root.
    #[error("what is published cannot be trusted anew; nothing was changed")]
    Update(#[source] UpdateError),
    /// What was trusted cannot be read.
    #[error("what was trusted before cannot be read; nothing was changed")]
    Remains(#[source] RemainsError),
    /// The cache cannot be read or written.
    #[error(transparent)]
    Cache(#[from] CacheError),
}
