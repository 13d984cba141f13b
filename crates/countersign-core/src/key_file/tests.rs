use super::sealed::key_block;
use super::*;
use crate::asn1;
use crate::sign::Sign as _;
use crate::spki::Curve;

const PASSPHRASE: &str = "password1";

/// Written by `notary key generate ecdsa` 0.7.0. Throwaway, as all keys here.
const NOTARY: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
role: root

MIHuMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAibYxgd9ZJSAQICCAAw
HQYJYIZIAWUDBAEqBBAgOZaGcPyaNrxlm/BEW8hwBIGgsfsNAGxxZe6bDhYpCZt+
gtt3CitDzbKVeE4kHked7jFi1lJLHK7FDSVkZqwOJEyW0BR4NsBTAZ+ZY7UEb2QX
yiB6oFGhyeLxYtl3K/s4s36xWpap9jhOqixctKnWscXvkYJvtj8D1MVXUbhIMB3N
zddrKKEgu+4dOiQXyju1kDWQ2wci8WO7Cy3rCE5KfD3kfjZEYcLMhs3c2srG/ylT
Pg==
-----END ENCRYPTED PRIVATE KEY-----
";
const NOTARY_ID: &str = "24c5225487aedba3e4adda8129ee7607bfdea2b1c4762c7c2dd5589ad955e40d";

/// `openssl ecparam -name prime256v1 -genkey`, OpenSSL 3.0, as are the next two.
const OPENSSL_EC: &str = "\
-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIDDZtk0insBpFB0LdEyjsM+dgZmewECGga88qNiNAZL0oAoGCCqGSM49
AwEHoUQDQgAEmtLld/hzcUQcpdfQP6jwrEIclGidMuk8w55xkasrfNHEHr1u77G7
S/uzvIGPAzXy5Anxu1PJHqG+tIY0pWl+eg==
-----END EC PRIVATE KEY-----
";
const OPENSSL_ID: &str = "ac6998fcec9f31e984eff809428aacfa67c95ed7e2d758209889672cf60dedda";

/// The same key after `openssl ec -aes128`.
const OPENSSL_EC_AES128: &str = "\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,FC0AECE62ED8A9513B1F2D25A8021905

c08vxMx5A54HtWNpYOFxPgUK0csy3fcNvAdp1Fwiv99lgf+TGKc+4Ru45fwM4bkX
S0/ylAhtkQjnMrnr19xiZveo8ZEAjSzqCk41tgk5adNWDfW7aTC+r/sMS63XJmWd
bnziIP1o4PuNPoUPRjFk8XM6mO0YeLVl9rvT16wC6To=
-----END EC PRIVATE KEY-----
";

/// The same key after `openssl pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA512`.
const OPENSSL_PKCS8: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiAPactpaKs5wICCAAw
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEAQIEEBI+p2yYFd6bhQbZP5Rk4xwEgZCk
gyHC+pvFLGBMFdAdQmbPBRQU1XBojCQ7HOVCBSw1diAVmZdSEWkxxQowukwWCkIV
n2szanj8qsbYlQ56kKjPCiDmkuCAsh+zRJT8n/M6PU0aGkgaWJRclu5pLs8+tVoU
uP+mwqZDqf5Ygh+gPx4+Z07rKMejvGLWsaFLwiIDSKKh+R8HhG4p3EXYIhDID9U=
-----END ENCRYPTED PRIVATE KEY-----
";

/// `openssl genpkey -algorithm ed25519`.
const OPENSSL_ED25519: &str = "\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIBe18oOPjLzPUUCqfMCtklAIHXGWonhGEncAYqhoKSvO
-----END PRIVATE KEY-----
";
const OPENSSL_ED25519_ID: &str = "abeabd6c3eaf9610e5bddb75e648b9d23959eedc3fbcb6967690669ddb9ce89a";

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

fn read_with(text: &str, passphrase: &str) -> Result<KeyFile, KeyFileError> {
    read(text.as_bytes(), Some(&Passphrase::new(passphrase.to_owned())))
}

fn rsa_key() -> SecretKey {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = aws_lc_rs::encoding::AsDer::as_der(&pair).expect("DER");
    SecretKey::from_private_bytes(KeyType::Rsa, der.as_ref()).expect("an RSA key")
}

