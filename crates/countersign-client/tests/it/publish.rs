//! What a publisher uploads, with which keys, and what comes of it.

mod proposed;
mod recover;
mod rotate;
mod staged;
mod take_out;
mod witness;

use std::sync::Arc;

use countersign_client::cache::Cache;
use countersign_client::cache_memory::MemoryCache;
use countersign_client::keystore::{KeyStore, MemoryKeyStore};
use countersign_client::publisher::{
    PublishOptions, Published, Publisher, PublisherError, RootKey, SignedOutcome, SnapshotKey, TagToSign,
};
use countersign_client::remote::PublishError;
use countersign_client::updater::{Roles, UpdateError, UpdateSettings, Updater};
use countersign_core::author::{Change, Draft, KeyRing};
use countersign_core::digest::Digest;
use countersign_core::metadata::FileMeta;
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::sign::SecretKey;
use countersign_core::time::UpdateStart;

use crate::collection::{name, now, role};
use crate::publishing::PublishServer;
use crate::simulator::{Fault, digest};

/// Somebody with keys and a cache.
struct Author {
    server: Arc<PublishServer>,
    cache: Arc<MemoryCache>,
    keys: Arc<MemoryKeyStore>,
    options: PublishOptions,
    settings: UpdateSettings,
}

impl Author {
    fn at(server: &Arc<PublishServer>) -> Self {
        Self {
            server: Arc::clone(server),
            cache: Arc::default(),
            keys: Arc::default(),
            options: PublishOptions::default(),
            settings: UpdateSettings::new(gun()),
        }
    }

    fn updater(&self) -> Updater {
        Updater::new(self.server.clone(), self.cache.clone(), self.settings.clone())
    }

    fn publisher(&self) -> Publisher {
        Publisher::new(&self.updater(), self.keys.clone(), self.options.clone())
    }

    async fn sign(&self, tag: &str, content: &[u8]) -> Result<Published, PublisherError> {
        self.publisher().publish_target(&to_sign(tag, content), now()).await
    }

    /// Makes these people signers of a collection whose snapshot key its server has.
    async fn with_signers(mut self, signers: &[(&str, &Self)]) -> Self {
        self.options.snapshot_key = SnapshotKey::Server;
        for (signer, author) in signers {
            let key = author.key_for(signer);
            let signer = role(&format!("targets/{signer}"));
            self.publisher().add_signer(&signer, &[key], now()).await.expect("added");
        }
        self
    }

    async fn digest(&self, tag: &str) -> Digest {
        digest(&self.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect("trusted"), tag)
    }

    fn key_roles(&self) -> Vec<String> {
        let mut roles: Vec<_> =
            self.keys.list().expect("keys").keys.into_iter().map(|key| key.role).collect();
        roles.sort();
        roles
    }
}

fn gun() -> Gun {
    "docker.io/library/app".parse().expect("a GUN")
}

fn to_sign(tag: &str, content: &[u8]) -> TagToSign {
    TagToSign { tag: name(tag), digest: Digest::sha256(content), size: content.len() as u64 }
}

fn roles_signed(published: &Published) -> Vec<&str> {
    let SignedOutcome::Signed { roles } = &published.outcome else { panic!("{published:?}") };
    roles.iter().map(RoleName::as_str).collect()
}

#[tokio::test]
async fn first_push_makes_the_collection() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    let published = author.sign("v1", b"one").await.expect("published");
    let made = published.initialised.as_ref().expect("it was made");
    assert!(made.root_key_is_new);
    assert_eq!(roles_signed(&published), ["targets"]);
    published.confirmed.expect("the server shows it");
    assert_eq!(server.uploads(), [["root", "snapshot", "targets"]]);
    assert_eq!(author.key_roles(), ["root", "snapshot", "targets"]);
    let newest = server.newest();
    let versions = ["root", "targets", "snapshot"].map(|of| crate::simulator::version_of(&newest[&role(of)]));
    assert_eq!(versions, [1, 2, 2]);
    // What was confirmed is cached, so that looking it up is one request.
    server.files.rounds();
    assert_eq!(author.digest("v1").await, Digest::sha256(b"one"));
    assert_eq!(server.files.rounds(), [["timestamp.json"]]);
    // And somebody else sees it.
    assert_eq!(Author::at(&server).digest("v1").await, Digest::sha256(b"one"));
}

