//! TUF 1.0.34 §5.2, §5.3: the root of trust, its updates, and its pins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::author::sign;
use countersign_core::certificate::self_signed;
use countersign_core::name::TopRole;
use countersign_core::number::Threshold;
use countersign_core::signature::SignatureError;
use countersign_core::trust::{LeafError, RootPhase, Seen, TrustError, TrustPinning};

use crate::simulator::{Sim, finish, key, now, role, version};

fn trust(sim: &Sim, root: &Bytes) -> RootPhase {
    RootPhase::trust_first(sim.environment(), root.clone(), Seen::default()).expect("a root that holds")
}

#[test]
fn s5_3_4_root_signed_by_old_and_new_key_is_accepted() {
    let mut sim = Sim::new();
    let first = sim.files();
    sim.next_root();
    sim.give_root(&key());
    let second = sim.files();
    let phase = trust(&sim, &first.root).accept_root(second.root.clone()).expect("signed by both");
    assert_eq!(phase.root().version, version(2));
    assert!(finish(phase, &second).is_ok());
}

#[test]
fn s5_3_4_root_signed_by_the_new_key_alone_is_rejected() {
    let mut sim = Sim::new();
    let first = sim.files();
    sim.next_root();
    sim.give_root(&key());
    sim.previous_root = None;
    let refused =
        trust(&sim, &first.root).accept_root(sim.files().root).expect_err("the old key did not sign");
    assert!(
        matches!(refused, TrustError::Rotation { source: SignatureError::Threshold { valid: 0, .. }, .. }),
        "{refused:?}"
    );
}

#[test]
fn s5_3_4_root_signed_by_the_old_key_alone_is_rejected() {
    let mut sim = Sim::new();
    let first = sim.files();
    let old = sim.root.role_keys(TopRole::Root);
    sim.next_root();
    sim.give_root(&key());
    let root = sign(&TopRole::Root.into(), &sim.root, &[old], &sim.ring).expect("the old key is there");
    let refused = trust(&sim, &first.root).accept_root(root).expect_err("the new key did not sign");
    assert!(matches!(refused, TrustError::Signature { .. }), "{refused:?}");
}

#[test]
fn published_form_of_a_begun_root_is_accepted_from_its_own_keys_alone() {
    let mut sim = Sim::new();
    let begun = sim.files().root;
    sim.root.expires = sim.root.expires.plus_seconds(1);
    let published = sim.files().root;
    assert_ne!(begun, published);
    let phase = trust(&sim, &begun).accept_published(published.clone()).expect("the same keys and version");
    assert_eq!(phase.root().bytes(), &published);
    let mut other = sim.clone();
    other.give_root(&key());
    let refused = trust(&sim, &begun).accept_published(other.files().root).expect_err("other keys");
    assert!(matches!(refused, TrustError::Rotation { .. }), "{refused:?}");
    sim.next_root();
    let refused = trust(&sim, &begun).accept_published(sim.files().root).expect_err("another version");
    assert!(matches!(refused, TrustError::VersionGap { .. }), "{refused:?}");
}

#[test]
fn s5_3_5_version_gap_is_rejected() {
    let mut sim = Sim::new();
    let first = sim.files();
    for offered in [1, 3, 5] {
        sim.next_root();
        sim.root.version = version(offered);
        let refused =
            trust(&sim, &first.root).accept_root(sim.files().root).expect_err("not the next version");
        assert!(
            matches!(refused, TrustError::VersionGap { expected, .. } if expected == version(2)),
            "{offered}: {refused:?}"
        );
    }
    sim.root.version = version(2);
    assert!(trust(&sim, &first.root).accept_root(sim.files().root).is_ok());
}

#[test]
fn s5_3_6_expired_root_may_lead_to_a_newer_one() {
    let mut sim = Sim::new();
    sim.root.expires = now().plus_seconds(-1);
    let first = sim.files();
    sim.next_root();
    sim.root.expires = now().plus_seconds(1);
    let second = sim.files();
    let phase = trust(&sim, &first.root).accept_root(second.root.clone()).expect("expiry is looked at last");
    assert!(finish(phase, &second).is_ok());
}

