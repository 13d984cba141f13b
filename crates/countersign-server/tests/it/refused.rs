//! Uploads that are refused, each with the text that an old client prints, and with nothing stored.

use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_core::author::{self, Change, DelegationEdit, Draft};
use countersign_core::digest::Hashes;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, FileMeta, Root, Snapshot, Targets};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::signature::RoleKeys;
use countersign_server::clock::Clock as _;
use countersign_server::storage::Storage as _;
use http::StatusCode;

use crate::setting::{DAY, Publisher, Reply, SnapshotKey, TestServer, role, set};

/// A published collection, and the next edition of it, not uploaded yet.
struct Case {
    server: TestServer,
    publisher: Publisher,
    next: BTreeMap<RoleName, Bytes>,
    root: Root,
}

impl Case {
    async fn new(snapshot: SnapshotKey) -> Self {
        let server = TestServer::start().await;
        let publisher = Publisher::published(&server, "g/a", snapshot).await;
        let next = publisher.next(&server, &[set("targets", "v2", b"two")]).await;
        let root = (**server.update(&publisher.gun).await.root()).clone();
        Self { server, publisher, next, root }
    }

    fn keys(&self, role: TopRole) -> RoleKeys {
        self.root.role_keys(role)
    }

    /// Signs `document` in the place of the file that is to be uploaded.
    fn put<T: Document>(&mut self, role: TopRole, document: &T) {
        let keys = [self.keys(role)];
        let file = author::sign(&role.into(), document, &keys, &self.publisher.ring).expect("signed");
        self.next.insert(role.into(), file);
    }

    fn claim<T: Document>(&self, role: TopRole) -> T {
        let file = self.next[&RoleName::from(role)].clone();
        Envelope::parse(file, &Limits::default()).and_then(|file| file.claim()).expect("readable")
    }

    /// Makes the snapshot that is to be uploaded name what is to be uploaded.
    fn sign_snapshot(&mut self) {
        let mut snapshot: Snapshot = self.claim(TopRole::Snapshot);
        for (role, file) in self.next.iter().filter(|(role, _)| **role != TopRole::Snapshot) {
            snapshot.meta.insert(role.to_string(), FileMeta::of(file));
        }
        self.put(TopRole::Snapshot, &snapshot);
    }

    /// Uploads, and sees that nothing was stored unless it was published.
    async fn upload(&self) -> Reply {
        let before = self.server.storage.heads(&self.publisher.gun).await.expect("read");
        let reply = self.server.publish(&self.publisher.gun, &self.next).await;
        if reply.status != StatusCode::OK {
            assert_eq!(self.server.storage.heads(&self.publisher.gun).await.expect("read"), before);
        }
        reply
    }
}

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
    for top in [TopRole::Targets, TopRole::Snapshot] {
        let mut case = Case::new(SnapshotKey::Publisher).await;
        let version = |document: MetaVersion| MetaVersion::new(document.get() - 1).expect("a version");
        if top == TopRole::Targets {
            let mut targets: Targets = case.claim(top);
            targets.version = version(targets.version);
            case.put(top, &targets);
            case.sign_snapshot();
        } else {
            let mut snapshot: Snapshot = case.claim(top);
            snapshot.version = version(snapshot.version);
            case.put(top, &snapshot);
        }
        let reply = case.upload().await;
        reply.expect_code(StatusCode::BAD_REQUEST, "VERSION");
        assert!(reply.text().contains("\"detail\":{}"));
    }
    let case = Case::new(SnapshotKey::Publisher).await;
    let first = case.publisher.first(&case.server);
    let reply = case.server.publish(&case.publisher.gun, &first).await;
    reply.expect_code(StatusCode::BAD_REQUEST, "VERSION");
}

