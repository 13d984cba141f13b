//! A collection that is edited like data and signed when its files are asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_core::author::{KeyRing, sign};
use countersign_core::certificate::self_signed;
use countersign_core::key::PublicKey;
use countersign_core::limits::Limits;
use countersign_core::metadata::{
    Delegation, Document, FileMeta, RoleSpec, Root, Snapshot, Targets, Timestamp,
};
use countersign_core::name::{Gun, RoleName, TargetName, TopRole};
use countersign_core::number::{MetaVersion, Threshold};
use countersign_core::sign::SecretKey;
use countersign_core::signature::RoleKeys;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::{
    Environment, Offered, RootPhase, Seen, TrustError, TrustPinning, TrustedCollection,
};

/// The instant at which every test update begins.
pub(crate) fn now() -> DateTime {
    "2026-11-24T12:00:00Z".parse().expect("a time")
}

pub(crate) fn role(name: &str) -> RoleName {
    name.parse().expect("a role name")
}

pub(crate) fn name(text: &str) -> TargetName {
    TargetName::from(text.to_owned())
}

pub(crate) fn version(number: u64) -> MetaVersion {
    MetaVersion::new(number).expect("a version")
}

pub(crate) fn key() -> Arc<SecretKey> {
    Arc::new(SecretKey::generate_ecdsa().expect("randomness"))
}

/// One collection with its keys.
#[derive(Clone)]
pub(crate) struct Sim {
    pub(crate) gun: Gun,
    pub(crate) root_key: Arc<SecretKey>,
    pub(crate) keys: BTreeMap<RoleName, Vec<Arc<SecretKey>>>,
    pub(crate) root: Root,
    pub(crate) previous_root: Option<RoleKeys>,
    pub(crate) snapshot: Snapshot,
    pub(crate) timestamp: Timestamp,
    pub(crate) roles: BTreeMap<RoleName, Targets>,
    pub(crate) ring: KeyRing,
    /// What was signed before: an ECDSA signature differs each time, and a version has only one content.
    signed: Arc<Mutex<BTreeMap<Vec<u8>, Bytes>>>,
}

/// The files of one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Files {
    pub(crate) root: Bytes,
    pub(crate) timestamp: Bytes,
    pub(crate) snapshot: Bytes,
    pub(crate) roles: BTreeMap<RoleName, Bytes>,
}

impl Sim {
    pub(crate) fn new() -> Self {
        let gun: Gun = "docker.io/library/app".parse().expect("a GUN");
        let later = now().plus_seconds(3600);
        let root_key = key();
        let mut sim = Self {
            gun,
            root_key: Arc::clone(&root_key),
            keys: BTreeMap::new(),
            root: Root::new(version(1), later),
            previous_root: None,
            snapshot: Snapshot::new(version(1), later),
            timestamp: Timestamp::new(version(1), later, FileMeta::of(b"")),
            roles: BTreeMap::from([(TopRole::Targets.into(), Targets::new(version(1), later))]),
            ring: KeyRing::default(),
            signed: Arc::default(),
        };
        sim.give_root(&root_key);
        for top in [TopRole::Targets, TopRole::Snapshot, TopRole::Timestamp] {
            sim.rotate(top);
        }
        sim.set("v1", b"first");
        sim
    }

    /// The certificate of a root key for this collection.
    pub(crate) fn certificate(&self, key: &SecretKey) -> PublicKey {
        self_signed(&self.gun, key, now().plus_seconds(-3600)).expect("a certificate")
    }

    /// Makes `key` the one root key; the old root keys must sign the next root too.
    pub(crate) fn give_root(&mut self, key: &Arc<SecretKey>) {
        let certificate = self.certificate(key);
        self.root_key = Arc::clone(key);
        self.ring.insert(key.clone());
        self.list(TopRole::Root, vec![certificate]);
    }

    /// Gives a role one new key.
    pub(crate) fn rotate(&mut self, top: TopRole) -> Arc<SecretKey> {
        let key = key();
        self.ring.insert(key.clone());
        self.list(top, vec![key.public_key().clone()]);
        self.keys.insert(top.into(), vec![Arc::clone(&key)]);
        key
    }

    /// Lists exactly these keys for a role.
    pub(crate) fn list(&mut self, top: TopRole, keys: Vec<PublicKey>) {
        let keyids = keys.iter().map(PublicKey::id).collect();
        self.root.keys.extend(keys.into_iter().map(|key| (key.id(), key)));
        self.root.roles.insert(top.name().to_owned(), RoleSpec { keyids, threshold: Threshold::ONE });
    }

    /// Begins the next root version: what is trusted up to here signs it too.
    pub(crate) fn next_root(&mut self) {
        self.previous_root = Some(self.root.role_keys(TopRole::Root));
        self.root.version = self.root.version.next().expect("a version");
    }

    /// Delegates `paths` from the parent of `delegated` to a new key, and begins its file.
    pub(crate) fn delegate(&mut self, delegated: &str, paths: &[&str]) -> Arc<SecretKey> {
        let (delegated, key) = (role(delegated), key());
        let parent = delegated.parent().expect("a delegation has a parent");
        let mut delegation = Delegation::new(delegated.clone(), Threshold::ONE);
        delegation.keyids.push(key.id());
        delegation.paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let parent = self.roles.get_mut(&parent).expect("the parent exists");
        parent.delegations.keys.insert(key.id(), key.public_key().clone());
        parent.delegations.roles.push(delegation);
        self.roles.insert(delegated, Targets::new(version(1), now().plus_seconds(3600)));
        self.ring.insert(key.clone());
        key
    }

