//! What is left of a collection, verified from root down.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::author::AuthorError;
use countersign_core::certificate::CertificateError;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, Root, Snapshot, Targets};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::signature::{RoleKeys, Verified};
use countersign_core::time::{DateTime, UpdateStart, is_expired};
use countersign_core::trust::{Environment, LeafError, RootPhase, Seen, TrustError};

use super::super::{Publisher, PublisherError};
use super::Expired;
use crate::cache::Cached;
use crate::import::Remains;
use crate::updater::Roles;

/// What was verified of the remains.
pub(in super::super) struct Checked {
    pub(in super::super) root: Verified<Root>,
    /// Why the root does not hold any more, if time ended it or its certificates.
    pub(in super::super) over: Option<TrustError>,
    pub(in super::super) roles: BTreeMap<RoleName, (Verified<Targets>, RoleKeys)>,
    /// The version of the snapshot that was; 1 if there is none.
    pub(in super::super) snapshot: MetaVersion,
    pub(in super::super) left_out: Vec<String>,
    /// Why delegations were left out that have a file.
    pub(in super::super) refused: Vec<TrustError>,
    /// The delegations that had a file, and have none here.
    pub(in super::super) missing: Vec<RoleName>,
}

impl Checked {
    /// The keys of each role that has a file.
    pub(in super::super) fn keys(&self) -> impl Iterator<Item = (RoleName, RoleKeys)> {
        self.roles.iter().map(|(role, (_, keys))| (role.clone(), keys.clone()))
    }
}

/// What this machine knows of the collection: nothing older is imported, and nothing else of the same version.
struct Known {
    cached: Cached,
    seen: Seen,
    limits: Limits,
}

impl Known {
    /// Takes the versions seen, and the root of the cache.
    fn new(cached: Cached, environment: &Arc<Environment>) -> Self {
        let mut seen = cached.seen.clone();
        let root = RoleName::from(TopRole::Root);
        let phase = cached
            .files
            .get(&root)
            .and_then(|bytes| RootPhase::trust_cached(environment.clone(), bytes.clone(), seen.clone()).ok());
        if let Some(phase) = phase {
            seen.raise(root, &phase.root().role_keys(TopRole::Root), phase.root());
        }
        Self { cached, seen, limits: environment.limits.clone() }
    }

    /// Verifies the file of targets or a delegation, if there is one.
    fn file_of(
        &mut self,
        remains: &Remains,
        role: &RoleName,
        keys: &RoleKeys,
    ) -> Result<Option<Verified<Targets>>, TrustError> {
        remains.files.get(role).map(|bytes| self.verify(role, keys, bytes)).transpose()
    }

    /// Verifies a file of `role`, and holds it against the one in the cache and the one that was seen.
    fn verify<T: Document>(
        &mut self,
        role: &RoleName,
        keys: &RoleKeys,
        bytes: &Bytes,
    ) -> Result<Verified<T>, TrustError> {
        let verify = |bytes: &Bytes| {
            Envelope::parse(bytes.clone(), &self.limits)
                .map_err(|source| TrustError::Metadata { role: role.clone(), source })
                .and_then(|envelope| {
                    keys.verify::<T>(&envelope)
                        .map_err(|source| TrustError::Signature { role: role.clone(), source })
                })
        };
        let file = verify(bytes)?;
        if let Some(cached) = self.cached.files.get(role).and_then(|bytes| verify(bytes).ok()) {
            self.seen.raise(role.clone(), keys, &cached);
        }
        self.seen.admit(role, keys, &file)?;
        Ok(file)
    }
}