#[tokio::test]
async fn version_that_leaps_is_refused() {
    for (leap, is_published) in [(1000, true), (1001, false)] {
        let mut case = Case::new(SnapshotKey::Publisher).await;
        let mut targets: Targets = case.claim(TopRole::Targets);
        let stored = targets.version.get() - 1;
        targets.version = MetaVersion::new(stored + leap).expect("a version");
        case.put(TopRole::Targets, &targets);
        case.sign_snapshot();
        let reply = case.upload().await;
        if is_published {
            reply.expect_ok();
        } else {
            reply.expect_refused("ErrBadTargets", "more than 1000 above stored version");
        }
    }
    for number in ["0", "-1", "2147483648", "1.5", "\"2\""] {
        let case = Case::new(SnapshotKey::Publisher).await;
        let text = String::from_utf8(case.next[&role("targets")].to_vec()).expect("text");
        let (before, after) = text.split_once(",\"version\":").expect("a version");
        let after = after.split_once('}').expect("an end").1;
        let file = format!("{before},\"version\":{number}}}{after}");
        let reply = case.server.upload(&case.publisher.gun, &[("targets", file.as_bytes())]).await;
        reply.expect_refused("ErrBadTargets", "targets is not metadata that can be used");
    }
}

#[tokio::test]
async fn root_version_is_exactly_the_next() {
    for (number, message) in
        [(1, None), (3, Some("Root modifications must increment the version. Current 1, new 3"))]
    {
        let mut case = Case::new(SnapshotKey::Publisher).await;
        let mut root = case.root.clone();
        root.version = MetaVersion::new(number).expect("a version");
        case.put(TopRole::Root, &root);
        case.sign_snapshot();
        let reply = case.upload().await;
        match message {
            Some(message) => reply.expect_refused("ErrBadRoot", message),
            None => reply.expect_code(StatusCode::BAD_REQUEST, "VERSION"),
        }
    }
    let server = TestServer::start().await;
    for (number, is_published) in [(3, false), (2, true)] {
        let publisher = Publisher::of(&server, "first", SnapshotKey::Server).await;
        let mut files = publisher.first(&server);
        let mut root = publisher.keys.clone().first_root(server.clock.now().plus_seconds(DAY));
        root.version = MetaVersion::new(number).expect("a version");
        let keys = [root.role_keys(TopRole::Root)];
        files.insert(
            role("root"),
            author::sign(&role("root"), &root, &keys, &publisher.ring).expect("signed"),
        );
        let reply = server.publish(&publisher.gun, &files).await;
        if is_published {
            reply.expect_ok();
        } else {
            reply.expect_refused(
                "ErrBadRoot",
                "Root modifications must increment the version. Current 1, new 3",
            );
        }
    }
}

#[tokio::test]
async fn root_by_another_key_is_refused() {
    let mut case = Case::new(SnapshotKey::Publisher).await;
    let stranger = Publisher::of(&case.server, "g/a", SnapshotKey::Publisher).await;
    let mut root = stranger.keys.clone().first_root(case.root.expires);
    root.version = MetaVersion::new(2).expect("a version");
    let keys = [root.role_keys(TopRole::Root)];
    let file = author::sign(&role("root"), &root, &keys, &stranger.ring).expect("signed");
    case.next.insert(role("root"), file);
    case.upload().await.expect_refused("ErrBadRoot", "is not signed by the keys of trusted root version 1");
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
    let mut root = case.root.clone();
    root.version = MetaVersion::new(2).expect("a version");
    root.expires = case.server.clock.now().plus_seconds(10);
    case.put(TopRole::Root, &root);
    case.sign_snapshot();
    case.upload().await.expect_ok();
    let next = case.publisher.next(&case.server, &[set("targets", "v3", b"3")]).await;
    let trusted = case.server.update(&case.publisher.gun).await;
    case.server.clock.advance(10);
    case.next = next;
    case.upload().await.expect_refused("ErrBadRoot", "root expired at");
    // A new root, signed by the keys of the expired one, brings the collection back.
    let mut draft = Draft::of(&trusted);
    draft.renew_root();
    let files = draft.sign(&case.publisher.ring, case.server.clock.now()).expect("signed").files;
    case.server.publish(&case.publisher.gun, &files).await.expect_ok();
    case.server.update(&case.publisher.gun).await;
}