    pub(crate) fn targets(&mut self, of: &str) -> &mut Targets {
        self.roles.get_mut(&role(of)).expect("the role exists")
    }

    pub(crate) fn set(&mut self, tag: &str, content: &[u8]) {
        self.set_in("targets", tag, content);
    }

    pub(crate) fn set_in(&mut self, of: &str, tag: &str, content: &[u8]) {
        self.targets(of).targets.insert(name(tag), FileMeta::of(content));
    }

    /// Raises the versions of targets, snapshot and timestamp.
    pub(crate) fn publish(&mut self) -> Files {
        for targets in self.roles.values_mut() {
            targets.version = targets.version.next().expect("a version");
        }
        self.snapshot.version = self.snapshot.version.next().expect("a version");
        self.timestamp.version = self.timestamp.version.next().expect("a version");
        self.files()
    }

    /// Signs everything as it stands, each file naming the others truly.
    pub(crate) fn files(&self) -> Files {
        let root_groups: Vec<_> =
            self.previous_root.clone().into_iter().chain([self.root.role_keys(TopRole::Root)]).collect();
        let root = self.sign(&TopRole::Root.into(), &self.root, &root_groups);
        let mut snapshot = self.snapshot.clone();
        snapshot.meta.insert("root".to_owned(), FileMeta::of(&root));
        let mut roles = BTreeMap::new();
        for (role, targets) in &self.roles {
            let file = self.sign(role, targets, &[self.role_keys(role)]);
            snapshot.meta.insert(role.to_string(), FileMeta::of(&file));
            roles.insert(role.clone(), file);
        }
        self.seal(root, &snapshot, roles)
    }

    /// Signs a snapshot as it is, and the timestamp over it.
    pub(crate) fn seal(&self, root: Bytes, snapshot: &Snapshot, roles: BTreeMap<RoleName, Bytes>) -> Files {
        let keys = |top: TopRole| [self.root.role_keys(top)];
        let snapshot = self.sign(&TopRole::Snapshot.into(), snapshot, &keys(TopRole::Snapshot));
        let mut timestamp = self.timestamp.clone();
        timestamp.snapshot = FileMeta::of(&snapshot);
        let timestamp = self.sign(&TopRole::Timestamp.into(), &timestamp, &keys(TopRole::Timestamp));
        Files { root, timestamp, snapshot, roles }
    }

    /// Signs a document; of one content there is one file.
    pub(crate) fn sign<T: Document>(&self, of: &RoleName, document: &T, groups: &[RoleKeys]) -> Bytes {
        let mut index = format!("{of} {:?} ", groups.iter().map(RoleKeys::canonical_ids).collect::<Vec<_>>())
            .into_bytes();
        document.write_canonical(&mut index);
        let mut signed = self.signed.lock().expect("no test panics while it signs");
        let file = signed
            .entry(index)
            .or_insert_with(|| sign(of, document, groups, &self.ring).expect("its keys are here"));
        file.clone()
    }

    fn role_keys(&self, of: &RoleName) -> RoleKeys {
        if let Some(top) = of.top() {
            return self.root.role_keys(top);
        }
        let parent = &self.roles[&of.parent().expect("a delegation")].delegations;
        parent.role_keys(parent.role(of).expect("declared"))
    }

    pub(crate) fn environment(&self) -> Arc<Environment> {
        self.pinned(TrustPinning::default())
    }

    pub(crate) fn pinned(&self, pinning: TrustPinning) -> Arc<Environment> {
        let start = UpdateStart(now());
        Arc::new(Environment::notary(self.gun.clone(), pinning, Limits::default(), start))
    }

    /// A whole update by somebody who meets this collection for the first time.
    pub(crate) fn first_update(&self, files: &Files) -> Result<TrustedCollection, TrustError> {
        self.update(files, Seen::default())
    }

    /// A whole update by somebody who trusts the root already and remembers `seen`.
    pub(crate) fn update(&self, files: &Files, seen: Seen) -> Result<TrustedCollection, TrustError> {
        finish(RootPhase::trust_first(self.environment(), files.root.clone(), seen)?, files)
    }
}

/// Runs the phases after root over `files`.
pub(crate) fn finish(root: RootPhase, files: &Files) -> Result<TrustedCollection, TrustError> {
    let offered = |bytes: &Bytes| Offered::fetched(bytes.clone());
    let phase = root
        .finish_root()?
        .accept_timestamp(offered(&files.timestamp))?
        .accept_snapshot(offered(&files.snapshot))?;
    let mut phase = phase.accept_targets(offered(&files.roles[&TopRole::Targets.into()]))?;
    loop {
        let wanted = phase.unloaded();
        let published =
            wanted.iter().filter_map(|role| Some((role, files.roles.get(role)?))).collect::<Vec<_>>();
        if published.is_empty() {
            return Ok(phase.finish());
        }
        for (role, bytes) in published {
            phase.accept_delegation(role, offered(bytes))?;
        }
    }
}
