//! Signatures: which method goes with which key, and whether one signature is right.
//!
//! [`accepts`] is the only place that knows. Thresholds are counted elsewhere.

use aws_lc_rs::signature::{
    ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};

use crate::key::{KeyType, PublicKey};
use crate::pem;
use crate::spki::{self, Spki};

/// How a signature is made, by the name that metadata gives it.
///
/// Source: notary `tuf/data/types.go`, `tuf/signed/verifiers.go`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Method {
    /// ECDSA with SHA-256 on any curve; the signature is `r‖s`, each as long as the curve's order.
    Ecdsa,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and 32 bytes of salt.
    RsaPss,
    /// Ed25519 over the message itself.
    Eddsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256. Verified, never made.
    RsaPkcs1v15,
    /// [`Method::RsaPss`] for keys whose bytes are PEM text. Verified, never made.
    PyCryptoPss,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 5] = [Self::Ecdsa, Self::RsaPss, Self::Eddsa, Self::RsaPkcs1v15, Self::PyCryptoPss];

    /// The name on the wire, such as `rsapss`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::RsaPss => "rsapss",
            Self::Eddsa => "eddsa",
            Self::RsaPkcs1v15 => "rsapkcs1v15",
            Self::PyCryptoPss => "pycrypto-pkcs#1 pss",
        }
    }

    /// The method called `name`, in any case.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name().eq_ignore_ascii_case(name))
    }
}

/// Whether `signature` is one by `key` over `message`, made by the method called `method`.
///
/// The legal pairs of key type and method are the arms of the one `match` below; whatever else comes is no signature:
/// unknown types and methods, pairs that don't fit (attack NCC 2015-1), a certificate with another kind of key inside,
/// RSA below 2048 bits, ECDSA signatures in DER or of another length, PSS with another salt. High-S ECDSA is legal:
/// Notary writes it. Expiry and names of certificates are not looked at here.
pub(crate) fn accepts(key: &PublicKey, method: &str, message: &[u8], signature: &[u8]) -> bool {
    let (Some(key_type), Some(method)) = (key.key_type(), Method::of_name(method)) else { return false };
    match (key_type, method) {
        (KeyType::Ecdsa, Method::Ecdsa) => spki::ecdsa_accepts(key.as_bytes(), message, signature),
        (KeyType::Rsa, Method::RsaPss) => rsa(&RSA_PSS_2048_8192_SHA256, key.as_bytes(), message, signature),
        (KeyType::Rsa, Method::RsaPkcs1v15) => {
            rsa(&RSA_PKCS1_2048_8192_SHA256, key.as_bytes(), message, signature)
        }
        (KeyType::Rsa, Method::PyCryptoPss) => match pem::parse(key.as_bytes()) {
            Ok(blocks) => rsa(&RSA_PSS_2048_8192_SHA256, &blocks[0].contents, message, signature),
            Err(_) => false,
        },
        (KeyType::Ed25519, Method::Eddsa) => {
            UnparsedPublicKey::new(&ED25519, key.as_bytes()).verify(message, signature).is_ok()
        }
        (KeyType::EcdsaX509, Method::Ecdsa) | (KeyType::RsaX509, Method::RsaPss | Method::RsaPkcs1v15) => {
            // The bare key is of the type that the certificate's key type says, so this recurses once.
            key.bare().is_ok_and(|bare| accepts(&bare, method.name(), message, signature))
        }
        (KeyType::Ecdsa | KeyType::EcdsaX509 | KeyType::Rsa | KeyType::RsaX509 | KeyType::Ed25519, _) => {
            false
        }
    }
}

fn rsa(parameters: &'static RsaParameters, der: &[u8], message: &[u8], signature: &[u8]) -> bool {
    matches!(Spki::parse(der), Some(Spki::Rsa))
        && UnparsedPublicKey::new(parameters, der).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RSA_PSS_SHA384,
    };

    use super::*;
    use crate::certificate::self_signed;
    use crate::sign::{SecretKey, Sign as _};
    use crate::time::DateTime;

    const MESSAGE: &[u8] = b"{\"_type\":\"Targets\"}";

    /// RSA of 2048 bits is slow to make, so one key serves a test.
    fn rsa_key() -> SecretKey {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> =
            aws_lc_rs::encoding::AsDer::as_der(&pair).expect("DER");
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
        let key = PublicKey::new(KeyType::Ecdsa, spki::ecdsa(spki::Curve::P256, pair.public_key().as_ref()));
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
        let key =
            PublicKey::new(KeyType::Rsa, spki::rsa_from_der(pair.public_key().as_ref()).expect("a key"));
        let sign = |encoding: &'static dyn aws_lc_rs::signature::RsaEncoding| {
            let mut signature = vec![0; 256];
            pair.sign(encoding, &SystemRandom::new(), MESSAGE, &mut signature).expect("a signature");
            signature
        };
        assert!(accepts(&key, "rsapss", MESSAGE, &sign(&RSA_PSS_SHA256)));
        assert!(!accepts(&key, "rsapss", MESSAGE, &sign(&RSA_PSS_SHA384)));
        assert!(!accepts(&key, "rsapss", MESSAGE, &sign(&RSA_PKCS1_SHA256)));
    }
}
