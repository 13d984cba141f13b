//! Secret keys in memory.

use std::fmt;

use aws_lc_rs::digest::{Digest, SHA256, SHA384, digest};
use aws_lc_rs::encoding::{
    AsBigEndian as _, AsDer as _, Curve25519SeedBin, EcPrivateKeyRfc5915Der, Pkcs8V1Der,
};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
};
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode as _, Reader as _};
use zeroize::Zeroizing;

use super::{Sign, SignError};
use crate::key::{KeyError, KeyId, KeyType, PublicKey};
use crate::spki::{self, Curve};
use crate::verify::Method;

/// A private key that signs here: in memory (ECDSA on P-256, P-384 or P-521, RSA of 2048 to 8192 bits, or Ed25519), or held by
/// hardware that signs for it.
///
/// One in memory is wiped when dropped. None is cloned or serialised, and none prints.
pub struct SecretKey {
    pair: Pair,
    public: PublicKey,
    id: KeyId,
}

enum Pair {
    Ecdsa(Curve, EcdsaKeyPair),
    Rsa(rsa::KeyPair),
    Ed25519(Ed25519KeyPair),
    Held(Box<dyn Sign>),
}

impl SecretKey {
    /// Generates an ECDSA key on P-256, the kind that Notary's client makes.
    pub fn generate_ecdsa() -> Result<Self, KeyError> {
        let failed = |_| KeyError::Generate { key_type: KeyType::Ecdsa };
        let pair = EcdsaKeyPair::generate(Curve::P256.signing()).map_err(failed)?;
        Ok(Self::of_pair(Pair::Ecdsa(Curve::P256, pair)))
    }

    /// Generates an Ed25519 key.
    pub fn generate_ed25519() -> Result<Self, KeyError> {
        let failed = |_| KeyError::Generate { key_type: KeyType::Ed25519 };
        Ok(Self::of_pair(Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?)))
    }

    /// Takes a key that somebody else holds: its bytes are not here, and are written nowhere.
    pub fn held(holder: Box<dyn Sign>) -> Self {
        let public = holder.public_key().clone();
        Self { id: public.id(), pair: Pair::Held(holder), public }
    }

    /// Whether the private bytes are here, so that the key can be written to a file.
    pub fn is_in_memory(&self) -> bool {
        !matches!(self.pair, Pair::Held(_))
    }

    /// Takes a private key in the form that `key_type` has in memory and in a signer's database, or as PKCS#8.
    ///
    /// - `ecdsa`: SEC 1 `ECPrivateKey`, with or without curve and public key.
    /// - `rsa`: PKCS#1 `RSAPrivateKey`.
    /// - `ed25519`: 96 bytes (public key, seed, public key), or the 32 bytes of the seed.
    ///
    /// # Errors
    /// [`KeyError::Private`]: anything else, an RSA key below 2048 bits, or a type with a certificate.
    ///
    /// Source: notary `tuf/utils/x509.go`, `tuf/utils/pkcs8.go`.
    pub fn from_private_bytes(key_type: KeyType, bytes: &[u8]) -> Result<Self, KeyError> {
        let pair = match key_type {
            KeyType::Ecdsa => Curve::ALL.into_iter().find_map(|curve| ecdsa(curve, bytes)),
            KeyType::Rsa => {
                rsa::KeyPair::from_der(bytes).or_else(|_| rsa::KeyPair::from_pkcs8(bytes)).ok().map(Pair::Rsa)
            }
            KeyType::Ed25519 => ed25519(bytes).map(Pair::Ed25519),
            KeyType::EcdsaX509 | KeyType::RsaX509 => None,
        };
        pair.map(Self::of_pair).ok_or(KeyError::Private { key_type })
    }

    /// Takes an ECDSA key whose curve stands outside of its `ECPrivateKey`.
    pub(crate) fn from_ec_private_key(curve: Curve, bytes: &[u8]) -> Result<Self, KeyError> {
        ecdsa(curve, bytes).map(Self::of_pair).ok_or(KeyError::Private { key_type: KeyType::Ecdsa })
    }

    /// The private key in the first form that [`SecretKey::from_private_bytes`] names for its type. Nothing for a key that is
    /// held elsewhere.
    pub fn to_private_bytes(&self) -> Zeroizing<Vec<u8>> {
        // The encoders only fail for want of memory; an empty key is refused wherever it is read.
        Zeroizing::new(self.encode().unwrap_or_default())
    }

    /// The bare public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The canonical id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The curve of an ECDSA key.
    pub(crate) fn curve(&self) -> Option<Curve> {
        match self.pair {
            Pair::Ecdsa(curve, _) => Some(curve),
            Pair::Rsa(_) | Pair::Ed25519(_) | Pair::Held(_) => None,
        }
    }

    /// Signs the signed part of a certificate: ecdsa-with-SHA256 or sha256WithRSAEncryption.
    pub(crate) fn sign_certificate(&self, signed: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = match &self.pair {
            Pair::Ecdsa(curve, pair) => sign_ecdsa(*curve, pair, signed)
                .and_then(|fixed| spki::fixed_to_der(*curve, &fixed).ok_or(Unspecified)),
            Pair::Rsa(pair) => sign_rsa(pair, &RSA_PKCS1_SHA256, signed),
            Pair::Held(holder) => match (holder.sign(signed)?, spki::Spki::parse(self.public.as_bytes())) {
                ((Method::Ecdsa, fixed), Some(spki::Spki::Ecdsa { curve, .. })) => {
                    spki::fixed_to_der(curve, &fixed).ok_or(Unspecified)
                }
                _ => Err(Unspecified),
            },
            Pair::Ed25519(_) => Err(Unspecified),
        };
        signature.map_err(|_| SignError { key: self.id, reason: None })
    }

    fn of_pair(pair: Pair) -> Self {
        let public = match &pair {
            Pair::Ecdsa(curve, pair) => {
                PublicKey::new(KeyType::Ecdsa, spki::ecdsa(*curve, pair.public_key().as_ref()))
            }
            Pair::Rsa(pair) => {
                // A key pair's own public key is always readable; an unreadable one would verify nothing.
                let spki = spki::rsa_from_der(pair.public_key().as_ref()).unwrap_or_default();
                PublicKey::new(KeyType::Rsa, spki)
            }
            Pair::Ed25519(pair) => PublicKey::new(KeyType::Ed25519, pair.public_key().as_ref().to_vec()),
            Pair::Held(holder) => holder.public_key().clone(),
        };
        Self { id: public.id(), pair, public }
    }

    fn encode(&self) -> Result<Vec<u8>, Unspecified> {
        match &self.pair {
            Pair::Ecdsa(_, pair) => {
                let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der()?;
                Ok(der.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der()?;
                inner_private_key(pkcs8.as_ref()).map_err(|_| Unspecified)
            }
            Pair::Ed25519(pair) => {
                let seed: Curve25519SeedBin<'_> = pair.seed()?.as_be_bytes()?;
                Ok([self.public.as_bytes(), seed.as_ref(), self.public.as_bytes()].concat())
            }
            Pair::Held(_) => Err(Unspecified),
        }
    }
}

