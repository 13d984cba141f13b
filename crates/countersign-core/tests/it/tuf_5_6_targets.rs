//! TUF 1.0.34 §5.6: targets, and every delegated role by the same checks.

use countersign_core::key::{KeyType, PublicKey};
use countersign_core::metadata::{Delegation, Delegations, FileMeta};
use countersign_core::name::TopRole;
use countersign_core::number::Threshold;
use countersign_core::sign::SecretKey;
use countersign_core::trust::{Offered, RootPhase, Seen, Standing, TrustError};

use crate::simulator::{Files, Sim, key, now, role, version};

/// Runs `check` for `targets` and for a delegated role: the checks are one code path (advisory CVE-2026-6967).
fn for_both(check: impl Fn(Sim, &str)) {
    check(Sim::new(), "targets");
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    check(sim, "targets/releases");
}

fn refused(sim: &Sim, files: &Files, seen: Seen) -> TrustError {
    sim.update(files, seen).map(|_| ()).expect_err("it must be refused")
}

#[test]
fn s5_6_2_file_that_the_snapshot_does_not_name_is_rejected() {
    for_both(|mut sim, of| {
        let old = sim.files();
        let mut mixed = sim.publish();
        mixed.roles.insert(role(of), old.roles[&role(of)].clone());
        assert!(matches!(
            refused(&sim, &mixed, Seen::default()),
            TrustError::Hash { listed_by: "snapshot", .. }
        ));
    });
}

#[test]
fn s5_6_3_file_by_a_foreign_key_is_rejected() {
    for_both(|sim, of| {
        let honest = sim.files();
        let mut forger = sim.clone();
        let key = key();
        forger.ring.insert(key.clone());
        if of == "targets" {
            forger.list(TopRole::Targets, vec![key.public_key().clone()]);
        } else {
            let delegations = &mut forger.targets("targets").delegations;
            delegations.keys.insert(key.id(), key.public_key().clone());
            delegations.roles[0].keyids = vec![key.id()];
        }
        let forged = forger.files().roles[&role(of)].clone();
        let mut snapshot = sim.snapshot.clone();
        snapshot.meta.insert("root".to_owned(), FileMeta::of(&honest.root));
        let mut roles = honest.roles.clone();
        roles.insert(role(of), forged);
        for (role, file) in &roles {
            snapshot.meta.insert(role.to_string(), FileMeta::of(file));
        }
        let files = sim.seal(honest.root, &snapshot, roles);
        assert!(matches!(refused(&sim, &files, Seen::default()), TrustError::Signature { .. }));
    });
}

#[test]
fn s5_6_4_older_version_is_rejected_and_equal_needs_equal_content() {
    for_both(|mut sim, of| {
        sim.publish();
        let seen = sim.first_update(&sim.files()).expect("trusted").seen().clone();
        sim.timestamp.version = version(3);
        sim.snapshot.version = version(3);
        assert!(sim.update(&sim.files(), seen.clone()).is_ok());
        sim.set_in(of, "v1", b"other");
        assert!(matches!(refused(&sim, &sim.files(), seen.clone()), TrustError::Equivocation { .. }));
        sim.targets(of).version = version(1);
        assert!(matches!(refused(&sim, &sim.files(), seen), TrustError::Rollback { .. }));
    });
}

#[test]
fn s5_6_5_expired_file_is_rejected_and_equal_is_expired() {
    for_both(|mut sim, of| {
        for (seconds, is_trusted) in [(-1, false), (0, false), (1, true)] {
            sim.targets(of).expires = now().plus_seconds(seconds);
            assert_eq!(sim.first_update(&sim.files()).is_ok(), is_trusted, "{of} {seconds} s");
        }
    });
}

#[test]
fn threshold_of_a_delegation_counts_as_for_a_top_level_role() {
    let mut sim = Sim::new();
    let first = sim.delegate("targets/releases", &[""]);
    let second = key();
    sim.ring.insert(second.clone());
    let delegations = &mut sim.targets("targets").delegations;
    delegations.keys.insert(second.id(), second.public_key().clone());
    delegations.roles[0].keyids = vec![first.id(), second.id()];
    delegations.roles[0].threshold = Threshold::new(2).expect("two");
    assert!(sim.first_update(&sim.files()).is_ok());
}

