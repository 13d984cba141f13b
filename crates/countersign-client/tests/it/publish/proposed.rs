//! Roles that need several signatures: nothing is published before they are there, and whoever adds the last one publishes.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_client::cache::Cache;
use countersign_client::changelist::ChangeList;
use countersign_client::keystore::KeyStore;
use countersign_client::publisher::{
    Approval, Proposed, PublisherError, RootChange, Shared, SignedOutcome, SnapshotKey,
};
use countersign_client::remote::Remote as _;
use countersign_client::updater::{DelegationFault, Roles, UpdateError};
use countersign_core::author::{Change, Draft, KeyRing, Proposal, ProposalError};
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;
use countersign_core::number::Threshold;
use countersign_core::time::{DateTime, UpdateStart};

use super::{Author, gun, roles_signed};
use crate::collection::{name, now, role};
use crate::publishing::PublishServer;

pub(super) fn two() -> Threshold {
    Threshold::new(2).expect("a threshold")
}

fn proposed(error: PublisherError) -> Proposed {
    match error {
        PublisherError::Proposed(proposed) => *proposed,
        other => panic!("{other:?}"),
    }
}

impl Author {
    /// A key for a role, and what others may know of it.
    pub(super) fn key_for(&self, role: &str) -> countersign_core::key::PublicKey {
        self.keys.generate(role, None).expect("a key").public_key().clone()
    }

    pub(super) async fn approve(&self, given: Option<&Proposal>) -> Result<Approval, PublisherError> {
        let publisher = self.publisher();
        let opened = publisher.open_proposal(given, now()).await?;
        publisher.approve(opened, now()).await
    }

    /// What this signer would propose at another time: a tag, in what is released and in a role of their own.
    async fn proposal_at(&self, time: DateTime, own: &str, tag: &str, content: &[u8]) -> Proposal {
        let refreshed = self.updater().refresh(UpdateStart(now()), Roles::Publish).await.expect("trusted");
        let mut draft = Draft::of(&refreshed.collection);
        for role in [role(own), role("targets/releases")] {
            let meta = FileMeta::new(Digest::sha256(content).into(), content.len() as u64);
            draft.apply(&Change::SetTarget { role, name: name(tag), meta }).expect("a target");
        }
        let mut ring = KeyRing::default();
        for key in self.keys.list().expect("keys").keys {
            ring.insert(self.keys.load(key.id).expect("a key"));
        }
        draft.propose(&refreshed.collection, gun(), &ring, time).expect("written")
    }

    async fn kept(&self) -> Option<Proposal> {
        let kept = self.cache.proposal(&gun(), Proposal::MAX_BYTES).await.expect("readable");
        kept.map(|kept| Proposal::parse(&kept).expect("a proposal"))
    }

    /// Whether nothing can be pulled yet.
    async fn sees_nothing_released(&self) -> bool {
        let refreshed = self.updater().refresh(UpdateStart(now()), Roles::Pull).await;
        matches!(refreshed, Err(UpdateError::Releases { source: DelegationFault::Unpublished, .. }))
    }
}

/// An owner, two signers, and what is released needs the signatures of both.
struct Team {
    owner: Author,
    alice: Author,
    bob: Author,
    reader: Author,
}

impl Team {
    async fn at(server: &Arc<PublishServer>) -> Self {
        let [owner, alice, bob, reader] = [(); 4].map(|()| Author::at(server));
        let owner = owner.with_signers(&[("alice", &alice), ("bob", &bob)]).await;
        owner.publisher().set_threshold(&role("targets/releases"), two(), now()).await.expect("set");
        server.uploads();
        Self { owner, alice, bob, reader }
    }
}

#[tokio::test]
async fn push_by_one_of_two_signers_leaves_a_proposal_and_publishes_nothing() {
    let server = PublishServer::empty();
    let team = Team::at(&server).await;
    let left = proposed(team.alice.sign("v1", b"one").await.expect_err("one of two"));
    assert!(server.uploads().is_empty());
    assert_eq!(left.wanting(), "targets/releases has 1 of 2 signatures");
    assert!(matches!(left.shared, Shared::HereAlone(None)), "{:?}", left.shared);
    let opened = team.alice.publisher().open_proposal(None, now()).await.expect("it waits here");
    assert_eq!(opened.preview.tags.len(), 2);
    assert!(opened.here.is_empty());
    // Whoever is no signer cannot add anything, and the one who signed cannot add it twice.
    let travelled = Proposal::parse(&left.proposal.to_bytes()).expect("own proposal");
    for author in [&team.owner, &team.alice] {
        let refused = author.approve(Some(&travelled)).await.expect_err("no key");
        assert!(matches!(refused, PublisherError::NothingToSign(_)), "{refused:?}");
    }
    assert!(server.uploads().is_empty());
}

