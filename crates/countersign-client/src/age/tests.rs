use super::*;
use crate::bech32;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

/// The example of BIP 173 that has the longest data, and age's own of an identity.
#[test]
fn bech32_is_read_and_written_as_its_specification_has_it() {
    let text = "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w";
    let bytes = bech32::decode("split", text).expect("a valid example");
    assert_eq!(bech32::encode("split", &bytes), text);
    for bad in
        ["split1checkupstagehandshakeupstreamerranterredcaperred2y9e3x", "split12y9e3w", "split1", "1", ""]
    {
        assert_eq!(bech32::decode("split", bad), None, "{bad}");
    }
    let identity = Identity::generate().expect("random bytes");
    let recipient = identity.recipient().expect("a recipient").to_string();
    assert!(recipient.starts_with("age1") && recipient.len() == 62, "{recipient}");
    assert_eq!(recipient.parse::<Recipient>().expect("its own text").to_string(), recipient);
    assert!(recipient.to_uppercase().parse::<Recipient>().is_ok());
    assert_eq!(recipient.replace("age1", "AGE1").parse::<Recipient>(), Err(AgeError::Recipient));
    assert_eq!(format!("{identity:?}"), "Identity(..)");
}

#[test]
fn file_for_recipients_opens_with_each_of_their_identities() {
    let people = [Identity::generate().expect("random"), Identity::generate().expect("random")];
    let recipients: Vec<_> = people.iter().map(|one| one.recipient().expect("a recipient")).collect();
    let stranger = Identity::generate().expect("random");
    for size in [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 3 * (64 << 10)] {
        let text = vec![7; size];
        let bytes = encrypt_to(&text, &recipients).expect("a file");
        assert!(is_age(&bytes) && !wants_passphrase(&bytes).expect("a header"));
        for one in &people {
            let opened = decrypt_for(&bytes, std::slice::from_ref(one)).expect("their file");
            assert_eq!(*opened, text, "{size}");
        }
        assert_eq!(decrypt_for(&bytes, std::slice::from_ref(&stranger)).err(), Some(AgeError::NoKey));
        assert_eq!(decrypt_with_passphrase(&bytes, &passphrase("x")).err(), Some(AgeError::NoKey));
    }
    assert_eq!(encrypt_to(b"", &[]).err(), Some(AgeError::NoKey));
}

#[test]
fn file_with_any_byte_changed_or_cut_off_gives_nothing() {
    let identity = Identity::generate().expect("random");
    let bytes = encrypt_to(b"secret keys", &[identity.recipient().expect("a recipient")]).expect("a file");
    let identities = [identity];
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        assert!(decrypt_for(&changed, &identities).is_err(), "byte {index} changed");
        assert!(decrypt_for(&bytes[..index], &identities).is_err(), "cut off at {index}");
    }
    // Whole chunks can be neither left out nor appended.
    let bytes =
        encrypt_to(&vec![1; 200_000], &[identities[0].recipient().expect("a recipient")]).expect("a file");
    let start = bytes.len() - 200_000 - 4 * 16;
    let chunk = (64 << 10) + 16;
    let without_first = [&bytes[..start], &bytes[start + chunk..]].concat();
    let without_last = &bytes[..start + 3 * chunk];
    let twice = [&bytes[..], &bytes[start..start + chunk]].concat();
    for changed in [&without_first[..], without_last, &twice] {
        assert_eq!(decrypt_for(changed, &identities).err(), Some(AgeError::Damaged));
    }
}

#[test]
fn passphrase_opens_its_file_and_another_does_not() {
    let bytes = encrypt_with_passphrase(b"secret keys", &passphrase("correct horse")).expect("a file");
    assert!(wants_passphrase(&bytes).expect("a header"));
    assert_eq!(
        *decrypt_with_passphrase(&bytes, &passphrase("correct horse")).expect("its file"),
        b"secret keys"
    );
    assert_eq!(decrypt_with_passphrase(&bytes, &passphrase("wrong")).err(), Some(AgeError::NoKey));
    let identity = Identity::generate().expect("random");
    assert_eq!(decrypt_for(&bytes, &[identity]).err(), Some(AgeError::NoKey));
}

#[test]
fn rounds_that_would_take_for_ever_are_refused_before_any_is_done() {
    for (rounds, error) in [
        ("21", AgeError::TooSlow { log_n: 21 }),
        ("255", AgeError::TooSlow { log_n: 255 }),
        ("0", header::malformed("the passphrase's line")),
        ("018", header::malformed("the passphrase's line")),
        ("-1", header::malformed("the passphrase's rounds")),
    ] {
        let text = format!(
            "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA {rounds}\n\
             AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAA\n0123456789abcdef"
        );
        assert_eq!(decrypt_with_passphrase(text.as_bytes(), &passphrase("x")).err(), Some(error), "{rounds}");
    }
}

#[test]
fn header_that_never_ends_or_is_no_text_is_refused() {
    for text in
        ["", "age-encryption.org/v1", "age-encryption.org/v2\n", "age-encryption.org/v1\n-> X25519 A\n\x07\n"]
    {
        assert!(matches!(wants_passphrase(text.as_bytes()), Err(AgeError::Malformed { .. })), "{text:?}");
    }
    let many = format!("age-encryption.org/v1\n{}--- AAAA\n", "-> x y\n\n".repeat(1001));
    assert!(matches!(wants_passphrase(many.as_bytes()), Err(AgeError::Malformed { .. })));
}
