//! Lost keys: what takes their place, and what is left of an interruption.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use countersign_client::cache::{BegunRotation, Cache};
use countersign_client::keystore::KeyStore;
use countersign_client::publisher::{
    Found, FoundIn, NewRoot, PairRecovery, PublisherError, Recovered, Rotation, SignedOutcome, SnapshotKey,
};
use countersign_client::repin::{Repin, RepinError};
use countersign_client::updater::{Roles, UpdateError};
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::Threshold;
use countersign_core::time::UpdateStart;
use countersign_core::trust::TrustError;

use super::{Author, gun, roles_signed};
use crate::collection::{now, role};
use crate::publishing::PublishServer;
use crate::simulator::{Fault, version_of};

impl Author {
    async fn recover(&self, force: bool) -> Result<Recovered, PublisherError> {
        self.publisher().recover_pair(PairRecovery { force }, now()).await
    }

    async fn recover_root(&self, found: &Found) -> Result<NewRoot, PublisherError> {
        self.publisher().recover_lost_root(&found.remains, None, false, now()).await
    }

    async fn found(&self) -> Found {
        self.publisher().found(now()).await.expect("found")
    }

    /// Loses the private keys of a role.
    fn lose(&self, role: &str) -> BTreeSet<KeyId> {
        let keys = self.keys.list().expect("keys").keys.into_iter().filter(|key| key.role == role);
        keys.map(|key| self.keys.remove(key.id).map(|()| key.id).expect("there")).collect()
    }

    async fn repin(&self) -> Result<Repin, RepinError> {
        self.updater().repin(UpdateStart(now())).await
    }

    async fn keys_of_role(&self, top: TopRole) -> BTreeSet<KeyId> {
        let refreshed = self.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect("trusted");
        refreshed.collection.root().role_keys(top).canonical_ids()
    }
}

#[tokio::test]
async fn lost_pair_is_replaced_in_one_upload_that_everybody_follows() {
    let server = PublishServer::empty();
    let (author, reader) = (Author::at(&server), Author::at(&server));
    author.sign("v0", b"v0").await.expect("published");
    reader.digest("v0").await;
    let lost = [author.lose("targets"), author.lose("snapshot")];
    server.uploads();
    let found = author.publisher().lost_pair(PairRecovery::default(), now()).await.expect("found");
    let [targets, snapshot] = lost.clone();
    assert_eq!(found.roles, [(TopRole::Targets, targets), (TopRole::Snapshot, snapshot)]);
    assert_eq!((found.snapshot_key, found.is_begun), (SnapshotKey::Local, false));
    assert_eq!(author.key_roles(), ["root"], "looking makes nothing");

    let recovered = author.recover(false).await.expect("published");
    recovered.published.confirmed.as_ref().expect("shown");
    assert_eq!(roles_signed(&recovered.published), ["root", "snapshot", "targets"]);
    assert_eq!(server.uploads().len(), 1);
    assert_eq!(author.key_roles(), ["root", "snapshot", "targets"]);
    author.sign("v1", b"v1").await.expect("goes on with the new keys");
    assert_eq!(reader.digest("v0").await, Digest::sha256(b"v0"));
    assert_eq!(reader.digest("v1").await, Digest::sha256(b"v1"));
    assert!(author.cache.begun_rotations(&gun()).await.expect("memory").is_empty());
}

#[tokio::test]
async fn only_what_is_lost_is_replaced_unless_forced() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v0", b"v0").await.expect("published");
    server.uploads();
    let nothing = author.recover(false).await.expect("nothing to do");
    assert_eq!(nothing.published.outcome, SignedOutcome::NothingToPublish);
    assert!(nothing.roles.is_empty() && server.uploads().is_empty());

    let before = author.keys_of_role(TopRole::Snapshot).await;
    author.lose("targets");
    let recovered = author.recover(false).await.expect("published");
    assert_eq!(recovered.roles.len(), 1);
    assert_eq!(author.keys_of_role(TopRole::Snapshot).await, before);

    let forced = author.recover(true).await.expect("published");
    assert_eq!(forced.roles.len(), 2);
    assert_ne!(author.keys_of_role(TopRole::Snapshot).await, before);
    assert_eq!(author.key_roles(), ["root", "snapshot", "targets"], "what was replaced is gone");

    author.publisher().rotate(Rotation::ServerSnapshot, now()).await.expect("published");
    author.lose("targets");
    let recovered = author.recover(false).await.expect("published");
    assert_eq!(recovered.roles.len(), 1, "the server did not lose its key");
    assert_eq!(author.key_roles(), ["root", "targets"]);
}

