//! What is asked for, and in how many rounds.

use countersign_client::updater::{Freshness, Roles};
use countersign_core::digest::Digest;
use countersign_core::trust::TrustedCollection;

use crate::collection::{Sim, now};
use crate::simulator::{Asker, Fault, SimServer, digest};

const COLD: [&str; 5] =
    ["root.json", "snapshot.json", "targets.json", "targets/releases.json", "timestamp.json"];

fn versions(collection: &TrustedCollection) -> [u64; 4] {
    let targets = &collection.roles()[&"targets".parse().expect("a role")];
    [
        collection.root().version.get(),
        collection.timestamp().version.get(),
        collection.snapshot().version.get(),
        targets.version.get(),
    ]
}

fn hex(bytes: &[u8]) -> String {
    Digest::sha256(bytes).hex()
}

#[tokio::test]
async fn first_update_takes_one_round() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    let refreshed = asker.pull().await.expect("trusted");
    assert_eq!(server.rounds(), [COLD]);
    assert_eq!(versions(&refreshed.collection), [1, 1, 1, 1]);
    assert_eq!(digest(&refreshed, "v1"), Digest::sha256(b"first"));
    assert!(refreshed.first_use);
    assert!(matches!(refreshed.freshness, Freshness::Online));
}

#[tokio::test]
async fn first_update_of_a_delegating_collection_takes_one_round() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    sim.set_in("targets/releases", "v2", b"released");
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    assert_eq!(asker.digest("v2").await, Digest::sha256(b"released"));
    assert_eq!(server.rounds(), [COLD]);
}

#[tokio::test]
async fn guess_that_fails_says_nothing() {
    for fault in [Fault::Status(500), Fault::Unauthorized, Fault::BadAnswer, Fault::Offline] {
        let sim = Sim::new();
        let files = sim.files();
        let server = SimServer::with(&files);
        for guess in ["snapshot.json", "targets.json", "targets/releases.json"] {
            server.fail(guess, fault);
        }
        let asker = Asker::of(&sim, &server);
        assert_eq!(asker.digest("v1").await, Digest::sha256(b"first"), "{fault:?}");
        let targets = &files.roles[&"targets".parse().expect("a role")];
        let rounds = server.rounds();
        assert_eq!(rounds[0], COLD);
        assert_eq!(rounds[1], [format!("snapshot.{}.json", hex(&files.snapshot)), "targets.json".to_owned()]);
        assert_eq!(rounds[2], [format!("targets.{}.json", hex(targets))]);
        assert_eq!(rounds.len(), 3);
    }
}

#[tokio::test]
async fn update_with_nothing_new_is_one_request() {
    for knows_etags in [true, false] {
        let sim = Sim::new();
        let server = SimServer::with(&sim.files());
        let asker = Asker::of(&sim, &server);
        asker.digest("v1").await;
        server.rounds();
        if !knows_etags {
            server.forget_etags();
        }
        let refreshed = asker.pull().await.expect("trusted");
        assert_eq!(server.rounds(), [["timestamp.json"]]);
        assert!(!refreshed.first_use);
        assert_eq!(digest(&refreshed, "v1"), Digest::sha256(b"first"));
    }
}

#[tokio::test]
async fn renewed_timestamp_fetches_nothing_else() {
    let mut sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    asker.digest("v1").await;
    server.rounds();
    sim.timestamp.version = sim.timestamp.version.next().expect("a version");
    server.publish(&sim.files());
    let refreshed = asker.pull().await.expect("trusted");
    assert_eq!(versions(&refreshed.collection), [1, 2, 1, 1]);
    assert_eq!(server.rounds(), [["timestamp.json"]]);
    assert_eq!(asker.cached().await[&"timestamp".parse().expect("a role")], sim.files().timestamp);
}

#[tokio::test]
async fn changed_collection_takes_two_rounds() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    sim.set_in("targets/releases", "v1", b"first");
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    asker.digest("v1").await;
    server.rounds();
    sim.set_in("targets/releases", "v1", b"second");
    let files = sim.publish();
    server.publish(&files);
    let refreshed = asker.pull().await.expect("trusted");
    assert_eq!(digest(&refreshed, "v1"), Digest::sha256(b"second"));
    assert_eq!(versions(&refreshed.collection), [1, 2, 2, 2]);
    let snapshot = format!("snapshot.{}.json", hex(&files.snapshot));
    assert_eq!(
        server.rounds(),
        [vec!["timestamp.json"], vec![&snapshot, "targets.json", "targets/releases.json"]]
    );
}

#[tokio::test]
async fn mixed_set_is_fetched_again_by_checksum() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    let files = sim.files();
    let server = SimServer::with(&files);
    // Somebody publishes while the first files are on their way.
    sim.set("v1", b"second");
    let newer = sim.publish();
    for role in ["targets", "targets/releases"] {
        let role = role.parse().expect("a role");
        server.put(&role, &newer.roles[&role]);
    }
    let asker = Asker::of(&sim, &server);
    let refreshed = asker.pull().await.expect("trusted");
    assert_eq!(versions(&refreshed.collection), [1, 1, 1, 1]);
    let named = |role: &str| format!("{role}.{}.json", hex(&files.roles[&role.parse().expect("a role")]));
    assert_eq!(
        server.rounds(),
        [COLD.map(str::to_owned).to_vec(), vec![named("targets"), named("targets/releases")]]
    );
}

#[tokio::test]
async fn all_delegations_are_loaded_a_level_at_a_time() {
    let mut sim = Sim::new();
    for role in ["targets/a", "targets/b", "targets/a/x", "targets/a/y"] {
        sim.delegate(role, &[""]);
    }
    sim.set_in("targets/a/y", "deep", b"deep");
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    let refreshed = asker.refresh(Roles::All).await.expect("trusted");
    assert_eq!(refreshed.collection.roles().len(), 5);
    let rounds = server.rounds();
    assert_eq!(rounds.len(), 3, "{rounds:?}");
    assert_eq!((rounds[1].len(), rounds[2].len()), (2, 2), "{rounds:?}");
    asker.refresh(Roles::All).await.expect("trusted");
    assert_eq!(server.rounds(), [["timestamp.json"]]);
}

#[tokio::test]
async fn update_that_was_overtaken_begins_again() {
    let mut sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    let (first, second) = tokio::join!(asker.pull(), asker.pull());
    assert_eq!(versions(&first.expect("trusted").collection), versions(&second.expect("trusted").collection));
    sim.set("v1", b"second");
    server.publish(&sim.publish());
    let (first, second) = tokio::join!(asker.pull(), asker.pull());
    for refreshed in [first, second] {
        assert_eq!(versions(&refreshed.expect("trusted").collection), [1, 2, 2, 2]);
    }
}

#[tokio::test]
async fn warnings_name_what_expires_soon() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let refreshed = Asker::of(&sim, &server).pull().await.expect("trusted");
    let texts: Vec<_> = refreshed.warnings.iter().map(ToString::to_string).collect();
    let expires = now().plus_seconds(3600);
    assert_eq!(
        texts,
        ["root", "snapshot", "targets"]
            .map(|role| format!("{role} expires at {expires}; its owner should sign it again"))
    );
}
