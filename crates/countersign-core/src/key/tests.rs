use super::*;

/// The timestamp key of a captured root (notary-server 0.7.0).
const CAPTURED: &str = r#"{"keytype":"ed25519","keyval":{"private":null,"public":"qBJzthZPw6pOwbLO4gqKCPlv+irDmv5oifm9zx0BrEQ="}}"#;
const CAPTURED_ID: &str = "9286ddfa60e56c8cd862787557283a292a38f395ea8d522969ce3c94c9de7ffb";
const CAPTURED_ECDSA: &str = r#"{"keyval":{"public":"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzOnpIRpEsi41G4uIVz2tv0moyw1C7MlkV3y3wtkB0oyPL420i7hZ5WV5q3m+copVH8tpVPrxYD7z0cKv3xSgCQ=="},"keytype":"ecdsa"}"#;
const CAPTURED_ECDSA_ID: &str = "aa61e415ac61d62c86d5ca855ce834af0881ca6560e378b930d8dc8bd8d8e721";

fn key(json: &str) -> PublicKey {
    serde_json::from_str(json).expect("a public key")
}

#[test]
fn key_id_of_captured_keys_is_theirs() {
    for (json, id) in [(CAPTURED, CAPTURED_ID), (CAPTURED_ECDSA, CAPTURED_ECDSA_ID)] {
        assert_eq!(key(json).id().to_string(), id);
        assert_eq!(key(json).canonical_id().map(|id| id.to_string()).as_deref(), Ok(id));
    }
    assert_eq!(key(CAPTURED).id().short(), "9286ddf");
}

#[test]
fn key_serialises_in_canonical_order_and_for_the_key_route_in_go_order() {
    assert_eq!(serde_json::to_string(&key(CAPTURED)).expect("JSON"), CAPTURED);
    assert_eq!(
        key(CAPTURED).to_notary_json(),
        r#"{"keytype":"ed25519","keyval":{"public":"qBJzthZPw6pOwbLO4gqKCPlv+irDmv5oifm9zx0BrEQ=","private":null}}"#
    );
}

#[test]
fn key_of_unknown_type_keeps_its_name_and_escapes_it_in_the_id() {
    let unknown = key(r#"{"keytype":"a\"\\<","keyval":{"private":null,"public":"AA=="}}"#);
    assert_eq!((unknown.keytype(), unknown.key_type()), ("a\"\\<", None));
    let text = r#"{"keytype":"a\"\\<","keyval":{"private":null,"public":"AA=="}}"#;
    assert_eq!(unknown.id().as_bytes(), digest(&SHA256, text.as_bytes()).as_ref());
    assert_eq!(unknown.canonical_id(), Ok(unknown.id()));
}

#[test]
fn key_with_private_part_or_bad_base64_is_refused() {
    for bad in [
        r#"{"keytype":"ed25519","keyval":{"private":"AAAA","public":"AA=="}}"#,
        r#"{"keytype":"ed25519","keyval":{"private":null,"public":"AA"}}"#,
        r#"{"keytype":"ed25519","keyval":{"private":null,"public":"_-=="}}"#,
        r#"{"keytype":"ed25519","keyval":{"private":null}}"#,
        r#"{"keytype":"ed25519"}"#,
    ] {
        assert!(serde_json::from_str::<PublicKey>(bad).is_err(), "{bad} was accepted");
    }
}

#[test]
fn key_id_text_is_strict() {
    assert!(CAPTURED_ID.parse::<KeyId>().is_ok());
    for bad in [&CAPTURED_ID.to_uppercase(), &CAPTURED_ID[1..], "", "é"] {
        assert!(bad.parse::<KeyId>().is_err(), "{bad} was accepted");
    }
}
