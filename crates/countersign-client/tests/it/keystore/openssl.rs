//! Key files that OpenSSL makes.

use std::fs;
use std::path::Path;

use countersign_core::key::{KeyType, PublicKey};
use countersign_core::key_file::{self, KeyFileError, Passphrase};
use countersign_testkit::command::Invocation;
use countersign_testkit::peers::present_or_skip;
use tempfile::tempdir;

use super::PASSPHRASE;

fn openssl(dir: &Path, line: &str) {
    Invocation::of("openssl").args(line.split_whitespace()).dir(dir).run().expect_success();
}

/// Makes `key.pem` in `dir`, and gives its public key.
fn make(dir: &Path, key_type: KeyType, line: &str) -> PublicKey {
    openssl(dir, &format!("genpkey -out key.pem {line}"));
    openssl(dir, "pkey -in key.pem -pubout -outform der -out public.der");
    let spki = fs::read(dir.join("public.der")).expect("just written");
    let public = if key_type == KeyType::Ed25519 { spki[spki.len() - 32..].to_vec() } else { spki };
    PublicKey::new(key_type, public)
}

fn read(dir: &Path, name: &str) -> Result<key_file::KeyFile, KeyFileError> {
    let text = fs::read(dir.join(name)).expect("just written");
    key_file::read(&text, Some(&Passphrase::new(PASSPHRASE.to_owned())))
}

const KEYS: [(KeyType, &str); 5] = [
    (KeyType::Ecdsa, "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"),
    (KeyType::Ecdsa, "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
    (KeyType::Ecdsa, "-algorithm EC -pkeyopt ec_paramgen_curve:P-521"),
    (KeyType::Rsa, "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
    (KeyType::Ed25519, "-algorithm ED25519"),
];

#[test]
fn pkcs8_files_of_openssl_are_read() {
    if !present_or_skip(&["openssl"]) {
        return;
    }
    let dir = tempdir().expect("a directory");
    for (key_type, line) in KEYS {
        let public = make(dir.path(), key_type, line);
        let plain = read(dir.path(), "key.pem").unwrap_or_else(|error| panic!("{line}: {error:?}"));
        assert_eq!(*plain.key.public_key(), public, "{line}");
        for cipher in ["aes-128-cbc", "aes-192-cbc", "aes-256-cbc"] {
            for prf in ["hmacWithSHA1", "hmacWithSHA256", "hmacWithSHA384", "hmacWithSHA512"] {
                let options = format!("-v2 {cipher} -v2prf {prf} -passout pass:{PASSPHRASE}");
                openssl(dir.path(), &format!("pkcs8 -topk8 -in key.pem -out encrypted.pem {options}"));
                let file = read(dir.path(), "encrypted.pem")
                    .unwrap_or_else(|error| panic!("{line} {options}: {error:?}"));
                assert_eq!(*file.key.public_key(), public, "{line} {options}");
            }
        }
    }
}

#[test]
fn traditional_files_of_openssl_are_read() {
    if !present_or_skip(&["openssl"]) {
        return;
    }
    let dir = tempdir().expect("a directory");
    for (key_type, line) in &KEYS[..4] {
        let public = make(dir.path(), *key_type, line);
        for cipher in ["", "-aes128", "-aes192", "-aes256"] {
            openssl(
                dir.path(),
                &format!("pkey -traditional -in key.pem -out old.pem {cipher} -passout pass:{PASSPHRASE}"),
            );
            let file =
                read(dir.path(), "old.pem").unwrap_or_else(|error| panic!("{line} {cipher}: {error:?}"));
            assert_eq!(*file.key.public_key(), public, "{line} {cipher}");
            assert_eq!(file.header.encrypted, !cipher.is_empty());
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    if !present_or_skip(&["openssl"]) {
        return;
    }
    let dir = tempdir().expect("a directory");
    make(dir.path(), KeyType::Ecdsa, KEYS[0].1);
    for (options, what) in [
        ("-v2 des3", "the cipher DES-EDE3-CBC"),
        ("-scrypt", "the key derivation scrypt"),
        ("-v1 PBE-SHA1-3DES", "the encryption PKCS#12 with SHA-1 and 3DES"),
    ] {
        openssl(
            dir.path(),
            &format!("pkcs8 -topk8 -in key.pem -out encrypted.pem {options} -passout pass:{PASSPHRASE}"),
        );
        let expected = KeyFileError::Unsupported { what: what.to_owned() };
        assert_eq!(read(dir.path(), "encrypted.pem").err(), Some(expected), "{options}");
    }
    for (line, error) in [
        ("-algorithm X25519", KeyFileError::Unsupported { what: "the key type 1.3.101.110".to_owned() }),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",
            KeyFileError::Unsupported { what: "another curve".to_owned() },
        ),
    ] {
        openssl(dir.path(), &format!("genpkey -out key.pem {line}"));
        assert_eq!(read(dir.path(), "key.pem").err(), Some(error), "{line}");
    }
    openssl(dir.path(), "genpkey -out key.pem -algorithm RSA -pkeyopt rsa_keygen_bits:1024");
    assert!(matches!(read(dir.path(), "key.pem").err(), Some(KeyFileError::Key(_))), "RSA of 1024 bits");
}