#[tokio::test]
async fn later_push_signs_targets_and_snapshot_only() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"one").await.expect("published");
    server.uploads();
    // Services publish from tasks of their own.
    let publisher = author.publisher();
    let task = tokio::spawn(async move { publisher.publish_target(&to_sign("v2", b"two"), now()).await });
    let published = task.await.expect("no panic").expect("published");
    assert!(published.initialised.is_none());
    assert_eq!(server.uploads(), [["snapshot", "targets"]]);
    assert_eq!(author.digest("v1").await, Digest::sha256(b"one"));
    assert_eq!(author.digest("v2").await, Digest::sha256(b"two"));
}

#[tokio::test]
async fn tag_that_means_it_already_is_not_signed_again() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"one").await.expect("published");
    server.uploads();
    // No key is needed to find that out.
    author.keys.list().expect("keys").keys.iter().for_each(|key| author.keys.remove(key.id).expect("there"));
    author.publisher().check_keys_before(&to_sign("v1", b"one"), now()).await.expect("nothing to sign");
    let published = author.sign("v1", b"one").await.expect("nothing to do");
    assert_eq!(published.outcome, SignedOutcome::AlreadySigned { signers: vec![role("targets")] });
    assert!(server.uploads().is_empty());
}

#[tokio::test]
async fn existing_root_key_is_used_again_and_may_be_chosen() {
    let server = PublishServer::empty();
    let mut author = Author::at(&server);
    let ids = [(); 3].map(|()| author.keys.generate("root", None).expect("a key").id());
    let first = *ids.iter().min().expect("three");
    let published = author.sign("v1", b"one").await.expect("published");
    let made = published.initialised.expect("made");
    assert_eq!((made.root_key, made.root_key_is_new), (first, false));

    let server = PublishServer::empty();
    author = Author { server, cache: Arc::default(), ..author };
    let last = *ids.iter().max().expect("three");
    author.options.root_key = RootKey::Existing(last);
    let made = author.sign("v1", b"one").await.expect("published").initialised.expect("made");
    assert_eq!(made.root_key, last);

    let server = PublishServer::empty();
    author = Author { server, cache: Arc::default(), ..author };
    let targets = author.keys.list().expect("keys").keys.into_iter().find(|key| key.role == "targets");
    author.options.root_key = RootKey::Existing(targets.expect("there").id);
    let error = author.sign("v1", b"one").await.expect_err("no root key");
    assert!(matches!(error, PublisherError::NotARootKey { .. }), "{error:?}");
}

#[tokio::test]
async fn snapshot_key_may_be_the_servers() {
    let server = PublishServer::empty();
    let mut author = Author::at(&server);
    author.options.snapshot_key = SnapshotKey::Server;
    author.sign("v1", b"one").await.expect("published").confirmed.expect("shown");
    author.sign("v2", b"two").await.expect("published").confirmed.expect("shown");
    assert_eq!(server.uploads(), [vec!["root", "targets"], vec!["targets"]]);
    assert_eq!(author.key_roles(), ["root", "targets"]);
    assert_eq!(Author::at(&server).digest("v2").await, Digest::sha256(b"two"));
}

/// Publishes another tag with `author`'s keys, behind their back.
async fn publish_behind(
    author: &Author,
    tag: &str,
    content: &[u8],
) -> std::collections::BTreeMap<RoleName, bytes::Bytes> {
    let collection =
        author.updater().refresh(UpdateStart(now()), Roles::Publish).await.expect("trusted").collection;
    let mut draft = Draft::of(&collection);
    let change = Change::SetTarget { role: role("targets"), name: name(tag), meta: FileMeta::of(content) };
    draft.apply(&change).expect("applied");
    let mut ring = KeyRing::default();
    for key in author.keys.list().expect("keys").keys {
        ring.insert(author.keys.load(key.id).expect("a key"));
    }
    draft.sign(&ring, now()).expect("signed").files
}

#[tokio::test]
async fn conflict_is_applied_again_to_what_others_published() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"one").await.expect("published");
    server.uploads();
    let theirs = publish_behind(&author, "theirs", b"theirs").await;
    server.meanwhile(move || theirs);
    author.sign("v2", b"two").await.expect("published at the second try").confirmed.expect("shown");
    assert_eq!(server.uploads().len(), 2);
    let consumer = Author::at(&server);
    for (tag, content) in [("v1", b"one".as_slice()), ("v2", b"two"), ("theirs", b"theirs")] {
        assert_eq!(consumer.digest(tag).await, Digest::sha256(content), "{tag}");
    }
}

