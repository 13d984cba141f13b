use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RSA_PSS_SHA384,
};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::certificate::self_signed;
use crate::sign::{SecretKey, Sign as _};
use crate::time::DateTime;

const MESSAGE: &[u8] = b"{\"_type\":\"Targets\"}";

/// RSA of 2048 bits is slow to make, so one key serves a test.
fn rsa_key() -> SecretKey {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = aws_lc_rs::encoding::AsDer::as_der(&pair).expect("DER");
    SecretKey::from_private_bytes(KeyType::Rsa, pkcs8.as_ref()).expect("an RSA key")
}

fn certified(key: &SecretKey) -> PublicKey {
    let from = DateTime::from_unix(1_790_000_000).expect("a time");
    self_signed(&"example.com/app".parse().expect("a GUN"), key, from).expect("a certificate")
}

fn pem_of(key: &PublicKey) -> PublicKey {
    let text = pem::write("PUBLIC KEY", &[], key.as_bytes());
    PublicKey::new(KeyType::Rsa, text.as_bytes().to_vec())
}

#[test]
fn only_listed_pairs_of_key_type_and_method_are_accepted() {
    let ecdsa = SecretKey::generate_ecdsa().expect("a key");
    let ed25519 = SecretKey::generate_ed25519().expect("a key");
    let rsa = rsa_key();
    let pkcs1v15 = rsa.sign_certificate(MESSAGE).expect("a signature");
    let signed = |key: &SecretKey| key.sign(MESSAGE).expect("a signature").1;
    let signatures = [signed(&ecdsa), signed(&rsa), signed(&ed25519), pkcs1v15];
    let keys = [
        ecdsa.public_key().clone(),
        certified(&ecdsa),
        rsa.public_key().clone(),
        certified(&rsa),
        ed25519.public_key().clone(),
        pem_of(rsa.public_key()),
    ];
    let legal = [
        (0, Method::Ecdsa, 0),
        (1, Method::Ecdsa, 0),
        (2, Method::RsaPss, 1),
        (3, Method::RsaPss, 1),
        (2, Method::RsaPkcs1v15, 3),
        (3, Method::RsaPkcs1v15, 3),
        (4, Method::Eddsa, 2),
        (5, Method::PyCryptoPss, 1),
    ];
    for (key_index, key) in keys.iter().enumerate() {
        for method in Method::ALL {
            for (signature_index, signature) in signatures.iter().enumerate() {
                let expected = legal.contains(&(key_index, method, signature_index));
                let found = accepts(key, method.name(), MESSAGE, signature);
                assert_eq!(
                    found,
                    expected,
                    "key {key_index}, {}, signature {signature_index}",
                    method.name()
                );
            }
        }
    }
}

#[test]
fn key_under_every_other_type_name_is_refused() {
    let ecdsa = SecretKey::generate_ecdsa().expect("a key");
    let (method, signature) = ecdsa.sign(MESSAGE).expect("a signature");
    for key in [ecdsa.public_key().clone(), certified(&ecdsa)] {
        for key_type in KeyType::ALL {
            let renamed = PublicKey::new(key_type, key.as_bytes().to_vec());
            let expected = renamed == key;
            assert_eq!(accepts(&renamed, method.name(), MESSAGE, &signature), expected, "{key_type}");
        }
    }
    let unknown = r#"{"keytype":"ECDSA","keyval":{"public":""}}"#;
    let unknown: PublicKey = serde_json::from_str(unknown).expect("a key");
    assert!(!accepts(&unknown, "ecdsa", MESSAGE, &signature));
}

#[test]
fn method_name_is_read_in_any_case() {
    let key = SecretKey::generate_ed25519().expect("a key");
    let (_, signature) = key.sign(MESSAGE).expect("a signature");
    assert!(accepts(key.public_key(), "EdDSA", MESSAGE, &signature));
    assert!(!accepts(key.public_key(), "eddsa ", MESSAGE, &signature));
    assert!(!accepts(key.public_key(), "", MESSAGE, &signature));
}

