//! One attempt at an update: what it began with, what it fetched, what it found.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::metadata::FileMeta;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::trust::{Environment, Offered, RootPhase, TrustError, TrustedCollection};

use super::warning::{certificates, near_expiry};
use super::{Freshness, Refreshed, Roles, Skipped, UpdateError, UpdateSettings, Updater, Warning};
use crate::cache::{Cache, CacheUpdate, Cached};
use crate::remote::{FetchError, Fetched, Remote, RemoteFile};
use crate::why::Trace;

/// One attempt at an update.
pub(super) struct Run<'a> {
    pub(super) remote: &'a dyn Remote,
    pub(super) cache: &'a dyn Cache,
    pub(super) settings: &'a UpdateSettings,
    pub(super) environment: Arc<Environment>,
    pub(super) roles: Roles,
    pub(super) cached: Cached,
    /// What was fetched, or is known to be on the server, by role: none of it is believed.
    pub(super) fetched: BTreeMap<RoleName, Vec<Bytes>>,
    /// Why the server cannot be asked, once that is known.
    pub(super) offline: Option<FetchError>,
    pub(super) first_use: bool,
    pub(super) skipped: Vec<Skipped>,
    pub(super) warnings: Vec<Warning>,
    pub(super) trace: Trace,
}

impl<'a> Run<'a> {
    pub(super) async fn load(
        updater: &'a Updater,
        environment: &Arc<Environment>,
        roles: Roles,
        known: &BTreeMap<RoleName, Bytes>,
    ) -> Result<Self, UpdateError> {
        let mut wanted: Vec<RoleName> = TopRole::ALL.into_iter().map(RoleName::from).collect();
        wanted.push(RoleName::releases());
        let settings = &updater.settings;
        let cached = updater.cache.load(&settings.gun, &wanted, &settings.limits).await?;
        let warnings = cached.damage.iter().cloned().map(Warning::CacheDamage).collect();
        Ok(Self {
            remote: &*updater.remote,
            cache: &*updater.cache,
            settings,
            environment: Arc::clone(environment),
            roles,
            cached,
            fetched: known.iter().map(|(role, bytes)| (role.clone(), vec![bytes.clone()])).collect(),
            offline: None,
            first_use: false,
            skipped: Vec::new(),
            warnings,
            trace: Trace::default(),
        })
    }

    /// Runs the update to its end.
    pub(super) async fn update(&mut self) -> Result<TrustedCollection, UpdateError> {
        let (mut root, mut timestamp) = self.first_round().await?;
        let (mut walked, mut asked_again) = (false, false);
        loop {
            self.skipped.clear();
            let failure = match self.verify(root.clone(), &timestamp).await {
                Ok(collection) => return Ok(collection),
                Err(failure) => failure,
            };
            if let Some(source) = self.offline.take() {
                return Err(UpdateError::Unreachable { source, cached: Some(Box::new(failure)) });
            }
            if !failure.may_end_with_a_newer_root() {
                return Err(failure);
            }
            if !walked {
                walked = true;
                let newest = self.walk_roots(root.clone()).await?;
                let advanced = newest.root().version > root.root().version;
                root = newest;
                if advanced {
                    continue;
                }
            }
            // The files may have been fetched while somebody published: ask once more.
            if asked_again || root_alone(&failure) {
                return Err(failure);
            }
            asked_again = true;
            timestamp = self.timestamp_again().await?;
        }
    }

    pub(super) fn is_online(&self) -> bool {
        self.offline.is_none()
    }

    /// What the cache is to keep of `collection`.
    pub(super) fn cache_update(&self, collection: &TrustedCollection) -> CacheUpdate {
        let changed = |(role, bytes): &(RoleName, Bytes)| {
            self.cached.files.get(role).is_none_or(|cached| {
                cached.len() != bytes.len() || (cached.as_ptr() != bytes.as_ptr() && cached != bytes)
            })
        };
        let mut files: Vec<_> = collection.files().into_iter().filter(changed).collect();
        files.sort_by_key(|(role, _)| write_order(role));
        CacheUpdate {
            files,
            basis: self.cached.seen.clone(),
            seen: collection.seen().clone(),
            confirmed: Some(self.environment.start.0),
        }
    }

    /// The outcome for the caller.
    pub(super) fn finish(self, collection: TrustedCollection) -> Refreshed {
        let mut warnings = self.warnings;
        warnings.extend(near_expiry(&collection));
        warnings.extend(certificates(&collection));
        let freshness = match self.offline {
            Some(reason) => Freshness::Offline { confirmed: self.cached.confirmed, reason },
            None => Freshness::Online,
        };
        Refreshed { collection, freshness, first_use: self.first_use, skipped: self.skipped, warnings }
    }