#[test]
fn s5_3_10_expired_root_is_rejected_at_the_end_and_equal_is_expired() {
    for (seconds, is_trusted) in [(-1, false), (0, false), (1, true)] {
        let mut sim = Sim::new();
        sim.root.expires = now().plus_seconds(seconds);
        let outcome = sim.first_update(&sim.files());
        assert_eq!(outcome.is_ok(), is_trusted, "{seconds} s");
        if let Err(refused) = outcome {
            assert!(matches!(refused, TrustError::Expired { role: of, .. } if of == TopRole::Root));
        }
    }
}

#[test]
fn root_rollback_and_other_content_of_the_same_version_are_rejected() {
    let mut sim = Sim::new();
    let first = sim.files();
    sim.next_root();
    let second = sim.files();
    let seen = finish(trust(&sim, &first.root).accept_root(second.root.clone()).expect("next"), &second)
        .expect("trusted")
        .seen()
        .clone();
    let refused = RootPhase::trust_cached(sim.environment(), first.root, seen.clone()).expect_err("older");
    assert!(matches!(refused, TrustError::Rollback { .. }), "{refused:?}");
    sim.root.expires = now().plus_seconds(7200);
    let refused = RootPhase::trust_cached(sim.environment(), sim.files().root, seen.clone())
        .expect_err("other content");
    assert!(matches!(refused, TrustError::Equivocation { .. }), "{refused:?}");
    assert!(RootPhase::trust_cached(sim.environment(), second.root, seen).is_ok());
}

#[test]
fn remembered_root_must_be_the_very_file() {
    let mut sim = Sim::new();
    let first = sim.files();
    let seen = sim.first_update(&first).expect("trusted").seen().clone();
    let remembered = seen.file(&role("root")).expect("recorded").clone();
    sim.root.expires = now().plus_seconds(7200);
    let other = RootPhase::trust_remembered(sim.environment(), sim.files().root, seen.clone(), &remembered);
    assert!(matches!(other, Err(TrustError::Hash { .. })));
    assert!(RootPhase::trust_remembered(sim.environment(), first.root, seen, &remembered).is_ok());
}

/// A lost cache is no first use: a root that was never led to, however new, would be whatever the server likes.
#[test]
fn first_use_is_over_once_a_root_was_seen() {
    let mut sim = Sim::new();
    let first = sim.files();
    let seen = sim.first_update(&first).expect("trusted").seen().clone();
    let mut stranger = Sim::new();
    stranger.root.version = version(2);
    let refused = RootPhase::trust_first(sim.environment(), stranger.files().root, seen.clone());
    assert!(matches!(refused, Err(TrustError::Hash { .. })));
    sim.next_root();
    let refused = RootPhase::trust_first(sim.environment(), sim.files().root, seen.clone());
    assert!(matches!(refused, Err(TrustError::Hash { .. })), "one root was left out");
    assert!(RootPhase::trust_first(sim.environment(), first.root, seen).is_ok());
}

#[test]
fn root_certificate_for_another_collection_is_rejected() {
    let mut sim = Sim::new();
    let other = "docker.io/library/other".parse().expect("a GUN");
    let certificate = self_signed(&other, &sim.root_key, now()).expect("a certificate");
    sim.list(TopRole::Root, vec![certificate]);
    let refused = sim.first_update(&sim.files()).expect_err("another name");
    assert!(matches!(refused, TrustError::NoLeaf { source: Some(LeafError::Name(_)), .. }), "{refused:?}");
}

#[test]
fn root_key_without_certificate_is_rejected() {
    let mut sim = Sim::new();
    sim.list(TopRole::Root, vec![sim.root_key.public_key().clone()]);
    let refused = sim.first_update(&sim.files()).expect_err("a bare key");
    assert!(matches!(refused, TrustError::NoLeaf { source: Some(LeafError::Bare(_)), .. }), "{refused:?}");
}

#[test]
fn expired_root_certificate_is_rejected_and_leads_on() {
    let mut sim = Sim::new();
    let years = |count: i64| now().plus_seconds(count * 365 * 86_400);
    let expired = self_signed(&sim.gun, &sim.root_key, years(-11)).expect("a certificate");
    sim.list(TopRole::Root, vec![expired]);
    let first = sim.files();
    let refused = sim.first_update(&first).expect_err("the certificate expired");
    assert!(
        matches!(refused, TrustError::NoLeaf { source: Some(LeafError::Certificate(_)), .. }),
        "{refused:?}"
    );
    sim.next_root();
    sim.give_root(&key());
    let second = sim.files();
    let phase = trust(&sim, &first.root)
        .accept_root(second.root.clone())
        .expect("an expired certificate still leads on");
    assert!(finish(phase, &second).is_ok());
}

