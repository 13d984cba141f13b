//! Replaced keys: who signs, who follows, and what is left of an interruption.

use std::collections::BTreeSet;

use countersign_client::cache::Cache;
use countersign_client::changelist::ChangeList;
use countersign_client::keystore::KeyStore;
use countersign_client::publisher::{
    OlderRoots, Published, PublisherError, Rotation, SignedOutcome, SnapshotKey,
};
use countersign_client::updater::{Roles, UpdateError};
use countersign_core::author::{Change, DelegationEdit};
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::metadata::Root;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::time::UpdateStart;
use serde_json::Value;

use super::{Author, gun, roles_signed};
use crate::collection::{now, role};
use crate::publishing::PublishServer;
use crate::simulator::{Fault, version_of};

const NEW_ROOT: Rotation = Rotation::Root { keys: Vec::new(), older: OlderRoots::None };
const NEW_TARGETS: Rotation = Rotation::Targets { keys: Vec::new() };
const NEW_SNAPSHOT: Rotation = Rotation::Snapshot { keys: Vec::new() };

impl Author {
    async fn rotate(&self, rotation: Rotation) -> Result<Published, PublisherError> {
        self.publisher().rotate(rotation, now()).await
    }

    async fn root(&self) -> Root {
        let refreshed = self.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect("trusted");
        (**refreshed.collection.root()).clone()
    }

    /// Canonical ids of the keys that a role has now.
    pub(super) async fn keys_of(&self, top: TopRole) -> BTreeSet<KeyId> {
        self.root().await.role_keys(top).canonical_ids()
    }

    /// Canonical ids of the private keys of a role that are here.
    pub(super) fn private(&self, role: &str) -> BTreeSet<KeyId> {
        let keys = self.keys.list().expect("keys").keys;
        keys.into_iter().filter(|key| key.role == role).map(|key| key.id).collect()
    }
}

/// How many signatures the newest file of a role has.
fn signatures(server: &PublishServer, of: &str) -> usize {
    let file: Value = serde_json::from_slice(&server.newest()[&role(of)]).expect("JSON");
    file["signatures"].as_array().expect("a list").len()
}

#[tokio::test]
async fn every_top_level_key_is_replaced_and_followed() {
    let server = PublishServer::empty();
    let (author, reader) = (Author::at(&server), Author::at(&server));
    author.sign("v0", b"v0").await.expect("published");
    reader.digest("v0").await;
    server.uploads();
    let rotations = [
        (TopRole::Targets, NEW_TARGETS, vec!["root", "snapshot", "targets"]),
        (TopRole::Snapshot, NEW_SNAPSHOT, vec!["root", "snapshot"]),
        (TopRole::Timestamp, Rotation::Timestamp, vec!["root", "snapshot"]),
        (TopRole::Snapshot, Rotation::ServerSnapshot, vec!["root"]),
        (TopRole::Snapshot, Rotation::ServerSnapshot, vec!["root"]),
        (TopRole::Root, NEW_ROOT, vec!["root"]),
        (TopRole::Snapshot, NEW_SNAPSHOT, vec!["root", "snapshot"]),
    ];
    for (turn, (top, rotation, uploaded)) in rotations.into_iter().enumerate() {
        let before = author.keys_of(top).await;
        let published = author.rotate(rotation.clone()).await.expect("published");
        published.confirmed.as_ref().expect("shown");
        assert!(published.warnings.is_empty(), "{:?}", published.warnings);
        assert_eq!(roles_signed(&published), uploaded, "{rotation:?}");
        assert_eq!(server.uploads(), [uploaded]);
        let after = author.keys_of(top).await;
        assert!(after.is_disjoint(&before) && after.len() == 1, "{rotation:?}: {before:?} {after:?}");
        let tag = format!("v{}", turn + 1);
        author.sign(&tag, tag.as_bytes()).await.expect("goes on with the new keys");
        server.uploads();
        assert_eq!(reader.digest(&tag).await, Digest::sha256(tag.as_bytes()));
        // Replaced keys are gone, but for root's: other collections may have them.
        match (top, &rotation) {
            (TopRole::Targets, _) | (TopRole::Snapshot, Rotation::Snapshot { .. }) => {
                assert_eq!(author.private(top.name()), after);
            }
            (TopRole::Snapshot, _) => assert!(author.private("snapshot").is_empty()),
            (TopRole::Root, _) => assert_eq!(author.private("root"), &before | &after),
            (TopRole::Timestamp, _) => {}
        }
    }
    assert_eq!(Author::at(&server).digest("v0").await, Digest::sha256(b"v0"));
    assert!(author.cache.begun_rotations(&gun()).await.expect("memory").is_empty());
}

