//! Uploads that are published, and what clients then find.

use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_core::author::{Change, DelegationEdit, Draft};
use countersign_core::digest::{Digest, Hashes};
use countersign_core::name::{Gun, RoleName, TargetName, TopRole};
use countersign_server::clock::Clock as _;
use countersign_server::storage::Storage as _;
use http::StatusCode;

use crate::setting::{DAY, Publisher, SnapshotKey, TestServer, role, set};

async fn versions(server: &TestServer, gun: &Gun) -> Vec<String> {
    let heads = server.storage.heads(gun).await.expect("read");
    heads.iter().map(|head| format!("{} {}", head.role, head.version)).collect()
}

/// Delegates everything to `name`, with a new key of the publisher's.
fn delegate(publisher: &mut Publisher, name: &str) -> Change {
    let edit = DelegationEdit {
        add_keys: vec![publisher.new_key()],
        add_paths: vec![String::new()],
        ..DelegationEdit::default()
    };
    Change::EditDelegation { role: role(name), edit }
}

#[tokio::test]
async fn first_publish_is_served_whole_and_byte_for_byte() {
    let server = TestServer::start().await;
    let publisher = Publisher::of(&server, "docker.io/library/app", SnapshotKey::Publisher).await;
    let files = publisher.first(&server);
    server.publish(&publisher.gun, &files).await.expect_ok();
    for (role, bytes) in &files {
        assert_eq!(
            server.file(&publisher.gun, &format!("{role}.json")).await.as_ref(),
            Some(bytes),
            "{role}"
        );
    }
    let collection = server.update(&publisher.gun).await;
    assert!(collection.find(&role("targets"), &TargetName::from("v1".to_owned())).is_some());
    let expires = collection.timestamp().expires;
    assert_eq!(server.clock.now().seconds_until(expires), 14 * DAY);
}

#[tokio::test]
async fn every_version_stays_readable_except_superseded_timestamps() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    let first = server.update(&publisher.gun).await;
    for tag in ["v2", "v3"] {
        let files = publisher.next(&server, &[set("targets", tag, tag.as_bytes())]).await;
        server.publish(&publisher.gun, &files).await.expect_ok();
    }
    let targets = first.targets(&role("targets")).expect("loaded");
    let old = format!("targets.{}.json", targets.digest().hex());
    assert_eq!(server.file(&publisher.gun, &old).await.as_ref(), Some(targets.bytes()));
    assert_eq!(server.file(&publisher.gun, "1.root.json").await.as_ref(), Some(first.root().bytes()));
    assert_eq!(server.file(&publisher.gun, "1.timestamp.json").await, None);
    assert!(server.file(&publisher.gun, "3.timestamp.json").await.is_some());
}

#[tokio::test]
async fn b7_t15b_server_snapshot_hashes_stored_bytes_and_the_root_is_never_forgotten() {
    let server = TestServer::start().await;
    let publisher = Publisher::of(&server, "g", SnapshotKey::Server).await;
    // Not as Notary's serialiser writes it: a trailing newline, spaces, members in another order.
    let files: BTreeMap<RoleName, Bytes> = publisher
        .first(&server)
        .into_iter()
        .map(|(role, file)| {
            let value: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
            let text =
                format!("{{\"signatures\": {},\n \"signed\": {:#}}}\n", value["signatures"], value["signed"]);
            (role, Bytes::from(text))
        })
        .collect();
    server.publish(&publisher.gun, &files).await.expect_ok();
    let collection = server.update(&publisher.gun).await;
    assert_eq!(collection.root().bytes(), &files[&role("root")]);
    assert_eq!(server.file(&publisher.gun, "root.json").await.as_ref(), Some(&files[&role("root")]));

    let stranger = Publisher::of(&server, "g", SnapshotKey::Server).await;
    let mut draft = Draft::first(stranger.keys.clone(), server.clock.now());
    draft.renew_root();
    let theirs = draft.sign(&stranger.ring, server.clock.now()).expect("signed").files;
    let reply = server.publish(&publisher.gun, &theirs).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.file(&publisher.gun, "root.json").await.as_ref(), Some(&files[&role("root")]));
}

#[tokio::test]
async fn t10_server_snapshot_lists_delegations_and_drops_removed_ones() {
    let server = TestServer::start().await;
    let mut publisher = Publisher::published(&server, "g", SnapshotKey::Server).await;
    let changes = [delegate(&mut publisher, "targets/a"), delegate(&mut publisher, "targets/b")];
    server.publish(&publisher.gun, &publisher.next(&server, &changes).await).await.expect_ok();
    let inner = delegate(&mut publisher, "targets/a/x");
    let changes =
        [set("targets/a", "t", b"a"), set("targets/b", "t", b"b"), inner, set("targets/a/x", "u", b"x")];
    server.publish(&publisher.gun, &publisher.next(&server, &changes).await).await.expect_ok();
    let listed = async || -> Vec<String> {
        server.update(&publisher.gun).await.snapshot().meta.keys().cloned().collect()
    };
    assert_eq!(listed().await, ["root", "targets", "targets/a", "targets/a/x", "targets/b"]);
    let only = publisher.next(&server, &[set("targets/a/x", "w", b"w")]).await;
    assert_eq!(only.keys().map(RoleName::as_str).collect::<Vec<_>>(), ["targets/a/x"]);
    server.publish(&publisher.gun, &only).await.expect_ok();
    assert_eq!(listed().await.len(), 5);
    // T10: with a parent goes everything below it.
    let remove = Change::RemoveDelegation { role: role("targets/a") };
    server.publish(&publisher.gun, &publisher.next(&server, &[remove]).await).await.expect_ok();
    assert_eq!(listed().await, ["root", "targets", "targets/b"]);
}

