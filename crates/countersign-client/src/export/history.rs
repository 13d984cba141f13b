//! The older versions of a collection's files, as far as its server has them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, Root, Snapshot, Targets};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::signature::RoleKeys;
use countersign_core::trust::TrustedCollection;
use futures_util::StreamExt as _;
use futures_util::stream;

use super::{ExportError, ExportLimits, ExportedFile};
use crate::remote::{Fetched, RemoteFile};
use crate::updater::Updater;

/// How many files are fetched at once.
const AT_ONCE: usize = 8;
/// After this many versions in a row that are not there, no older one is asked for: versions may have gaps.
const GAP: usize = 64;

/// Every version of every file that was had.
pub(crate) struct History<'a> {
    updater: &'a Updater,
    collection: &'a TrustedCollection,
    limits: ExportLimits,
    versions: BTreeMap<(RoleName, MetaVersion), Edition>,
    total: u64,
    pub(crate) missing: Vec<String>,
}

/// One version of a file.
pub(crate) struct Edition {
    pub(crate) bytes: Bytes,
    pub(crate) role: RoleName,
    pub(crate) version: MetaVersion,
    current: bool,
    /// Canonical ids of the keys that signed it, if it was verified.
    pub(crate) signers: Option<BTreeSet<KeyId>>,
}

impl Edition {
    /// A current file that is left, and was verified; `None` if it says no version.
    pub(super) fn left(role: &RoleName, bytes: &Bytes, limits: &Limits) -> Option<Self> {
        let version = claimed(role, bytes, limits)?;
        let signers = Some(BTreeSet::new());
        Some(Self { bytes: bytes.clone(), role: role.clone(), version, current: true, signers })
    }

    pub(super) fn described(&self) -> ExportedFile {
        ExportedFile {
            path: format!("metadata/{}/{}.json", self.role, self.version),
            role: self.role.clone(),
            version: self.version,
            sha256: Digest::sha256(&self.bytes),
            length: self.bytes.len() as u64,
            current: self.current,
            verified: self.signers.is_some(),
        }
    }
}

impl<'a> History<'a> {
    pub(crate) fn of(updater: &'a Updater, collection: &'a TrustedCollection, limits: ExportLimits) -> Self {
        Self { updater, collection, limits, versions: BTreeMap::new(), total: 0, missing: Vec::new() }
    }

    pub(crate) fn into_versions(self) -> Vec<Edition> {
        self.versions.into_values().collect()
    }

    /// Takes the current files, then asks for the older ones.
    pub(crate) async fn collect(&mut self) -> Result<(), ExportError> {
        let collection = self.collection;
        let current: Vec<_> = collection
            .files()
            .into_iter()
            .filter_map(|(role, bytes)| Some((current_version(collection, &role)?, role, bytes)))
            .collect();
        for (version, role, bytes) in &current {
            self.keep(role, *version, bytes.clone(), true, Some(current_signers(collection, role)))?;
        }
        self.older(&TopRole::Root.into(), collection.root().version, &[]).await?;
        let roots = self.verify_roots();
        for (version, role, _) in current {
            if role == TopRole::Root || role == TopRole::Timestamp {
                // Superseded timestamps are no history.
                continue;
            }
            let keys = self.keys(&role, &roots);
            self.older(&role, version, &keys).await?;
        }
        Ok(())
    }

    /// Asks for the versions of `role` before `newest`; one is verified if any of `keys` signed it.
    async fn older(
        &mut self,
        role: &RoleName,
        newest: MetaVersion,
        keys: &[RoleKeys],
    ) -> Result<(), ExportError> {
        let (remote, limits) = (self.updater.remote(), &self.collection.environment().limits);
        let max_bytes = limits.file_bytes(role.top());
        let oldest = newest.get().saturating_sub(self.limits.versions).max(1);
        let versions = (oldest..newest.get()).rev().filter_map(|version| MetaVersion::new(version).ok());
        let answers = stream::iter(versions).map(|version| async move {
            let file = RemoteFile::version(role.clone(), version);
            (version, remote.fetch(&file, max_bytes, None).await)
        });
        let mut answers = std::pin::pin!(answers.buffered(AT_ONCE));
        let (mut absent, mut found) = (0, Vec::new());
        let mut failure = None;
        while let Some((version, answer)) = answers.next().await {
            match answer {
                Ok(Fetched::Bytes(bytes)) => {
                    absent = 0;
                    found.push((version, bytes));
                }
                Ok(Fetched::NotModified) => {}
                Err(error) if error.is_not_found() => absent += 1,
                Err(error) => failure = failure.or(Some(format!("{version}.{role}.json: {error}"))),
            }
            let bytes: u64 = found.iter().map(|(_, bytes): &(_, Bytes)| bytes.len() as u64).sum();
            if self.total + bytes > self.limits.total_bytes {
                return Err(ExportError::Large { limit: self.limits.total_bytes });
            }
            if absent > GAP || failure.is_some() {
                break;
            }
        }
        self.missing.extend(failure);
        for (version, bytes) in found {
            match claimed(role, &bytes, limits) {
                Some(claim) if claim == version => {
                    let signers = keys.iter().find_map(|keys| signers(role, &bytes, keys, limits));
                    self.keep(role, version, bytes, false, signers)?;
                }
                _ => {
                    self.missing
                        .push(format!("{version}.{role}.json: it is another version, or no metadata"));
                }
            }
        }
        Ok(())
    }

