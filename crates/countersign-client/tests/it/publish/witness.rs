//! A delegation whose only signer was taken from it.

use std::sync::Arc;

use bytes::Bytes;
use countersign_client::changelist::ChangeList;
use countersign_client::publisher::{Lacks, Published, PublisherError, Unpullable, Unusable, Witnessed};
use countersign_client::updater::{Refreshed, Roles};
use countersign_core::author::{AuthorError, Change, DelegationEdit};
use countersign_core::digest::Digest;
use countersign_core::name::RoleName;
use countersign_core::number::Threshold;
use countersign_core::time::UpdateStart;
use countersign_core::trust::Unsigned;

use super::{Author, gun, roles_signed};
use crate::collection::{name, now, role};
use crate::publishing::PublishServer;

/// An owner, and two signers; the one who signed `v1` was removed.
struct Team {
    server: Arc<PublishServer>,
    owner: Author,
    alice: Author,
    reader: Author,
}

impl Team {
    async fn without_bob() -> Self {
        let server = PublishServer::empty();
        let [owner, alice, bob, reader] = [(); 4].map(|()| Author::at(&server));
        let owner = owner.with_signers(&[("alice", &alice), ("bob", &bob)]).await;
        bob.sign("v1", b"one").await.expect("published");
        owner.refresh().await;
        let bob = role("targets/bob");
        let removed = owner.publisher().remove_signer(&bob, Unpullable::Accepted, now()).await;
        removed.expect("removed").confirmed.expect("shown");
        Self { server, owner, alice, reader }
    }
}

impl Author {
    async fn refresh(&self) -> Refreshed {
        self.updater().refresh(UpdateStart(now()), Roles::All).await.expect("trusted")
    }

    async fn shown(&self) -> Unsigned {
        let shown = self.publisher().unusable(&RoleName::releases(), now()).await.expect("an answer");
        let Some(Unusable::Unsigned(shown)) = shown else { panic!("{shown:?}") };
        *shown
    }

    async fn witness(&self, shown: &Unsigned, witnessed: Witnessed) -> Result<Published, PublisherError> {
        let shown = Unusable::Unsigned(Box::new(shown.clone()));
        self.publisher().witness(&RoleName::releases(), &shown, witnessed, now()).await
    }
}

fn is_stuck(error: &PublisherError) -> bool {
    matches!(error, PublisherError::Delegation { role, lacks: Some(Lacks::Signatures), .. } if *role == RoleName::releases())
}

#[tokio::test]
async fn what_a_removed_signer_alone_had_signed_is_signed_again_as_it_is() {
    let team = Team::without_bob().await;
    let error = team.alice.sign("v2", b"two").await.expect_err("it would lose v1");
    assert!(is_stuck(&error), "{error:?}");
    let shown = team.alice.shown().await;
    assert!(!shown.trusted_before, "alice never pulled it");
    assert!(team.owner.shown().await.trusted_before);
    let before = shown.says.version;
    let witnessed = team.alice.witness(&shown, Witnessed::AsItIs).await.expect("published");
    assert_eq!(roles_signed(&witnessed), ["targets/releases"]);
    assert_eq!(team.reader.digest("v1").await, Digest::sha256(b"one"));
    let refreshed = team.reader.refresh().await;
    let releases = refreshed.collection.targets(&RoleName::releases()).expect("it is used");
    assert_eq!(releases.version, before.next().expect("a version"));
    team.alice.sign("v2", b"two").await.expect("she goes on");
    assert_eq!(team.reader.digest("v1").await, Digest::sha256(b"one"));
    assert_eq!(team.alice.publisher().unusable(&RoleName::releases(), now()).await.expect("an answer"), None);
}

#[tokio::test]
async fn what_a_stolen_key_had_signed_is_left_behind() {
    let team = Team::without_bob().await;
    // Whoever has the key may write what nobody goes on from.
    let file = team.server.newest()[&RoleName::releases()].clone();
    let text = std::str::from_utf8(&file).expect("JSON");
    let spoilt = text.replace("\"_type\":\"Targets\",", "\"_type\":\"Targets\",\"a\":1,");
    assert_ne!(spoilt, text);
    team.server.list(RoleName::releases(), Bytes::from(spoilt));
    let shown = team.alice.shown().await;
    let refused = team.alice.witness(&shown, Witnessed::AsItIs).await.expect_err("it would lose a field");
    assert!(matches!(&refused, PublisherError::Sign(AuthorError::UnknownField { .. })), "{refused:?}");
    let witnessed = team.alice.witness(&shown, Witnessed::Nothing).await.expect("published");
    witnessed.confirmed.expect("shown");
    let releases = team.reader.refresh().await.collection.targets(&RoleName::releases()).cloned();
    let releases = releases.expect("it is used");
    assert!(releases.targets.is_empty() && releases.version > shown.says.version, "{releases:?}");
    team.alice.sign("v2", b"two").await.expect("she goes on");
    let tags = team.reader.refresh().await.collection.targets(&RoleName::releases()).cloned().expect("used");
    assert!(tags.targets.find(&name("v1")).is_none() && tags.targets.find(&name("v2")).is_some());
}