fn curve_key(curve: Curve) -> SecretKey {
    let pair = aws_lc_rs::signature::EcdsaKeyPair::generate(curve.signing()).expect("a key");
    let der = pair.to_pkcs8v1().expect("DER");
    SecretKey::from_private_bytes(KeyType::Ecdsa, der.as_ref()).expect("an ECDSA key")
}

#[test]
fn files_of_notary_and_openssl_are_read() {
    for (text, id) in [
        (NOTARY, NOTARY_ID),
        (OPENSSL_EC, OPENSSL_ID),
        (OPENSSL_EC_AES128, OPENSSL_ID),
        (OPENSSL_PKCS8, OPENSSL_ID),
        (OPENSSL_ED25519, OPENSSL_ED25519_ID),
    ] {
        let file =
            read(text.as_bytes(), Some(&passphrase())).unwrap_or_else(|error| panic!("{error:?}: {text}"));
        assert_eq!(file.key.id().to_string(), id, "{text}");
    }
    assert_eq!(read_with(NOTARY, PASSPHRASE).expect("a key").header.role.as_deref(), Some("root"));
}

#[test]
fn plaintext_is_what_notary_encrypts() {
    let block = key_block(NOTARY.as_bytes()).expect("a key file");
    let theirs = pbes2::open(&block.contents, &passphrase()).expect("the passphrase");
    let key = read_with(NOTARY, PASSPHRASE).expect("a key").key;
    let ours = private_key_info::write(&key);
    let padding = theirs.len() - ours.len();
    assert_eq!(&theirs[..ours.len()], ours.as_slice());
    assert!(theirs[ours.len()..].iter().all(|byte| usize::from(*byte) == padding));
}

#[test]
fn written_file_has_notarys_form_and_reads_back() {
    let gun: Gun = "localhost:5000/a/b".parse().expect("a GUN");
    let keys = [
        SecretKey::generate_ecdsa().expect("a key"),
        SecretKey::generate_ed25519().expect("a key"),
        rsa_key(),
        curve_key(Curve::P384),
        curve_key(Curve::P521),
    ];
    for key in keys {
        let text = write(&key, "targets", Some(&gun), &passphrase()).expect("a file");
        let start = "-----BEGIN ENCRYPTED PRIVATE KEY-----\ngun: localhost:5000/a/b\nrole: targets\n\nMII";
        assert!(text.starts_with(&start.as_bytes()[..start.len() - 1]));
        assert!(text.ends_with(b"\n-----END ENCRYPTED PRIVATE KEY-----\n"));
        let file = read(&text, Some(&passphrase())).expect("its own file");
        assert_eq!(file.key.id(), key.id());
        assert_eq!(file.key.to_private_bytes(), key.to_private_bytes());
        assert_eq!(header(&text), Ok(file.header.clone()));
        let expected = KeyFileHeader {
            role: Some("targets".to_owned()),
            gun: Some("localhost:5000/a/b".to_owned()),
            path: None,
            encrypted: true,
        };
        assert_eq!(file.header, expected);
        assert!(file.key.sign(b"message").is_ok());
    }
}

#[test]
fn written_parameters_name_neither_prf_nor_key_length() {
    let key = SecretKey::generate_ecdsa().expect("a key");
    let text = write(&key, "root", None, &passphrase()).expect("a file");
    let block = key_block(&text).expect("its own file");
    let expected = "3081ef304a06092a864886f70d01050d303d301c06092a864886f70d01050c300f0408";
    assert_eq!(hex::encode(&block.contents[..35]), expected);
    let rounds = [&[2, 3][..], &ROUNDS.to_be_bytes()[1..]].concat();
    assert_eq!(block.contents[43..48], rounds);
    assert_eq!(hex::encode(&block.contents[48..63]), "301d060960864801650304012a0410");
    assert_eq!(block.contents.len(), 242, "160 bytes of ciphertext");
}

#[test]
fn same_key_is_written_with_another_salt_each_time() {
    let key = SecretKey::generate_ecdsa().expect("a key");
    let once = || write(&key, "root", None, &passphrase()).expect("a file");
    assert_ne!(once(), once());
}

