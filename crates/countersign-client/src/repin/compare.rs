//! What two editions of a collection say, for comparison.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use countersign_core::certificate::CertificateBundle;
use countersign_core::digest::Digest;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, Root, Snapshot, Targets, Timestamp};
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::number::MetaVersion;

use super::RootKey;

/// What files say. Nothing vouches for them here.
#[derive(Default)]
pub(super) struct Files {
    /// What each tag means: `targets/releases` before `targets`.
    pub(super) tags: BTreeMap<TargetName, Digest>,
    pub(super) delegated: BTreeMap<RoleName, BTreeSet<KeyId>>,
    pub(super) versions: BTreeMap<RoleName, MetaVersion>,
}

impl Files {
    pub(super) fn of(files: &BTreeMap<RoleName, Bytes>, limits: &Limits) -> Self {
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

/// What the file of a role claims.
pub(super) fn claimed<T: Document>(
    files: &BTreeMap<RoleName, Bytes>,
    role: &RoleName,
    limits: &Limits,
) -> Option<T> {
    Envelope::parse(files.get(role)?.clone(), limits).ok()?.claim().ok()
}

/// The keys of the root role.
pub(super) fn root_keys(root: &Root) -> Vec<RootKey> {
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

/// The keys of both maps.
pub(super) fn union<'a, K: Ord, A, B>(
    one: &'a BTreeMap<K, A>,
    other: &'a BTreeMap<K, B>,
) -> impl Iterator<Item = &'a K> {
    one.keys().chain(other.keys()).collect::<BTreeSet<_>>().into_iter()
}