#[test]
fn changed_message_and_changed_signature_are_refused() {
    for key in [
        SecretKey::generate_ecdsa().expect("a key"),
        SecretKey::generate_ed25519().expect("a key"),
        rsa_key(),
    ] {
        let (method, mut signature) = key.sign(MESSAGE).expect("a signature");
        assert!(!accepts(key.public_key(), method.name(), b"other", &signature));
        assert!(!accepts(key.public_key(), method.name(), MESSAGE, &[]));
        signature[20] ^= 1;
        assert!(!accepts(key.public_key(), method.name(), MESSAGE, &signature));
    }
}

#[test]
fn ecdsa_signature_in_der_or_of_another_length_is_refused() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let key = PublicKey::new(KeyType::Ecdsa, spki::ecdsa(Curve::P256, pair.public_key().as_ref()));
    let der = pair.sign(&SystemRandom::new(), MESSAGE).expect("a signature");
    assert!(!accepts(&key, "ecdsa", MESSAGE, der.as_ref()));

    let key = SecretKey::generate_ecdsa().expect("a key");
    let (_, signature) = key.sign(MESSAGE).expect("a signature");
    assert!(!accepts(key.public_key(), "ecdsa", MESSAGE, &signature[..63]));
    assert!(!accepts(key.public_key(), "ecdsa", MESSAGE, &[&[0], &signature[..]].concat()));
    assert!(!accepts(key.public_key(), "ecdsa", MESSAGE, &[0; 64]));
}

#[test]
fn ecdsa_with_high_s_is_accepted() {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order = hex::decode(ORDER).expect("hex");
    let key = SecretKey::generate_ecdsa().expect("a key");
    let (_, mut signature) = key.sign(MESSAGE).expect("a signature");
    let mut borrow = 0;
    for index in (0..32).rev() {
        let digit = i16::from(order[index]) - i16::from(signature[32 + index]) - borrow;
        borrow = i16::from(digit < 0);
        signature[32 + index] = u8::try_from(digit.rem_euclid(256)).expect("a byte");
    }
    assert!(accepts(key.public_key(), "ecdsa", MESSAGE, &signature));
}

#[test]
fn rsa_pss_with_another_salt_and_hash_is_refused() {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let key = PublicKey::new(KeyType::Rsa, spki::rsa_from_der(pair.public_key().as_ref()).expect("a key"));
    let sign = |encoding: &'static dyn aws_lc_rs::signature::RsaEncoding| {
        let mut signature = vec![0; 256];
        pair.sign(encoding, &SystemRandom::new(), MESSAGE, &mut signature).expect("a signature");
        signature
    };
    assert!(accepts(&key, "rsapss", MESSAGE, &sign(&RSA_PSS_SHA256)));
    assert!(!accepts(&key, "rsapss", MESSAGE, &sign(&RSA_PSS_SHA384)));
    assert!(!accepts(&key, "rsapss", MESSAGE, &sign(&RSA_PKCS1_SHA256)));
}

// Made with OpenSSL 3.0: `openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:N` over MESSAGE.

/// An RSA key of 2048 bits, SPKI.
const RSA_2048: &str = "\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAotXhttQpE6OiM7C0+5zwp0Ih93tQT+eK16VBNHKgHh7e/Kk6bT++\
    vbfFb614wI3VGt60vT1cV1Cih6K5VFbW3W7Pdkfys3Mcq2ON+usRX6QrD1kLaUzIEebClln33RJRWPETKeBAprhkRCobtnzQ\
    6m09NN0pKDTr2D1gh6AupDiTCn4wdtOJ1x8gRjS6cNckSORFIHFJpEKeTD8V5YjQNSNsxrQTaBK832c7AlgEUJ1PylIA7ded\
    XRi06p7h3GgC6XPZBnaz/PRh4/8d77zq6hRzysUnJ5P5XaoZvzykV2l90a7GTA5svUIYLIjjTUF84k8MW4Cjiw4P4kGAe5Of\
    WwIDAQAB";