    /// The cached file of a role.
    pub(super) fn cached_file(&self, role: TopRole) -> Option<&Bytes> {
        self.cached.files.get(&role.into())
    }

    /// The files at hand that may be the wanted one of `role`.
    pub(super) fn at_hand(&self, role: &RoleName) -> Vec<Offered> {
        let cached = self.cached.files.get(role).cloned().map(Offered::cached);
        let fetched = self.fetched.get(role).into_iter().flatten().cloned().map(Offered::fetched);
        cached.into_iter().chain(fetched).collect()
    }

    /// Fetches one file.
    pub(super) async fn fetch(
        &self,
        file: &RemoteFile,
        listed: Option<&FileMeta>,
        have: Option<Digest>,
    ) -> Result<Fetched, FetchError> {
        let limit = self.environment.limits.file_bytes(file.role.top());
        let max_bytes = listed.map_or(limit, |meta| meta.length.min(limit));
        self.remote.fetch(file, max_bytes, have).await
    }

    /// Fetches the file that `listed` describes, by its checksum.
    pub(super) async fn fetch_listed(
        &self,
        role: &RoleName,
        listed: &FileMeta,
    ) -> Result<Bytes, UpdateError> {
        let sha256 = listed.hashes.sha256().ok_or_else(|| {
            let source = countersign_core::digest::HashError::NoneKnown;
            TrustError::Hash { role: role.clone(), listed_by: "snapshot", source }
        })?;
        let file = RemoteFile::checksum(role.clone(), sha256);
        let failed = |source| UpdateError::Fetch { file: file.clone(), source };
        if self.offline.is_some() {
            let (server, source) = (self.remote.server().to_owned(), "it was not asked again".into());
            return Err(failed(FetchError::Offline { server, source }));
        }
        match self.fetch(&file, Some(listed), None).await {
            Ok(Fetched::Bytes(bytes)) => Ok(bytes),
            Ok(Fetched::NotModified) => Err(failed(unasked_not_modified(self.remote))),
            Err(source) => Err(failed(source)),
        }
    }

    /// Fetches what `role` is likely to have, if no file is at hand that the server says is the one. A guess that fails
    /// says nothing: an old server answers 500 for a delegation that isn't there.
    pub(super) async fn guess(&self, role: RoleName) -> Option<(RoleName, Bytes)> {
        let have = self.cached.files.get(&role).map(|bytes| self.cached_digest(&role, bytes));
        match self.fetch(&RemoteFile::current(role.clone()), None, have).await {
            Ok(Fetched::Bytes(bytes)) => Some((role, bytes)),
            Ok(Fetched::NotModified) | Err(_) => None,
        }
    }

    /// Keeps what was fetched for `role`.
    pub(super) fn keep(&mut self, role: RoleName, bytes: Bytes) {
        self.fetched.entry(role).or_default().push(bytes);
    }

    /// The digest under which a cached file was last trusted; computed where that isn't recorded.
    fn cached_digest(&self, role: &RoleName, bytes: &Bytes) -> Digest {
        self.cached.seen.file(role).map_or_else(|| Digest::sha256(bytes), |seen| seen.sha256)
    }
}

/// Whether the root by itself is at fault, so that a newer timestamp would not help.
fn root_alone(failure: &UpdateError) -> bool {
    match failure {
        UpdateError::Untrusted(TrustError::NoLeaf { .. } | TrustError::Pin { .. }) => true,
        UpdateError::Untrusted(error) => error.role().is_some_and(|role| *role == TopRole::Root),
        _ => false,
    }
}

/// Files that others refer to come first, so that an interrupted store leaves nothing that refers to what isn't there.
fn write_order(role: &RoleName) -> (u8, RoleName) {
    let rank = match role.top() {
        None => 0,
        Some(TopRole::Targets) => 1,
        Some(TopRole::Snapshot) => 2,
        Some(TopRole::Timestamp) => 3,
        Some(TopRole::Root) => 4,
    };
    (rank, role.clone())
}

/// A server that says "not modified" to a question that named no file.
pub(super) fn unasked_not_modified(remote: &dyn Remote) -> FetchError {
    let reason = "it says that nothing changed, and was not asked that".to_owned();
    FetchError::BadAnswer { server: remote.server().to_owned(), reason }
}

/// The newest root that is trusted so far, unfinished: more may follow.
pub(super) type Opening = (RootPhase, Offered);
