//! TUF 1.0.34 §5.5: the snapshot.

use countersign_core::digest::Hashes;
use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;
use countersign_core::trust::{Offered, RootPhase, Seen, TrustError};

use crate::simulator::{Sim, finish, key, now, role, version};

#[test]
fn s5_5_2_snapshot_that_the_timestamp_does_not_name_is_rejected() {
    let mut sim = Sim::new();
    let old = sim.files();
    let mut mixed = sim.publish();
    mixed.snapshot = old.snapshot;
    let refused = sim.first_update(&mixed).expect_err("mixed and matched");
    assert!(matches!(refused, TrustError::Hash { listed_by: "timestamp", .. }), "{refused:?}");
}

#[test]
fn s5_5_2_longer_snapshot_than_named_is_rejected_before_anything_else() {
    let sim = Sim::new();
    let mut files = sim.files();
    files.snapshot = [&files.snapshot[..], b" "].concat().into();
    let refused = sim.first_update(&files).expect_err("one byte too long");
    assert!(matches!(refused, TrustError::Length { .. }), "{refused:?}");
}

#[test]
fn s5_5_3_snapshot_by_a_foreign_key_is_rejected() {
    let mut sim = Sim::new();
    let honest = sim.files();
    let listed = sim.root.clone();
    sim.rotate(TopRole::Snapshot);
    let mut forged = sim.files();
    forged.root = honest.root;
    sim.root = listed;
    let refused = sim.first_update(&forged).expect_err("a foreign key");
    assert!(matches!(refused, TrustError::Signature { role, .. } if role == TopRole::Snapshot));
}

/// Older snapshot under a newer timestamp: rollback of one role inside an update that looks new.
#[test]
fn s5_5_5_older_snapshot_under_a_newer_timestamp_is_rejected() {
    let mut sim = Sim::new();
    sim.publish();
    let seen = sim.first_update(&sim.files()).expect("trusted").seen().clone();
    sim.snapshot.version = version(1);
    sim.timestamp.version = version(3);
    let refused = sim.update(&sim.files(), seen).expect_err("an older snapshot");
    assert!(matches!(refused, TrustError::Rollback { role, .. } if role == TopRole::Snapshot));
}

/// 13 B2: Notary loses its floor when the cached root has been replaced.
#[test]
fn seen_version_outlives_a_new_root() {
    let mut sim = Sim::new();
    let first_root = sim.files().root;
    sim.publish();
    let seen = sim.first_update(&sim.files()).expect("trusted").seen().clone();
    sim.next_root();
    sim.give_root(&key());
    sim.snapshot.version = version(1);
    sim.timestamp.version = version(3);
    let files = sim.files();
    let root = RootPhase::trust_cached(sim.environment(), first_root, seen)
        .and_then(|root| root.accept_root(files.root.clone()));
    let refused =
        finish(root.expect("the next root"), &files).expect_err("an older snapshot under a new root");
    assert!(matches!(refused, TrustError::Rollback { role, .. } if role == TopRole::Snapshot));
}

#[test]
fn s5_5_6_role_that_disappears_while_delegated_is_rejected() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    let before = sim.files();
    let seen = sim.first_update(&before).expect("trusted").seen().clone();
    let releases = role("targets/releases");
    let delegated = sim.roles.remove(&releases);
    sim.timestamp.version = version(2);
    sim.snapshot.version = version(2);
    let without = sim.files();
    let phase = RootPhase::trust_cached(sim.environment(), without.root.clone(), seen.clone())
        .and_then(RootPhase::finish_root)
        .expect("root");
    let offered = |bytes: &bytes::Bytes| Offered::fetched(bytes.clone());
    let phase = phase
        .accept_timestamp(offered(&without.timestamp))
        .and_then(|phase| phase.accept_snapshot(offered(&without.snapshot)));
    let phase = phase
        .and_then(|phase| phase.accept_targets(offered(&without.roles[&TopRole::Targets.into()])))
        .expect("targets");
    assert!(matches!(phase.standing(&releases), Err(TrustError::RoleRemoved { .. })));
    assert!(delegated.is_some());
}

