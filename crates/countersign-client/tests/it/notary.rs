//! With Debian's `notary-server` and `notary`, in both directions.

use std::path::Path;

use bytes::Bytes;
use countersign_client::export::{ExportLimits, export};
use countersign_client::keystore::KeyStore as _;
use countersign_client::publisher::{SignedOutcome, SnapshotKey, TagToSign};
use countersign_client::remote::{FetchError, Fetched, PublishError, Remote as _, RemoteFile};
use countersign_client::updater::{Roles, UpdateError};
use countersign_core::author::{Change, DelegationEdit};
use countersign_core::digest::Digest;
use countersign_core::metadata::FileMeta;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::Threshold;
use countersign_core::time::UpdateStart;
use countersign_testkit::peers::{MariaDb, NotaryClient, NotaryServer, present_or_skip};

use crate::collection::{name, role};
use crate::people::{GUN, Ours, Place, clock, remote};

/// What Debian's `notary lookup` prints.
fn theirs_looks_up(theirs: &NotaryClient, tag: &str, content: &[u8]) {
    let output = theirs.run(&["lookup", GUN, tag]).expect_success();
    assert_eq!(
        output.stdout,
        format!("{tag} sha256:{} {}\n", Digest::sha256(content).hex(), content.len()),
        "{}",
        output.transcript()
    );
}

fn theirs_adds(theirs: &NotaryClient, dir: &Path, tag: &str, content: &[u8], publish: bool) {
    let file = dir.join(tag);
    std::fs::write(&file, content).expect("written");
    let file = file.to_str().expect("a path of ASCII");
    let mut args = vec!["add", GUN, tag, file];
    if publish {
        args.push("-p");
    }
    theirs.run(&args).expect_success();
}

