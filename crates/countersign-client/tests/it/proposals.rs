//! Proposals by way of real servers: ours keeps one, Debian's does not know them, and others answer badly.

use bytes::Bytes;
use countersign_client::keystore::KeyStore as _;
use countersign_client::remote::{FetchError, PublishError, Remote};
use countersign_client::updater::Roles;
use countersign_core::author::{Change, Draft, KeyRing, Proposal};
use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;
use countersign_core::time::UpdateStart;
use countersign_lab::fault::Fault;
use countersign_lab::proxy::At;
use countersign_testkit::peers::{MariaDb, NotaryServer, present_or_skip};

use crate::bad_answers::Scene;
use crate::collection::{name, role};
use crate::people::{Ours, Place, clock, gun, remote};

/// A next edition with one more tag, signed with the targets key of whoever it is.
async fn proposal(ours: &Ours, tag: &str) -> Bytes {
    let refreshed = ours.updater.refresh(UpdateStart(clock()), Roles::All).await.expect("trusted");
    let collection = refreshed.collection;
    let mut ring = KeyRing::default();
    for id in collection.root().role_keys(TopRole::Targets).canonical_ids() {
        ring.insert(ours.keys.load(id).expect("a key"));
    }
    let mut draft = Draft::of(&collection);
    let meta = FileMeta::of(tag.as_bytes());
    draft.apply(&Change::SetTarget { role: role("targets"), name: name(tag), meta }).expect("applied");
    draft.propose(&collection, gun(), &ring, clock()).expect("written").to_bytes().into()
}

/// That a server keeps no proposals, and that this is no error.
async fn keeps_none(remote: &dyn Remote, proposal: &Bytes) {
    assert_eq!(remote.proposal(Proposal::MAX_BYTES).await.expect("an answer"), None);
    for replace in [false, true] {
        assert_eq!(remote.propose(proposal.clone(), replace).await.expect("an answer"), None);
    }
    remote.withdraw_proposal().await.expect("nothing to drop");
}

async fn theirs_keeps_none(server: &NotaryServer) {
    let dir = tempfile::tempdir().expect("a directory");
    let remote = remote(&server.url(), &server.ca_file());
    keeps_none(&remote, &Bytes::from_static(b"{}")).await;
    let ours = Ours::at(&Place::theirs(server), dir.path());
    ours.sign("v1", b"one").await.expect("published");
    keeps_none(&remote, &proposal(&ours, "v2").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notary_server_keeps_no_proposals() {
    if present_or_skip(&["notary-server"]) {
        theirs_keeps_none(&NotaryServer::memory()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notary_server_on_mariadb_keeps_no_proposals() {
    if present_or_skip(&["notary-server", "mariadbd", "mariadb", "mariadb-install-db"]) {
        let database = MariaDb::start();
        theirs_keeps_none(&NotaryServer::mariadb(&database)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_server_keeps_one_replaces_it_on_demand_and_drops_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, place) = Place::start_ours(&dir.path().join("server")).await;
    let ours = Ours::at(&place, &dir.path().join("ours"));
    ours.sign("v1", b"one").await.expect("published");
    let remote = remote(&place.url, &place.ca_file);
    let shown = async || remote.proposal(Proposal::MAX_BYTES).await.expect("an answer");
    assert_eq!(shown().await, None);
    let (first, other) = (proposal(&ours, "v2").await, proposal(&ours, "v3").await);
    assert_eq!(remote.propose(first.clone(), false).await.expect("kept").as_ref(), Some(&first));
    assert_eq!(shown().await.as_ref(), Some(&first));
    let tight = remote.proposal(first.len() as u64 - 1).await;
    assert!(matches!(tight, Err(FetchError::BadAnswer { .. })), "{tight:?}");
    let refused = remote.propose(other.clone(), false).await.expect_err("another one");
    let PublishError::Rejected { name, message, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(name, "PROPOSAL_EXISTS");
    assert!(message.contains("something else for `targets`"), "{message}");
    assert_eq!(remote.propose(other.clone(), true).await.expect("replaced").as_ref(), Some(&other));
    assert_eq!(shown().await.as_ref(), Some(&other));
    for _ in 0..2 {
        remote.withdraw_proposal().await.expect("dropped");
        assert_eq!(shown().await, None);
    }
    ours.sign("v4", b"four").await.expect("published");
    for (bad, code) in [(first, "PROPOSAL_OVERTAKEN"), (Bytes::from_static(b"{}"), "PROPOSAL_INVALID")] {
        let refused = remote.propose(bad, false).await.expect_err("of no use");
        assert!(matches!(&refused, PublishError::Rejected { name, .. } if name == code), "{refused:?}");
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_answer_about_proposals_is_an_error_and_not_none() {
    let scene = Scene::start().await;
    let remote = scene.remote();
    for status in [404, 405] {
        scene.proxy.misbehave(At::Everything, Fault::Status(status));
        keeps_none(remote, &Bytes::from_static(b"{}")).await;
    }
    for fault in [
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(409),
        Fault::Status(503),
        Fault::Redirect("https://127.0.0.1:1/".to_owned()),
    ] {
        scene.proxy.misbehave(At::Everything, fault.clone());
        remote.proposal(1 << 20).await.map(drop).expect_err("no answer");
        remote.propose(Bytes::from_static(b"{}"), false).await.map(drop).expect_err("no answer");
        remote.withdraw_proposal().await.expect_err("no answer");
    }
    scene.proxy.misbehave(At::Everything, Fault::Html);
    let error = remote.proposal(1 << 20).await.expect_err("a page");
    assert!(error.to_string().ends_with("it is a web page, not a proposal"), "{error}");
    remote.propose(Bytes::from_static(b"{}"), false).await.map(drop).expect_err("a page");
}
