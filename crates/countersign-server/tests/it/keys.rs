//! The server's own keys.

use countersign_core::author::Change;
use countersign_core::key::KeyType;
use countersign_core::name::{Gun, TopRole};
use http::{Method, StatusCode};

use crate::setting::{Publisher, SnapshotKey, TestServer, set};

#[tokio::test]
async fn key_is_the_same_until_it_is_used_and_the_roots_afterwards() {
    let server = TestServer::start().await;
    let gun: Gun = "g".parse().expect("a GUN");
    let first = server.key(&gun, "timestamp").await;
    assert_eq!(first.key_type(), Some(KeyType::Ecdsa));
    assert_eq!(server.key(&gun, "timestamp").await, first);
    assert_ne!(server.key(&"h".parse().expect("a GUN"), "timestamp").await, first);
    assert_ne!(server.key(&gun, "snapshot").await, first);
    let publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    assert_eq!(publisher.keys.timestamp, first);
    assert_eq!(server.key(&gun, "timestamp").await, first);
}

#[tokio::test]
async fn key_json_is_in_gos_order() {
    let server = TestServer::ed25519().await;
    let reply = server.get("/v2/g/_trust/tuf/timestamp.key").await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "text/plain; charset=utf-8"));
    assert_eq!(reply.header("cache-control"), "");
    assert!(reply.text().starts_with(r#"{"keytype":"ed25519","keyval":{"public":""#), "{}", reply.text());
    assert!(reply.text().ends_with(r#"=","private":null}}"#), "{}", reply.text());
}

/// Whoever reaches the server can ask for a key under any name.
#[tokio::test]
async fn keys_of_collections_that_nobody_publishes_are_bounded() {
    let server = TestServer::with(|config| config.limits.pending_keys = 3).await;
    let key = async |gun: &str| server.get(&format!("/v2/{gun}/_trust/tuf/timestamp.key")).await;
    let published = Publisher::published(&server, "published", SnapshotKey::Publisher).await;
    let kept = key("kept").await.body;
    for gun in ["b", "c"] {
        assert_eq!(key(gun).await.status, StatusCode::OK);
    }
    let refused = key("d").await;
    refused.expect_code(StatusCode::SERVICE_UNAVAILABLE, "UNKNOWN");
    assert!(refused.text().contains("too many keys"), "{}", refused.text());
    // Who has a key, and who has published, goes on.
    assert_eq!(key("kept").await.body, kept);
    assert_eq!(key("published").await.status, StatusCode::OK);
    let pending = server.ask(Method::POST, "/v2/published/_trust/tuf/timestamp.key").await.body;

    // One that was asked for in the last hour stays, and the others make room.
    server.clock.advance(2000);
    assert_eq!(key("kept").await.body, kept);
    server.clock.advance(2000);
    key("d").await;
    assert_eq!(key("d").await.status, StatusCode::OK);
    assert_eq!(key("kept").await.body, kept);
    server.clock.advance(100_000);
    assert_eq!(server.ask(Method::POST, "/v2/published/_trust/tuf/timestamp.key").await.body, pending);
    server.update(&published.gun).await;
}

/// The publisher fetches the key, signs a root that names it, and publishes, while others ask for theirs.
#[tokio::test]
async fn key_that_was_handed_out_outlasts_a_flood() {
    let server = TestServer::with(|config| config.limits.pending_keys = 3).await;
    let publisher = Publisher::of(&server, "g", SnapshotKey::Server).await;
    server.clock.advance(3000);
    for number in 0..10 {
        server.get(&format!("/v2/flood{number}/_trust/tuf/timestamp.key")).await;
    }
    server.publish(&publisher.gun, &publisher.first(&server)).await.expect_ok();
    server.update(&publisher.gun).await;
}

#[tokio::test]
async fn t14_rotated_key_is_pending_until_a_root_names_it() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    let rotate = async || server.ask(Method::POST, "/v2/g/_trust/tuf/timestamp.key").await.body;
    let pending = rotate().await;
    assert_eq!(rotate().await, pending);
    let key = serde_json::from_slice(&pending).expect("a key");
    assert_ne!(publisher.keys.timestamp, key);
    // T14: nothing changes until a root is published.
    assert_eq!(server.key(&publisher.gun, "timestamp").await, publisher.keys.timestamp);
    server
        .publish(&publisher.gun, &publisher.next(&server, &[set("targets", "v2", b"2")]).await)
        .await
        .expect_ok();
    server.update(&publisher.gun).await;

    let change = Change::ReplaceKeys { role: TopRole::Timestamp, keys: vec![key.clone()] };
    server.publish(&publisher.gun, &publisher.next(&server, &[change]).await).await.expect_ok();
    assert_eq!(server.key(&publisher.gun, "timestamp").await, key);
    server.update(&publisher.gun).await;
    assert_ne!(rotate().await, pending);
}

#[tokio::test]
async fn snapshot_key_can_be_handed_to_the_server_and_taken_back() {
    let server = TestServer::start().await;
    let mut publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    let theirs = server.key(&publisher.gun, "snapshot").await;
    let change = Change::ReplaceKeys { role: TopRole::Snapshot, keys: vec![theirs] };
    let files = publisher.next(&server, &[change]).await;
    assert!(!files.contains_key(&crate::setting::role("snapshot")));
    server.publish(&publisher.gun, &files).await.expect_ok();
    server
        .publish(&publisher.gun, &publisher.next(&server, &[set("targets", "v2", b"2")]).await)
        .await
        .expect_ok();
    assert_eq!(server.update(&publisher.gun).await.snapshot().version.get(), 4);

    let own = publisher.new_key();
    let change = Change::ReplaceKeys { role: TopRole::Snapshot, keys: vec![own] };
    server.publish(&publisher.gun, &publisher.next(&server, &[change]).await).await.expect_ok();
    assert_eq!(server.update(&publisher.gun).await.snapshot().version.get(), 5);
}

#[tokio::test]
async fn key_of_another_collection_signs_nothing() {
    let server = TestServer::start().await;
    let victim = Publisher::published(&server, "victim", SnapshotKey::Server).await;
    let mut thief = Publisher::of(&server, "thief", SnapshotKey::Publisher).await;
    thief.keys.timestamp = victim.keys.timestamp.clone();
    server
        .publish(&thief.gun, &thief.first(&server))
        .await
        .expect_refused("ErrBadRoot", "no  timestamp keys exist on the server");
    let mut thief = Publisher::of(&server, "thief", SnapshotKey::Publisher).await;
    thief.keys.snapshot = victim.keys.snapshot.clone();
    server.publish(&thief.gun, &thief.first(&server)).await.expect_refused(
        "ErrBadHierarchy",
        "no snapshot was included in update and server does not hold current snapshot key for repository",
    );
    // The victim's snapshot key does not sign as a timestamp key either.
    let mut swapped = Publisher::of(&server, "victim2", SnapshotKey::Server).await;
    swapped.keys.timestamp = swapped.keys.snapshot.clone();
    server
        .publish(&swapped.gun, &swapped.first(&server))
        .await
        .expect_refused("ErrBadRoot", "no  timestamp keys");
}

#[tokio::test]
async fn t13_both_algorithms_serve_whole_collections() {
    for server in [TestServer::start().await, TestServer::ed25519().await] {
        let publisher = Publisher::published(&server, "g", SnapshotKey::Server).await;
        server.update(&publisher.gun).await;
    }
}