#[tokio::test]
async fn only_what_was_shown_is_signed() {
    let team = Team::without_bob().await;
    let mut shown = team.alice.shown().await;
    shown.sha256 = Digest::sha256(b"something else");
    team.server.uploads();
    for witnessed in [Witnessed::AsItIs, Witnessed::Nothing] {
        let refused = team.alice.witness(&shown, witnessed).await;
        assert!(matches!(refused, Err(PublisherError::ChangedMeanwhile(_))), "{refused:?}");
    }
    assert!(team.server.uploads().is_empty());
    // Whoever has no key of the role cannot say anything for it.
    let shown = team.owner.shown().await;
    let refused = team.owner.witness(&shown, Witnessed::AsItIs).await;
    assert!(refused.is_err(), "{refused:?}");
    assert!(team.server.uploads().is_empty());
}

/// Notary's `witness` asks nobody: so it has to be what was trusted before.
#[tokio::test]
async fn staged_witness_signs_only_what_was_trusted_here_before() {
    let team = Team::without_bob().await;
    let dir = tempfile::tempdir().expect("a directory");
    let list = ChangeList::new(dir.path(), gun());
    let witness = Change::Witness { role: RoleName::releases() };
    list.add(&[witness], now()).await.expect("staged");
    let error = team.alice.publisher().publish_changes(&list, now()).await.expect_err("she never saw it");
    assert!(is_stuck(&error), "{error:?}");
    // The owner did. With a key of the role it is theirs to sign.
    let key = team.owner.key_for("owner");
    team.owner.publisher().add_signer(&role("targets/owner"), &[key], now()).await.expect("added");
    team.owner.publisher().publish_changes(&list, now()).await.expect("published");
    assert_eq!(team.reader.digest("v1").await, Digest::sha256(b"one"));
    team.alice.sign("v2", b"two").await.expect("she goes on");
    team.owner.sign("v3", b"three").await.expect("and so does the owner");
}

/// Whoever answers may list anything for a role whose keys have not signed it: nothing older than what was trusted is shown for it.
#[tokio::test]
async fn file_older_than_what_was_trusted_is_not_shown_for_signing() {
    let team = Team::without_bob().await;
    let trusted = team.owner.shown().await.says.version.get();
    let file = team.server.newest()[&RoleName::releases()].clone();
    let text = std::str::from_utf8(&file).expect("JSON").replace("\"v1\"", "\"v0\"");
    let version = |version: u64| format!("\"version\":{version}");
    assert!(text.contains(&version(trusted)), "{text}");
    for (offered, is_found) in [(trusted - 1, false), (trusted, false), (trusted + 1, true)] {
        let other = text.replace(&version(trusted), &version(offered));
        team.server.list(RoleName::releases(), Bytes::from(other));
        let answer = team.owner.publisher().unusable(&RoleName::releases(), now()).await;
        assert_eq!(answer.is_ok_and(|shown| shown.is_some()), is_found, "version {offered}");
    }
}