#[tokio::test]
async fn keys_can_be_taken_from_a_delegate_without_the_delegate() {
    for snapshot in [SnapshotKey::Publisher, SnapshotKey::Server] {
        let server = TestServer::start().await;
        let mut publisher = Publisher::published(&server, "g", snapshot).await;
        let delegation = delegate(&mut publisher, "targets/releases");
        let Change::EditDelegation { edit, .. } = &delegation else { panic!("an edit") };
        let stolen = edit.add_keys[0].canonical_id().expect("an id");
        let changes = [delegation, set("targets/releases", "t", b"a")];
        server.publish(&publisher.gun, &publisher.next(&server, &changes).await).await.expect_ok();
        let edit = DelegationEdit {
            remove_keys: vec![stolen],
            add_keys: vec![publisher.new_key()],
            ..DelegationEdit::default()
        };
        let change = Change::EditDelegation { role: RoleName::releases(), edit };
        server.publish(&publisher.gun, &publisher.next(&server, &[change]).await).await.expect_ok();
    }
}

#[tokio::test]
async fn delegate_publishes_under_targets_that_expired_since() {
    let server = TestServer::start().await;
    let mut publisher = Publisher::published(&server, "g", SnapshotKey::Server).await;
    let changes = [delegate(&mut publisher, "targets/releases"), set("targets/releases", "t", b"a")];
    server.publish(&publisher.gun, &publisher.next(&server, &changes).await).await.expect_ok();
    let before = server.update(&publisher.gun).await;
    server.clock.advance(1095 * DAY);
    let mut draft = Draft::of(&before);
    draft.apply(&set("targets/releases", "t", b"b")).expect("applied");
    let files = draft.sign(&publisher.ring, server.clock.now()).expect("signed").files;
    assert_eq!(files.keys().map(RoleName::as_str).collect::<Vec<_>>(), ["targets/releases"]);
    server.publish(&publisher.gun, &files).await.expect_ok();
}

#[tokio::test]
async fn new_root_is_refused_without_the_files_that_it_invalidates() {
    let server = TestServer::start().await;
    let mut publisher = Publisher::published(&server, "g", SnapshotKey::Server).await;
    let key = publisher.new_key();
    let change = Change::ReplaceKeys { role: TopRole::Targets, keys: vec![key] };
    let files = publisher.next(&server, &[change]).await;
    let without = BTreeMap::from([(role("root"), files[&role("root")].clone())]);
    server
        .publish(&publisher.gun, &without)
        .await
        .expect_refused("ErrBadTargets", "0 of 1 required signatures");
    assert_eq!(versions(&server, &publisher.gun).await[0], "root 1");
    server.publish(&publisher.gun, &files).await.expect_ok();
    assert_eq!(versions(&server, &publisher.gun).await[0], "root 2");
    server.update(&publisher.gun).await;
}

#[tokio::test]
async fn empty_update_makes_a_new_server_snapshot() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Server).await;
    let before = server.update(&publisher.gun).await;
    server.upload(&publisher.gun, &[]).await.expect_ok();
    let after = server.update(&publisher.gun).await;
    assert_eq!(after.snapshot().version.get(), before.snapshot().version.get() + 1);
    assert_eq!(after.root().digest(), before.root().digest());
}

#[tokio::test]
async fn uploads_at_once_lose_nothing() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    let (left, right) = (
        publisher.next(&server, &[set("targets", "left", b"l")]).await,
        publisher.next(&server, &[set("targets", "right", b"r")]).await,
    );
    let (first, second) =
        tokio::join!(server.publish(&publisher.gun, &left), server.publish(&publisher.gun, &right));
    let lost: Vec<_> = [first, second].into_iter().filter(|reply| reply.status != StatusCode::OK).collect();
    assert_eq!(lost.len(), 1);
    lost[0].expect_code(StatusCode::BAD_REQUEST, "VERSION");
    let collection = server.update(&publisher.gun).await;
    let has = |name: &str| collection.find(&role("targets"), &TargetName::from(name.to_owned())).is_some();
    assert!(has("v1") && (has("left") != has("right")));
}

#[tokio::test]
async fn notes_and_large_numbers_of_tags_pass() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Server).await;
    let changes: Vec<_> = (0..2000).map(|n| set("targets", &format!("t{n}<&>"), b"x")).collect();
    server.publish(&publisher.gun, &publisher.next(&server, &changes).await).await.expect_ok();
    let collection = server.update(&publisher.gun).await;
    let target = collection.find(&role("targets"), &TargetName::from("t1999<&>".to_owned())).expect("there");
    assert_eq!((target.digest, target.hashes), (Digest::sha256(b"x"), Hashes::of(b"x")));
}