#[tokio::test]
async fn snapshot_key_may_go_to_the_server_on_the_way() {
    let server = PublishServer::empty();
    let mut author = Author::at(&server);
    author.sign("v0", b"v0").await.expect("published");
    author.lose("targets");
    author.lose("snapshot");
    author.options.snapshot_key = SnapshotKey::Server;
    let recovered = author.recover(false).await.expect("published");
    assert_eq!(roles_signed(&recovered.published), ["root", "targets"]);
    assert_eq!(author.key_roles(), ["root", "targets"]);
    author.sign("v1", b"v1").await.expect("published");
}

#[tokio::test]
async fn recovery_of_the_pair_that_was_refused_goes_on_with_the_same_keys() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v0", b"v0").await.expect("published");
    author.lose("targets");
    author.lose("snapshot");
    server.refuse_next(Fault::Offline);
    author.recover(false).await.expect_err("refused");
    let made = author.key_roles();
    assert_eq!(made, ["root", "snapshot", "targets"]);
    let lost_answer = server.last_upload();
    let again = author.publisher().lost_pair(PairRecovery::default(), now()).await.expect("found");
    assert!(again.is_begun);
    author.recover(false).await.expect("published").published.confirmed.expect("shown");
    assert_eq!(author.key_roles(), made, "no further keys");

    // An upload that was taken, and nobody here learnt of it.
    let server = PublishServer::empty();
    let author = Author { server: server.clone(), cache: std::sync::Arc::default(), ..author };
    author.sign("v0", b"v0").await.expect("published");
    author.lose("targets");
    server.refuse_next(Fault::Offline);
    author.recover(false).await.expect_err("the answer is lost");
    assert_ne!(server.last_upload(), lost_answer);
    server.take(&server.last_upload()).expect("and yet it was taken");
    let again = author.recover(false).await.expect("it is there");
    assert_eq!(again.published.outcome, SignedOutcome::NothingToPublish);
    assert_eq!(again.roles.len(), 1);
    assert!(author.cache.begun_rotations(&gun()).await.expect("memory").is_empty());
}

#[tokio::test]
async fn pair_that_somebody_else_recovered_first_is_left_to_them() {
    let server = PublishServer::empty();
    let (author, other) = (Author::at(&server), Author::at(&server));
    author.sign("v0", b"v0").await.expect("published");
    for key in author.keys.list().expect("keys").keys.into_iter().filter(|key| key.role == "root") {
        let key = author.keys.load(key.id).expect("a key");
        let copy = countersign_core::sign::SecretKey::from_private_bytes(
            countersign_core::key::KeyType::Ecdsa,
            &key.to_private_bytes(),
        );
        other.keys.add(copy.expect("a key"), "root", None).expect("kept");
    }
    author.lose("targets");
    server.refuse_next(Fault::Offline);
    other.recover(false).await.expect_err("the answer is lost");
    let theirs = server.last_upload();
    server.meanwhile(move || theirs);
    let error = author.recover(false).await.expect_err("the other was first");
    assert!(matches!(error, PublisherError::RecoveredByAnother { role: TopRole::Targets }), "{error:?}");
    assert!(author.cache.begun_rotations(&gun()).await.expect("memory").is_empty());
    other.sign("v1", b"v1").await.expect("theirs is what counts");
}

#[tokio::test]
async fn without_the_root_key_the_pair_is_not_recovered() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    let error = author.recover(false).await.expect_err("no collection");
    assert!(matches!(error, PublisherError::NoCollection(_)), "{error:?}");
    author.sign("v0", b"v0").await.expect("published");
    author.lose("root");
    author.lose("targets");
    server.uploads();
    let error = author.recover(false).await.expect_err("no root key");
    assert!(matches!(error, PublisherError::NoRootKeys { .. }), "{error:?}");
    assert!(server.uploads().is_empty() && author.key_roles() == ["snapshot"]);
}