#[tokio::test]
async fn proposal_that_travelled_as_a_file_is_completed_and_published() {
    let server = PublishServer::empty();
    let team = Team::at(&server).await;
    let left = proposed(team.alice.sign("v1", b"one").await.expect_err("one of two"));
    let travelled = Proposal::parse(&left.proposal.to_bytes()).expect("own proposal");
    let approval = team.bob.approve(Some(&travelled)).await.expect("the second signature");
    let Approval::Published(published) = approval else { panic!("{approval:?}") };
    assert_eq!(roles_signed(&published), ["targets/alice", "targets/releases"]);
    published.confirmed.expect("the server shows it");
    assert_eq!(team.reader.digest("v1").await, Digest::sha256(b"one"));
    // Nothing waits any more, and who comes late is told so.
    let over = team.bob.publisher().open_proposal(None, now()).await.expect_err("done");
    assert!(matches!(over, PublisherError::NothingProposed { source: None, .. }), "{over:?}");
    let over = team.alice.publisher().open_proposal(None, now()).await.expect_err("done");
    let PublisherError::NothingProposed { source: Some(ProposalError::Overtaken { .. }), .. } = over else {
        panic!("{over:?}")
    };
    let late = team.alice.approve(Some(&travelled)).await.expect_err("overtaken");
    assert!(matches!(late, PublisherError::Proposal(ProposalError::Overtaken { .. })), "{late:?}");
}

#[tokio::test]
async fn second_signer_of_the_same_tag_completes_it_by_way_of_the_server() {
    let server = PublishServer::empty();
    server.keep_proposals();
    let team = Team::at(&server).await;
    let left = proposed(team.alice.sign("v1", b"one").await.expect_err("one of two"));
    assert!(matches!(left.shared, Shared::OnServer), "{:?}", left.shared);
    let published = team.bob.sign("v1", b"one").await.expect("the second signature");
    assert_eq!(roles_signed(&published), ["targets/releases", "targets/bob"]);
    assert_eq!(team.reader.digest("v1").await, Digest::sha256(b"one"));
    let refreshed = team.reader.updater().refresh(UpdateStart(now()), Roles::All).await.expect("trusted");
    for (of, signers) in [("targets/alice", 1), ("targets/bob", 1), ("targets/releases", 2)] {
        assert_eq!(refreshed.collection.targets(&role(of)).expect("loaded").signers().len(), signers, "{of}");
    }
}

#[tokio::test]
async fn other_change_waits_until_the_first_is_withdrawn() {
    let server = PublishServer::empty();
    server.keep_proposals();
    let team = Team::at(&server).await;
    proposed(team.alice.sign("v1", b"one").await.expect_err("one of two"));
    let refused = team.bob.sign("v1", b"other").await.expect_err("something else waits");
    assert!(matches!(refused, PublisherError::OtherProposal { .. }), "{refused:?}");
    team.bob.publisher().withdraw_proposal().await.expect("withdrawn");
    let left = proposed(team.bob.sign("v1", b"other").await.expect_err("one of two"));
    assert_eq!(
        left.proposal.roles().map(ToString::to_string).collect::<Vec<_>>(),
        ["targets/bob", "targets/releases"]
    );
    // Alice's own copy is not what the server has: the server's is what waits.
    let opened = team.alice.publisher().open_proposal(None, now()).await.expect("bob's");
    assert_eq!(opened.proposal().roles().count(), 2);
    assert!(opened.preview.tags.iter().all(|tag| tag.after == Some(Digest::sha256(b"other"))));
}