/// Its signature with 0 bytes of salt.
const PSS_SALT_0: &str = "\
    fUgrXKWmWXNhIQbt1nMfQrR24qXnMqFNMbcubIqDkPr1/cwjVgBThFqzQMSihU6IvtGG/6VlyoBXe0mM3kF+5THnS+zpWnOk\
    KvrxkXbhATvO3uuy7nniJ9I+9CnRIZdsrIXVOOgUszeBnJmY385BIws2Y7rMbQrqrKo4PXUUJJ2Hqhj5dBCPgqv54hW7KsZZ\
    inwrdmWaBuNeH9FxKPcJ60HzmNEOiTAoofyWy9Rrm30573UPRzZn2bwN4a775AAnemZxFGBC4eqiOHPinM7X5zZj/Sf/OSkL\
    sFCI6oHjmxnCzjyeNLbk822twmqYeEqFaTxXTt2k5AbCCnC7Mm0+JQ==";
/// Its signature with 20 bytes of salt.
const PSS_SALT_20: &str = "\
    ZKEm8EEKh175XGaVa63ZGbMq7ZIoK/FDHpjb4097MaibIX1HsSCfiTr3hiluSap9HYPFvx9IQAxrOylvkGIQV+XGPr+gas2i\
    KXX0WS3SuQt2ou3cMR33HqHyewDHDhetccal8Ap8RkMjMtnpoKCNYVaNjMddY7h+kunOcIRYO/pDmDNaCqGd8hnbL4ys7QNR\
    JZ2/7uCjuImZnLlluIuC3gXRoGmamqE2MatCULhoB4lyVZc7rJ1NIh44ut1Sv/fLFdpOQhoOfhTuwv6uNQr5xiYZ/jRtF+xx\
    93XAsKyJ0pSvjeEJv8FhtPFx8G0CpQDeEHRpkJ4BGRB9E3VsqNEp/w==";
/// Its signature with 32 bytes of salt.
const PSS_SALT_32: &str = "\
    CRALBIyCJ3k/P5UHXdJ6NEbog81ezobQVbM9OP93P7HoCLJE6YPEciVRRyQVZ1cQqGFsCvsrXnojrw9hoMSS3NGR6KCKjfws\
    8bXroMzx9NaT29R8d6U8gO5SZft2wFFcQ5Zlr9mUDadqTsqnCqPn/iVYNShFkLvCefyl+DFRchwe4bobBlpf3tyDbhd3waot\
    E3C9Bd00BDO84oTiU9+gVircG0GYt2M45q2vZ5P6xeqxihwE0YsEDtqdd8b1pr9axMGvOdiS/Wy6w7fmh+Gb4KtIueK9Lo7m\
    GM8FA+IZRc+RLRgYCg7U2T+A8oL67aXniAB0l8ER6xpCKwjla1Jzjw==";
/// Its signature with 222 bytes of salt.
const PSS_SALT_222: &str = "\
    I0jpSTRjJ6h1CESo3imRCSbiI1ffN4gRUdMIR1BBh2G6CeBwoaxRsHLzX7ueqg+pxwiqDWwxVG5J5U6HXcAuDpb3kI2Ygpjf\
    2prNVgXctyFrq+qzby94b90iqeFVdyD1CXpZLJMgaHLtAqtKQBzeuNSzItVOrEkUro4adqikJAj6a5LXjVixN8nV3M5s7sWJ\
    +aFl1bL2Ixm2A0niLZejNlJemgQW1dvhVOvGfvfPClL55NhKMi+o9XLLTwHtvSqpaxXyFSDz6pbXrqa50TQZR0cwsiehSz5H\
    J+HF+RXC1dE+6KVEzt/5QpWgZBqyuOq+OiVjL1R7yCAULLfTXbiKqw==";