#[tokio::test]
async fn new_root_is_signed_by_the_keys_before_it_and_by_its_own() {
    let server = PublishServer::empty();
    let (author, reader) = (Author::at(&server), Author::at(&server));
    author.sign("v0", b"v0").await.expect("published");
    reader.digest("v0").await;
    for turn in 0_u64..3 {
        author.rotate(NEW_ROOT).await.expect("published").confirmed.expect("shown");
        assert_eq!((version_of(&server.newest()[&role("root")]), signatures(&server, "root")), (turn + 2, 2));
    }
    // The next one needs the last keys only; those who lag behind go from version to version.
    author.rotate(NEW_TARGETS).await.expect("published").confirmed.expect("shown");
    assert_eq!(signatures(&server, "root"), 1);
    assert_eq!(reader.digest("v0").await, Digest::sha256(b"v0"));
    assert_eq!(author.root().await.keys.len(), 4 + 3, "old certificates stay listed");
}

#[tokio::test]
async fn older_root_keys_sign_as_well_when_asked_to() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v0", b"v0").await.expect("published");
    for _ in 0..3 {
        author.rotate(NEW_ROOT).await.expect("published");
    }
    let with = |older| author.rotate(Rotation::Root { keys: Vec::new(), older });
    with(OlderRoots::Versions(0)).await.expect("published");
    assert_eq!(signatures(&server, "root"), 2);
    // Version 5 is there: its keys sign anyway, versions 4 and 3 have two more.
    with(OlderRoots::Versions(2)).await.expect("published");
    assert_eq!(signatures(&server, "root"), 4);
    with(OlderRoots::All).await.expect("published");
    assert_eq!(signatures(&server, "root"), 7);
    // Keys that are lost are missed by nobody.
    let newest = author.keys_of(TopRole::Root).await;
    author.private("root").difference(&newest).for_each(|id| author.keys.remove(*id).expect("there"));
    with(OlderRoots::All).await.expect("published").confirmed.expect("shown");
    assert_eq!(signatures(&server, "root"), 2);
}

#[tokio::test]
async fn keys_of_the_store_are_taken_when_they_are_named() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v0", b"v0").await.expect("published");
    let pair = ["targets"; 2].map(|role| author.keys.generate(role, Some(&gun())).expect("a key").id());
    author.rotate(Rotation::Targets { keys: pair.to_vec() }).await.expect("published");
    assert_eq!(author.keys_of(TopRole::Targets).await, pair.into());
    let root = author.keys_of(TopRole::Root).await;
    // The present root key by name: a new certificate around the same key.
    let (keys, older) = (root.iter().copied().collect(), OlderRoots::None);
    let before = author.root().await.roles["root"].keyids.clone();
    author.rotate(Rotation::Root { keys, older }).await.expect("published").confirmed.expect("shown");
    assert_eq!(author.keys_of(TopRole::Root).await, root);
    assert_ne!(author.root().await.roles["root"].keyids, before);

    server.uploads();
    let keys = root.into_iter().collect();
    let error = author.rotate(Rotation::Targets { keys }).await.expect_err("a root key");
    assert!(matches!(error, PublisherError::OtherRole { role: TopRole::Targets, .. }), "{error:?}");
    assert!(server.uploads().is_empty());
}