/// Whoever signs the same tag was not shown how long the first signer would have it valid.
#[tokio::test]
async fn second_signer_of_the_same_tag_signs_no_other_expiry_unseen() {
    const DAY: i64 = 24 * 60 * 60;
    for days in [-1094, -1000, 2, 36500] {
        let server = PublishServer::empty();
        server.keep_proposals();
        let team = Team::at(&server).await;
        let odd = team.alice.proposal_at(now().plus_seconds(days * DAY), "targets/alice", "v1", b"one").await;
        server.propose(odd.to_bytes().into(), true).await.expect("kept");
        let refused = team.bob.sign("v1", b"one").await.expect_err("for another time");
        let PublisherError::UnusualProposal { source, .. } = refused else { panic!("{days}: {refused:?}") };
        match source {
            ProposalError::TooShort { role: of, .. } if days < 0 => assert_eq!(of, role("targets/releases")),
            ProposalError::TooLong { role: of, .. } if days > 0 => assert_eq!(of, role("targets/releases")),
            other => panic!("{days}: {other:?}"),
        }
        assert!(server.uploads().is_empty());
        assert!(team.bob.kept().await.is_none());
        let served = server.proposal(Proposal::MAX_BYTES).await.expect("an answer").expect("as it was");
        assert_eq!(Proposal::parse(&served).expect("a proposal"), odd);
        // Whoever looks at it may sign it all the same.
        let approval = team.bob.approve(None).await.expect("the second signature");
        assert!(matches!(approval, Approval::Published(_)), "{approval:?}");
    }
}

#[tokio::test]
async fn proposal_in_a_file_never_takes_the_place_of_another_that_is_kept() {
    let server = PublishServer::empty();
    let team = Team::at(&server).await;
    proposed(team.bob.sign("v1", b"bobs").await.expect_err("one of two"));
    let kept = team.bob.kept().await.expect("it waits here");
    let other = team.alice.proposal_at(now(), "targets/alice", "v1", b"alices").await;
    // Looking is no harm, and neither signing nor publishing is done.
    let publisher = team.bob.publisher();
    let opened = publisher.open_proposal(Some(&other), now()).await.expect("it can be looked at");
    assert!(opened.preview.tags.iter().all(|tag| tag.after == Some(Digest::sha256(b"alices"))));
    let refused = publisher.approve(opened, now()).await.expect_err("another is kept");
    let PublisherError::KeptProposal { kept: ref mine, other: ref theirs, .. } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(*mine, [role("targets/bob"), role("targets/releases")]);
    assert_eq!(*theirs, [role("targets/alice"), role("targets/releases")]);
    let opened = publisher.open_proposal(Some(&other), now()).await.expect("it can be looked at");
    let refused = publisher.sign_proposal(opened).await.expect_err("another is kept");
    assert!(matches!(refused, PublisherError::KeptProposal { .. }), "{refused:?}");
    assert_eq!(team.bob.kept().await, Some(kept.clone()));
    assert!(server.uploads().is_empty());
    // Less than what is kept would lose the rest.
    let less = team.alice.proposal_at(now(), "targets/releases", "v1", b"bobs").await;
    let refused = team.bob.approve(Some(&less)).await.expect_err("more is kept");
    assert!(matches!(refused, PublisherError::KeptProposal { .. }), "{refused:?}");
    assert_eq!(team.bob.kept().await, Some(kept.clone()));
    // The same with more signatures is no other one.
    let approval = team.alice.approve(Some(&kept)).await.expect("the second signature");
    assert!(matches!(approval, Approval::Published(_)), "{approval:?}");
}

#[tokio::test]
async fn servers_proposal_never_takes_the_place_of_another_that_is_kept() {
    let server = PublishServer::empty();
    let team = Team::at(&server).await;
    proposed(team.bob.sign("v1", b"bobs").await.expect_err("one of two"));
    let kept = team.bob.kept().await.expect("it waits here");
    server.keep_proposals();
    let other = team.alice.proposal_at(now(), "targets/alice", "v1", b"alices").await;
    server.propose(other.to_bytes().into(), true).await.expect("kept");
    for refused in [
        team.bob.approve(None).await.map(drop).expect_err("another is kept"),
        team.bob.sign("v1", b"alices").await.map(drop).expect_err("another is kept"),
    ] {
        assert!(matches!(refused, PublisherError::KeptProposal { .. }), "{refused:?}");
    }
    assert_eq!(team.bob.kept().await, Some(kept));
    // Moved away, it is in nobody's way.
    team.bob.cache.keep_proposal(&gun(), None).await.expect("dropped");
    let approval = team.bob.approve(None).await.expect("the second signature");
    assert!(matches!(approval, Approval::Published(_)), "{approval:?}");
}

