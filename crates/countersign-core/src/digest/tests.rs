use super::*;

#[test]
fn digest_text_must_be_lower_case_and_full_length() {
    let text = Digest::sha256(b"x").to_string();
    assert_eq!(text.parse(), Ok(Digest::sha256(b"x")));
    assert!(text.to_uppercase().parse::<Digest>().is_err());
    assert!(text[..text.len() - 2].parse::<Digest>().is_err());
    assert_eq!("md5:00".parse::<Digest>(), Err(DigestError::Algorithm("md5".to_owned())));
}

#[test]
fn hashes_check_every_known_algorithm() {
    let mut hashes = Hashes::of(b"x");
    assert_eq!(hashes.verify(b"x"), Ok(()));
    hashes.insert(Digest::of(Algorithm::Sha512, b"y"));
    assert!(matches!(hashes.verify(b"x"), Err(HashError::Mismatch { .. })));
}

#[test]
fn hashes_of_unknown_algorithms_alone_are_no_check() {
    let hashes: Hashes = serde_json::from_str(r#"{"blake3":"AAAA"}"#).expect("unknown algorithms are kept");
    assert_eq!(hashes.verify(b"x"), Err(HashError::NoneKnown));
    assert_eq!(serde_json::to_string(&hashes).expect("hashes serialise"), r#"{"blake3":"AAAA"}"#);
}

#[test]
fn hasher_in_pieces_equals_digest_at_once() {
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(b"he");
    hasher.update(b"llo");
    assert_eq!(hasher.finish(), Digest::of(Algorithm::Sha512, b"hello"));
}