#[test]
fn wrong_and_missing_passphrase_are_told_apart() {
    for text in [NOTARY, OPENSSL_PKCS8, OPENSSL_EC_AES128] {
        assert_eq!(read(text.as_bytes(), None).err(), Some(KeyFileError::Encrypted));
        for wrong in ["", "password2", "Password1", " password1"] {
            assert_eq!(read_with(text, wrong).err(), Some(KeyFileError::WrongPassphrase), "{wrong}: {text}");
        }
    }
    assert!(read(OPENSSL_EC.as_bytes(), None).is_ok());
    assert_eq!(header(OPENSSL_EC.as_bytes()).map(|header| header.encrypted), Ok(false));
    assert_eq!(header(OPENSSL_EC_AES128.as_bytes()).map(|header| header.encrypted), Ok(true));
}

#[test]
fn unsupported_algorithms_are_named() {
    let legacy = |name: &str| OPENSSL_EC_AES128.replace("AES-128-CBC,FC0AECE62ED8A9513B1F2D25A8021905", name);
    for (text, what) in [
        (legacy("DES-EDE3-CBC,0123456789ABCDEF"), "the cipher DES-EDE3-CBC"),
        (legacy("DES-CBC,0123456789ABCDEF"), "the cipher DES-CBC"),
    ] {
        assert_eq!(
            read_with(&text, PASSPHRASE).err(),
            Some(KeyFileError::Unsupported { what: what.to_owned() })
        );
    }
    let bad_iv = legacy("AES-128-CBC,0123");
    assert_eq!(
        read_with(&bad_iv, PASSPHRASE).err(),
        Some(KeyFileError::Malformed { what: "the `DEK-Info` header" })
    );
}