#[test]
fn root_certificate_not_in_notarys_exact_form_is_rejected() {
    let mut sim = Sim::new();
    let certificate = sim.certificate(&sim.root_key);
    let mut text = certificate.as_bytes().to_vec();
    text.push(b'\n');
    let key_type = certificate.key_type().expect("known");
    sim.list(TopRole::Root, vec![countersign_core::key::PublicKey::new(key_type, text)]);
    let refused = sim.first_update(&sim.files()).expect_err("one newline too many");
    assert!(matches!(refused, TrustError::NoLeaf { source: Some(LeafError::Form), .. }), "{refused:?}");
}

#[test]
fn root_threshold_of_two_needs_two_distinct_keys() {
    let mut sim = Sim::new();
    let (first, second) = (Arc::clone(&sim.root_key), key());
    let certificates = vec![sim.certificate(&first), sim.certificate(&second)];
    sim.list(TopRole::Root, certificates);
    sim.root.roles.get_mut("root").expect("listed").threshold = Threshold::new(2).expect("two");
    sim.ring.insert(second);
    assert!(sim.first_update(&sim.files()).is_ok());
}

fn pins(names: &[(&str, countersign_core::key::KeyId)]) -> TrustPinning {
    let certs: BTreeMap<_, _> =
        names.iter().map(|(name, id)| ((*name).to_owned(), BTreeSet::from([*id]))).collect();
    TrustPinning { certs, ..TrustPinning::default() }
}

#[test]
fn pin_by_certificate_or_by_bare_key_holds_and_another_refuses() {
    let sim = Sim::new();
    let files = sim.files();
    let scoped = sim.certificate(&sim.root_key);
    let listed = sim.root.keys_of(TopRole::Root).map(|(id, _)| *id).next().expect("one root key");
    for (id, is_trusted) in
        [(listed, true), (sim.root_key.id(), true), (scoped.id(), false), (key().id(), false)]
    {
        let environment = sim.pinned(pins(&[("docker.io/*", id)]));
        let outcome = RootPhase::trust_first(environment, files.root.clone(), Seen::default())
            .and_then(RootPhase::finish_root);
        assert_eq!(outcome.is_ok(), is_trusted);
        if let Err(refused) = outcome {
            assert!(
                matches!(&refused, TrustError::Pin { found, .. } if found == &[sim.root_key.id().to_string()]),
                "{refused:?}"
            );
        }
    }
}

/// Notary ignores a pin once a root is cached (13 B13); attack "TOFU after pin".
#[test]
fn pin_holds_for_a_cached_root_too() {
    let sim = Sim::new();
    let environment = sim.pinned(pins(&[("docker.io/library/app", key().id())]));
    let cached =
        RootPhase::trust_cached(environment, sim.files().root, Seen::default()).expect("its signatures hold");
    assert!(matches!(cached.finish_root(), Err(TrustError::Pin { .. })));
}

#[test]
fn disabled_first_use_refuses_an_unpinned_collection_but_not_a_cached_one() {
    let sim = Sim::new();
    let root = sim.files().root;
    let strict = || sim.pinned(TrustPinning { disable_tofu: true, ..TrustPinning::default() });
    assert!(matches!(
        RootPhase::trust_first(strict(), root.clone(), Seen::default()),
        Err(TrustError::NoPin(_))
    ));
    let cached = RootPhase::trust_cached(strict(), root, Seen::default()).expect("trusted before");
    assert!(cached.finish_root().is_ok());
}

#[test]
fn root_that_lists_a_key_under_another_id_is_rejected() {
    let mut sim = Sim::new();
    let foreign = key();
    sim.root.keys.insert(key().id(), foreign.public_key().clone());
    let refused = sim.first_update(&sim.files()).expect_err("a false id");
    assert!(matches!(refused, TrustError::Metadata { .. }), "{refused:?}");
}