/// An RSA key of 1024 bits, SPKI.
const RSA_1024: &str = "\
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDWpsBZv513h2fLn6mkDAtkJ7nZvHXn0Bcl3kbg1+NYniwCcU10HhIF9VLK\
    t6OSeNwE68As5nknuk1R6hTbxmqighU5mE98oSBr0SwPnqgddftdSDdf4XDGofJOgEnvFONgRxvN1D+MkiljEyR5tAZ3alrp\
    A0g8Xv0srGg/CYsJmQIDAQAB";
/// Its signature with 32 bytes of salt.
const RSA_1024_PSS: &str = "\
    EM+3TP3r+LmbLgntgdhPylZWJfP2+wu962NrfqOu0fUwTtdb592BA7D+wFPuY38KQgBSReHbexzmxVs4hogXdBdJYLEKnJrx\
    zaZU9+Jqgm0U0pjRU3O+gT9zkYLTzqYb+j63jVdeU+dTcuTfzEsDqJZBTmeRl7zM1QKMIFpZ7OE=";
/// Its PKCS#1 v1.5 signature.
const RSA_1024_PKCS1: &str = "\
    QyLEEZN/RDf5//Kep1xQyL9qGtcGfGLEWBbzfcW21ml3SCsrCmEfQdUF6oQDsIMBR0gnyIaS/AX6HCasEOmHVVtJK8b+FWUv\
    JXUMRh5EbEInhMHTNWnxLMzzghVexH646nTHbhTaZkaG6r4i+3C/Oy9OL3YU3ZXWUjkOIlz8c6I=";

fn decode(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).expect("base64")
}

#[test]
fn pss_salt_must_be_32_bytes() {
    let key = PublicKey::new(KeyType::Rsa, decode(RSA_2048));
    for (signature, expected) in
        [(PSS_SALT_0, false), (PSS_SALT_20, false), (PSS_SALT_32, true), (PSS_SALT_222, false)]
    {
        assert_eq!(accepts(&key, "rsapss", MESSAGE, &decode(signature)), expected, "{signature}");
        assert_eq!(
            accepts(&pem_of(&key), "pycrypto-pkcs#1 pss", MESSAGE, &decode(signature)),
            expected,
            "{signature}"
        );
    }
}

#[test]
fn rsa_below_2048_bits_is_refused() {
    let key = PublicKey::new(KeyType::Rsa, decode(RSA_1024));
    assert!(!accepts(&key, "rsapss", MESSAGE, &decode(RSA_1024_PSS)));
    assert!(!accepts(&key, "rsapkcs1v15", MESSAGE, &decode(RSA_1024_PKCS1)));
    assert!(!accepts(&pem_of(&key), "pycrypto-pkcs#1 pss", MESSAGE, &decode(RSA_1024_PSS)));
}

// Made with OpenSSL 3.0: `openssl genrsa -3 2048`, and signatures over MESSAGE with it. The forged one is the cube root of a number
// that begins like a padded digest and ends in rubbish (Bleichenbacher, 2006).
const RSA_E3: &str = "\
    MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAtCvrapjvSKMCm5GUci2y1WkDk9BiLJDbgfBdkRfaCZMPwJTQObQ2\
    BfYjnn7ycs1D0MnjjKaNXQ6bd9eezasSc1O+QgW2tggl+U4wBZId8FlA3W1T/WQvOpHUgh2imKSEttbaZlrdK5LJOpg3yeLf\
    oH6dfKTWfMUYz5QfnKE//fw5ZA3ohhBswhpriBlfNpwEI37InEludAlFNJCAWYH4BOspWetY90x0JsiYKMVxi6oWtrFykgBE\
    Nq3aA/44WDoYjSZgSY9eMiAmphljDkZs+2BJFWxpvtbOT95weq8jwvoWK/YcWLs8PqufNrWOw3BMv4ye0P8kY8n6rlSHQ4aR\
    aQIBAw==";
