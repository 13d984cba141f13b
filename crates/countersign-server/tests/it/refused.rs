//! Uploads that are refused beside the attacks of [`verdicts`](crate::verdicts): first uploads, and how refusals are worded.

use countersign_core::author::{self, Change, Draft};
use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;
use countersign_server::clock::Clock as _;
use http::StatusCode;

use crate::setting::{DAY, Publisher, SnapshotKey, TestServer, role, set};
use crate::verdicts::case::{Case, version};

#[tokio::test]
async fn update_without_any_root_is_refused() {
    let server = TestServer::start().await;
    let publisher = Publisher::of(&server, "g", SnapshotKey::Publisher).await;
    let mut files = publisher.first(&server);
    files.remove(&role("root"));
    let none = "no pre-existing root and no root provided in update.";
    server.publish(&publisher.gun, &files).await.expect_refused("ErrValidation", none);
    server.upload(&publisher.gun, &[]).await.expect_refused("ErrValidation", none);
}

#[tokio::test]
async fn t15_first_update_needs_targets() {
    for snapshot in [SnapshotKey::Publisher, SnapshotKey::Server] {
        let server = TestServer::start().await;
        let publisher = Publisher::of(&server, "g", snapshot).await;
        let mut files = publisher.first(&server);
        files.remove(&role("targets"));
        let reply = server.publish(&publisher.gun, &files).await;
        match snapshot {
            SnapshotKey::Server => reply.expect_refused("ErrValidation", "targets must be loaded first"),
            SnapshotKey::Publisher => {
                reply.expect_refused("ErrBadSnapshot", "the snapshot names a targets that is neither");
            }
        }
    }
}

#[tokio::test]
async fn version_that_is_not_newer_is_a_conflict() {
    let case = Case::new(SnapshotKey::Publisher).await;
    for files in [case.old.clone(), case.trusted.files()] {
        let reply = case.server.publish(&case.publisher.gun, &files).await;
        reply.expect_code(StatusCode::BAD_REQUEST, "VERSION");
        assert!(reply.text().contains("\"detail\":{}"));
    }
}

#[tokio::test]
async fn first_root_has_version_one_or_two() {
    let server = TestServer::start().await;
    for (number, is_published) in [(3, false), (2, true)] {
        let publisher = Publisher::of(&server, "first", SnapshotKey::Server).await;
        let mut files = publisher.first(&server);
        let mut root = publisher.keys.clone().first_root(server.clock.now().plus_seconds(DAY));
        root.version = version(number);
        let keys = [root.role_keys(TopRole::Root)];
        let file = author::sign(&role("root"), &root, &keys, &publisher.ring).expect("signed");
        files.insert(role("root"), file);
        let reply = server.publish(&publisher.gun, &files).await;
        if is_published {
            reply.expect_ok();
        } else {
            let gap = "Root modifications must increment the version. Current 1, new 3";
            reply.expect_refused("ErrBadRoot", gap);
        }
    }
}

#[tokio::test]
async fn root_of_another_collection_is_refused() {
    let server = TestServer::start().await;
    let publisher = Publisher::of(&server, "g/a", SnapshotKey::Publisher).await;
    let reply = server.publish(&"g/b".parse().expect("a GUN"), &publisher.first(&server)).await;
    reply.expect_refused("ErrBadRoot", "no usable certificate for `g/b`");
}

#[tokio::test]
async fn b12_nothing_is_published_under_an_expired_root() {
    let mut case = Case::new(SnapshotKey::Publisher).await;
    let soon = case.now().plus_seconds(10);
    case.edit_root(|root| root.expires = soon);
    case.server.publish(&case.publisher.gun, &case.next).await.expect_ok();
    let next = case.publisher.next(&case.server, &[set("targets", "v4", b"4")]).await;
    let trusted = case.server.update(&case.publisher.gun).await;
    case.server.clock.advance(10);
    let reply = case.server.publish(&case.publisher.gun, &next).await;
    reply.expect_refused("ErrBadRoot", "root expired at");
    // A new root, signed by the keys of the expired one, brings the collection back.
    let mut draft = Draft::of(&trusted);
    draft.renew_root();
    let files = draft.sign(&case.publisher.ring, case.now()).expect("signed").files;
    case.server.publish(&case.publisher.gun, &files).await.expect_ok();
    case.server.update(&case.publisher.gun).await;
}

#[tokio::test]
async fn missing_snapshot_is_named_as_old_clients_expect_it() {
    let mut case = Case::new(SnapshotKey::Publisher).await;
    case.next.remove(&role("snapshot"));
    let reply = case.server.publish(&case.publisher.gun, &case.next).await;
    reply.expect_refused(
        "ErrBadHierarchy",
        "no snapshot was included in update and server does not hold current snapshot key for repository",
    );
    assert!(reply.text().contains("\"Missing\":\"snapshot\""));
}

#[tokio::test]
async fn delegated_role_may_leave_the_snapshot_with_its_delegation() {
    let case = Case::delegated(SnapshotKey::Publisher).await;
    let remove = Change::RemoveDelegation { role: role("targets/a") };
    let next = case.publisher.next(&case.server, &[remove]).await;
    case.server.publish(&case.publisher.gun, &next).await.expect_ok();
    let meta = case.server.update(&case.publisher.gun).await.snapshot().meta.clone();
    assert_eq!(meta.keys().collect::<Vec<_>>(), ["root", "targets"]);
}

#[tokio::test]
async fn t19_long_names_do_not_make_long_answers() {
    let mut case = Case::new(SnapshotKey::Publisher).await;
    case.edit_snapshot(|snapshot| {
        snapshot.meta.insert("é\u{1}\"".repeat(2000), FileMeta::of(b"nothing"));
    });
    let reply = case.server.publish(&case.publisher.gun, &case.next).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.body.len() < 1024 && serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok());
}