impl Sign for SecretKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<(Method, Vec<u8>), SignError> {
        let signature = match &self.pair {
            Pair::Ecdsa(curve, pair) => sign_ecdsa(*curve, pair, message).map(|bytes| (Method::Ecdsa, bytes)),
            Pair::Rsa(pair) => sign_rsa(pair, &RSA_PSS_SHA256, message).map(|bytes| (Method::RsaPss, bytes)),
            Pair::Ed25519(pair) => {
                pair.try_sign(message).map(|bytes| (Method::Eddsa, bytes.as_ref().to_vec()))
            }
            Pair::Held(holder) => return holder.sign(message),
        };
        signature.map_err(|_| SignError { key: self.id, reason: None })
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

fn ecdsa(curve: Curve, bytes: &[u8]) -> Option<Pair> {
    EcdsaKeyPair::from_private_key_der(curve.signing(), bytes).ok().map(|pair| Pair::Ecdsa(curve, pair))
}

fn ed25519(bytes: &[u8]) -> Option<Ed25519KeyPair> {
    match bytes.len() {
        32 => Ed25519KeyPair::from_seed_unchecked(bytes).ok(),
        96 if bytes[..32] == bytes[64..] => {
            Ed25519KeyPair::from_seed_and_public_key(&bytes[32..64], &bytes[..32]).ok()
        }
        _ => Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes).ok(),
    }
}

/// The `r‖s` signature over the SHA-256 of `message`.
///
/// The library offers P-384 with SHA-384 only. It takes a digest that the caller has computed, though, and to ECDSA a
/// digest is a number: SHA-256's, with zeros before it to the length of SHA-384's, is the same number
/// (FIPS 186-5 §6.4.1).
fn sign_ecdsa(curve: Curve, pair: &EcdsaKeyPair, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let signature = match curve {
        Curve::P256 | Curve::P521 => pair.sign(&SystemRandom::new(), message)?,
        Curve::P384 => {
            let mut number = [0; 48];
            number[16..].copy_from_slice(digest(&SHA256, message).as_ref());
            pair.sign_digest(&Digest::import_less_safe(&number, &SHA384)?)?
        }
    };
    Ok(signature.as_ref().to_vec())
}