#[tokio::test]
async fn rejection_after_keys_were_replaced_is_tried_again_on_the_new_edition() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"one").await.expect("published");
    let collection =
        author.updater().refresh(UpdateStart(now()), Roles::Publish).await.expect("trusted").collection;
    let mut draft = Draft::of(&collection);
    let key = author.keys.generate("targets", Some(&gun())).expect("a key");
    let change = Change::ReplaceKeys { role: TopRole::Targets, keys: vec![key.public_key().clone()] };
    draft.apply(&change).expect("applied");
    let mut ring = KeyRing::default();
    for key in author.keys.list().expect("keys").keys {
        ring.insert(author.keys.load(key.id).expect("a key"));
    }
    let rotated = draft.sign(&ring, now()).expect("signed").files;
    server.meanwhile(move || rotated);
    server.refuse_next(Fault::Rejected);
    author.sign("v2", b"two").await.expect("published at the second try");
    assert_eq!(Author::at(&server).digest("v2").await, Digest::sha256(b"two"));
    // With nothing new behind it, a rejection is one.
    server.refuse_next(Fault::Rejected);
    let error = author.sign("v3", b"three").await.expect_err("rejected");
    assert!(matches!(error, PublisherError::Upload(PublishError::Rejected { .. })), "{error:?}");
}

#[tokio::test]
async fn two_who_publish_first_do_not_mix() {
    let server = PublishServer::empty();
    let (author, other) = (Author::at(&server), Author::at(&server));
    server.refuse_next(Fault::Offline);
    other.sign("v1", b"theirs").await.expect_err("the answer is lost");
    let theirs = server.last_upload();
    server.meanwhile(move || theirs);
    let error = author.sign("v1", b"ours").await.expect_err("the other was first");
    assert!(matches!(error, PublisherError::PublishedByAnother), "{error:?}");
    // The other finds that their upload was taken after all; ours was never mixed in.
    let again = other.sign("v1", b"theirs").await.expect("it is there");
    assert!(matches!(again.outcome, SignedOutcome::AlreadySigned { .. }));
    assert_eq!(author.digest("v1").await, Digest::sha256(b"theirs"));
}

#[tokio::test]
async fn upload_that_fails_changes_nothing_and_can_be_repeated() {
    for fault in [Fault::Offline, Fault::Status(503), Fault::Unauthorized, Fault::Forbidden] {
        let server = PublishServer::empty();
        let author = Author::at(&server);
        server.refuse_next(fault);
        let error = author.sign("v1", b"one").await.expect_err("refused");
        assert!(matches!(&error, PublisherError::Upload(PublishError::Fetch(_))), "{fault:?}: {error:?}");
        let keys = author.key_roles();
        let published = author.sign("v1", b"one").await.expect("published");
        // The collection that was begun is the one that is published: no second set of keys.
        assert!(published.initialised.is_none());
        assert_eq!(author.key_roles(), keys);
        assert_eq!(author.digest("v1").await, Digest::sha256(b"one"));
    }
}

#[tokio::test]
async fn server_that_gives_no_key_leaves_no_key_behind() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    server.files.fail("timestamp.key", Fault::Status(500));
    let error = author.sign("v1", b"one").await.expect_err("no key");
    assert!(matches!(error, PublisherError::ServerKey { role: TopRole::Timestamp, .. }), "{error:?}");
    assert!(author.key_roles().is_empty());
}

#[tokio::test]
async fn nothing_is_published_on_what_is_only_cached() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"one").await.expect("published");
    server.files.fail_all(Fault::Offline);
    let error = author.sign("v2", b"two").await.expect_err("offline");
    assert!(
        matches!(&error, PublisherError::Update(UpdateError::Unreachable { cached: None, .. })),
        "{error:?}"
    );
    author.publisher().check_keys_before(&to_sign("v2", b"two"), now()).await.expect_err("offline");
}

#[tokio::test]
async fn lost_keys_are_told_before_the_push() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"one").await.expect("published");
    let publisher = author.publisher();
    publisher.check_keys_before(&to_sign("v2", b"two"), now()).await.expect("keys are here");
    for key in author.keys.list().expect("keys").keys {
        if key.role == "targets" {
            author.keys.remove(key.id).expect("there");
        }
    }
    let error = publisher.check_keys_before(&to_sign("v2", b"two"), now()).await.expect_err("lost");
    assert!(matches!(&error, PublisherError::NoSigningKeys { .. }), "{error:?}");
    let error = author.sign("v2", b"two").await.expect_err("lost");
    assert!(matches!(&error, PublisherError::Sign(_)), "{error:?}");
}

