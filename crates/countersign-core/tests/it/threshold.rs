//! The one threshold check.

use std::collections::BTreeMap;
use std::slice::from_ref;

use bytes::Bytes;
use countersign_core::author::sign;
use countersign_core::key::PublicKey;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, Targets};
use countersign_core::name::TopRole;
use countersign_core::number::Threshold;
use countersign_core::signature::{RoleKeys, SignatureError};

use crate::simulator::{Sim, key, now, version};

fn role_keys(keys: &[PublicKey], threshold: u64) -> RoleKeys {
    let listed: BTreeMap<_, _> = keys.iter().map(|key| (key.id(), key.clone())).collect();
    RoleKeys::new(listed, Threshold::new(threshold).expect("a threshold"))
}

fn envelope(file: &[u8]) -> Envelope {
    Envelope::parse(Bytes::copy_from_slice(file), &Limits::default()).expect("a file")
}

fn verdict(keys: &RoleKeys, file: &[u8]) -> Result<(), SignatureError> {
    keys.verify::<Targets>(&envelope(file)).map(|_| ())
}

/// 13 B5, advisory CVE-2026-6966: Notary counts this key twice.
#[test]
fn one_key_in_two_certificates_is_one_key() {
    let mut sim = Sim::new();
    let secret = key();
    let (first, second) = (sim.certificate(&secret), sim.certificate(&secret));
    assert_ne!(first.id(), second.id());
    sim.ring.insert(secret);
    let document = Targets::new(version(1), now());
    let one = role_keys(&[first.clone(), second.clone()], 1);
    let file =
        sign(&TopRole::Targets.into(), &document, from_ref(&one), &sim.ring).expect("signed under both ids");
    assert_eq!(envelope(&file).signatures().len(), 2);
    assert!(verdict(&one, &file).is_ok());
    let two = role_keys(&[first, second], 2);
    assert!(matches!(verdict(&two, &file), Err(SignatureError::Threshold { valid: 1, .. })));
}

/// Each takes a look at the whole file, which may have 100 MiB.
#[test]
fn signatures_beyond_the_limit_count_for_nothing_and_may_not_repeat_a_key() {
    let mut sim = Sim::new();
    let secrets = [key(), key(), key()];
    for secret in &secrets {
        sim.ring.insert(secret.clone());
    }
    let listed = secrets.each_ref().map(|secret| secret.public_key().clone());
    let all = role_keys(&listed, 3);
    let role = TopRole::Targets.into();
    let file = sign(&role, &Targets::new(version(1), now()), from_ref(&all), &sim.ring).expect("signed");
    let within = |file: &[u8], threshold, verifications| {
        let limits = Limits { verifications, ..Limits::default() };
        let envelope = Envelope::parse(Bytes::copy_from_slice(file), &limits).expect("a file");
        role_keys(&listed, threshold).verify::<Targets>(&envelope).map(|file| file.signers().len())
    };
    assert_eq!(within(&file, 3, 3).expect("all are looked at"), 3);
    assert_eq!(within(&file, 2, 2).expect("two will do"), 2);
    assert!(matches!(within(&file, 3, 2), Err(SignatureError::Threshold { valid: 2, .. })));
    let text = std::str::from_utf8(&file).expect("UTF-8");
    let start = text.rfind("{\"keyid\"").expect("a signature");
    let twice = format!("{},{}]}}", &text[..text.len() - 2], &text[start..text.len() - 2]);
    assert!(matches!(within(twice.as_bytes(), 1, 1), Err(SignatureError::RepeatedKeyId(_))));
}

#[test]
fn same_key_id_twice_refuses_the_file() {
    let mut sim = Sim::new();
    let secret = key();
    sim.ring.insert(secret.clone());
    let keys = role_keys(&[secret.public_key().clone()], 1);
    let file = sign(&TopRole::Targets.into(), &Targets::new(version(1), now()), from_ref(&keys), &sim.ring)
        .expect("signed");
    let text = std::str::from_utf8(&file).expect("UTF-8");
    let start = text.find("{\"keyid\"").expect("a signature");
    let signature = &text[start..text.len() - 2];
    let twice = format!("{},{signature}]}}", &text[..text.len() - 2]);
    assert!(matches!(verdict(&keys, twice.as_bytes()), Err(SignatureError::RepeatedKeyId(_))));
}

#[test]
fn signatures_by_unknown_keys_and_methods_count_for_nothing_and_do_not_fail_the_file() {
    let mut sim = Sim::new();
    let secret = key();
    sim.ring.insert(secret.clone());
    let keys = role_keys(&[secret.public_key().clone()], 1);
    let file = sign(&TopRole::Targets.into(), &Targets::new(version(1), now()), from_ref(&keys), &sim.ring)
        .expect("signed");
    let text = String::from_utf8(file.to_vec()).expect("UTF-8");
    let foreign = r#","signatures":[{"keyid":"ff","method":"quantum","sig":"AAAA"},"#;
    assert!(verdict(&keys, text.replace(",\"signatures\":[", foreign).as_bytes()).is_ok());
    let other_method = text.replace("\"method\":\"ecdsa\"", "\"method\":\"rsapss\"");
    assert!(matches!(
        verdict(&keys, other_method.as_bytes()),
        Err(SignatureError::Threshold { valid: 0, .. })
    ));
    let upper_case = text.replace("\"method\":\"ecdsa\"", "\"method\":\"ECDSA\"");
    assert!(verdict(&keys, upper_case.as_bytes()).is_ok(), "methods are read in any case (T23)");
}

#[test]
fn file_without_signatures_and_threshold_beyond_the_keys_are_refused() {
    let secret = key();
    let keys = role_keys(&[secret.public_key().clone()], 1);
    let mut message = Vec::new();
    Targets::new(version(1), now()).write_canonical(&mut message);
    let bare = [b"{\"signed\":", &message[..], b",\"signatures\":[]}"].concat();
    assert!(matches!(verdict(&keys, &bare), Err(SignatureError::None)));
    let mut sim = Sim::new();
    sim.ring.insert(secret.clone());
    let file =
        sign(&TopRole::Targets.into(), &Targets::new(version(1), now()), &[keys], &sim.ring).expect("signed");
    let impossible = role_keys(&[secret.public_key().clone()], 2);
    assert!(matches!(verdict(&impossible, &file), Err(SignatureError::Threshold { valid: 1, .. })));
}

/// Whatever the file's spacing, key order and escapes, the message is the canonical one.
#[test]
fn reformatted_file_still_verifies() {
    let mut sim = Sim::new();
    let secret = key();
    sim.ring.insert(secret.clone());
    let keys = role_keys(&[secret.public_key().clone()], 1);
    let mut document = Targets::new(version(1), now());
    document.targets.insert(crate::simulator::name("a<b&c"), countersign_core::metadata::FileMeta::of(b"x"));
    let file = sign(&TopRole::Targets.into(), &document, from_ref(&keys), &sim.ring).expect("signed");
    let value: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
    let pretty = serde_json::to_vec_pretty(&value).expect("JSON");
    assert_ne!(pretty, file);
    assert!(verdict(&keys, &file).is_ok());
    assert!(verdict(&keys, &pretty).is_ok());
}
