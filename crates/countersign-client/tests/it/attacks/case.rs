//! What an attacker makes of the third edition of a collection, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_core::author;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Delegation, Envelope, FileMeta, Snapshot};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::Threshold;
use countersign_core::sign::SecretKey;
use countersign_core::signature::{RoleKeys, Signature};

use crate::collection::{Files, Sim, key, role, version};

/// The attacker's edition. He holds the keys of snapshot and timestamp, unless a file of theirs is put in place: whatever he
/// puts elsewhere is truly named.
pub(super) struct Case {
    pub(super) sim: Sim,
    /// The files of the first edition.
    pub(super) old: Files,
    forged: BTreeMap<RoleName, Bytes>,
    unlisted: BTreeSet<RoleName>,
}

impl Case {
    /// The edition after those of `sim`, whose first one had the files `old`.
    pub(super) fn after(sim: &Sim, old: &Files) -> Self {
        let mut sim = sim.clone();
        raise(&mut sim, 10);
        Self { sim, old: old.clone(), forged: BTreeMap::new(), unlisted: BTreeSet::new() }
    }

    /// What is served.
    pub(super) fn files(&self) -> Files {
        let forged = |of: &RoleName| self.forged.get(of).cloned();
        let root = forged(&TopRole::Root.into()).unwrap_or_else(|| {
            let own = self.keys("root");
            let groups: Vec<_> = self.sim.previous_root.clone().into_iter().chain([own]).collect();
            self.sim.sign(&TopRole::Root.into(), &self.sim.root, &groups)
        });
        let mut listing = self.sim.snapshot.clone();
        listing.meta.insert("root".to_owned(), FileMeta::of(&root));
        let mut roles = BTreeMap::new();
        for (of, targets) in &self.sim.roles {
            let honest = || self.sim.sign(of, targets, &[self.keys(of.as_str())]);
            let file = forged(of).unwrap_or_else(honest);
            if !self.unlisted.contains(of) {
                listing.meta.insert(of.to_string(), FileMeta::of(&file));
            }
            roles.insert(of.clone(), file);
        }
        let mut files = self.sim.seal(root, &listing, roles);
        if let Some(snapshot) = forged(&TopRole::Snapshot.into()) {
            let mut timestamp = self.sim.timestamp.clone();
            timestamp.snapshot = FileMeta::of(&snapshot);
            files.snapshot = snapshot;
            files.timestamp =
                self.sim.sign(&TopRole::Timestamp.into(), &timestamp, &[self.keys("timestamp")]);
        }
        if let Some(timestamp) = forged(&TopRole::Timestamp.into()) {
            files.timestamp = timestamp;
        }
        files
    }

    /// The file of a role as it would be served.
    pub(super) fn file(&self, of: &str) -> Bytes {
        let files = self.files();
        match of {
            "root" => files.root,
            "timestamp" => files.timestamp,
            "snapshot" => files.snapshot,
            of => files.roles[&role(of)].clone(),
        }
    }

    pub(super) fn put(&mut self, of: &str, file: impl Into<Bytes>) {
        self.forged.insert(role(of), file.into());
    }

    /// Leaves a role out of the snapshot.
    pub(super) fn unlist(&mut self, of: &str) {
        self.unlisted.insert(role(of));
    }

    /// Whose signatures `of` needs.
    pub(super) fn keys(&self, of: &str) -> RoleKeys {
        let of = role(of);
        if let Some(top) = of.top() {
            return self.sim.root.role_keys(top);
        }
        let parent = &self.sim.roles[&of.parent().expect("a delegation")].delegations;
        parent.keys_of(&of).expect("delegated")
    }

    /// Has `of` signed as it stands by these keys.
    pub(super) fn sign_by(&mut self, of: &str, keys: &[RoleKeys]) {
        let ring = &self.sim.ring;
        let file = match of {
            "root" => author::sign(&role(of), &self.sim.root, keys, ring),
            "timestamp" => {
                let mut timestamp = self.sim.timestamp.clone();
                timestamp.snapshot = FileMeta::of(&self.file("snapshot"));
                author::sign(&role(of), &timestamp, keys, ring)
            }
            "snapshot" => {
                let file = Envelope::parse(self.file("snapshot"), &Limits::default()).expect("a file");
                let snapshot: Snapshot = file.claim().expect("a snapshot");
                author::sign(&role(of), &snapshot, keys, ring)
            }
            of => author::sign(&role(of), &self.sim.roles[&role(of)], keys, ring),
        };
        self.put(of, file.expect("signed"));
    }

