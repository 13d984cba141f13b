//! When the server cannot be asked.

use countersign_client::updater::{Freshness, OfflineUse, UpdateError};
use countersign_core::digest::Digest;
use countersign_core::trust::TrustError;

use crate::collection::{Sim, now};
use crate::simulator::{Asker, Fault, SimServer, digest};

const UNREACHABLE: [Fault; 3] = [Fault::Offline, Fault::Status(500), Fault::Status(503)];
const REFUSED: [Fault; 4] = [Fault::Unauthorized, Fault::Forbidden, Fault::BadAnswer, Fault::Status(302)];

async fn warm(sim: &Sim) -> (std::sync::Arc<SimServer>, Asker) {
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(sim, &server);
    asker.digest("v1").await;
    server.rounds();
    (server, asker)
}

#[tokio::test]
async fn cached_timestamp_stands_in_for_an_unreachable_server() {
    for fault in UNREACHABLE {
        let sim = Sim::new();
        let (server, asker) = warm(&sim).await;
        server.fail_all(fault);
        asker.wait(3599);
        let refreshed = asker.pull().await.expect("still valid");
        assert_eq!(digest(&refreshed, "v1"), Digest::sha256(b"first"));
        let Freshness::Offline { confirmed, .. } = refreshed.freshness else { panic!("not offline") };
        assert_eq!(confirmed, Some(now()));
        assert_eq!(server.rounds(), [["timestamp.json"]]);
    }
}

#[tokio::test]
async fn cached_timestamp_that_expired_does_not_stand_in() {
    let sim = Sim::new();
    let (server, asker) = warm(&sim).await;
    server.fail_all(Fault::Offline);
    asker.wait(3600);
    let error = asker.pull().await.expect_err("expired");
    let UpdateError::Unreachable { cached: Some(cached), .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**cached, UpdateError::Untrusted(TrustError::Expired { .. })), "{cached:?}");
    assert!(!error.is_untrusted());
}

#[tokio::test]
async fn policy_forbids_the_cache_to_stand_in() {
    let sim = Sim::new();
    let (server, mut asker) = warm(&sim).await;
    asker.settings.offline = OfflineUse::Forbidden;
    server.fail_all(Fault::Offline);
    let error = asker.pull().await.expect_err("forbidden");
    assert!(matches!(error, UpdateError::Unreachable { cached: None, .. }), "{error:?}");
}

#[tokio::test]
async fn cache_does_not_stand_in_after_an_answer() {
    for fault in REFUSED {
        let sim = Sim::new();
        let (server, asker) = warm(&sim).await;
        server.fail_all(fault);
        let error = asker.pull().await.expect_err("an answer");
        assert!(matches!(error, UpdateError::Fetch { .. }), "{fault:?}: {error:?}");
        assert!(!error.is_untrusted());
    }
    let sim = Sim::new();
    let (server, asker) = warm(&sim).await;
    server.fail_all(Fault::NotFound);
    let error = asker.pull().await.expect_err("an answer");
    assert!(matches!(error, UpdateError::NoTrustData { trusted_before: true, .. }), "{error:?}");
    assert!(error.is_untrusted());
}

#[tokio::test]
async fn timestamp_alone_that_is_not_there_does_not_mean_that_nothing_is() {
    let sim = Sim::new();
    let (server, asker) = warm(&sim).await;
    server.fail("timestamp.json", Fault::NotFound);
    let error = asker.pull().await.expect_err("an answer");
    assert!(matches!(error, UpdateError::Fetch { .. }), "{error:?}");
    assert!(!error.is_untrusted());
}

#[tokio::test]
async fn nothing_cached_is_an_error() {
    let sim = Sim::new();
    for fault in UNREACHABLE {
        let server = SimServer::with(&sim.files());
        server.fail_all(fault);
        let error = Asker::of(&sim, &server).pull().await.expect_err("unreachable");
        assert!(matches!(error, UpdateError::Unreachable { cached: None, .. }), "{fault:?}: {error:?}");
    }
    let server = SimServer::with(&sim.files());
    server.fail_all(Fault::NotFound);
    let error = Asker::of(&sim, &server).pull().await.expect_err("not there");
    assert!(matches!(error, UpdateError::NoTrustData { trusted_before: false, .. }), "{error:?}");
    assert_eq!(error.to_string(), "`trust.example` does not have trust data for `docker.io/library/app`");
}

#[tokio::test]
async fn incomplete_cache_does_not_stand_in() {
    let sim = Sim::new();
    let (server, asker) = warm(&sim).await;
    asker.cache.remove(asker.gun(), &"targets".parse().expect("a role"));
    server.fail_all(Fault::Offline);
    let error = asker.pull().await.expect_err("incomplete");
    assert!(matches!(error, UpdateError::Unreachable { cached: Some(_), .. }), "{error:?}");
    server.fail_all(None);
    asker.digest("v1").await;
}

#[tokio::test]
async fn newer_timestamp_without_its_snapshot_is_an_error() {
    let mut sim = Sim::new();
    let (server, asker) = warm(&sim).await;
    let before = asker.cached().await;
    sim.set("v1", b"second");
    let files = sim.publish();
    server.put(&"timestamp".parse().expect("a role"), &files.timestamp);
    let error = asker.pull().await.expect_err("the snapshot is not there");
    assert!(matches!(error, UpdateError::Fetch { .. }), "{error:?}");
    assert_eq!(asker.cached().await, before);
    server.publish(&files);
    assert_eq!(asker.digest("v1").await, Digest::sha256(b"second"));
}