#[tokio::test]
async fn keys_of_which_several_must_sign_are_not_taken_for_lost() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v0", b"v0").await.expect("published");
    let pair = ["targets"; 2].map(|role| author.keys.generate(role, Some(&gun())).expect("a key").id());
    author.publisher().rotate(Rotation::Targets { keys: pair.to_vec() }, now()).await.expect("rotated");
    let two = Threshold::new(2).expect("a threshold");
    author.publisher().set_threshold(&role("targets"), two, now()).await.expect("published");
    author.keys.remove(pair[0]).expect("there");
    server.uploads();
    for force in [false, true] {
        let error = author.recover(force).await.expect_err("somebody else may have it");
        assert!(matches!(error, PublisherError::Several { threshold: 2, .. }), "{error:?}");
    }
    assert!(server.uploads().is_empty());
}

#[tokio::test]
async fn lost_root_begins_anew_with_all_that_was_signed() {
    for (lost, snapshot_key) in [
        (&["root"][..], SnapshotKey::Local),
        (&["root", "targets", "snapshot"], SnapshotKey::Local),
        (&["root"], SnapshotKey::Server),
    ] {
        let server = PublishServer::empty();
        let mut author = Author::at(&server);
        author.options.snapshot_key = snapshot_key;
        let reader = Author::at(&server);
        author.sign("v0", b"v0").await.expect("published");
        author.publisher().rotate(Rotation::Timestamp, now()).await.expect("rotated");
        reader.digest("v0").await;
        let before = server.newest();
        let old = author.keys_of_role(TopRole::Root).await;
        let found = author.found().await;
        let error = author.recover_root(&found).await.expect_err("nothing is lost");
        assert!(matches!(error, PublisherError::RootKeysHere { .. }), "{error:?}");
        assert_eq!(server.newest(), before);

        for role in lost {
            author.lose(role);
        }
        let found = author.found().await;
        assert!(matches!(found.source, FoundIn::Published));
        let plan = author.publisher().lost_root(&found.remains, now()).await.expect("a plan");
        assert_eq!((plan.root_keys, plan.targets.1), (old.clone(), !lost.contains(&"targets")));
        assert_eq!(server.newest(), before, "looking changes nothing");
        let anew = author.recover_root(&found).await.expect("published");
        anew.confirmed.expect("shown");
        assert_eq!(anew.new_targets_keys.is_some(), lost.contains(&"targets"));
        let after = server.newest();
        for name in ["root", "targets"] {
            assert_eq!(version_of(&after[&role(name)]), version_of(&before[&role(name)]) + 1, "{name}");
        }
        assert!(!author.keys_of_role(TopRole::Root).await.contains(old.first().expect("a key")));
        author.sign("v1", b"v1").await.expect("goes on");
        assert_eq!(Author::at(&server).digest("v0").await, Digest::sha256(b"v0"));
        assert!(author.cache.begun_rotations(&gun()).await.expect("memory").is_empty());

        // Who trusted the old root is refused until they say otherwise.
        let error =
            reader.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect_err("another root");
        assert!(matches!(error, UpdateError::Untrusted(TrustError::Rotation { .. })), "{error:?}");
        let Repin::Offer(offer) = reader.repin().await.expect("an offer") else { panic!("it is needed") };
        assert_eq!(offer.old_root.iter().map(|key| key.id).collect::<BTreeSet<_>>(), old);
        assert_eq!(offer.new_root[0].id, anew.root_key);
        assert_eq!(offer.tags.len(), 1, "v1 is new: {:?}", offer.tags);
        reader.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect_err("looking accepts nothing");
        offer.accept().await.expect("kept");
        assert_eq!(reader.digest("v1").await, Digest::sha256(b"v1"));
        assert!(matches!(reader.repin().await.expect("trusted"), Repin::NotNeeded(_)));
    }
}