/// What Docker 28 does with one key of two is an error there; with us what it signed elsewhere must not leak into a release.
#[tokio::test]
async fn tag_with_one_of_two_signatures_means_nothing_to_readers() {
    let server = PublishServer::empty();
    let team = Team::at(&server).await;
    proposed(team.alice.sign("v1", b"one").await.expect_err("one of two"));
    assert!(team.reader.sees_nothing_released().await);
}

#[tokio::test]
async fn staged_changes_stay_staged_until_they_have_come_true() {
    let server = PublishServer::empty();
    let team = Team::at(&server).await;
    let dir = tempfile::tempdir().expect("a directory");
    let list = ChangeList::new(dir.path(), gun());
    let meta = FileMeta::of(b"one");
    let change = Change::SetTarget { role: role("targets/releases"), name: name("v1"), meta };
    list.add(&[change], now()).await.expect("staged");
    let left = team.alice.publisher().publish_changes(&list, now()).await.expect_err("one of two");
    let left = proposed(left);
    assert_eq!(list.list().await.expect("readable").len(), 1);
    // Asked again, the same proposal waits.
    let again = proposed(team.alice.publisher().publish_changes(&list, now()).await.expect_err("one of two"));
    assert_eq!(again.proposal, left.proposal);
    team.bob.approve(Some(&left.proposal)).await.expect("the second signature");
    let published = team.alice.publisher().publish_changes(&list, now()).await.expect("it has come true");
    assert_eq!(published.outcome, SignedOutcome::NothingToPublish);
    assert!(list.list().await.expect("readable").is_empty());
}

/// A ceremony whose signatures are collected here: what this machine's pins say of it for a while does not cost them.
#[tokio::test]
async fn kept_proposal_outlasts_pins_that_it_does_not_fit() {
    let server = PublishServer::empty();
    let [mut owner, second] = [(); 2].map(|()| Author::at(&server));
    owner.sign("v1", b"one").await.expect("published");
    let key = second.key_for("root").id();
    let add = vec![second.publisher().root_certificate_of(key, now()).await.expect("a certificate")];
    let change = RootChange { add, threshold: Some(two()), ..RootChange::renewal() };
    let kept = owner.publisher().propose_root(&change, now()).await.expect("proposed").proposal;
    owner.settings.pinning.certs.insert(gun().to_string(), owner.private("root"));
    let refused = owner.publisher().open_proposal(None, now()).await.expect_err("clients would refuse it");
    let is_of_pins = |error: &PublisherError| {
        matches!(error, PublisherError::Proposal(ProposalError::TooFewRootKeys { counted: 1, .. }))
    };
    assert!(is_of_pins(&refused), "{refused:?}");
    let another = owner.publisher().propose_root(&RootChange::renewal(), now()).await;
    assert!(another.as_ref().is_err_and(is_of_pins), "{another:?}");
    owner.settings.pinning.certs.clear();
    let opened = owner.publisher().open_proposal(None, now()).await.expect("it is still there");
    assert_eq!(opened.proposal().to_bytes(), kept.to_bytes());
}