/// What two signed, and one of them may not sign any more: no proposal can be held against what nobody loads.
#[tokio::test]
async fn role_that_two_must_sign_takes_both_keys_or_a_lower_threshold() {
    let server = PublishServer::empty();
    server.keep_proposals();
    let [owner, alice, bob, carol, reader] = [(); 5].map(|()| Author::at(&server));
    let owner = owner.with_signers(&[("alice", &alice), ("bob", &bob), ("carol", &carol)]).await;
    let two = Threshold::new(2).expect("a threshold");
    owner.publisher().set_threshold(&RoleName::releases(), two, now()).await.expect("set");
    alice.sign("v1", b"one").await.expect_err("one is not enough");
    bob.sign("v1", b"one").await.expect("published");
    let removed = owner.publisher().remove_signer(&role("targets/bob"), Unpullable::Accepted, now()).await;
    removed.expect("removed").confirmed.expect("shown");
    let shown = alice.shown().await;
    let one = alice.witness(&shown, Witnessed::AsItIs).await.expect_err("one is not enough");
    assert!(matches!(&one, PublisherError::Sign(AuthorError::MissingKeys { needed: 2, .. })), "{one:?}");
    assert!(matches!(carol.approve(None).await, Err(PublisherError::NothingProposed { .. })));
    owner.publisher().set_threshold(&RoleName::releases(), Threshold::ONE, now()).await.expect("set");
    assert_eq!(reader.digest("v1").await, Digest::sha256(b"one"), "alice's own signature is enough");
    alice.sign("v2", b"two").await.expect("she goes on");
}

/// A snapshot that leaves out what was trusted is a rollback, unless somebody who has a key says that it is to begin anew.
#[tokio::test]
async fn role_whose_file_is_gone_begins_anew_after_the_version_that_was_trusted() {
    let server = PublishServer::empty();
    let [owner, alice, reader] = [(); 3].map(|()| Author::at(&server));
    owner.with_signers(&[("alice", &alice)]).await;
    alice.sign("v1", b"one").await.expect("published");
    let releases = reader.refresh().await.collection.targets(&RoleName::releases()).cloned();
    let trusted = releases.expect("it is used").version;
    server.unlist(&RoleName::releases());
    let stuck = alice.sign("v2", b"two").await.expect_err("something was trusted");
    assert!(matches!(&stuck, PublisherError::Delegation { lacks: Some(Lacks::File), .. }), "{stuck:?}");
    reader.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect_err("so it was for everybody");
    let found = alice.publisher().unusable(&RoleName::releases(), now()).await.expect("an answer");
    let found = found.expect("it was trusted");
    assert_eq!(found, Unusable::Removed(trusted));
    let witness =
        async |witnessed| alice.publisher().witness(&RoleName::releases(), &found, witnessed, now()).await;
    let refused = witness(Witnessed::AsItIs).await.expect_err("of nothing");
    assert!(matches!(&refused, PublisherError::NothingToWitness { .. }), "{refused:?}");
    witness(Witnessed::Nothing).await.expect("published").confirmed.expect("shown");
    let anew = reader.refresh().await.collection.targets(&RoleName::releases()).cloned().expect("it is used");
    assert!(anew.targets.is_empty() && anew.version == trusted.next().expect("a version"), "{anew:?}");
    alice.sign("v2", b"two").await.expect("she goes on");
    assert_eq!(reader.digest("v2").await, Digest::sha256(b"two"));
}

/// What is signed unseen has to be what is meant now.
#[tokio::test]
async fn staged_witness_takes_nothing_that_has_expired_or_was_removed_since() {
    let team = Team::without_bob().await;
    let dir = tempfile::tempdir().expect("a directory");
    let list = ChangeList::new(dir.path(), gun());
    let witness = Change::Witness { role: RoleName::releases() };
    let key = team.owner.key_for("owner");
    let releases =
        DelegationEdit { add_keys: vec![key], add_paths: vec![String::new()], ..DelegationEdit::default() };
    let declared = Change::EditDelegation { role: RoleName::releases(), edit: releases };
    let gone = Change::RemoveDelegation { role: RoleName::releases() };
    list.add(&[gone, declared, witness.clone()], now()).await.expect("staged");
    let published = team.owner.publisher().publish_changes(&list, now()).await;
    let says_v1 = |refreshed: &Refreshed| {
        let releases = refreshed.collection.targets(&RoleName::releases());
        releases.is_some_and(|releases| releases.targets.find(&name("v1")).is_some())
    };
    assert!(published.is_err() || !says_v1(&team.reader.refresh().await), "it was removed first");
    list.clear().await.expect("cleared");

    let team = Team::without_bob().await;
    list.add(&[witness], now()).await.expect("staged");
    let late = now().plus_seconds(4 * 365 * 86_400);
    let key = team.owner.key_for("owner");
    team.owner.publisher().add_signer(&role("targets/owner"), &[key], now()).await.expect("added");
    let refused = team.owner.publisher().publish_changes(&list, late).await;
    assert!(refused.is_err(), "{refused:?}");
    team.owner.publisher().publish_changes(&list, now()).await.expect("in time");
}