#[test]
fn role_that_nobody_delegates_to_is_not_loaded() {
    let sim = Sim::new();
    let files = sim.files();
    let collection = sim.first_update(&files).expect("trusted");
    assert!(collection.targets(&role("targets/releases")).is_none());
    let mut other = sim.clone();
    other.delegate("targets/releases", &[""]);
    assert_eq!(other.first_update(&other.files()).expect("trusted").roles().len(), 2);
}

/// Whether `targets/a` is delegated and unpublished when `files` are all there is.
fn is_unpublished(sim: &Sim, files: &Files, seen: Seen) -> Result<bool, TrustError> {
    let offered = |bytes: &bytes::Bytes| Offered::fetched(bytes.clone());
    let phase = RootPhase::trust_first(sim.environment(), files.root.clone(), seen)?
        .finish_root()?
        .accept_timestamp(offered(&files.timestamp))?
        .accept_snapshot(offered(&files.snapshot))?
        .accept_targets(offered(&files.roles[&role("targets")]))?;
    Ok(phase.standing(&role("targets/a"))? == Standing::Unpublished)
}

#[test]
fn delegation_that_was_never_published_is_said_to_be_so() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    sim.roles.remove(&role("targets/releases"));
    let files = sim.files();
    let phase = RootPhase::trust_first(sim.environment(), files.root.clone(), Seen::default())
        .and_then(RootPhase::finish_root)
        .expect("root");
    let phase = phase.accept_timestamp(Offered::fetched(files.timestamp)).expect("timestamp");
    let phase = phase.accept_snapshot(Offered::fetched(files.snapshot)).expect("snapshot");
    let phase =
        phase.accept_targets(Offered::fetched(files.roles[&role("targets")].clone())).expect("targets");
    assert_eq!(phase.standing(&role("targets/releases")).expect("no removal"), Standing::Unpublished);
    assert_eq!(phase.standing(&role("targets/other")).expect("no removal"), Standing::NotDelegated);
    assert_eq!(phase.unloaded(), [role("targets/releases")]);
}

/// A delegation to a key in a certificate, made as `openssl req -x509` makes it: an authority.
fn certified_delegate(sim: &mut Sim, change: impl FnOnce(&mut rcgen::CertificateParams)) {
    let pair = rcgen::KeyPair::generate().expect("a key");
    let secret = SecretKey::from_private_bytes(KeyType::Ecdsa, &pair.serialize_der()).expect("an ECDSA key");
    let mut params = rcgen::CertificateParams::new([]).expect("no names");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    change(&mut params);
    let pem = params.self_signed(&pair).expect("a certificate").pem().replace('\r', "");
    let key = PublicKey::new(KeyType::EcdsaX509, pem.into_bytes());
    sim.delegate("targets/releases", &[""]);
    sim.ring.insert(std::sync::Arc::new(secret));
    let delegations = &mut sim.targets("targets").delegations;
    delegations.roles[0].keyids = vec![key.id()];
    delegations.keys = [(key.id(), key)].into();
}

/// Debian's notary takes it as well: only a root's certificate must be no authority.
#[test]
fn delegate_whose_certificate_is_an_authority_may_sign() {
    let mut sim = Sim::new();
    certified_delegate(&mut sim, |_| {});
    assert!(sim.first_update(&sim.files()).expect("trusted").targets(&role("targets/releases")).is_some());
}

#[test]
fn delegate_whose_certificate_expired_may_sign_and_one_with_swapped_dates_may_not() {
    for (last, is_key) in [(2021, true), (2019, false)] {
        let mut sim = Sim::new();
        certified_delegate(&mut sim, |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(last, 1, 1);
        });
        let delegations = &sim.targets("targets").delegations;
        assert_eq!(delegations.role_keys(&delegations.roles[0]).keys().len() == 1, is_key, "until {last}");
    }
}