#[tokio::test]
async fn without_the_root_key_nothing_is_changed_or_asked() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    let error = author.rotate(NEW_TARGETS).await.expect_err("no collection");
    assert!(matches!(error, PublisherError::NoCollection(_)), "{error:?}");
    author.sign("v0", b"v0").await.expect("published");
    author.private("root").into_iter().for_each(|id| author.keys.remove(id).expect("there"));
    let keys = author.key_roles();
    server.files.rounds();
    server.uploads();
    for rotation in [NEW_ROOT, NEW_TARGETS, NEW_SNAPSHOT, Rotation::ServerSnapshot, Rotation::Timestamp] {
        let error = author.rotate(rotation).await.expect_err("no root key");
        let PublisherError::NoRootKeys { needed: 1, missing } = &error else { panic!("{error:?}") };
        assert_eq!(missing.len(), 1);
    }
    let error = author.publisher().hand_over_snapshot(now()).await.expect_err("no root key");
    assert!(matches!(error, PublisherError::NoRootKeys { .. }), "{error:?}");
    assert_eq!(author.key_roles(), keys);
    assert!(server.uploads().is_empty());
    let asked: Vec<_> = server.files.rounds().concat();
    assert!(!asked.iter().any(|file| file.contains(".key")), "{asked:?}");
}

#[tokio::test]
async fn rotation_that_was_refused_keeps_the_old_keys_and_goes_on_with_the_new_ones() {
    for fault in [Fault::Offline, Fault::Status(503), Fault::Forbidden, Fault::Rejected] {
        for (rotation, top) in
            [(NEW_TARGETS, TopRole::Targets), (NEW_SNAPSHOT, TopRole::Snapshot), (NEW_ROOT, TopRole::Root)]
        {
            let server = PublishServer::empty();
            let author = Author::at(&server);
            author.sign("v0", b"v0").await.expect("published");
            let before = author.private(top.name());
            server.refuse_next(fault);
            let error = author.rotate(rotation.clone()).await.expect_err("refused");
            assert!(matches!(error, PublisherError::Upload(_)), "{error:?}");
            let both = author.private(top.name());
            assert!(both.is_superset(&before) && both.len() == 2, "{fault:?}: {both:?}");
            author.sign("v1", b"v1").await.expect("the old keys still sign");
            author.rotate(rotation).await.expect("published").confirmed.expect("shown");
            assert_eq!(author.keys_of(top).await, &both - &before, "no third key was made");
            author.sign("v2", b"v2").await.expect("published");
        }
    }
}

#[tokio::test]
async fn rotation_whose_answer_was_lost_is_found_done() {
    for (rotation, top) in [
        (NEW_TARGETS, TopRole::Targets),
        (NEW_ROOT, TopRole::Root),
        (Rotation::ServerSnapshot, TopRole::Snapshot),
    ] {
        let server = PublishServer::empty();
        let author = Author::at(&server);
        author.sign("v0", b"v0").await.expect("published");
        let before = author.keys_of(top).await;
        server.refuse_next(Fault::Offline);
        author.rotate(rotation.clone()).await.expect_err("the answer is lost");
        server.take(&server.last_upload()).expect("and yet it was taken");
        let rotated = author.keys_of(top).await;
        assert!(rotated.is_disjoint(&before));
        let again = author.rotate(rotation.clone()).await.expect("it is there");
        assert_eq!(again.outcome, SignedOutcome::NothingToPublish);
        assert_eq!(author.keys_of(top).await, rotated);
        if top != TopRole::Root {
            assert!(author.private(top.name()).is_disjoint(&before), "the replaced key is gone");
        }
        // Asked for once more, it is a rotation of its own.
        author.rotate(rotation).await.expect("published").confirmed.expect("shown");
        assert!(author.keys_of(top).await.is_disjoint(&rotated));
    }
}

#[tokio::test]
async fn rotation_is_applied_again_to_what_others_published() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"v1").await.expect("published");
    let theirs = super::publish_behind(&author, "theirs", b"theirs").await;
    server.meanwhile(move || theirs);
    author.rotate(NEW_TARGETS).await.expect("published at the second try").confirmed.expect("shown");
    assert_eq!(Author::at(&server).digest("theirs").await, Digest::sha256(b"theirs"));
    assert_eq!(author.private("targets"), author.keys_of(TopRole::Targets).await);
}

