//! Following root rotations.

use countersign_client::updater::UpdateError;
use countersign_core::digest::Digest;
use countersign_core::name::TopRole;
use countersign_core::trust::TrustError;

use crate::collection::{Sim, key};
use crate::simulator::{Asker, Fault, SimServer};

async fn warm(sim: &Sim) -> (std::sync::Arc<SimServer>, Asker) {
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(sim, &server);
    asker.digest("v1").await;
    server.rounds();
    (server, asker)
}

#[tokio::test]
async fn new_root_key_is_followed() {
    let mut sim = Sim::new();
    let (server, asker) = warm(&sim).await;
    sim.next_root();
    sim.give_root(&key());
    sim.set("v1", b"second");
    server.publish(&sim.publish());
    let refreshed = asker.pull().await.expect("trusted");
    assert_eq!(refreshed.collection.root().version.get(), 2);
    let rounds = server.rounds();
    assert_eq!(rounds.len(), 3, "{rounds:?}");
    assert_eq!(rounds[2], ["2.root.json", "3.root.json", "root.json"]);
    asker.digest("v1").await;
    assert_eq!(server.rounds(), [["timestamp.json"]]);
}

#[tokio::test]
async fn new_key_of_each_role_is_followed() {
    for top in [TopRole::Timestamp, TopRole::Snapshot, TopRole::Targets] {
        let mut sim = Sim::new();
        let (server, asker) = warm(&sim).await;
        sim.next_root();
        sim.rotate(top);
        sim.set("v1", b"second");
        server.publish(&sim.publish());
        assert_eq!(asker.digest("v1").await, Digest::sha256(b"second"), "{top}");
    }
}

#[tokio::test]
async fn many_rotations_take_two_rounds_of_roots() {
    let mut sim = Sim::new();
    let (server, asker) = warm(&sim).await;
    for _ in 0..6 {
        sim.next_root();
        sim.give_root(&key());
        sim.rotate(TopRole::Timestamp);
        server.publish(&sim.publish());
    }
    let refreshed = asker.pull().await.expect("trusted");
    assert_eq!(refreshed.collection.root().version.get(), 7);
    let rounds = server.rounds();
    assert_eq!(rounds[1], ["2.root.json", "3.root.json", "root.json"]);
    assert_eq!(rounds[2], ["4.root.json", "5.root.json", "6.root.json", "7.root.json", "8.root.json"]);
}

#[tokio::test]
async fn expired_root_leads_to_its_successor() {
    let mut sim = Sim::new();
    let (server, asker) = warm(&sim).await;
    asker.wait(3601);
    let later = asker.start().0.plus_seconds(3600);
    sim.next_root();
    sim.root.expires = later;
    sim.timestamp.expires = later;
    sim.snapshot.expires = later;
    sim.targets("targets").expires = later;
    server.publish(&sim.publish());
    assert_eq!(asker.pull().await.expect("trusted").collection.root().version.get(), 2);
}

#[tokio::test]
async fn expired_root_without_successor_is_refused() {
    let sim = Sim::new();
    let (_server, asker) = warm(&sim).await;
    asker.wait(3600);
    let error = asker.pull().await.expect_err("expired");
    assert!(matches!(&error, UpdateError::Untrusted(TrustError::Expired { .. })), "{error:?}");
    assert!(error.is_untrusted());
}

#[tokio::test]
async fn root_not_signed_by_its_predecessor_is_refused() {
    let mut sim = Sim::new();
    let (server, asker) = warm(&sim).await;
    let before = asker.cached().await;
    sim.next_root();
    sim.previous_root = None;
    sim.give_root(&key());
    sim.rotate(TopRole::Timestamp);
    server.publish(&sim.publish());
    let error = asker.pull().await.expect_err("a stranger's root");
    assert!(matches!(&error, UpdateError::Untrusted(TrustError::Rotation { .. })), "{error:?}");
    assert_eq!(asker.cached().await, before);
}

#[tokio::test]
async fn root_walk_ends_at_a_missing_version_only() {
    for fault in [Fault::Offline, Fault::Status(500), Fault::Unauthorized, Fault::Forbidden, Fault::BadAnswer]
    {
        let mut sim = Sim::new();
        let (server, asker) = warm(&sim).await;
        sim.next_root();
        sim.rotate(TopRole::Timestamp);
        server.publish(&sim.publish());
        server.fail("2.root.json", fault);
        let error = asker.pull().await.expect_err("the walk is not complete");
        assert!(matches!(&error, UpdateError::Fetch { .. }), "{fault:?}: {error:?}");
        server.fail("2.root.json", None);
        asker.digest("v1").await;
    }
}

#[tokio::test]
async fn root_walk_has_a_limit() {
    let mut sim = Sim::new();
    let (server, mut asker) = warm(&sim).await;
    asker.settings.limits.root_rotations = 3;
    for _ in 0..3 {
        sim.next_root();
        sim.rotate(TopRole::Timestamp);
        server.publish(&sim.publish());
    }
    asker.digest("v1").await;
    for _ in 0..4 {
        sim.next_root();
        sim.rotate(TopRole::Timestamp);
        server.publish(&sim.publish());
    }
    let error = asker.pull().await.expect_err("too many");
    assert!(matches!(error, UpdateError::RootRotations { limit: 3 }), "{error:?}");
}

#[tokio::test]
async fn timestamp_fetched_before_a_publish_is_asked_for_again() {
    // The first round met the old timestamp and the new root.
    let mut sim = Sim::new();
    let old = sim.files();
    sim.next_root();
    sim.rotate(TopRole::Timestamp);
    sim.set("v1", b"second");
    let new = sim.publish();
    let server = SimServer::with(&new);
    let asker = Asker::of(&sim, &server);
    server.serve("timestamp.json", &old.timestamp);
    let error = asker.pull().await.expect_err("the old timestamp stays");
    assert!(matches!(&error, UpdateError::Untrusted(TrustError::Signature { .. })), "{error:?}");
    let asked: usize = server.rounds().concat().iter().filter(|name| *name == "timestamp.json").count();
    assert_eq!(asked, 2);
    server.put(&TopRole::Timestamp.into(), &new.timestamp);
    assert_eq!(asker.digest("v1").await, Digest::sha256(b"second"));
}
