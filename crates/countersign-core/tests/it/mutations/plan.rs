//! What a valid collection is made of: tags, delegations, types and numbers of keys, and the rotations that it went through.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use bytes::Bytes;
use countersign_core::key::{KeyType, PublicKey};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::Threshold;
use countersign_core::sign::SecretKey;
use countersign_core::trust::Seen;
use proptest::prelude::*;

use crate::simulator::{Files, Sim, key, now, role};

/// A collection, and what it went through.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    tags: Vec<String>,
    releases: bool,
    nested: bool,
    root: Keys,
    targets: Keys,
    online: [Kind; 2],
    delegate: Kind,
    rotations: Vec<Rotation>,
    /// Whether the client trusted the first edition already.
    is_warm: bool,
}

/// The keys of a role.
#[derive(Clone, Debug)]
struct Keys {
    kinds: Vec<Kind>,
    are_all_needed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Ecdsa,
    Ed25519,
    Rsa,
}

/// What a new root version brings.
#[derive(Clone, Copy, Debug)]
enum Rotation {
    RootKey(Kind),
    Key(TopRole, Kind),
    LaterExpiry,
}

/// RSA keys are slow to make, so that these serve every collection.
static RSA: LazyLock<[Arc<SecretKey>; 6]> = LazyLock::new(|| {
    std::array::from_fn(|_| {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().expect("its form");
        Arc::new(SecretKey::from_private_bytes(KeyType::Rsa, pkcs8.as_ref()).expect("an RSA key"))
    })
});

impl Kind {
    /// A key of this kind. Of RSA keys it is the one with this number.
    fn key(self, number: usize) -> Arc<SecretKey> {
        match self {
            Self::Ecdsa => key(),
            Self::Ed25519 => Arc::new(SecretKey::generate_ed25519().expect("randomness")),
            Self::Rsa => Arc::clone(&RSA[number % RSA.len()]),
        }
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![4 => Just(Kind::Ecdsa), 2 => Just(Kind::Ed25519), 1 => Just(Kind::Rsa)]
}

/// A kind of key that there are certificates for.
fn certified() -> impl Strategy<Value = Kind> {
    prop_oneof![4 => Just(Kind::Ecdsa), 1 => Just(Kind::Rsa)]
}

fn rotation() -> impl Strategy<Value = Rotation> {
    let top = proptest::sample::select(vec![TopRole::Targets, TopRole::Snapshot, TopRole::Timestamp]);
    prop_oneof![
        certified().prop_map(Rotation::RootKey),
        (top, kind()).prop_map(|(top, kind)| Rotation::Key(top, kind)),
        Just(Rotation::LaterExpiry),
    ]
}

/// Any of them.
pub(super) fn plan() -> impl Strategy<Value = Plan> {
    let tags = prop::collection::vec("[a-c]/?[<&\u{e9}\"x]{0,2}", 0..4);
    let root = (prop::collection::vec(certified(), 1..3), any::<bool>());
    let targets = (prop::collection::vec(kind(), 1..4), any::<bool>());
    let rotations = prop::collection::vec(rotation(), 0..4);
    (tags, any::<[bool; 3]>(), root, targets, [kind(), kind()], kind(), rotations).prop_map(
        |(tags, [releases, nested, is_warm], root, targets, online, delegate, rotations)| {
            let keys = |(kinds, are_all_needed)| Keys { kinds, are_all_needed };
            let (root, targets) = (keys(root), keys(targets));
            Plan { tags, releases, nested, root, targets, online, delegate, rotations, is_warm }
        },
    )
}

/// A collection at its last edition, and how a client gets there.
pub(super) struct Published {
    pub(super) sim: Sim,
    /// Every root in its order; the last one is that of `files`.
    pub(super) roots: Vec<Bytes>,
    pub(super) files: Files,
    /// What the client trusted of the first edition, if it did.
    pub(super) seen: Option<Seen>,
}

impl Plan {
    /// Signs all editions of it.
    pub(super) fn publish(&self) -> Published {
        let mut sim = self.first_edition();
        let first = sim.files();
        let seen = self.is_warm.then(|| sim.first_update(&first).expect("as it was signed").seen().clone());
        let mut roots = vec![first.root.clone()];
        let mut files = first;
        for (number, rotation) in self.rotations.iter().enumerate() {
            sim.next_root();
            match *rotation {
                Rotation::RootKey(kind) => sim.give_root(&kind.key(number)),
                Rotation::Key(top, kind) => {
                    let key = kind.key(number);
                    sim.ring.insert(key.clone());
                    sim.list(top, vec![key.public_key().clone()]);
                }
                Rotation::LaterExpiry => sim.root.expires = sim.root.expires.plus_seconds(60),
            }
            files = sim.publish();
            roots.push(files.root.clone());
        }
        Published { sim, roots, files, seen }
    }

    fn first_edition(&self) -> Sim {
        let mut sim = Sim::new();
        self.list(&mut sim, TopRole::Root, &self.root);
        self.list(&mut sim, TopRole::Targets, &self.targets);
        for (top, kind) in [TopRole::Snapshot, TopRole::Timestamp].into_iter().zip(self.online) {
            self.list(&mut sim, top, &Keys { kinds: vec![kind], are_all_needed: false });
        }
        if self.nested {
            self.delegate(&mut sim, "targets/a", &["a", "b"]);
            sim.delegate("targets/a/b", &["a/", ""]);
        }
        if self.releases {
            self.delegate(&mut sim, "targets/releases", &[""]);
        }
        let roles: Vec<RoleName> = sim.roles.keys().cloned().collect();
        for (index, tag) in self.tags.iter().enumerate() {
            sim.set_in(roles[index % roles.len()].as_str(), tag, tag.as_bytes());
        }
        sim
    }

    fn list(&self, sim: &mut Sim, top: TopRole, keys: &Keys) {
        let secrets: Vec<_> =
            keys.kinds.iter().enumerate().map(|(number, kind)| kind.key(number + self.tags.len())).collect();
        let listed: Vec<PublicKey> = secrets
            .iter()
            .map(|key| if top == TopRole::Root { sim.certificate(key) } else { key.public_key().clone() })
            .collect();
        for key in secrets {
            sim.ring.insert(key);
        }
        sim.list(top, listed);
        if keys.are_all_needed {
            let spec = sim.root.roles.get_mut(top.name()).expect("it was listed");
            let needed = u32::try_from(spec.keyids.len()).expect("few keys");
            spec.threshold = Threshold::new(needed.into()).expect("a threshold");
        }
    }

    fn delegate(&self, sim: &mut Sim, delegated: &str, paths: &[&str]) {
        sim.delegate(delegated, paths);
        if let Kind::Ecdsa = self.delegate {
            return;
        }
        let key = self.delegate.key(delegated.len());
        sim.ring.insert(key.clone());
        let delegations = &mut sim.targets("targets").delegations;
        delegations.keys.insert(key.id(), key.public_key().clone());
        let place = delegations.roles.iter_mut().find(|delegation| delegation.name == role(delegated));
        place.expect("just delegated").keyids = vec![key.id()];
        sim.targets(delegated).expires = now().plus_seconds(1800);
    }
}