const RSA_E3_PKCS1: &str = "\
    aFXkO6ci1QQUFUVLcl8yM+WHWagz2yY4gfgwc5Yw+GN6Nu4SiGeqG1rs7XoZLp6f06RHk5gbv30rXQJakWBfC0eBjxlgFn4D\
    dIn+3HtltZ18hKluump27CJptR0PIX7jFilV7ygdXzRecfCLDlnHSEZQ/uyEmyUBigMAQkREEIzB1bLEGq3qLP7JzICkXlNR\
    gvzlOCx3WCWdpU48XL+53q79JgOx8rm6ARxZeslhrUyWjAcoPH3y6ve/n/jCRD0xIkkIprQ5oFgztL7XS+NXP9/bXhki9ac8\
    cNptXp4P67Sc99DoDqNL8U3D5aAH/m4dExzZaYG33ixJ3OgXoybRtA==";
const RSA_E3_PSS: &str = "\
    KcSH30mBz/aN9HC/SmvxhzMAJeKItmvBcp8x6OUtizd3xyU6vq73Gvk980TTBrmyC4yJCF8EKn19BPPlnyiKP5eULFdcM/bm\
    PN9v4kh0hsnqRQFPq953PcIRT/cuNp9iHObqIFYHi/flRHi2yxBZ/Kt3CRBwN1yk/IHDX+Nd3NZ8gwygwxCloiuCUjXSZGBA\
    Du9ui4TABGRyWNDJU/NEzZYKXWIi8bkGvSKMyVpuAIh+7MO6OclXlYuXnrz8XhUmVG6LWrooB+06gOGCDPIJhBcYR+aazAhe\
    MI3j/HbAO9LLt9Lg47ZcF/9pDk4Fg+p1njMb68M/vxoedEJRKDDEUQ==";
const RSA_E3_FORGED: &str = "\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMsv9SnrceQVYPXZ1IPUWQHWRdtN4JvLvY649x60k2APNjIYPCaf/h0/y9g0P\
    0FKj0DWtGQ3Y4szBec9TU479O68WVmhwiIu83gUSXqIg72imnTqXCw==";
/// The same modulus with the exponent 1: a padded digest is its own signature.
const RSA_E1: &str = "\
    MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAtCvrapjvSKMCm5GUci2y1WkDk9BiLJDbgfBdkRfaCZMPwJTQObQ2\
    BfYjnn7ycs1D0MnjjKaNXQ6bd9eezasSc1O+QgW2tggl+U4wBZId8FlA3W1T/WQvOpHUgh2imKSEttbaZlrdK5LJOpg3yeLf\
    oH6dfKTWfMUYz5QfnKE//fw5ZA3ohhBswhpriBlfNpwEI37InEludAlFNJCAWYH4BOspWetY90x0JsiYKMVxi6oWtrFykgBE\
    Nq3aA/44WDoYjSZgSY9eMiAmphljDkZs+2BJFWxpvtbOT95weq8jwvoWK/YcWLs8PqufNrWOw3BMv4ye0P8kY8n6rlSHQ4aR\
    aQIBAQ==";
const RSA_E1_PKCS1: &str = "\
    AAH/////////////////////////////////////////////////////////////////////////////////////////////\
    ////////////////////////////////////////////////////////////////////////////////////////////////\
    ////////////////////////////////////////////////////////////////////////////////ADAxMA0GCWCGSAFl\
    AwQCAQUABCDUfIqMsXMxtaakByi0KH6ftcKx2hz7bT18HuZZqZ5T0g==";

#[test]
fn rsa_exponent_of_one_is_refused_and_three_admits_no_forgery() {
    let three = PublicKey::new(KeyType::Rsa, decode(RSA_E3));
    assert!(accepts(&three, "rsapkcs1v15", MESSAGE, &decode(RSA_E3_PKCS1)));
    assert!(accepts(&three, "rsapss", MESSAGE, &decode(RSA_E3_PSS)));
    assert!(!accepts(&three, "rsapkcs1v15", MESSAGE, &decode(RSA_E3_FORGED)));
    let one = PublicKey::new(KeyType::Rsa, decode(RSA_E1));
    assert!(!accepts(&one, "rsapkcs1v15", MESSAGE, &decode(RSA_E1_PKCS1)));
}