impl Publisher {
    /// Verifies the remains, from root down.
    pub(in super::super) async fn checked(
        &self,
        remains: &Remains,
        expired: Expired,
        now: DateTime,
    ) -> Result<Checked, PublisherError> {
        let settings = self.updater.settings();
        let start = UpdateStart(now);
        let roles: Vec<RoleName> = remains.files.keys().cloned().collect();
        let cached = self.updater.cache().load(&settings.gun, &roles, &settings.limits).await?;
        let refused = |error: TrustError| PublisherError::Remains(settings.gun.clone(), error);
        let bytes = remains.files.get(&RoleName::from(TopRole::Root)).cloned().unwrap_or_default();
        let environment = Arc::new(settings.environment(start, Roles::Publish));
        let mut known = Known::new(cached, &environment);
        let phase = RootPhase::trust_cached(environment, bytes, known.seen.clone()).map_err(refused)?;
        let over = match phase.clone().finish_root() {
            Ok(_) => None,
            // It is signed anew, or another takes its place.
            Err(error) if is_over(&error) => Some(error),
            Err(error) => return Err(refused(error)),
        };
        let root = phase.root().clone();
        let targets = RoleName::from(TopRole::Targets);
        let keys = root.role_keys(TopRole::Targets);
        let file = known.file_of(remains, &targets, &keys).map_err(refused)?;
        let file = file.ok_or_else(|| PublisherError::NoTargets(settings.gun.clone()))?;
        let mut roles = BTreeMap::from([(targets.clone(), (file.clone(), keys))]);
        let (mut queue, mut left_out) = (VecDeque::from([(targets, file)]), Vec::new());
        let (mut refused_files, mut missing) = (Vec::new(), Vec::new());
        let listed = self.listed(remains);
        let mut undeclared = remains.left_out().clone();
        while let Some((of, parent)) = queue.pop_front() {
            for declared in &parent.delegations.roles {
                // Nobody, itself included, speaks for a role that is not right below.
                if declared.name.parent().as_ref() != Some(&of) {
                    left_out
                        .push(format!("`{}` is not `{of}`'s to declare, and was left out", declared.name));
                    continue;
                }
                if undeclared.remove(&declared.name) || remains.left_out().contains(&declared.name) {
                    left_out.push(format!("`{}` was left out, as it was to be", declared.name));
                    continue;
                }
                let keys = parent.delegations.role_keys(declared);
                match known.file_of(remains, &declared.name, &keys) {
                    Ok(Some(file)) => {
                        queue.push_back((declared.name.clone(), file.clone()));
                        roles.insert(declared.name.clone(), (file, keys));
                    }
                    Ok(None) => {
                        if listed.contains(&declared.name)
                            || known.seen.floor(&declared.name, &keys).is_some()
                        {
                            missing.push(declared.name.clone());
                        }
                        left_out.push(format!("`{}` is delegated, and no file of it is left", declared.name));
                    }
                    Err(error) => {
                        left_out.push(format!("`{}` was left out: {error}", declared.name));
                        refused_files.push(error);
                    }
                }
            }
        }
        if let Some(role) = undeclared.into_iter().next() {
            return Err(PublisherError::Change { file: None, source: AuthorError::UnknownRole(role) });
        }
        let snapshot = self.snapshot_of(remains, &root, &roles, &mut known)?;
        let ends = [(RoleName::from(TopRole::Root), root.version, root.expires)].into_iter();
        let ends =
            ends.chain(roles.iter().map(|(role, (file, _))| (role.clone(), file.version, file.expires())));
        let ended: Vec<_> = ends.filter(|(_, _, expires)| is_expired(*expires, start)).collect();
        if !ended.is_empty() && expired == Expired::Refused {
            return Err(PublisherError::ExpiredRemains { gun: settings.gun.clone(), files: ended });
        }
        Ok(Checked { root, over, roles, snapshot, left_out, refused: refused_files, missing })
    }

    /// The roles that the snapshot that is left says have a file.
    pub(in super::super) fn listed(&self, remains: &Remains) -> BTreeSet<RoleName> {
        let limits = &self.updater.settings().limits;
        let snapshot = remains.files.get(&RoleName::from(TopRole::Snapshot)).cloned();
        let snapshot =
            snapshot.and_then(|bytes| Envelope::parse(bytes, limits).ok()?.claim::<Snapshot>().ok());
        snapshot
            .into_iter()
            .flat_map(|snapshot| snapshot.meta.into_keys())
            .filter_map(|name| name.parse().ok())
            .collect()
    }

    /// The version of the snapshot that was, which must list these very files if it is left.
    fn snapshot_of(
        &self,
        remains: &Remains,
        root: &Verified<Root>,
        roles: &BTreeMap<RoleName, (Verified<Targets>, RoleKeys)>,
        known: &mut Known,
    ) -> Result<MetaVersion, PublisherError> {
        let (settings, role) = (self.updater.settings(), RoleName::from(TopRole::Snapshot));
        let Some(bytes) = remains.files.get(&role) else {
            return Ok(known.seen.file(&role).map_or(MetaVersion::FIRST, |file| file.version));
        };
        let snapshot: Verified<Snapshot> = known
            .verify(&role, &root.role_keys(TopRole::Snapshot), bytes)
            .map_err(|error| PublisherError::Remains(settings.gun.clone(), error))?;
        for (role, (file, _)) in roles {
            let listed = snapshot.file(role).and_then(|meta| meta.hashes.sha256());
            if listed.is_some_and(|listed| listed != file.digest()) {
                return Err(PublisherError::MixedRemains { role: role.clone() });
            }
        }
        let seen = known.seen.file(&role).map_or(MetaVersion::FIRST, |file| file.version);
        Ok(seen.max(snapshot.version))
    }
}

/// Whether time alone ended a root.
fn is_over(error: &TrustError) -> bool {
    let over =
        |source: &LeafError| matches!(source, LeafError::Certificate(CertificateError::Expired { .. }));
    match error {
        TrustError::Expired { .. } => true,
        TrustError::NoLeaf { source: Some(source), .. } => over(source),
        _ => false,
    }
}
