//! The server's own keys in other hands: what they can make a client take, and what they cannot (Cure53 TUF-01-003).
//!
//! Whoever has them needs no upload. The files are those of [`client`](super::client): a server that checks nothing, and signs
//! with its own keys whatever it serves.

use countersign_core::metadata::{FileMeta, Targets};
use countersign_core::name::TargetName;

use super::case::{Case, version};
use super::client;
use crate::setting::{SnapshotKey, role};

fn evil(targets: &mut Targets) {
    targets.targets.insert(TargetName::from("v1".to_owned()), FileMeta::of(b"evil"));
}

/// Every key that the server holds, on targets that their publisher did not sign.
#[tokio::test]
async fn stolen_online_keys_sign_no_tag() {
    let mut case = Case::delegated(SnapshotKey::Server).await;
    for of in ["targets", "targets/a"] {
        case.next.clear();
        let (keys, mut targets) = (case.stranger(), case.claim::<Targets>(of));
        targets.version = version(7);
        evil(&mut targets);
        case.put_by(of, &targets, &[keys]);
        let refusal = client::update(&case).await.expect_err("its publisher did not sign it");
        assert_eq!(refusal.name(), "Signature", "{of}: {refusal}");
    }
}

/// They can sign a new snapshot over old files, which a client remembers.
#[tokio::test]
async fn stolen_online_keys_bring_nothing_back() {
    let mut case = Case::delegated(SnapshotKey::Server).await;
    let old = case.old[&role("targets")].clone();
    case.next.clear();
    case.put_file("targets", old);
    let refusal = client::update(&case).await.expect_err("it is older");
    assert_eq!(refusal.name(), "Rollback", "{refusal}");
}

/// The blast radius: they can say that nothing is newer than what a client trusts already, as often as they like.
#[tokio::test]
async fn stolen_online_keys_can_keep_a_client_where_it_is() {
    let mut case = Case::delegated(SnapshotKey::Server).await;
    case.next.clear();
    let trusted = client::update(&case).await.expect("the same files under a new timestamp");
    let (before, after) = (case.trusted.files(), trusted.files());
    assert_eq!(after[&role("targets")], before[&role("targets")]);
    assert_eq!(after[&role("targets/a")], before[&role("targets/a")]);
    assert_ne!(after[&role("timestamp")], before[&role("timestamp")]);
}

/// Where the publisher keeps the snapshot key, a thief with the timestamp key alone cannot even name another snapshot.
#[tokio::test]
async fn stolen_timestamp_key_makes_no_snapshot() {
    let mut case = Case::new(SnapshotKey::Publisher).await;
    let (keys, mut snapshot) =
        (case.stranger(), case.claim::<countersign_core::metadata::Snapshot>("snapshot"));
    snapshot.version = version(9);
    case.put_by("snapshot", &snapshot, &[keys]);
    let refusal = client::update(&case).await.expect_err("its publisher did not sign it");
    assert_eq!(refusal.name(), "Signature", "{refusal}");
}