#[tokio::test]
async fn init_over_what_is_there_changes_nothing() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.publisher().init(now()).await.expect("made");
    assert!(server.uploads().is_empty());
    let keys = author.key_roles();
    let error = author.publisher().init(now()).await.expect_err("begun");
    assert!(matches!(&error, PublisherError::Exists(_)), "{error:?}");
    author.sign("v1", b"one").await.expect("published");
    let error = author.publisher().init(now()).await.expect_err("published");
    assert!(matches!(&error, PublisherError::Exists(_)), "{error:?}");
    assert_eq!(author.key_roles(), keys);
}

#[tokio::test]
async fn begun_collection_keeps_its_keys_without_its_targets_file() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    let made = author.publisher().init(now()).await.expect("made");
    author.cache.remove(&gun(), &role("targets")).expect("it was there");
    author.sign("v1", b"one").await.expect("published");
    let refreshed = author.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect("trusted");
    let keys = refreshed.collection.root().role_keys(TopRole::Targets).canonical_ids();
    assert_eq!(keys, [made.targets_key].into());
}

#[tokio::test]
async fn begun_collection_whose_certificate_is_over_is_begun_anew_with_its_keys() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    let made = author.publisher().init(now()).await.expect("made");
    let later = now().plus_seconds(4000 * 24 * 3600);
    let again = author.publisher().init(later).await.expect("made");
    assert_eq!((again.root_key, again.targets_key), (made.root_key, made.targets_key));
    assert!(!again.root_key_is_new);
    assert_eq!(author.key_roles(), ["root", "snapshot", "targets"]);
    // And so it is for somebody whose clock was ahead.
    let error = author.publisher().init(later).await.expect_err("begun");
    assert!(matches!(&error, PublisherError::Exists(_)), "{error:?}");
    author.sign("v1", b"one").await.expect("published").confirmed.expect("shown");
    assert_eq!(author.key_roles(), ["root", "snapshot", "targets"]);
}

#[tokio::test]
async fn cache_of_a_publisher_who_was_killed_after_the_upload_still_leads_on() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.publisher().init(now()).await.expect("made");
    let roles: Vec<_> = ["root", "targets", "snapshot"].map(role).into();
    let begun = author.cache.load(&gun(), &roles, &author.settings.limits).await.expect("memory").files;
    // A first signer hands the snapshot key over, and so changes the root that was begun.
    let bob = SecretKey::generate_ecdsa().expect("a key").public_key().clone();
    author.publisher().add_signer(&role("targets/bob"), &[bob], now()).await.expect("published");
    assert_ne!(server.newest()[&role("root")], begun[&role("root")]);
    author.cache.forget(&gun()).await.expect("forgotten");
    for (role, file) in begun {
        author.cache.put(&gun(), role, file);
    }
    let refreshed = author.updater().refresh(UpdateStart(now()), Roles::Publish).await.expect("trusted");
    let targets = refreshed.collection.targets(&role("targets")).expect("loaded");
    assert!(targets.delegations.role(&role("targets/bob")).is_some());
}

#[tokio::test]
async fn begun_collection_is_published_without_its_root_key() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    let made = author.publisher().init(now()).await.expect("made");
    let begun = author.cache.load(&gun(), &[role("root")], &author.settings.limits).await;
    author.keys.remove(made.root_key).expect("removed");
    author.sign("v1", b"one").await.expect("published").confirmed.expect("shown");
    assert_eq!(server.newest()[&role("root")], begun.expect("memory").files[&role("root")]);
    assert_eq!(author.digest("v1").await, Digest::sha256(b"one"));
}

#[tokio::test]
async fn root_near_its_end_is_signed_again() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    let long_ago = now().plus_seconds(-3600 * 24 * 365 * 10 + 3600 * 24 * 30);
    author.publisher().publish_target(&to_sign("v1", b"one"), long_ago).await.expect("published");
    server.uploads();
    // Its certificate is as old, so it is renewed while that holds.
    let published = author.sign("v2", b"two").await;
    let published = published.expect("published");
    assert!(published.root_renewed);
    published.confirmed.expect("shown");
    assert_eq!(server.uploads(), [["root", "snapshot", "targets"]]);
}

#[tokio::test]
async fn delete_takes_the_cache_along_only_if_the_server_did_it() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v1", b"one").await.expect("published");
    server.files.fail("DELETE", Fault::Forbidden);
    author.publisher().delete().await.expect_err("forbidden");
    assert_eq!(author.digest("v1").await, Digest::sha256(b"one"));
    server.files.fail("DELETE", None);
    author.publisher().delete().await.expect("deleted");
    let error = author.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect_err("gone");
    assert!(matches!(error, UpdateError::NoTrustData { trusted_before: false, .. }), "{error:?}");
    author.sign("v1", b"again").await.expect("made anew");
}
