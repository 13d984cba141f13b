//! Signatures: which method goes with which key, and whether one signature is right.
//!
//! `accepts` is the only place that knows. Thresholds are counted elsewhere.

use aws_lc_rs::signature::{
    ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};

use crate::key::{KeyType, PublicKey};
use crate::pem;
use crate::spki::{self, Curve, Spki};

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
    /// ECDSA on P-256 with SHA-256; the signature is DER. Only a key can ask for it. Verified, never made.
    EcdsaP256Der,
    /// ECDSA on P-384 with SHA-384; the signature is DER. Only a key can ask for it. Verified, never made.
    EcdsaP384Der,
}

impl Method {
    /// Every method that a signature can name.
    pub const ALL: [Self; 5] = [Self::Ecdsa, Self::RsaPss, Self::Eddsa, Self::RsaPkcs1v15, Self::PyCryptoPss];

    /// The name on the wire, such as `rsapss`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::RsaPss => "rsapss",
            Self::Eddsa => "eddsa",
            Self::RsaPkcs1v15 => "rsapkcs1v15",
            Self::PyCryptoPss => "pycrypto-pkcs#1 pss",
            Self::EcdsaP256Der => "ecdsa-sha2-nistp256",
            Self::EcdsaP384Der => "ecdsa-sha2-nistp384",
        }
    }

    /// The method that a signature calls `name`, in any case.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name().eq_ignore_ascii_case(name))
    }
}

/// Whether `signature` is one by `key` over `message`, made by the method called `method`; a key that has a scheme of its own
/// takes no other, whatever the signature says.
///
/// The legal pairs of key type and method are the arms of the one `match` below; whatever else comes is no signature:
/// unknown types and methods, pairs that don't fit (attack NCC 2015-1), a certificate with another kind of key inside,
/// RSA below 2048 bits, ECDSA signatures in DER or of another length, PSS with another salt. High-S ECDSA is legal:
/// Notary writes it. Expiry and names of certificates are not looked at here.
pub(crate) fn accepts(key: &PublicKey, method: &str, message: &[u8], signature: &[u8]) -> bool {
    let method = key.scheme().or_else(|| Method::of_name(method));
    let (Some(key_type), Some(method)) = (key.key_type(), method) else { return false };
    match (key_type, method) {
        (KeyType::Ecdsa, Method::Ecdsa) => spki::ecdsa_accepts(key.as_bytes(), message, signature),
        (KeyType::Ecdsa, Method::EcdsaP256Der) => {
            spki::ecdsa_der_accepts(Curve::P256, key.as_bytes(), message, signature)
        }
        (KeyType::Ecdsa, Method::EcdsaP384Der) => {
            spki::ecdsa_der_accepts(Curve::P384, key.as_bytes(), message, signature)
        }
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
mod tests;