/// A key file that takes so many rounds to open, and has no key in it.
fn with_rounds(rounds: u32) -> Zeroizing<String> {
    let block = key_block(NOTARY.as_bytes()).expect("a key file");
    let (salt, iv) = (&block.contents[34..42], [0; 16]);
    let parameters = asn1::value(
        asn1::SEQUENCE,
        &[&asn1::value(asn1::OCTET_STRING, &[salt]), &asn1::unsigned(&rounds.to_be_bytes())],
    );
    let kdf = asn1::value(asn1::SEQUENCE, &[b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c", &parameters]);
    let iv = asn1::value(asn1::OCTET_STRING, &[&iv]);
    let cipher = asn1::value(asn1::SEQUENCE, &[b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a", &iv]);
    let both = asn1::value(asn1::SEQUENCE, &[&kdf, &cipher]);
    let scheme = asn1::value(asn1::SEQUENCE, &[b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d", &both]);
    let ciphertext = asn1::value(asn1::OCTET_STRING, &[&[0; 160]]);
    pem::write(ENCRYPTED, &[], &asn1::value(asn1::SEQUENCE, &[&scheme, &ciphertext]))
}

#[test]
fn rounds_above_the_limit_are_refused_before_any_is_done() {
    let opened = |rounds| read_with(&with_rounds(rounds), PASSPHRASE).map(|_| ());
    assert!(matches!(opened(MAX_ROUNDS + 1), Err(KeyFileError::Unsupported { .. })));
    assert!(matches!(opened(u32::MAX), Err(KeyFileError::Unsupported { .. })));
    assert!(matches!(opened(0), Err(KeyFileError::Malformed { .. })));
    assert!(matches!(opened(1), Err(KeyFileError::WrongPassphrase)));
}

#[test]
fn rounds_of_all_keys_in_a_file_are_bounded_on_both_sides() {
    let most = usize::try_from(MAX_BUNDLE_ROUNDS / u64::from(MAX_ROUNDS)).expect("some");
    let fitting = with_rounds(MAX_ROUNDS).repeat(most);
    assert_eq!(split(fitting.as_bytes()).expect("they fit").len(), most);
    let above = fitting + &with_rounds(1);
    assert!(matches!(split(above.as_bytes()), Err(KeyFileError::Unsupported { .. })));
}

#[test]
fn truncated_and_changed_files_are_errors_and_never_keys() {
    for text in [NOTARY, OPENSSL_PKCS8, OPENSSL_EC_AES128, OPENSSL_EC, OPENSSL_ED25519] {
        for end in (0..text.len() - 1).step_by(7) {
            assert!(read(&text.as_bytes()[..end], Some(&passphrase())).is_err(), "{}", &text[..end]);
        }
    }
    let block = key_block(OPENSSL_PKCS8.as_bytes()).expect("a key file");
    for end in 0..block.contents.len() {
        let text = pem::write(ENCRYPTED, &[], &block.contents[..end]);
        assert!(read(text.as_bytes(), Some(&passphrase())).is_err(), "{end} bytes");
    }
    let long = format!("{NOTARY}{}", " ".repeat(MAX_BYTES));
    assert_eq!(header(long.as_bytes()), Err(KeyFileError::TooLarge { max: MAX_BYTES }));
    assert_eq!(header(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), Err(KeyFileError::NoKey));
}

#[test]
fn key_is_never_written_without_a_passphrase_or_with_a_role_that_breaks_lines() {
    let key = SecretKey::generate_ecdsa().expect("a key");
    assert_eq!(
        write(&key, "root", None, &Passphrase::new(String::new())),
        Err(KeyFileError::EmptyPassphrase)
    );
    for role in ["a\nb", "a\r", " a", "a\0"] {
        assert_eq!(write(&key, role, None, &passphrase()), Err(KeyFileError::Role(role.to_owned())));
    }
}

#[test]
fn passphrase_does_not_print() {
    assert_eq!(format!("{:?}", passphrase()), "Passphrase(..)");
    assert_eq!(Passphrase::trimmed("  password1\r\n"), passphrase());
    assert_ne!(Passphrase::trimmed("password"), passphrase());
}

#[test]
fn key_file_with_any_byte_changed_never_panics_or_gives_another_key() {
    let key = SecretKey::generate_ecdsa().expect("a key");
    let plain = private_key_info::write(&key);
    for index in 0..plain.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = plain.clone();
            changed[index] ^= change;
            // The scalar and the point vouch for each other.
            if let Ok(read) = private_key_info::read(&changed) {
                assert_eq!(read.id(), key.id(), "byte {index}");
            }
        }
    }
    let block = key_block(OPENSSL_PKCS8.as_bytes()).expect("a key file");
    for index in 0..block.contents.len() {
        let mut changed = block.contents.clone();
        changed[index] ^= 0x80;
        if let Ok(file) = read(pem::write(ENCRYPTED, &[], &changed).as_bytes(), Some(&passphrase())) {
            assert_eq!(file.key.id().to_string(), OPENSSL_ID, "byte {index}");
        }
    }
}

#[test]
fn every_key_of_a_bundle_is_found_and_written_as_it_was() {
    let text = [NOTARY, "notes in between\n", OPENSSL_EC, OPENSSL_EC_AES128].concat();
    let keys = split(text.as_bytes()).expect("three keys");
    assert_eq!(
        keys.iter().map(SealedKey::is_strong).collect::<Vec<_>>(),
        [false; 3],
        "2,048 rounds and none"
    );
    let ids: Vec<_> =
        keys.iter().map(|key| key.open(Some(&passphrase())).expect("a key").id().to_string()).collect();
    assert_eq!(ids, [NOTARY_ID, OPENSSL_ID, OPENSSL_ID]);
    assert_eq!(*keys[0].write(&keys[0].header()).expect("a file"), NOTARY.as_bytes());

    let header = KeyFileHeader {
        role: Some("targets".to_owned()),
        gun: Some("a/b".to_owned()),
        path: Some(OPENSSL_ID.to_owned()),
        encrypted: true,
    };
    let old = keys[2].write(&header).expect("a file");
    let start = format!(
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,FC0AECE62ED8A9513B1F2D25A8021905\n\
         gun: a/b\npath: {OPENSSL_ID}\nrole: targets\n\n"
    );
    assert!(old.starts_with(start.as_bytes()), "{}", String::from_utf8_lossy(&old));
    let again = read(&old, Some(&passphrase())).expect("its own file");
    assert_eq!((again.key.id().to_string().as_str(), again.header), (OPENSSL_ID, header));
}

#[test]
fn header_that_would_break_the_form_is_not_written() {
    let key = first(NOTARY.as_bytes()).expect("a key");
    for role in ["a\nb", " a", "a\r"] {
        let header = KeyFileHeader { role: Some(role.to_owned()), ..key.header() };
        assert_eq!(key.write(&header).err(), Some(KeyFileError::Role(role.to_owned())));
    }
}

#[test]
fn key_written_here_is_strong() {
    let key = SecretKey::generate_ecdsa().expect("a key");
    let text = write(&key, "root", None, &passphrase()).expect("a file");
    assert!(first(&text).expect("its own file").is_strong());
}
