//! Files that the attacker signed or kept.

use countersign_core::certificate::self_signed;
use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;

use super::stage::{Stage, clock, collection, raise, state};
use crate::collection::{key, name, role, version};

#[test]
fn rollback_of_everything_is_refused() {
    let stage = Stage::set();
    stage.serve(&[&stage.first]);
    stage.refuses("the first edition", 3, "timestamp version 1 is older than trusted version 2");
}

/// CVE-2025-2887, CVE-2022-29173: with stolen online keys, one old role inside of what is newer.
#[test]
fn rollback_of_one_role_is_refused() {
    for (attack, old_targets) in [("snapshot", false), ("targets", true)] {
        let stage = Stage::set();
        let mut sim = stage.sim.clone();
        raise(&mut sim, 10);
        if old_targets {
            sim.targets("targets").version = version(1);
        } else {
            sim.snapshot.version = version(1);
        }
        stage.serve(&[&sim.files()]);
        stage.refuses(attack, 3, &format!("{attack} version 1 is older than trusted version 2"));
    }
}

#[test]
fn freeze_is_refused_once_the_timestamp_is_over() {
    let stage = Stage::set();
    let mut sim = stage.sim.clone();
    sim.timestamp.version = version(3);
    sim.timestamp.expires = clock().plus_seconds(-1);
    stage.serve(&[&sim.files()]);
    stage.refuses("a timestamp that is over", 3, "timestamp expired at");
}

#[test]
fn mixed_and_matched_files_are_refused() {
    let stage = Stage::set();
    let mut sim = stage.sim.clone();
    sim.set("v2", b"later");
    let mut files = sim.publish();
    files.roles = stage.first.roles.clone();
    stage.serve(&[&files]);
    stage.refuses("new listings over old targets", 1, "targets");
}

#[test]
fn arbitrary_software_is_refused() {
    let stage = Stage::set();
    let mut stolen = stage.sim.clone();
    raise(&mut stolen, 10);
    let mut evil = stolen.clone();
    evil.rotate(TopRole::Targets);
    evil.targets("targets").targets.insert(name("v1"), FileMeta::of(b"evil"));
    let (root, theirs) = (stolen.files().root, evil.files().roles);
    let mut snapshot = stolen.snapshot.clone();
    snapshot.meta.insert("root".to_owned(), FileMeta::of(&root));
    snapshot.meta.insert("targets".to_owned(), FileMeta::of(&theirs[&role("targets")]));
    // The online keys are stolen, so that everything is truly named.
    stage.serve(&[&stolen.seal(root, &snapshot, theirs)]);
    stage.refuses("targets by a stranger", 3, "targets is not signed as it must be");
}

#[test]
fn another_collection_is_refused() {
    let stage = Stage::set();
    let mut other = collection(&stage.site.image("team/other"));
    raise(&mut other, 10);
    stage.serve(&[&other.files()]);
    let before = state(&stage.bob);
    let output = stage.pull();
    assert!(matches!(output.code, Some(1 | 3)), "{}", output.transcript());
    assert_eq!(state(&stage.bob), before);
    // Nor by somebody who meets it for the first time.
    let stranger = Stage::set();
    stranger.serve(&[&other.files()]);
    let _ = std::fs::remove_dir_all(stranger.bob.path(".docker/trust"));
    stranger.refuses("another collection at first sight", 3, "no usable certificate");
    stage.next_is_pulled(stage.sim.clone(), "another collection");
}

#[test]
fn root_that_its_predecessor_did_not_sign_is_refused() {
    let stage = Stage::set();
    let mut evil = stage.sim.clone();
    raise(&mut evil, 10);
    evil.next_root();
    let new = key();
    let certificate = self_signed(&evil.gun, &new, clock()).expect("a certificate");
    evil.ring.insert(new);
    evil.list(TopRole::Root, vec![certificate]);
    evil.previous_root = None;
    stage.serve(&[&evil.files()]);
    stage.refuses("a root by a stranger", 3, "is not signed by the keys of trusted root version 1");
}

/// NCC 2015-3: with a stolen key somebody publishes the last version there is; with new keys the publisher goes on, and nobody
/// has to delete a cache.
#[test]
fn fast_forward_is_recovered_from_by_new_keys() {
    let stage = Stage::set();
    let mut stolen = stage.sim.clone();
    raise(&mut stolen, 10);
    stolen.timestamp.version = version(0x7fff_ffff);
    stolen.snapshot.version = version(0x7fff_ffff);
    stage.serve(&[&stolen.files()]);
    stage.pull().expect_success();
    let mut locked = stage.sim.clone();
    raise(&mut locked, 20);
    stage.serve(&[&locked.files()]);
    stage.pull().expect_code(3);
    let mut recovered = stage.sim.clone();
    recovered.next_root();
    recovered.rotate(TopRole::Timestamp);
    recovered.rotate(TopRole::Snapshot);
    stage.next_is_pulled(recovered, "after new keys");
}