#[tokio::test]
async fn file_by_another_key_is_refused() {
    for (top, kind) in [(TopRole::Targets, "ErrBadTargets"), (TopRole::Snapshot, "ErrBadSnapshot")] {
        let mut case = Case::new(SnapshotKey::Publisher).await;
        let stranger = Publisher::of(&case.server, "x", SnapshotKey::Publisher).await;
        let theirs = stranger.keys.clone().first_root(case.root.expires).role_keys(top);
        let file = match top {
            TopRole::Targets => {
                author::sign(&top.into(), &case.claim::<Targets>(top), &[theirs], &stranger.ring)
            }
            _ => author::sign(&top.into(), &case.claim::<Snapshot>(top), &[theirs], &stranger.ring),
        };
        case.next.insert(top.into(), file.expect("signed"));
        if top == TopRole::Targets {
            case.sign_snapshot();
        }
        case.upload().await.expect_refused(kind, "0 of 1 required signatures");
    }
}

#[tokio::test]
async fn file_that_has_expired_is_refused_at_the_very_instant() {
    for (top, kind) in [(TopRole::Targets, "ErrBadTargets"), (TopRole::Snapshot, "ErrBadSnapshot")] {
        for (left, is_published) in [(1, true), (0, false)] {
            let mut case = Case::new(SnapshotKey::Publisher).await;
            let expires = case.server.clock.now().plus_seconds(left);
            if top == TopRole::Targets {
                let mut targets: Targets = case.claim(top);
                targets.expires = expires;
                case.put(top, &targets);
                case.sign_snapshot();
            } else {
                let mut snapshot: Snapshot = case.claim(top);
                snapshot.expires = expires;
                case.put(top, &snapshot);
            }
            let reply = case.upload().await;
            if is_published {
                reply.expect_ok();
            } else {
                reply.expect_refused(kind, &format!("{top} expired at"));
            }
        }
    }
}

#[tokio::test]
async fn snapshot_that_does_not_fit_the_update_is_refused() {
    let mut case = Case::new(SnapshotKey::Publisher).await;
    let mut snapshot: Snapshot = case.claim(TopRole::Snapshot);
    snapshot.meta.insert("targets".to_owned(), FileMeta::of(b"other"));
    case.put(TopRole::Snapshot, &snapshot);
    case.upload()
        .await
        .expect_refused("ErrBadSnapshot", "the snapshot names a targets that is neither in this update");

    let wrong = Hashes::of(b"other").sha512().expect("a digest");
    let mut case = Case::new(SnapshotKey::Publisher).await;
    let mut snapshot: Snapshot = case.claim(TopRole::Snapshot);
    snapshot.meta.get_mut("targets").expect("named").hashes.insert(wrong);
    case.put(TopRole::Snapshot, &snapshot);
    case.upload().await.expect_refused("ErrBadSnapshot", "targets is not the file that its snapshot names");

    let mut case = Case::new(SnapshotKey::Publisher).await;
    let mut snapshot: Snapshot = case.claim(TopRole::Snapshot);
    snapshot.meta.get_mut("root").expect("named").length = 1;
    case.put(TopRole::Snapshot, &snapshot);
    case.upload()
        .await
        .expect_refused("ErrBadSnapshot", "the snapshot names another root than the one on the server");
}

#[tokio::test]
async fn b6_snapshot_that_names_files_that_are_not_here_is_refused() {
    for name in ["targets/none", "targets/A", "foo", "timestamp", "snapshot"] {
        let mut case = Case::new(SnapshotKey::Publisher).await;
        let mut snapshot: Snapshot = case.claim(TopRole::Snapshot);
        snapshot.meta.insert(name.to_owned(), FileMeta::of(b"nothing"));
        case.put(TopRole::Snapshot, &snapshot);
        case.upload().await.expect_refused("ErrBadSnapshot", "the snapshot names");
    }
    let mut case = Case::new(SnapshotKey::Publisher).await;
    case.next.remove(&role("targets"));
    case.upload()
        .await
        .expect_refused("ErrBadSnapshot", "neither in this update nor the newest one on the server");
}

#[tokio::test]
async fn snapshot_that_brings_back_an_older_file_is_refused() {
    let mut case = Case::new(SnapshotKey::Publisher).await;
    let old = case.server.file(&case.publisher.gun, "targets.json").await.expect("there");
    case.upload().await.expect_ok();
    let mut snapshot: Snapshot = case.claim(TopRole::Snapshot);
    snapshot.version = snapshot.version.next().expect("a version");
    snapshot.meta.insert("targets".to_owned(), FileMeta::of(&old));
    case.next.clear();
    case.put(TopRole::Snapshot, &snapshot);
    case.upload().await.expect_refused("ErrBadSnapshot", "nor the newest one on the server");
}

