//! The traps of interoperability with Notary (T), and what Notary got wrong (B), as far as the core can fall into them.
//!
//! Each has a test here that is named after it, or one elsewhere that already holds it:
//!
//! | Trap | Held in |
//! |---|---|
//! | T1 | `src/name.rs` `gun_keeps_case_ports_and_brackets` |
//! | T5 | `src/metadata/envelope.rs` `written_file_escapes_html_outside_the_message` |
//! | T6 | `src/time.rs` `time_round_trips_as_go_writes_it`, `src/time.rs` `expiry_instant_itself_is_expired` |
//! | T10 | `tests/it/author_delegations.rs` `removed_delegation_leaves_the_snapshot_with_all_below_it` |
//! | T11 | `tests/it/search.rs` `delegate_is_heard_only_within_its_paths`, `tests/it/search.rs` `path_wider_than_the_parents_is_dropped_and_no_path_speaks_of_nothing` |
//! | T15b, B7 | `tests/it/notary_bytes.rs` `t15b_files_are_written_as_notarys_serialiser_writes_them`, `tests/it/notary_files.rs` `files_of_debians_notary_are_trusted_and_written_again_byte_for_byte` |
//! | T20 | `src/certificate/tests.rs` `own_certificate_is_laid_out_as_notarys`, `src/certificate/tests.rs` `chain_accepts_code_signing_leaf` |
//! | T21 | `src/certificate/tests.rs` `text_that_go_would_write_otherwise_is_not_exact`, `tests/it/tuf_5_3_root.rs` `root_certificate_not_in_notarys_exact_form_is_rejected` |
//! | T23 | `src/verify/tests.rs` `method_name_is_read_in_any_case`, `src/verify/tests.rs` `only_listed_pairs_of_key_type_and_method_are_accepted` |
//! | T25 | `src/key_file/tests.rs` `written_file_has_notarys_form_and_reads_back` |
//! | B1 | `tests/it/author.rs` `custom_is_canonical_before_it_is_signed` |
//! | B2 | `tests/it/tuf_5_5_snapshot.rs` `seen_version_outlives_a_new_root` |
//! | B4 | `tests/it/tuf_5_3_root.rs` `s5_3_5_version_gap_is_rejected` |
//! | B5 | also `tests/it/threshold.rs` `one_key_in_two_certificates_is_one_key` |
//! | B12 | `tests/it/tuf_5_3_root.rs` `s5_3_10_expired_root_is_rejected_at_the_end_and_equal_is_expired` |
//! | B13 | `src/trust/pin.rs` `pinned_name_keeps_its_case`, `tests/it/tuf_5_3_root.rs` `pin_holds_for_a_cached_root_too`, `src/certificate/tests.rs` `chain_accepts_code_signing_leaf` |
//! | B17 | `tests/it/search.rs` `target_without_a_known_digest_is_not_found`, `tests/it/search.rs` `entry_without_a_known_digest_hides_those_of_later_roles` |
//!
//! Those of the server have tests there: T10, T13, T14, T15, T15b, T16, T16b, T17, T19, B6 to B12. Those of the client have
//! tests there: B2 (`seen_version_outlives_a_new_root`), B3 (`equal_version_with_other_content_is_refused`), B14
//! (`init_over_what_is_there_changes_nothing`), B15 (`begun_collection_keeps_its_keys_without_its_targets_file`), B18
//! (`all_leaves_out_what_cannot_be_used_with_all_below_it`, `cache_does_not_stand_in_after_an_answer`).
#![expect(clippy::disallowed_methods, reason = "the table above is held against the files that it names")]

use std::slice::from_ref;

use bytes::Bytes;
use countersign_core::author::{Change, DelegationEdit, encode, sign};
use countersign_core::digest::{Algorithm, Digest, Hashes};
use countersign_core::limits::Limits;
use countersign_core::metadata::{Delegation, Document, Envelope, FileMeta, Targets};
use countersign_core::name::TopRole;
use countersign_core::number::Threshold;
use countersign_core::sign::SecretKey;
use countersign_core::signature::{Signature, SignatureError};
use countersign_core::trust::{Offered, RootPhase, Seen, TrustError};

use crate::author_delegations::draft_of;
use crate::simulator::{Files, Sim, finish, key, name, now, role, version};