#[tokio::test]
async fn recovery_from_a_lost_root_goes_on_wherever_it_was_cut_off() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v0", b"v0").await.expect("published");
    for _ in 0..2 {
        author.publisher().rotate(Rotation::Timestamp, now()).await.expect("rotated");
    }
    author.lose("root");
    let found = author.found().await;
    // The server does not delete it: nothing has changed.
    let before = server.newest();
    server.files.fail("DELETE", Fault::Forbidden);
    let error = author.recover_root(&found).await.expect_err("refused");
    assert!(matches!(error, PublisherError::Delete(_)), "{error:?}");
    assert_eq!(server.newest(), before);
    author.sign("v1", b"v1").await.expect("the collection is as it was");
    let found = author.found().await;
    server.files.fail("DELETE", None);
    // Deleted, and nothing published.
    server.refuse_next(Fault::Offline);
    author.recover_root(&found).await.expect_err("cut off");
    let keys = author.key_roles();
    let begun = author.found().await;
    assert!(matches!(begun.source, FoundIn::Gone), "{begun:?}");
    assert_eq!(begun.remains.files, found.remains.files);
    // One root of several published: the first of them is taken, the next is not.
    server.refuse_after(1, Fault::Offline);
    author.recover_root(&begun).await.expect_err("cut off");
    let begun = author.found().await;
    assert!(matches!(begun.source, FoundIn::Begun), "{begun:?}");
    // With another key nobody could follow, and the note of the one that it was begun with would be gone.
    let other = author.keys.generate("root", None).expect("a key").id();
    let refused = author
        .publisher()
        .recover_lost_root(&begun.remains, Some(other), false, now())
        .await
        .expect_err("another");
    assert!(matches!(refused, PublisherError::BegunWithAnother { .. }), "{refused:?}");
    author.keys.remove(other).expect("there");
    author.recover_root(&begun).await.expect("published").confirmed.expect("shown");
    assert_eq!(author.key_roles(), keys, "one new root key");
    assert_eq!(version_of(&server.newest()[&role("root")]), 4);
    assert_eq!(Author::at(&server).digest("v1").await, Digest::sha256(b"v1"));
}

#[tokio::test]
async fn what_was_published_meanwhile_is_not_deleted() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v0", b"v0").await.expect("published");
    author.lose("root");
    let found = author.found().await;
    author.sign("v1", b"v1").await.expect("published");
    let before = server.newest();
    let error = author.recover_root(&found).await.expect_err("there is something newer");
    assert!(matches!(error, PublisherError::ChangedMeanwhile(_) | PublisherError::Remains(..)), "{error:?}");
    assert_eq!(server.newest(), before);
    // Somebody else was faster, on another machine.
    let mut other = Author::at(&server);
    other.keys = author.keys.clone();
    let found = author.found().await;
    other.recover_root(&other.found().await).await.expect("published");
    let theirs = server.newest();
    let error = author.recover_root(&found).await.expect_err("it has another root");
    assert!(matches!(error, PublisherError::ChangedMeanwhile(_)), "{error:?}");
    assert_eq!(server.newest(), theirs);
}

#[tokio::test]
async fn expired_collection_is_recovered_from_the_cache() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v0", b"v0").await.expect("published");
    author.lose("root");
    let later = now().plus_seconds(11 * 365 * 24 * 60 * 60);
    let found = author.publisher().found(later).await.expect("cached");
    assert!(matches!(found.source, FoundIn::Expired(_)), "{found:?}");
    author.publisher().lost_root(&found.remains, later).await.expect("a plan");
    let stranger = Author::at(&server);
    let error = stranger.publisher().found(later).await.expect_err("nothing is cached");
    assert!(matches!(error, PublisherError::NothingLeft(_)), "{error:?}");
}

fn show(server: &PublishServer, files: &BTreeMap<RoleName, Bytes>) {
    for (role, file) in files {
        server.files.put(role, file);
    }
}

#[tokio::test]
async fn trust_is_not_begun_anew_where_another_root_would_not_help() {
    let server = PublishServer::empty();
    let (author, reader) = (Author::at(&server), Author::at(&server));
    let error = reader.repin().await.expect_err("never trusted");
    assert!(matches!(error, RepinError::Unknown(_)), "{error:?}");
    author.sign("v0", b"v0").await.expect("published");
    reader.digest("v0").await;
    let old = server.newest();
    author.sign("v1", b"v1").await.expect("published");
    reader.digest("v1").await;
    // The server goes back: the root is the same.
    show(&server, &old);
    let error = reader.repin().await.expect_err("a rollback");
    assert!(matches!(error, RepinError::SameRoot(UpdateError::Untrusted(_))), "{error:?}");
    // It goes back behind a rotation of root: the root is an older one.
    show(&server, &server.newest());
    let rotation =
        Rotation::Root { keys: Vec::new(), older: countersign_client::publisher::OlderRoots::None };
    author.publisher().rotate(rotation, now()).await.expect("rotated");
    reader.digest("v1").await;
    server.files.clear();
    show(&server, &old);
    let error = reader.repin().await.expect_err("a rollback");
    assert!(matches!(error, RepinError::OlderRoot(_)), "{error:?}");
    server.files.fail_all(Fault::Offline);
    let error = reader.repin().await.expect_err("nobody answers");
    assert!(matches!(error, RepinError::Update(UpdateError::Unreachable { .. })), "{error:?}");
}