    /// A key of nobody.
    pub(super) fn stranger(&mut self) -> RoleKeys {
        let key = self.new_key();
        RoleKeys::new([(key.id(), key.public_key().clone())].into(), Threshold::ONE)
    }

    pub(super) fn new_key(&mut self) -> Arc<SecretKey> {
        let key = key();
        self.sim.ring.insert(key.clone());
        key
    }

    /// Edits the signatures of a file.
    pub(super) fn edit_signatures(&mut self, of: &str, edit: impl FnOnce(&mut Vec<Signature>)) {
        let envelope = Envelope::parse(self.file(of), &Limits::default()).expect("a file");
        let mut signatures = envelope.signatures().to_vec();
        edit(&mut signatures);
        let file = write(&String::from_utf8_lossy(envelope.message()), &signatures);
        self.put(of, file);
    }

    /// Replaces `from` in the signed part by `to`, and signs that: its canonical form, if it has one, else the text as it
    /// stands.
    pub(super) fn edit_signed(&mut self, of: &str, from: &str, to: &str) {
        let envelope = Envelope::parse(self.file(of), &Limits::default()).expect("a file");
        let text = String::from_utf8_lossy(envelope.message()).into_owned();
        assert!(text.contains(from), "{from} is not in {text}");
        let text = text.replacen(from, to, 1);
        let unsigned = Envelope::parse(Bytes::from(write(&text, &[])), &Limits::default());
        let message = unsigned.map_or_else(|_| text.clone().into_bytes(), |file| file.message().to_vec());
        let signatures: Vec<_> = self
            .keys(of)
            .keys()
            .iter()
            .filter_map(|(id, key)| {
                let key = self.sim.ring.find(&key.canonical_id().ok()?)?;
                let (method, sig) = key.sign(&message).expect("signed");
                Some(Signature { keyid: id.to_string(), method: method.name().to_owned(), sig })
            })
            .collect();
        self.put(of, write(&text, &signatures));
    }

    /// Replaces `from` in a file by `to`, signatures as they are.
    pub(super) fn damage(&mut self, of: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.file(of).to_vec()).expect("text");
        assert!(text.contains(from), "{from} is not in {text}");
        self.put(of, text.replacen(from, to, 1));
    }

    /// Gives `top` these keys, of which so many must sign, in a new root.
    pub(super) fn next_root_lists(&mut self, top: TopRole, keys: &[Arc<SecretKey>], threshold: u64) {
        self.sim.next_root();
        for key in keys {
            self.sim.ring.insert(key.clone());
        }
        self.sim.list(top, keys.iter().map(|key| key.public_key().clone()).collect());
        let spec = self.sim.root.roles.get_mut(top.name()).expect("just listed");
        spec.threshold = Threshold::new(threshold).expect("a threshold");
    }

    /// The delegation of `targets/releases`.
    pub(super) fn releases(&mut self) -> &mut Delegation {
        let roles = &mut self.sim.targets("targets").delegations.roles;
        roles.iter_mut().find(|delegation| delegation.name == role("targets/releases")).expect("delegated")
    }
}

/// Gives every file but root this version.
pub(super) fn raise(sim: &mut Sim, number: u64) {
    sim.timestamp.version = version(number);
    sim.snapshot.version = version(number);
    for targets in sim.roles.values_mut() {
        targets.version = version(number);
    }
}

/// The file of a signed text, in Notary's layout.
fn write(signed: &str, signatures: &[Signature]) -> String {
    let list: Vec<_> = signatures
        .iter()
        .map(|Signature { keyid, method, sig }| {
            format!(r#"{{"keyid":"{keyid}","method":"{method}","sig":"{}"}}"#, STANDARD.encode(sig))
        })
        .collect();
    format!(r#"{{"signed":{signed},"signatures":[{}]}}"#, list.join(","))
}