async fn both_directions(place: &Place) {
    let dir = tempfile::tempdir().expect("a directory");
    let ours = Ours::at(place, &dir.path().join("ours"));
    let error = ours.updater.refresh(UpdateStart(clock()), Roles::Pull).await.expect_err("nothing there");
    assert!(matches!(error, UpdateError::NoTrustData { .. }), "{error:?}");
    // Ours publishes, theirs reads.
    let published = ours.sign("v1", b"one").await.expect("published");
    published.confirmed.expect("shown");
    ours.sign("v2", b"two").await.expect("published").confirmed.expect("shown");
    let theirs = NotaryClient::new(&place.url, &place.ca_file);
    theirs_looks_up(&theirs, "v1", b"one");
    theirs_looks_up(&theirs, "v2", b"two");
    let content = dir.path().join("content");
    std::fs::write(&content, b"one").expect("written");
    let verified =
        theirs.run(&["verify", GUN, "v1", "-i", content.to_str().expect("ASCII"), "-q"]).expect_success();
    assert_eq!(verified.stdout, "");
    let again = ours.sign("v2", b"two").await.expect("nothing to do");
    assert!(matches!(again.outcome, SignedOutcome::AlreadySigned { .. }));
    let fresh = Ours::at(place, &dir.path().join("fresh"));
    assert_eq!(fresh.digest("v2").await, Digest::sha256(b"two"));
    // Both on one trust directory, one after the other.
    let theirs = NotaryClient::with_trust_dir(&ours.trust_dir, &place.url, &place.ca_file);
    theirs_adds(&theirs, dir.path(), "v3", b"three", true);
    assert_eq!(ours.digest("v3").await, Digest::sha256(b"three"));
    assert_eq!(fresh.digest("v3").await, Digest::sha256(b"three"));
    ours.sign("v4", b"four").await.expect("published").confirmed.expect("shown");
    theirs_looks_up(&theirs, "v4", b"four");
    // The same staged changes.
    theirs_adds(&theirs, dir.path(), "v5", b"five", false);
    let set = Change::SetTarget { role: role("targets"), name: name("v6"), meta: FileMeta::of(b"six") };
    ours.changes().add(&[set], clock()).await.expect("staged");
    let push = Change::SetTarget { role: role("targets"), name: name("pushed"), meta: FileMeta::of(b"p") };
    let push = ours.changes().stage_push(&[push], clock()).await.expect("staged");
    let status = theirs.run(&["status", GUN]).expect_success();
    for tag in ["v5", "v6", "pushed"] {
        assert!(status.stdout.contains(tag), "{}", status.transcript());
    }
    drop(push);
    let staged = ours.changes().list().await.expect("read");
    assert_eq!(staged.len(), 2);
    ours.publisher(SnapshotKey::Local).publish_changes(&ours.changes(), clock()).await.expect("published");
    theirs_looks_up(&theirs, "v5", b"five");
    theirs_looks_up(&theirs, "v6", b"six");
    // Root rotated by theirs is followed by ours.
    theirs.run(&["key", "rotate", GUN, "root"]).expect_success();
    theirs_adds(&theirs, dir.path(), "v7", b"seven", true);
    assert_eq!(fresh.digest("v7").await, Digest::sha256(b"seven"));
    assert_eq!(ours.digest("v7").await, Digest::sha256(b"seven"));
    // And everything goes into one file.
    let manifest = export(&fresh.updater, UpdateStart(clock()), ExportLimits::default(), std::io::sink())
        .await
        .expect("exported");
    assert!(manifest.missing.is_empty(), "{:?}", manifest.missing);
    assert!(manifest.files.iter().all(|file| file.verified), "{:?}", manifest.files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_and_theirs_work_on_one_collection_in_memory() {
    if present_or_skip(&["notary", "notary-server"]) {
        let server = NotaryServer::memory();
        both_directions(&Place::theirs(&server)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_and_theirs_work_on_one_collection_on_mariadb() {
    if present_or_skip(&["notary", "notary-server", "mariadbd", "mariadb", "mariadb-install-db"]) {
        let database = MariaDb::start();
        let server = NotaryServer::mariadb(&database);
        both_directions(&Place::theirs(&server)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_and_theirs_work_on_one_collection_on_our_server() {
    if present_or_skip(&["notary"]) {
        let dir = tempfile::tempdir().expect("a directory");
        let (server, place) = Place::start_ours(dir.path()).await;
        both_directions(&place).await;
        server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn theirs_begins_and_ours_publishes() {
    if !present_or_skip(&["notary", "notary-server"]) {
        return;
    }
    let server = NotaryServer::memory();
    let theirs = NotaryClient::new(&server.url(), &server.ca_file());
    let dir = tempfile::tempdir().expect("a directory");
    theirs.run(&["init", GUN]).expect_success();
    theirs_adds(&theirs, dir.path(), "v1", b"one", false);
    let ours = Ours::at(&Place::theirs(&server), theirs.trust_dir());
    let published = ours
        .publisher(SnapshotKey::Local)
        .publish_changes(&ours.changes(), clock())
        .await
        .expect("published");
    assert!(published.initialised.is_none());
    published.confirmed.expect("shown");
    theirs_looks_up(&theirs, "v1", b"one");
    let consumer = NotaryClient::new(&server.url(), &server.ca_file());
    theirs_looks_up(&consumer, "v1", b"one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ours_begins_and_theirs_publishes() {
    if !present_or_skip(&["notary", "notary-server"]) {
        return;
    }
    let server = NotaryServer::memory();
    let dir = tempfile::tempdir().expect("a directory");
    let ours = Ours::at(&Place::theirs(&server), &dir.path().join("trust"));
    ours.publisher(SnapshotKey::Local).init(clock()).await.expect("made");
    let theirs = NotaryClient::with_trust_dir(&ours.trust_dir, &server.url(), &server.ca_file());
    theirs_adds(&theirs, dir.path(), "v1", b"one", true);
    // Notary signs the first root again when it publishes: another file of the same version.
    assert_eq!(ours.digest("v1").await, Digest::sha256(b"one"));
    ours.sign("v2", b"two").await.expect("published").confirmed.expect("shown");
    theirs_looks_up(&theirs, "v2", b"two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_held_snapshot_and_delegations_work_with_theirs() {
    if !present_or_skip(&["notary", "notary-server", "mariadbd", "mariadb", "mariadb-install-db"]) {
        return;
    }
    let database = MariaDb::start();
    let server = NotaryServer::mariadb(&database);
    let dir = tempfile::tempdir().expect("a directory");
    let ours = Ours::at(&Place::theirs(&server), &dir.path().join("trust"));
    let publisher = ours.publisher(SnapshotKey::Server);
    let tag = |tag: &str| TagToSign { tag: name(tag), digest: Digest::sha256(tag.as_bytes()), size: 2 };
    publisher.publish_target(&tag("v<&>1"), clock()).await.expect("published").confirmed.expect("shown");
    // A guess for a delegation that isn't there is answered with 500 by this store.
    let fresh = Ours::at(&Place::theirs(&server), &dir.path().join("fresh"));
    assert_eq!(fresh.digest("v<&>1").await, Digest::sha256(b"v<&>1"));
    let key = ours.keys.generate("releases", None).expect("a key");
    let edit = DelegationEdit {
        threshold: Some(Threshold::ONE),
        add_keys: vec![key.public_key().clone()],
        add_paths: vec![String::new()],
        ..DelegationEdit::default()
    };
    let delegate = Change::EditDelegation { role: RoleName::releases(), edit };
    ours.changes().add(&[delegate], clock()).await.expect("staged");
    publisher.publish_changes(&ours.changes(), clock()).await.expect("published").confirmed.expect("shown");
    let published = publisher.publish_target(&tag("v2"), clock()).await.expect("published");
    published.confirmed.expect("shown");
    assert_eq!(fresh.digest("v2").await, Digest::sha256(b"v2"));
    let theirs = NotaryClient::new(&server.url(), &server.ca_file());
    let listed = theirs.run(&["list", GUN, "-r", "targets/releases"]).expect_success();
    assert!(listed.stdout.contains("targets/releases"), "{}", listed.transcript());
    // The server still knows the collection's root: every byte was as it would have written it.
    let root = remote(&server.url(), &server.ca_file())
        .fetch(&RemoteFile::current(TopRole::Root), 1 << 20, None)
        .await
        .expect("a root");
    assert!(matches!(root, Fetched::Bytes(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_their_server_are_understood() {
    if !present_or_skip(&["notary-server"]) {
        return;
    }
    let server = NotaryServer::memory();
    let remote = remote(&server.url(), &server.ca_file());
    let root = RemoteFile::current(TopRole::Root);
    assert!(matches!(remote.fetch(&root, 1 << 20, None).await, Err(FetchError::NotFound { .. })));
    let targets = Bytes::from_static(b"{\"signed\":{},\"signatures\":[]}");
    let refused = remote.publish(&[(role("targets"), targets)].into()).await.expect_err("no root");
    let PublishError::Rejected { name, message, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(name, "ErrValidation");
    assert_eq!(
        message,
        "An error occurred during validation: no pre-existing root and no root provided in update."
    );
    let key = remote.public_key(TopRole::Timestamp).await.expect("a key");
    assert_eq!(key.keytype(), "ed25519");
    remote.rotate_key(TopRole::Snapshot).await.expect("a key");
    remote.delete().await.expect("nothing to delete is fine");
    let dir = tempfile::tempdir().expect("a directory");
    let ours = Ours::at(&Place::theirs(&server), dir.path());
    ours.sign("v1", b"one").await.expect("published");
    let files =
        ours.updater.refresh(UpdateStart(clock()), Roles::Pull).await.expect("trusted").collection.files();
    let again = [TopRole::Targets, TopRole::Snapshot].map(RoleName::from);
    let again = again.map(|role| (role.clone(), files[&role].clone())).into();
    let refused = remote.publish(&again).await.expect_err("the same version");
    assert!(matches!(refused, PublishError::Conflict { .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_without_tls_or_nobody_at_all_is_told_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = countersign_lab::tls::Authority::new().expect("an authority");
    let ca_file = dir.path().join("ca.crt");
    std::fs::write(&ca_file, authority.ca_pem()).expect("written");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let root = RemoteFile::current(TopRole::Root);
    let error = remote(&url, &ca_file).fetch(&root, 1 << 20, None).await.expect_err("nobody");
    assert!(error.is_unreachable(), "{error:?}");
    if present_or_skip(&["notary-server"]) {
        let server = NotaryServer::memory();
        let error =
            remote(&server.url(), &ca_file).fetch(&root, 1 << 20, None).await.expect_err("a stranger");
        assert!(matches!(error, FetchError::Connection { .. }), "{error:?}");
        assert!(!error.is_unreachable());
    }
}