#[test]
fn every_test_that_is_named_exists() {
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = include_str!("traps.rs").lines().take_while(|line| line.starts_with("//!"));
    let mut named = 0;
    for row in rows.filter(|line| line.contains(".rs`")) {
        let mut quoted = row.split('`').skip(1).step_by(2);
        while let (Some(file), Some(test)) = (quoted.next(), quoted.next()) {
            let source = std::fs::read_to_string(package.join(file)).expect("the file exists");
            assert!(source.contains(&format!("fn {test}(")), "`{test}` is not in {file}");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}

fn envelope(file: &Bytes) -> Envelope {
    Envelope::parse(file.clone(), &Limits::default()).expect("a file")
}

/// The files of `sim`, with a snapshot that says `listed` of `targets`.
fn listing(sim: &Sim, listed: FileMeta) -> Files {
    let files = sim.files();
    let mut snapshot = sim.snapshot.clone();
    snapshot.meta.insert("root".to_owned(), FileMeta::of(&files.root));
    snapshot.meta.insert("targets".to_owned(), listed);
    sim.seal(files.root, &snapshot, files.roles)
}

/// T2: root and signatures name a key by its certificate; the key at hand goes by its own id.
#[test]
fn t2_root_and_signatures_bear_the_certificates_id() {
    let sim = Sim::new();
    let listed = sim.root.roles["root"].keyids.clone();
    assert_ne!(listed, [sim.root_key.id()]);
    assert_eq!(sim.root.keys[&listed[0]].canonical_id(), Ok(sim.root_key.id()));
    let signatures = envelope(&sim.files().root).signatures().to_vec();
    assert_eq!(
        signatures.iter().map(|signature| signature.keyid.clone()).collect::<Vec<_>>(),
        [listed[0].to_string()]
    );
    assert!(sim.ring.find(&sim.root_key.id()).is_some() && sim.ring.find(&listed[0]).is_none());
}

/// T3: base64 is standard and padded, wherever it stands.
#[test]
fn t3_base64_is_standard_and_padded() {
    let mut meta =
        FileMeta::new(Digest::from_bytes(Algorithm::Sha256, &[0xfb; 32]).expect("a digest").into(), 1);
    meta.hashes.insert(Digest::from_bytes(Algorithm::Sha512, &[0xff; 64]).expect("a digest"));
    let mut targets = Targets::new(version(1), now());
    targets.targets.insert(name("a"), meta);
    let signature = Signature { keyid: "a".to_owned(), method: "ecdsa".to_owned(), sig: vec![0xff, 0xfb] };
    let file = encode(&targets, from_ref(&signature));
    let text = String::from_utf8(file.to_vec()).expect("UTF-8");
    for standard in ["+/v7", "////", "w==\"", "//s="] {
        assert!(text.contains(standard), "{standard} is not in {text}");
        for other in [standard.replace('/', "_").replace('+', "-"), standard.replace('=', "")] {
            let file = Bytes::from(text.replace(standard, &other));
            let read = Envelope::parse(file, &Limits::default()).and_then(|file| file.claim::<Targets>());
            assert!(other == standard || read.is_err(), "{other} was taken for {standard}");
        }
    }
}

/// T4: a file ends where its last brace stands, and a hash covers every byte of it.
#[test]
fn t4_every_byte_of_a_file_counts() {
    let sim = Sim::new();
    let mut files = sim.files();
    for file in [&files.root, &files.timestamp, &files.snapshot, &files.roles[&role("targets")]] {
        assert!(file.ends_with(b"]}") && !file.contains(&b'\n'));
    }
    let longer = Bytes::from([&files.roles[&role("targets")][..], b"\n"].concat());
    assert_eq!(envelope(&longer).message(), envelope(&files.roles[&role("targets")]).message());
    let mut roomy = FileMeta::of(&files.roles[&role("targets")]);
    roomy.length += 1;
    files = listing(&sim, roomy);
    files.roles.insert(role("targets"), longer);
    assert!(matches!(sim.first_update(&files), Err(TrustError::Hash { .. })));
}

/// T7: a file that somebody else signed is kept, and hashed, as it came, however it is written.
#[test]
fn t7_file_is_kept_as_it_came() {
    let sim = Sim::new();
    let value: serde_json::Value =
        serde_json::from_slice(&sim.files().roles[&role("targets")]).expect("JSON");
    let pretty = Bytes::from(serde_json::to_vec_pretty(&value).expect("JSON"));
    let mut files = listing(&sim, FileMeta::of(&pretty));
    files.roles.insert(role("targets"), pretty.clone());
    let collection = sim.first_update(&files).expect("its form does not matter");
    assert_eq!(collection.files()[&role("targets")], pretty);
    assert_eq!(collection.targets(&role("targets")).expect("loaded").digest(), Digest::sha256(&pretty));
    assert!(collection.search(&[role("targets")], &name("v1")).is_some());
}

/// T8: a SHA-256 must be named; a SHA-512 need not be, and holds where it is.
#[test]
fn t8_sha256_must_be_named_and_sha512_holds_where_it_is() {
    let sim = Sim::new();
    let file = sim.files().roles[&role("targets")].clone();
    let length = file.len() as u64;
    let (sha256, sha512) = (Digest::sha256(&file), Digest::of(Algorithm::Sha512, &file));
    let listed = |hashes: Hashes| sim.first_update(&listing(&sim, FileMeta::new(hashes, length)));
    assert!(listed(sha256.into()).is_ok());
    assert!(
        matches!(listed(sha512.into()), Err(TrustError::Metadata { role: of, .. }) if of == TopRole::Snapshot)
    );
    let mut wrong = Hashes::of(&file);
    wrong.insert(Digest::of(Algorithm::Sha512, b"other"));
    assert!(matches!(listed(wrong), Err(TrustError::Hash { .. })));

    let files = sim.files();
    let mut timestamp = sim.timestamp.clone();
    timestamp.snapshot = FileMeta::new(Digest::of(Algorithm::Sha512, &files.snapshot).into(), length);
    let keys = sim.root.role_keys(TopRole::Timestamp);
    let timestamp = sign(&TopRole::Timestamp.into(), &timestamp, from_ref(&keys), &sim.ring).expect("signed");
    let outcome = sim.first_update(&Files { timestamp, ..files });
    assert!(matches!(outcome, Err(TrustError::Metadata { role: of, .. }) if of == TopRole::Timestamp));
}

/// T9: a length is the most that is read.
#[test]
fn t9_length_is_a_bound() {
    let sim = Sim::new();
    let exact = FileMeta::of(&sim.files().roles[&role("targets")]);
    for (length, is_trusted) in
        [(exact.length - 1, false), (exact.length, true), (exact.length + 1, true), (1 << 53, true)]
    {
        let outcome = sim.first_update(&listing(&sim, FileMeta::new(exact.hashes.clone(), length)));
        assert_eq!(outcome.is_ok(), is_trusted, "{length}");
        assert!(is_trusted || matches!(outcome, Err(TrustError::Length { .. })));
    }
}

/// T12: a delegate's key may be in a certificate. Its id is the certificate's; people name it by that of the key inside.
#[test]
fn t12_delegates_certificate_goes_by_its_id_and_by_that_of_its_key() {
    let mut sim = Sim::new();
    let secret = key();
    let certificate = sim.certificate(&secret);
    sim.ring.insert(secret.clone());
    let mut delegation = Delegation::new(role("targets/a"), Threshold::ONE);
    delegation.keyids.push(certificate.id());
    let delegations = &mut sim.targets("targets").delegations;
    delegations.keys.insert(certificate.id(), certificate.clone());
    delegations.roles.push(delegation);
    sim.roles.insert(role("targets/a"), Targets::new(version(1), now().plus_seconds(60)));
    let file = envelope(&sim.files().roles[&role("targets/a")]);
    assert_eq!(file.signatures()[0].keyid, certificate.id().to_string());
    for id in [certificate.id(), secret.id()] {
        let mut draft = draft_of(&sim);
        let edit = DelegationEdit { remove_keys: vec![id], ..DelegationEdit::default() };
        draft.apply(&Change::EditDelegation { role: role("targets/a"), edit }).expect("edited");
        let delegations = &draft.targets(&role("targets")).expect("targets").delegations;
        assert!(delegations.keys.is_empty() && delegations.roles[0].keyids.is_empty());
    }
}

/// T13: a server's keys are of whatever type it makes.
#[test]
fn t13_servers_keys_may_be_ed25519_or_ecdsa() {
    for (top, secret) in [
        (TopRole::Timestamp, SecretKey::generate_ed25519()),
        (TopRole::Snapshot, SecretKey::generate_ed25519()),
        (TopRole::Timestamp, SecretKey::generate_ecdsa()),
    ] {
        let mut sim = Sim::new();
        let secret = std::sync::Arc::new(secret.expect("randomness"));
        sim.list(top, vec![secret.public_key().clone()]);
        sim.ring.insert(secret);
        assert!(sim.first_update(&sim.files()).is_ok(), "{top}");
    }
}

/// T22: signatures of an older root's keys, which the legacy option makes, are ignored.
#[test]
fn t22_legacy_signatures_of_a_root_are_ignored() {
    let mut sim = Sim::new();
    let oldest = sim.root.role_keys(TopRole::Root);
    sim.next_root();
    sim.give_root(&key());
    let previous = sim.root.role_keys(TopRole::Root);
    let second = sim.files();
    sim.next_root();
    sim.give_root(&key());
    let groups = [oldest, previous, sim.root.role_keys(TopRole::Root)];
    let root = sign(&TopRole::Root.into(), &sim.root, &groups, &sim.ring).expect("every key is here");
    assert_eq!(envelope(&root).signatures().len(), 3);
    let phase = RootPhase::trust_first(sim.environment(), second.root, Seen::default()).expect("a root");
    assert_eq!(phase.accept_root(root).expect("the next").root().signers().len(), 1);
}

/// B3: of one version there is one content, for every role; Notary takes any.
#[test]
fn b3_equal_version_with_other_content_is_refused() {
    for of in ["root", "timestamp", "snapshot", "targets", "targets/a"] {
        let mut sim = Sim::new();
        sim.delegate("targets/a", &[""]);
        let before = sim.files();
        let seen = sim.first_update(&before).expect("trusted").seen().clone();
        let later = now().plus_seconds(1800);
        let raise = |version: &mut countersign_core::number::MetaVersion| {
            *version = version.next().expect("a version");
        };
        match of {
            "root" => sim.root.expires = later,
            "timestamp" => sim.timestamp.expires = later,
            "snapshot" => sim.snapshot.expires = later,
            of => sim.targets(of).expires = later,
        }
        if of != "timestamp" {
            raise(&mut sim.timestamp.version);
        }
        if of.starts_with("targets") {
            raise(&mut sim.snapshot.version);
        }
        let files = sim.files();
        let outcome = RootPhase::trust_cached(sim.environment(), files.root.clone(), seen)
            .and_then(|root| finish(root, &files));
        assert!(
            matches!(&outcome, Err(TrustError::Equivocation { role: at, .. }) if *at == role(of)),
            "{of}: {outcome:?}"
        );
    }
}

/// B5: one root key in two certificates does not fill a threshold of two.
#[test]
fn b5_one_root_key_in_two_certificates_is_one_key() {
    let mut sim = Sim::new();
    let secret = sim.root_key.clone();
    let certificates = vec![sim.certificate(&secret), sim.certificate(&secret)];
    sim.list(TopRole::Root, certificates);
    let file = sim.files().root;
    sim.root.roles.get_mut("root").expect("listed").threshold = Threshold::new(2).expect("two");
    let mut message = Vec::new();
    sim.root.write_canonical(&mut message);
    let one = sim.root.role_keys(TopRole::Root).keys().clone();
    let group = countersign_core::signature::RoleKeys::new(one, Threshold::ONE);
    let twice = sign(&TopRole::Root.into(), &sim.root, &[group], &sim.ring).expect("signed under both ids");
    assert_eq!(envelope(&twice).signatures().len(), 2);
    let refused = RootPhase::trust_first(sim.environment(), twice, Seen::default());
    assert!(matches!(
        refused,
        Err(TrustError::Signature { source: SignatureError::Threshold { valid: 1, .. }, .. })
    ));
    assert!(RootPhase::trust_first(sim.environment(), file, Seen::default()).is_ok(), "one of one is enough");
}

/// B18: a delegate's file that cannot be used is one that is not there; Notary gives up the whole collection.
#[test]
fn b18_delegation_that_cannot_be_used_costs_nothing_else() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &["a/"]);
    sim.delegate("targets/b", &["b/"]);
    sim.set_in("targets/b", "b/1", b"x");
    let unsigned = encode(&sim.roles[&role("targets/a")], &[]);
    let mut files = sim.files();
    let mut snapshot = sim.snapshot.clone();
    files.roles.insert(role("targets/a"), unsigned.clone());
    snapshot.meta.insert("root".to_owned(), FileMeta::of(&files.root));
    for (role, file) in &files.roles {
        snapshot.meta.insert(role.to_string(), FileMeta::of(file));
    }
    let files = sim.seal(files.root, &snapshot, files.roles);
    let offered = |bytes: &Bytes| Offered::fetched(bytes.clone());
    let mut phase = RootPhase::trust_first(sim.environment(), files.root.clone(), Seen::default())
        .and_then(RootPhase::finish_root)
        .and_then(|phase| phase.accept_timestamp(offered(&files.timestamp)))
        .and_then(|phase| phase.accept_snapshot(offered(&files.snapshot)))
        .and_then(|phase| phase.accept_targets(offered(&files.roles[&role("targets")])))
        .expect("targets");
    let refused = phase.accept_delegation(&role("targets/a"), offered(&unsigned));
    assert!(matches!(refused, Err(TrustError::Signature { source: SignatureError::None, .. })));
    phase.accept_delegation(&role("targets/b"), offered(&files.roles[&role("targets/b")])).expect("its own");
    let collection = phase.finish();
    for tag in ["v1", "b/1"] {
        assert!(collection.search(&[role("targets")], &name(tag)).is_some(), "{tag}");
    }
    assert!(collection.targets(&role("targets/a")).is_none());
}