/// Root keys of three people, none of whom ever has another's.
#[tokio::test]
async fn root_goes_from_one_key_to_two_of_three_and_on_from_there() {
    let server = PublishServer::empty();
    server.keep_proposals();
    let [mut owner, second, third, reader] = [(); 4].map(|()| Author::at(&server));
    owner.options.snapshot_key = SnapshotKey::Server;
    owner.sign("v1", b"one").await.expect("published");
    reader.digest("v1").await;
    let mut certificates = Vec::new();
    for author in [&second, &third] {
        let key = author.key_for("root").id();
        certificates.push(author.publisher().root_certificate_of(key, now()).await.expect("a certificate"));
    }
    let change = RootChange { add: certificates, threshold: Some(two()), ..RootChange::renewal() };
    let left = owner.publisher().propose_root(&change, now()).await.expect("proposed");
    // The key before is enough for the root before; of its own keys it has one of two.
    assert_eq!(left.wanting(), "root has 1 of 2 signatures");
    server.uploads();
    let approval = second.approve(None).await.expect("the second signature");
    let Approval::Published(published) = approval else { panic!("{approval:?}") };
    assert_eq!(roles_signed(&published), ["root"]);
    assert_eq!(server.uploads().len(), 1);
    let keys = |refreshed: &countersign_client::updater::Refreshed| {
        let keys = refreshed.collection.root().role_keys(TopRole::Root);
        (keys.canonical_ids().len(), keys.threshold().get())
    };
    let seen = reader.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect("followed");
    assert_eq!(keys(&seen), (3, 2));
    // From here on the first key alone changes nothing, and the other two can take it out.
    let lost: BTreeSet<KeyId> = owner
        .keys
        .list()
        .expect("keys")
        .keys
        .into_iter()
        .filter(|key| key.role == "root")
        .map(|key| key.id)
        .collect();
    let change = RootChange { remove: lost.into_iter().collect(), ..RootChange::renewal() };
    second.publisher().propose_root(&change, now()).await.expect("proposed");
    third.approve(None).await.expect("the second signature");
    let seen = reader.updater().refresh(UpdateStart(now()), Roles::Pull).await.expect("followed");
    assert_eq!(keys(&seen), (2, 2));
    assert_eq!(reader.digest("v1").await, Digest::sha256(b"one"));
}

#[tokio::test]
async fn root_that_would_have_too_few_keys_is_not_proposed() {
    let server = PublishServer::empty();
    let owner = Author::at(&server);
    owner.sign("v1", b"one").await.expect("published");
    let change = RootChange { threshold: Some(two()), ..RootChange::renewal() };
    let refused = owner.publisher().propose_root(&change, now()).await.expect_err("one key");
    assert!(matches!(refused, PublisherError::Sign(_)), "{refused:?}");
    let nobodys = "a".repeat(64).parse().expect("an id");
    let change = RootChange { remove: vec![nobodys], ..RootChange::renewal() };
    let refused = owner.publisher().propose_root(&change, now()).await.expect_err("no such key");
    assert!(matches!(refused, PublisherError::NotAKeyOf { .. }), "{refused:?}");
    let bare = owner.key_for("other");
    let change = RootChange { add: vec![bare], ..RootChange::renewal() };
    let refused = owner.publisher().propose_root(&change, now()).await.expect_err("no certificate");
    assert!(matches!(refused, PublisherError::RootCertificate { .. }), "{refused:?}");
    assert!(owner.cache.proposal(&gun(), Proposal::MAX_BYTES).await.expect("readable").is_none());
}

#[tokio::test]
async fn threshold_of_what_is_released_is_raised_with_the_signatures_it_then_needs() {
    let server = PublishServer::empty();
    server.keep_proposals();
    let [owner, alice, bob, reader] = [(); 4].map(|()| Author::at(&server));
    let owner = owner.with_signers(&[("alice", &alice), ("bob", &bob)]).await;
    alice.sign("v1", b"one").await.expect("published");
    // What is released has one signature, so the owner's wish waits for those of the signers.
    let left = owner.publisher().set_threshold(&role("targets/releases"), two(), now()).await;
    assert_eq!(
        proposed(left.expect_err("signers are missing")).wanting(),
        "targets/releases has 0 of 2 signatures"
    );
    assert_eq!(reader.digest("v1").await, Digest::sha256(b"one"));
    let approval = bob.approve(None).await.expect("one of two");
    assert!(
        matches!(approval, Approval::Waiting(ref left) if left.wanting() == "targets/releases has 1 of 2 signatures")
    );
    let approval = alice.approve(None).await.expect("two of two");
    assert!(matches!(approval, Approval::Published(_)), "{approval:?}");
    assert_eq!(reader.digest("v1").await, Digest::sha256(b"one"));
    proposed(alice.sign("v2", b"two").await.expect_err("one of two"));
}

#[tokio::test]
async fn server_that_cannot_be_asked_for_proposals_is_said_to_be() {
    let server = PublishServer::empty();
    server.keep_proposals();
    let team = Team::at(&server).await;
    server.lose_proposals();
    let refused = team.alice.sign("v1", b"one").await.expect_err("no answer");
    assert!(matches!(refused, PublisherError::ServersProposal(_)), "{refused:?}");
    assert!(server.uploads().is_empty());
}