    /// Marks the roots that lead, each signed by the keys of its predecessor, to the trusted one; returns all of those.
    fn verify_roots(&mut self) -> Vec<Root> {
        let limits = &self.collection.environment().limits;
        let role = RoleName::from(TopRole::Root);
        let mut later = (**self.collection.root()).clone();
        let mut envelope = Envelope::parse(self.collection.root().bytes().clone(), limits).ok();
        let mut roots = vec![later.clone()];
        loop {
            let Ok(before) = MetaVersion::new(later.version.get() - 1) else { return roots };
            let Some(version) = self.versions.get_mut(&(role.clone(), before)) else { return roots };
            let Ok(parsed) = Envelope::parse(version.bytes.clone(), limits) else { return roots };
            let Ok(root) = parsed.claim::<Root>() else { return roots };
            let keys = root.role_keys(TopRole::Root);
            let leads_on = envelope.as_ref().is_some_and(|later| keys.verify::<Root>(later).is_ok());
            let Ok(verified) = keys.verify::<Root>(&parsed) else { return roots };
            if !leads_on {
                return roots;
            }
            version.signers = Some(verified.signers().clone());
            roots.push(root.clone());
            later = root;
            envelope = Some(parsed);
        }
    }

    /// The key groups that may have signed older versions of a role.
    fn keys(&self, role: &RoleName, roots: &[Root]) -> Vec<RoleKeys> {
        if let Some(top) = role.top() {
            return roots.iter().map(|root| root.role_keys(top)).collect();
        }
        let Some(parent) = role.parent() else { return Vec::new() };
        let limits = &self.collection.environment().limits;
        let parents =
            self.versions.values().filter(|version| version.role == parent && version.signers.is_some());
        let declared = parents.filter_map(|version| {
            let parent = Envelope::parse(version.bytes.clone(), limits).ok()?.claim::<Targets>().ok()?;
            Some(parent.delegations.role_keys(parent.delegations.role(role)?))
        });
        declared.collect()
    }

    fn keep(
        &mut self,
        role: &RoleName,
        version: MetaVersion,
        bytes: Bytes,
        current: bool,
        signers: Option<BTreeSet<KeyId>>,
    ) -> Result<(), ExportError> {
        self.total += bytes.len() as u64;
        if self.total > self.limits.total_bytes {
            return Err(ExportError::Large { limit: self.limits.total_bytes });
        }
        let kept = Edition { bytes, role: role.clone(), version, current, signers };
        self.versions.insert((role.clone(), version), kept);
        Ok(())
    }
}

fn current_version(collection: &TrustedCollection, role: &RoleName) -> Option<MetaVersion> {
    Some(match role.top() {
        Some(TopRole::Root) => collection.root().version,
        Some(TopRole::Snapshot) => collection.snapshot().version,
        Some(TopRole::Timestamp) => collection.timestamp().version,
        Some(TopRole::Targets) | None => collection.targets(role)?.version,
    })
}

/// The version that a file claims.
fn claimed(role: &RoleName, bytes: &Bytes, limits: &Limits) -> Option<MetaVersion> {
    let envelope = Envelope::parse(bytes.clone(), limits).ok()?;
    match role.top() {
        Some(TopRole::Root) => envelope.claim::<Root>().map(|root| root.version()).ok(),
        Some(TopRole::Snapshot) => envelope.claim::<Snapshot>().map(|snapshot| snapshot.version()).ok(),
        Some(TopRole::Timestamp) => None,
        Some(TopRole::Targets) | None => envelope.claim::<Targets>().map(|targets| targets.version()).ok(),
    }
}

/// Canonical ids of the keys that signed a file, if they were enough of `keys`.
fn signers(role: &RoleName, bytes: &Bytes, keys: &RoleKeys, limits: &Limits) -> Option<BTreeSet<KeyId>> {
    let envelope = Envelope::parse(bytes.clone(), limits).ok()?;
    match role.top() {
        Some(TopRole::Snapshot) => keys.verify::<Snapshot>(&envelope).ok().map(|file| file.signers().clone()),
        _ => keys.verify::<Targets>(&envelope).ok().map(|file| file.signers().clone()),
    }
}

fn current_signers(collection: &TrustedCollection, role: &RoleName) -> BTreeSet<KeyId> {
    match role.top() {
        Some(TopRole::Root) => collection.root().signers().clone(),
        Some(TopRole::Snapshot) => collection.snapshot().signers().clone(),
        Some(TopRole::Timestamp) => collection.timestamp().signers().clone(),
        Some(TopRole::Targets) | None => {
            collection.targets(role).map(|file| file.signers().clone()).unwrap_or_default()
        }
    }
}