fn sign_rsa(
    pair: &rsa::KeyPair,
    encoding: &'static dyn RsaEncoding,
    message: &[u8],
) -> Result<Vec<u8>, Unspecified> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)?;
    Ok(signature)
}

/// The `privateKey` of a `PrivateKeyInfo`.
fn inner_private_key(pkcs8: &[u8]) -> der::Result<Vec<u8>> {
    AnyRef::from_der(pkcs8)?.sequence(|reader| {
        let (_version, _algorithm) = (u8::decode(reader)?, AnyRef::decode(reader)?);
        let key = <&OctetStringRef>::decode(reader)?.as_bytes().to_vec();
        while !reader.is_finished() {
            AnyRef::decode(reader)?;
        }
        Ok(key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::accepts;

    fn generate(curve: Curve) -> SecretKey {
        let pair = EcdsaKeyPair::generate(curve.signing()).expect("a key");
        SecretKey::of_pair(Pair::Ecdsa(curve, pair))
    }

    #[test]
    fn secret_key_round_trips_through_its_private_bytes() {
        let mut keys: Vec<_> = Curve::ALL.map(|curve| (KeyType::Ecdsa, generate(curve))).into();
        keys.push((KeyType::Ed25519, SecretKey::generate_ed25519().expect("a key")));
        keys.push((
            KeyType::Rsa,
            SecretKey::of_pair(Pair::Rsa(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key"))),
        ));
        for (key_type, key) in keys {
            let bytes = key.to_private_bytes();
            let again = SecretKey::from_private_bytes(key_type, &bytes).expect("its own bytes");
            assert_eq!(again.id(), key.id());
            for other in KeyType::ALL.into_iter().filter(|other| *other != key_type) {
                assert!(SecretKey::from_private_bytes(other, &bytes).is_err(), "{key_type} as {other}");
            }
            let (method, signature) = again.sign(b"message").expect("a signature");
            assert!(accepts(key.public_key(), method.name(), b"message", &signature), "{key_type}");
        }
    }

    #[test]
    fn private_bytes_are_notarys_forms() {
        let ecdsa = generate(Curve::P256).to_private_bytes();
        assert_eq!((ecdsa.len(), &ecdsa[..7]), (121, b"\x30\x77\x02\x01\x01\x04\x20".as_slice()));
        let ed25519 = SecretKey::generate_ed25519().expect("a key");
        let bytes = ed25519.to_private_bytes();
        assert_eq!(
            (bytes.len(), &bytes[..32], &bytes[64..]),
            (96, ed25519.public_key().as_bytes(), ed25519.public_key().as_bytes())
        );
    }

    #[test]
    fn ed25519_key_whose_public_half_is_not_its_own_is_refused() {
        let key = SecretKey::generate_ed25519().expect("a key");
        let other = SecretKey::generate_ed25519().expect("a key");
        let mut bytes = key.to_private_bytes();
        bytes[..32].copy_from_slice(other.public_key().as_bytes());
        assert!(SecretKey::from_private_bytes(KeyType::Ed25519, &bytes).is_err());
        bytes[64..].copy_from_slice(other.public_key().as_bytes());
        assert!(SecretKey::from_private_bytes(KeyType::Ed25519, &bytes).is_err());
    }

    #[test]
    fn key_that_is_held_elsewhere_signs_and_is_never_written() {
        for curve in [Curve::P256, Curve::P384] {
            let (id, key) = (generate(curve).id(), generate(curve));
            let held = SecretKey::held(Box::new(key));
            assert!(held.id() != id && !held.is_in_memory() && held.to_private_bytes().is_empty());
            let (method, signature) = held.sign(b"message").expect("a signature");
            assert!(accepts(held.public_key(), method.name(), b"message", &signature));
            let now = "2026-11-26T00:00:00Z".parse().expect("a time");
            let gun = "example.com/app".parse().expect("a GUN");
            let certificate = crate::certificate::self_signed(&gun, &held, now).expect("a certificate");
            assert_eq!(certificate.canonical_id().expect("a certificate"), held.id());
            let passphrase = crate::key_file::Passphrase::new("password1".to_owned());
            let refused = crate::key_file::write(&held, "root", None, &passphrase);
            assert_eq!(refused, Err(crate::key_file::KeyFileError::Held));
        }
    }

    #[test]
    fn secret_key_does_not_print() {
        let key = SecretKey::generate_ecdsa().expect("a key");
        assert_eq!(format!("{key:?}"), "SecretKey(..)");
    }
}