#[tokio::test]
async fn update_without_snapshot_needs_the_servers_key() {
    let mut case = Case::new(SnapshotKey::Publisher).await;
    case.next.remove(&role("snapshot"));
    let reply = case.upload().await;
    reply.expect_refused(
        "ErrBadHierarchy",
        "no snapshot was included in update and server does not hold current snapshot key for repository",
    );
    assert!(reply.text().contains("\"Missing\":\"snapshot\""));
}

#[tokio::test]
async fn delegation_must_be_delegated_listed_and_signed() {
    let mut case = Case::new(SnapshotKey::Publisher).await;
    let file = case.next[&role("targets")].clone();
    case.next.insert(role("targets/a"), file.clone());
    case.sign_snapshot();
    case.upload().await.expect_refused("ErrBadTargets", "`targets/a` is not delegated");

    let mut case = Case::new(SnapshotKey::Publisher).await;
    let key = case.publisher.new_key();
    let edit =
        DelegationEdit { add_keys: vec![key], add_paths: vec![String::new()], ..DelegationEdit::default() };
    let changes = [Change::EditDelegation { role: role("targets/a"), edit }, set("targets/a", "t", b"t")];
    case.next = case.publisher.next(&case.server, &changes).await;
    let right = case.next.clone();
    let mut snapshot: Snapshot = case.claim(TopRole::Snapshot);
    snapshot.meta.remove("targets/a");
    case.put(TopRole::Snapshot, &snapshot);
    case.upload().await.expect_refused("ErrBadSnapshot", "the snapshot does not list `targets/a`");
    case.next.clone_from(&right);
    case.next.insert(role("targets/a"), file);
    case.sign_snapshot();
    case.upload().await.expect_refused("ErrBadTargets", "targets/a is not signed as it must be");
    case.next.clone_from(&right);
    case.upload().await.expect_ok();

    // It is delegated still, by the same keys: no client would accept that it is gone.
    case.next = case.publisher.next(&case.server, &[set("targets", "v9", b"9")]).await;
    let mut snapshot: Snapshot = case.claim(TopRole::Snapshot);
    snapshot.meta.remove("targets/a");
    case.put(TopRole::Snapshot, &snapshot);
    case.upload()
        .await
        .expect_refused("ErrBadSnapshot", "still delegated, and the snapshot no longer lists it");
    let remove = Change::RemoveDelegation { role: role("targets/a") };
    case.next = case.publisher.next(&case.server, &[remove]).await;
    case.upload().await.expect_ok();
}

#[tokio::test]
async fn file_with_two_readings_is_refused() {
    let case = Case::new(SnapshotKey::Server).await;
    let text = String::from_utf8(case.next[&role("targets")].to_vec()).expect("text");
    for changed in [
        text.replacen("{\"signed\"", "{\"extra\":1,\"signed\"", 1),
        text.replacen("{\"signed\"", "{\"signatures\":[],\"signed\"", 1),
        text.replacen("\"_type\":\"Targets\"", "\"_type\":\"Targets\",\"_type\":\"Targets\"", 1),
        text.replacen("\"_type\":\"Targets\"", "\"_type\":\"targets\"", 1),
        text.replacen("\"_type\":\"Targets\"", "\"_type\":\"Root\"", 1),
        format!("{text}{text}"),
    ] {
        assert_ne!(changed, text);
        let reply = case.server.upload(&case.publisher.gun, &[("targets", changed.as_bytes())]).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{changed}: {}", reply.text());
    }
    case.upload().await.expect_ok();
}

#[tokio::test]
async fn t19_long_names_do_not_make_long_answers() {
    let mut case = Case::new(SnapshotKey::Publisher).await;
    let mut snapshot: Snapshot = case.claim(TopRole::Snapshot);
    snapshot.meta.insert("é\u{1}\"".repeat(2000), FileMeta::of(b"nothing"));
    case.put(TopRole::Snapshot, &snapshot);
    let reply = case.upload().await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.body.len() < 1024 && serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok());
}