#[test]
fn s5_5_7_expired_snapshot_is_rejected_and_equal_is_expired() {
    for (seconds, is_trusted) in [(-1, false), (0, false), (1, true)] {
        let mut sim = Sim::new();
        sim.snapshot.expires = now().plus_seconds(seconds);
        assert_eq!(sim.first_update(&sim.files()).is_ok(), is_trusted, "{seconds} s");
    }
}

#[test]
fn snapshot_of_another_root_asks_for_a_newer_root() {
    let mut sim = Sim::new();
    let first = sim.files();
    sim.next_root();
    let second = sim.files();
    let phase = RootPhase::trust_first(sim.environment(), first.root, Seen::default()).expect("root");
    let refused = finish(phase, &second).expect_err("another root");
    assert!(matches!(refused, TrustError::OtherRoot { trusted } if trusted == version(1)));
}

#[test]
fn snapshot_without_a_sha256_of_targets_is_rejected() {
    let sim = Sim::new();
    let files = sim.files();
    let mut snapshot = sim.snapshot.clone();
    snapshot.meta.insert("root".to_owned(), FileMeta::of(&files.root));
    snapshot.meta.insert("targets".to_owned(), FileMeta::new(Hashes::default(), 1));
    let refused = sim.first_update(&sim.seal(files.root, &snapshot, files.roles)).expect_err("no hash");
    assert!(matches!(refused, TrustError::Metadata { .. }), "{refused:?}");
}

#[test]
fn snapshot_whose_other_hash_or_length_of_root_differs_is_rejected() {
    use countersign_core::digest::{Algorithm, Digest};
    let sim = Sim::new();
    let files = sim.files();
    let listing = |root: FileMeta| {
        let mut snapshot = sim.snapshot.clone();
        snapshot.meta.insert("root".to_owned(), root);
        let targets = FileMeta::of(&files.roles[&TopRole::Targets.into()]);
        snapshot.meta.insert("targets".to_owned(), targets);
        sim.first_update(&sim.seal(files.root.clone(), &snapshot, files.roles.clone()))
    };
    let mut wrong = FileMeta::of(&files.root);
    wrong.hashes.insert(Digest::of(Algorithm::Sha512, b"other"));
    assert!(matches!(listing(wrong), Err(TrustError::Hash { listed_by: "snapshot", .. })));
    let mut short = FileMeta::of(&files.root);
    short.length -= 1;
    assert!(matches!(listing(short.clone()), Err(TrustError::Length { listed_by: "snapshot", .. })));
    short.length += 2;
    assert!(listing(short).is_ok(), "a length is a bound (T9)");
}

#[test]
fn cached_copy_is_checked_by_sha256_and_a_download_by_every_hash() {
    let sim = Sim::new();
    let files = sim.files();
    let mut snapshot = sim.snapshot.clone();
    snapshot.meta.insert("root".to_owned(), FileMeta::of(&files.root));
    let targets = &files.roles[&TopRole::Targets.into()];
    let mut wrong = FileMeta::of(targets);
    wrong
        .hashes
        .insert(countersign_core::digest::Digest::of(countersign_core::digest::Algorithm::Sha512, b"other"));
    snapshot.meta.insert("targets".to_owned(), wrong);
    let files = sim.seal(files.root.clone(), &snapshot, files.roles.clone());
    let phase = RootPhase::trust_first(sim.environment(), files.root.clone(), Seen::default())
        .and_then(RootPhase::finish_root)
        .expect("root");
    let phase = phase.accept_timestamp(Offered::fetched(files.timestamp.clone())).expect("timestamp");
    let phase = phase.accept_snapshot(Offered::fetched(files.snapshot.clone())).expect("snapshot");
    let targets = files.roles[&TopRole::Targets.into()].clone();
    assert!(matches!(
        phase.clone().accept_targets(Offered::fetched(targets.clone())),
        Err(TrustError::Hash { .. })
    ));
    assert!(phase.accept_targets(Offered::cached(targets)).is_ok());
}