#[test]
fn file_that_declares_more_delegations_than_the_limit_is_rejected() {
    let mut sim = Sim::new();
    for (declared, is_trusted) in [(1_024, true), (1_025, false)] {
        let roles =
            (0..declared).map(|number| Delegation::new(role(&format!("targets/{number}")), Threshold::ONE));
        sim.targets("targets").delegations.roles = roles.collect();
        let outcome = sim.first_update(&sim.files());
        assert_eq!(outcome.is_ok(), is_trusted, "{declared}");
        assert!(is_trusted || matches!(outcome, Err(TrustError::TooManyDelegations(1_024))));
    }
}

/// Taking a delegation away takes its keys away, and so its floor: the same keys may begin again later.
#[test]
fn floor_of_a_delegation_is_void_once_it_was_delegated_to_nobody() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &[""]);
    sim.delegate("targets/a/b", &[""]);
    let with = sim.publish();
    let seen = sim.first_update(&with).expect("trusted").seen().clone();
    let removed = sim.clone();
    sim.targets("targets").delegations = Delegations::default();
    sim.roles.retain(|role, _| !role.is_delegation());
    let without = sim.publish();
    let after = sim.update(&without, seen.clone()).expect("nobody is delegated to").seen().clone();
    for of in ["targets/a", "targets/a/b"] {
        let (before, after) = (seen.file(&role(of)).expect("seen"), after.file(&role(of)).expect("kept"));
        assert_eq!((before.version, before.signers.len()), (after.version, 1));
        assert!(after.signers.is_empty());
    }
    // Delegated to again, by the same key, and not published yet.
    let delegations = removed.roles[&role("targets")].delegations.clone();
    sim.targets("targets").delegations = delegations;
    sim.publish();
    let again = sim.files();
    assert!(sim.update(&again, after.clone()).is_ok());
    assert!(is_unpublished(&sim, &again, after).expect("no removal"));
    assert!(matches!(is_unpublished(&sim, &again, seen), Err(TrustError::RoleRemoved { .. })));
}

/// Only taking keys away voids a floor: not asking for more of them.
#[test]
fn floor_outlives_a_higher_threshold_and_goes_with_the_keys_that_made_it() {
    let two = |sim: &mut Sim, keyids: &[usize], threshold: u64, keys: &[std::sync::Arc<SecretKey>]| {
        let delegations = &mut sim.targets("targets").delegations;
        delegations.keys = keys.iter().map(|key| (key.id(), key.public_key().clone())).collect();
        delegations.roles[0].keyids = keyids.iter().map(|index| keys[*index].id()).collect();
        delegations.roles[0].threshold = Threshold::new(threshold).expect("a threshold");
    };
    let mut sim = Sim::new();
    let first = sim.delegate("targets/a", &[""]);
    let keys = [first, key(), key()];
    for key in &keys {
        sim.ring.insert(key.clone());
    }
    sim.targets("targets/a").version = version(5);
    let files = sim.publish();
    let seen = sim.first_update(&files).expect("trusted").seen().clone();
    assert_eq!(seen.file(&role("targets/a")).expect("seen").signers.len(), 1);
    sim.publish();
    sim.targets("targets/a").version = version(3);
    for (keyids, threshold, is_trusted) in
        [(&[0, 1][..], 1, false), (&[0, 1], 2, false), (&[0], 1, false), (&[1, 2], 2, true), (&[1], 1, true)]
    {
        let mut sim = sim.clone();
        two(&mut sim, keyids, threshold, &keys);
        let outcome = sim.update(&sim.files(), seen.clone());
        assert_eq!(outcome.is_ok(), is_trusted, "{keyids:?} {threshold}");
        assert!(is_trusted || matches!(outcome, Err(TrustError::Rollback { .. })));
    }
}

/// A delegate may only declare roles below itself.
#[test]
fn delegate_that_declares_a_foreign_role_is_rejected() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &[""]);
    let foreign = Delegation::new(role("targets/b/c"), Threshold::ONE);
    sim.targets("targets/a").delegations.roles.push(foreign);
    assert!(matches!(refused(&sim, &sim.files(), Seen::default()), TrustError::Metadata { .. }));
    let mut sim = Sim::new();
    let foreign = Delegation::new(role("targets/b/c"), Threshold::ONE);
    sim.targets("targets").delegations.roles.push(foreign);
    assert!(matches!(refused(&sim, &sim.files(), Seen::default()), TrustError::Metadata { .. }));
}