#[tokio::test]
async fn snapshot_is_handed_over_once() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"v1").await.expect("published");
    let handed = author.publisher().hand_over_snapshot(now()).await.expect("published");
    assert_eq!(roles_signed(&handed), ["root"]);
    assert!(author.private("snapshot").is_empty());
    let server_key = author.keys_of(TopRole::Snapshot).await;
    author.private("root").into_iter().for_each(|id| author.keys.remove(id).expect("there"));
    let again = author.publisher().hand_over_snapshot(now()).await.expect("nothing to do, so no root key");
    assert_eq!(again.outcome, SignedOutcome::NothingToPublish);
    assert_eq!(author.keys_of(TopRole::Snapshot).await, server_key);
    author.sign("v2", b"v2").await.expect("published");
    assert_eq!(Author::at(&server).digest("v2").await, Digest::sha256(b"v2"));
}

#[tokio::test]
async fn collection_that_was_begun_is_published_with_the_servers_snapshot_key() {
    let server = PublishServer::empty();
    let mut author = Author::at(&server);
    author.publisher().init(now()).await.expect("made");
    author.publisher().hand_over_snapshot(now()).await.expect("published").confirmed.expect("shown");
    assert_eq!(server.uploads(), [["root", "targets"]]);
    assert!(author.private("snapshot").is_empty());
    author.options.snapshot_key = SnapshotKey::Local;
    author.sign("v1", b"v1").await.expect("published");
    assert_eq!(server.uploads(), [["targets"]]);
}

#[tokio::test]
async fn delegation_gets_new_keys_and_is_signed_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"v1").await.expect("published");
    let [old, new] = ["bob"; 2].map(|role| author.keys.generate(role, None).expect("a key"));
    let edit = DelegationEdit {
        add_keys: vec![old.public_key().clone()],
        add_paths: vec![String::new()],
        ..DelegationEdit::default()
    };
    let list = ChangeList::new(dir.path(), gun());
    list.add(&[Change::EditDelegation { role: RoleName::releases(), edit }], now()).await.expect("staged");
    author.publisher().publish_changes(&list, now()).await.expect("published");
    author.sign("v2", b"v2").await.expect("published");
    server.uploads();

    let replace =
        |add: Vec<_>, remove: Vec<_>| Rotation::Delegation { role: RoleName::releases(), add, remove };
    let error = author.rotate(replace(Vec::new(), vec![old.id()])).await.expect_err("no key is left");
    assert!(matches!(error, PublisherError::TooFewKeys { keys: 0, threshold: 1, .. }), "{error:?}");
    // No root key is needed for that.
    author.private("root").into_iter().for_each(|id| author.keys.remove(id).expect("there"));
    author.rotate(replace(vec![new.public_key().clone()], vec![old.id()])).await.expect("published");
    assert_eq!(server.uploads(), [["snapshot", "targets", "targets/releases"]]);
    assert_eq!(Author::at(&server).digest("v2").await, Digest::sha256(b"v2"));
    author.keys.remove(old.id()).expect("there");
    author.sign("v3", b"v3").await.expect("signed by the new key");

    // Without the new private key, what the old one signed waits for whoever has it.
    let stranger = crate::collection::key();
    let key = stranger.public_key().clone();
    author.rotate(replace(vec![key], vec![new.id()])).await.expect("published");
    assert_eq!(server.uploads()[1..], [["snapshot", "targets"]]);
    let reader = Author::at(&server);
    let error = reader.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect_err("unsigned");
    assert!(matches!(error, UpdateError::Releases { .. }), "{error:?}");
    let error =
        author.rotate(Rotation::Delegation { role: role("targets/none"), add: vec![], remove: vec![] });
    let error = error.await.expect_err("no such role");
    assert!(matches!(error, PublisherError::Change { .. }), "{error:?}");
}