#[tokio::test]
async fn pin_and_refused_first_use_hold_for_trust_that_begins_anew() {
    let server = PublishServer::empty();
    let (author, mut reader) = (Author::at(&server), Author::at(&server));
    author.sign("v0", b"v0").await.expect("published");
    let old = author.lose("root");
    reader.settings.pinning.certs.insert(gun().to_string(), old);
    reader.digest("v0").await;
    let anew = author.recover_root(&author.found().await).await.expect("published");
    let error = reader.repin().await.expect_err("pinned to the old key");
    assert!(matches!(error, RepinError::Update(UpdateError::Untrusted(TrustError::Pin { .. }))), "{error:?}");
    reader.settings.pinning.certs.clear();
    reader.settings.demands.first_use = countersign_client::updater::FirstUse::Refused;
    let error = reader.repin().await.expect_err("no first use");
    assert!(matches!(error, RepinError::Update(UpdateError::FirstUse { .. })), "{error:?}");
    reader.settings.pinning.certs.insert(gun().to_string(), [anew.root_key].into());
    let Repin::Offer(offer) = reader.repin().await.expect("an offer") else { panic!("it is needed") };
    offer.accept().await.expect("kept");
    reader.digest("v0").await;
}

#[tokio::test]
async fn note_of_another_rotation_is_no_begun_recovery() {
    let server = PublishServer::empty();
    let author = Author::at(&server);
    author.sign("v0", b"v0").await.expect("published");
    let root = author.lose("root");
    let begun = BegunRotation { role: role("root"), keys: Vec::new(), replaces: root.into_iter().collect() };
    author.cache.note_rotations(&gun(), &[begun]).await.expect("noted");
    let anew = author.recover_root(&author.found().await).await.expect("published");
    anew.confirmed.expect("shown");
    author.sign("v1", b"v1").await.expect("goes on");
}

/// The snapshot lists what there is: what a cache or an export has not got must not be deleted unsaid.
#[tokio::test]
async fn lost_root_deletes_no_delegation_that_is_not_here_or_is_over() {
    let server = PublishServer::empty();
    let (mut owner, bob) = (Author::at(&server), Author::at(&server));
    owner.options.snapshot_key = SnapshotKey::Server;
    let key = bob.keys.generate("bob", None).expect("a key");
    let signer = role("targets/bob");
    owner.publisher().add_signer(&signer, &[key.public_key().clone()], now()).await.expect("added");
    bob.sign("v1", b"one").await.expect("published");
    owner.lose("root");
    let mut found = owner.found().await;
    let bobs = found.remains.files.remove(&signer).expect("it is there");
    let before = server.newest();
    let refused = owner.recover_root(&found).await.expect_err("bob's file is not here");
    assert!(
        matches!(&refused, PublisherError::WouldLose { roles, .. } if *roles == [signer.clone()]),
        "{refused:?}"
    );
    assert_eq!(server.newest(), before, "nothing was deleted");
    // In four years bob's signature is over, and nobody but he can renew it.
    found.remains.files.insert(signer.clone(), bobs);
    let later = now().plus_seconds(4 * 365 * 86_400);
    let refused = owner.publisher().recover_lost_root(&found.remains, None, false, later).await;
    assert!(
        matches!(&refused, Err(PublisherError::WouldLose { roles, .. }) if roles.contains(&signer)),
        "{refused:?}"
    );
    assert_eq!(server.newest(), before, "nothing was deleted");
    found.remains.files.remove(&signer);
    let anew = owner.publisher().recover_lost_root(&found.remains, None, true, now()).await.expect("agreed");
    assert!(!anew.roles.contains(&signer) && anew.roles.contains(&RoleName::releases()), "{:?}", anew.roles);
}
