//! TUF 1.0.34 §5.4: the timestamp.

use countersign_core::name::TopRole;
use countersign_core::signature::SignatureError;
use countersign_core::trust::{Offered, RootPhase, Seen, TrustError};

use crate::simulator::{Sim, now, version};

#[test]
fn s5_4_2_timestamp_by_a_foreign_key_is_rejected() {
    let mut sim = Sim::new();
    let root = sim.files().root;
    sim.rotate(TopRole::Timestamp);
    let forged = sim.files().timestamp;
    let phase = RootPhase::trust_first(sim.environment(), root, Seen::default())
        .and_then(RootPhase::finish_root)
        .expect("root");
    let refused = phase.accept_timestamp(Offered::fetched(forged)).expect_err("a foreign key");
    assert!(
        matches!(refused, TrustError::Signature { source: SignatureError::Threshold { valid: 0, .. }, .. }),
        "{refused:?}"
    );
}

#[test]
fn s5_4_3_older_timestamp_is_rejected_and_the_same_is_accepted() {
    let mut sim = Sim::new();
    let old = sim.files();
    let new = sim.publish();
    let seen = sim.first_update(&new).expect("trusted").seen().clone();
    let refused = sim.update(&old, seen.clone()).expect_err("older");
    assert!(
        matches!(refused, TrustError::Rollback { offered, trusted, .. } if offered == version(1) && trusted == version(2))
    );
    assert!(sim.update(&new, seen).is_ok());
}

/// Notary's client accepts this for all roles (13 B3).
#[test]
fn s5_4_3_timestamp_of_equal_version_with_other_content_is_rejected() {
    let mut sim = Sim::new();
    let files = sim.files();
    let seen = sim.first_update(&files).expect("trusted").seen().clone();
    sim.timestamp.expires = now().plus_seconds(60);
    let refused = sim.update(&sim.files(), seen).expect_err("another timestamp of that version");
    assert!(matches!(refused, TrustError::Equivocation { .. }), "{refused:?}");
}

#[test]
fn s5_4_4_expired_timestamp_is_rejected_and_equal_is_expired() {
    for (seconds, is_trusted) in [(-1, false), (0, false), (1, true)] {
        let mut sim = Sim::new();
        sim.timestamp.expires = now().plus_seconds(seconds);
        let outcome = sim.first_update(&sim.files());
        assert_eq!(outcome.is_ok(), is_trusted, "{seconds} s");
        if let Err(refused) = outcome {
            assert!(matches!(refused, TrustError::Expired { role, .. } if role == TopRole::Timestamp));
        }
    }
}

#[test]
fn stale_timestamp_is_a_floor_and_never_a_truth() {
    let mut sim = Sim::new();
    let old = sim.files();
    sim.timestamp.expires = now().plus_seconds(-60);
    let expired = sim.publish();
    let trusted = || {
        RootPhase::trust_first(sim.environment(), old.root.clone(), Seen::default())
            .and_then(RootPhase::finish_root)
    };
    let mut phase = trusted().expect("root");
    assert!(phase.remember(TopRole::Timestamp, expired.timestamp.clone()));
    let refused = phase
        .clone()
        .accept_timestamp(Offered::fetched(old.timestamp))
        .expect_err("older than the stale one");
    assert!(matches!(refused, TrustError::Rollback { .. }), "{refused:?}");
    let refused = phase.accept_timestamp(Offered::cached(expired.timestamp)).expect_err("expired");
    assert!(matches!(refused, TrustError::Expired { .. }), "{refused:?}");
}

#[test]
fn stale_file_that_does_not_verify_is_no_floor() {
    let mut sim = Sim::new();
    let root = sim.files().root;
    sim.rotate(TopRole::Timestamp);
    let foreign = sim.publish().timestamp;
    let mut phase = RootPhase::trust_first(sim.environment(), root, Seen::default())
        .and_then(RootPhase::finish_root)
        .expect("root");
    assert!(!phase.remember(TopRole::Timestamp, foreign));
    assert!(!phase.remember(TopRole::Timestamp, bytes::Bytes::from_static(b"<html>")));
    assert!(!phase.remember(TopRole::Root, bytes::Bytes::from_static(b"{}")));
}

/// Advisory NCC 2015-3: the way back from a fast-forward is a new key, without deleting anything.
#[test]
fn fast_forward_is_recovered_by_rotating_the_key() {
    let mut sim = Sim::new();
    let honest = sim.files();
    sim.timestamp.version = version(2_147_483_647);
    sim.snapshot.version = version(2_147_483_647);
    let forwarded = sim.files();
    let seen = sim.first_update(&forwarded).expect("signed by the stolen keys").seen().clone();
    sim.timestamp.version = version(2);
    sim.snapshot.version = version(2);
    assert!(matches!(sim.update(&honest, seen.clone()), Err(TrustError::Rollback { .. })));
    sim.next_root();
    sim.rotate(TopRole::Timestamp);
    sim.rotate(TopRole::Snapshot);
    let recovered = sim.files();
    let phase = RootPhase::trust_cached(sim.environment(), honest.root, seen)
        .and_then(|root| root.accept_root(recovered.root.clone()));
    assert!(crate::simulator::finish(phase.expect("the next root"), &recovered).is_ok());
}

/// The message of a file is what counts: a space that somebody on the way added makes no other timestamp of it.
#[test]
fn s5_4_3_timestamp_in_another_form_does_not_lock_out_the_honest_one() {
    let mut sim = Sim::new();
    let honest = sim.files();
    let mut rewritten = honest.clone();
    rewritten.timestamp = [honest.timestamp.as_ref(), b" \n"].concat().into();
    let seen = sim.first_update(&rewritten).expect("it says the same").seen().clone();
    assert!(sim.update(&honest, seen.clone()).is_ok());
    assert!(sim.update(&rewritten, seen.clone()).is_ok());
    sim.timestamp.expires = now().plus_seconds(60);
    let refused = sim.update(&sim.files(), seen).expect_err("another timestamp of that version");
    assert!(matches!(refused, TrustError::Equivocation { .. }), "{refused:?}");
}
