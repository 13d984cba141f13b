//! Timestamps, and snapshots of the server's, are renewed ahead of time; reads never sign.

use countersign_core::metadata::{Envelope, Timestamp};
use countersign_core::time::{DateTime, UpdateStart, is_expired};
use countersign_server::clock::Clock as _;
use countersign_server::storage::Storage as _;

use crate::setting::{DAY, Publisher, SnapshotKey, TestServer, lifetimes, set};

async fn timestamp(server: &TestServer, publisher: &Publisher) -> (u64, DateTime) {
    let file = server.file(&publisher.gun, "timestamp.json").await.expect("there");
    let claim: Timestamp = Envelope::parse(file, &countersign_core::limits::Limits::default())
        .and_then(|file| file.claim())
        .expect("readable");
    (claim.version.get(), claim.expires)
}

#[tokio::test]
async fn timestamp_is_renewed_when_a_third_of_its_time_is_left() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    let (_, expires) = timestamp(&server, &publisher).await;
    let third = 14 * DAY / 3;
    server.clock.advance(14 * DAY - third - 1);
    assert_eq!(server.service.renew_due().await.expect("looked"), 0);
    server.clock.advance(1);
    assert_eq!(server.service.renew_due().await.expect("looked"), 1);
    let (version, renewed) = timestamp(&server, &publisher).await;
    assert_eq!((version, expires.seconds_until(renewed)), (2, 14 * DAY - third));
    assert_eq!(server.service.renew_due().await.expect("looked"), 0);
    server.update(&publisher.gun).await;
    // A renewal is no entry of the changefeed, and the superseded timestamp is gone.
    assert_eq!(server.storage.changes(None, 0, 10).await.expect("read").len(), 1);
    assert_eq!(server.file(&publisher.gun, "1.timestamp.json").await, None);
}

#[tokio::test]
async fn b11_expired_timestamp_is_served_as_it_is() {
    let server = TestServer::with(|config| config.lifetimes = lifetimes(5, 60)).await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Server).await;
    server.clock.advance(60);
    let heads = server.storage.heads(&publisher.gun).await.expect("read");
    for name in ["timestamp.json", "snapshot.json", "root.json", "targets.json"] {
        assert!(server.file(&publisher.gun, name).await.is_some());
    }
    let (_, expires) = timestamp(&server, &publisher).await;
    assert!(is_expired(expires, UpdateStart(server.clock.now())));
    assert_eq!(server.storage.heads(&publisher.gun).await.expect("read"), heads);
    server.service.renew_due().await.expect("looked");
    server.update(&publisher.gun).await;
}

#[tokio::test]
async fn snapshot_of_the_servers_is_renewed_with_the_timestamp() {
    let server = TestServer::with(|config| config.lifetimes = lifetimes(30, 90)).await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Server).await;
    let before = server.update(&publisher.gun).await;
    server.clock.advance(60);
    assert_eq!(server.service.renew_due().await.expect("looked"), 1);
    let after = server.update(&publisher.gun).await;
    assert_eq!(after.snapshot().version.get(), before.snapshot().version.get() + 1);
    assert_eq!(after.snapshot().meta, before.snapshot().meta);
    server.clock.advance(20);
    assert_eq!(server.service.renew_due().await.expect("looked"), 1);
    assert_eq!(server.update(&publisher.gun).await.snapshot().digest(), after.snapshot().digest());
}

#[tokio::test]
async fn b12_expired_snapshot_of_the_publishers_does_not_stop_timestamps() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    let trusted = server.update(&publisher.gun).await;
    server.clock.advance(1095 * DAY);
    assert_eq!(server.service.renew_due().await.expect("looked"), 1);
    let (version, expires) = timestamp(&server, &publisher).await;
    assert_eq!((version, server.clock.now().seconds_until(expires)), (2, 14 * DAY));
    assert_eq!(server.service.renew_due().await.expect("looked"), 0);
    // The publisher's next edition brings it back.
    let mut draft = countersign_core::author::Draft::of(&trusted);
    draft.apply(&set("targets", "v2", b"2")).expect("applied");
    let files = draft.sign(&publisher.ring, server.clock.now()).expect("signed").files;
    server.publish(&publisher.gun, &files).await.expect_ok();
    server.update(&publisher.gun).await;
}

#[tokio::test]
async fn collection_with_an_expired_root_is_left_alone_and_holds_up_nobody() {
    let server = TestServer::start().await;
    let dead = Publisher::published(&server, "dead", SnapshotKey::Publisher).await;
    server.clock.advance(3650 * DAY - 20 * DAY);
    let alive = Publisher::published(&server, "alive", SnapshotKey::Publisher).await;
    server.service.renew_due().await.expect("looked");
    server.clock.advance(20 * DAY);
    let (version, _) = timestamp(&server, &dead).await;
    assert_eq!(server.service.renew_due().await.expect("looked"), 2);
    assert_eq!(server.service.renew_due().await.expect("looked"), 0);
    assert_eq!(timestamp(&server, &dead).await.0, version);
    assert_eq!(timestamp(&server, &alive).await.0, 2);
    server.update(&alive.gun).await;
}

#[tokio::test]
async fn publish_and_renewal_at_once_both_succeed() {
    let server = TestServer::with(|config| config.lifetimes = lifetimes(30, 900)).await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    for round in 0..5 {
        let next = publisher.next(&server, &[set("targets", &format!("t{round}"), b"x")]).await;
        server.clock.advance(25);
        let (published, renewed) =
            tokio::join!(server.publish(&publisher.gun, &next), server.service.renew_due());
        published.expect_ok();
        renewed.expect("looked");
        server.update(&publisher.gun).await;
    }
}

#[tokio::test]
async fn shorter_lifetime_brings_renewals_forward() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    server.clock.advance(10);
    let service = server.service_with(lifetimes(60, 1095 * DAY)).await;
    service.hasten_renewals().await.expect("moved");
    assert_eq!(service.renew_due().await.expect("looked"), 0);
    server.clock.advance(40);
    assert_eq!(service.renew_due().await.expect("looked"), 1);
    let (_, expires) = timestamp(&server, &publisher).await;
    assert_eq!(server.clock.now().seconds_until(expires), 60);
}
