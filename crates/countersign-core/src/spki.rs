//! `SubjectPublicKeyInfo`: the one encoding of each ECDSA and RSA public key that counts.
//!
//! A key id is a hash of the encoded key. If one key could be written in two ways, it would have two ids and could meet
//! a threshold of two alone; so every other encoding of a key (a compressed point, RSA without its `NULL`) is refused,
//! as Go's parser refuses it.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, UnparsedPublicKey};

use crate::asn1;

/// `AlgorithmIdentifier`s of id-ecPublicKey with each named curve.
const P256_ALGORITHM: &[u8] =
    b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384_ALGORITHM: &[u8] = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
const P521_ALGORITHM: &[u8] = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23";

/// A curve that ECDSA keys may be on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Bytes of one coordinate, and of each half of a signature.
    pub(crate) fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// DER of the `AlgorithmIdentifier` of a key on this curve.
    pub(crate) fn algorithm_identifier(self) -> &'static [u8] {
        match self {
            Self::P256 => P256_ALGORITHM,
            Self::P384 => P384_ALGORITHM,
            Self::P521 => P521_ALGORITHM,
        }
    }

    /// The curve's object identifier in DER, without tag and length.
    pub(crate) fn oid(self) -> &'static [u8] {
        &self.algorithm_identifier()[13..]
    }

    /// How keys on this curve are loaded and sign here: `r‖s`. For P-384 the library pairs the curve with SHA-384 only,
    /// see `sign.rs`.
    pub(crate) fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &signature::ECDSA_P521_SHA256_FIXED_SIGNING,
        }
    }

    /// SHA-256 with a DER signature.
    fn sha256(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_ASN1,
            Self::P384 => &signature::ECDSA_P384_SHA256_ASN1,
            Self::P521 => &signature::ECDSA_P521_SHA256_ASN1,
        }
    }
}

/// A public key whose encoding is the one that counts.
pub(crate) enum Spki<'a> {
    Ecdsa { curve: Curve, point: &'a [u8] },
    Rsa,
}

impl<'a> Spki<'a> {
    /// Reads `der`; `None` for every key of another kind, too small, or encoded in another way.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        for curve in Curve::ALL {
            // SEQUENCE, its length in one byte (two for P-521), AlgorithmIdentifier, BIT STRING of 04‖x‖y.
            let point_bytes = 2 * curve.coordinate_bytes() + 1;
            let Some(start) = der.len().checked_sub(point_bytes) else { continue };
            let point = &der[start..];
            if point[0] == 4 && ecdsa(curve, point) == der {
                return Some(Self::Ecdsa { curve, point });
            }
        }
        (rsa_from_der(der)? == der).then_some(Self::Rsa)
    }
}

/// The encoding of the key at `point`, which is `04‖x‖y`.
pub(crate) fn ecdsa(curve: Curve, point: &[u8]) -> Vec<u8> {
    asn1::value(asn1::SEQUENCE, &[curve.algorithm_identifier(), &asn1::bit_string(point)]).to_vec()
}

/// The encoding of an RSA key given as PKCS#1 or SPKI; `None` below 2048 or above 8192 bits.
pub(crate) fn rsa_from_der(der: &[u8]) -> Option<Vec<u8>> {
    let key = rsa::PublicKey::from_der(der).ok()?;
    let spki: PublicKeyX509Der<'_> = key.as_der().ok()?;
    Some(spki.as_ref().to_vec())
}

/// Whether `fixed`, which is `r‖s`, is a signature by the ECDSA key `spki` over the SHA-256 of `message`.
pub(crate) fn ecdsa_accepts(spki: &[u8], message: &[u8], fixed: &[u8]) -> bool {
    let Some(Spki::Ecdsa { curve, point }) = Spki::parse(spki) else { return false };
    let Some(signature) = fixed_to_der(curve, fixed) else { return false };
    UnparsedPublicKey::new(curve.sha256(), point).verify(message, &signature).is_ok()
}

/// Whether `der` is one by the ECDSA key `spki`, which must be on `curve`, over the hash of `message` that goes
/// with the curve: SHA-256 or SHA-384.
pub(crate) fn ecdsa_der_accepts(curve: Curve, spki: &[u8], message: &[u8], der: &[u8]) -> bool {
    let algorithm = match curve {
        Curve::P256 => &signature::ECDSA_P256_SHA256_ASN1,
        Curve::P384 => &signature::ECDSA_P384_SHA384_ASN1,
        Curve::P521 => return false,
    };
    matches!(Spki::parse(spki), Some(Spki::Ecdsa { curve: found, point })
        if found == curve && UnparsedPublicKey::new(algorithm, point).verify(message, der).is_ok())
}

/// Turns `r‖s`, exactly twice the coordinate's length, into the DER of X.509; `None` for any other length.
pub(crate) fn fixed_to_der(curve: Curve, fixed: &[u8]) -> Option<Vec<u8>> {
    if fixed.len() != 2 * curve.coordinate_bytes() {
        return None;
    }
    let (r, s) = fixed.split_at(curve.coordinate_bytes());
    Some(asn1::value(asn1::SEQUENCE, &[&asn1::unsigned(r), &asn1::unsigned(s)]).to_vec())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair as _};

    use super::*;

    #[test]
    fn every_curve_round_trips_and_its_other_encodings_are_refused() {
        for curve in Curve::ALL {
            let pair = EcdsaKeyPair::generate(curve.signing()).expect("a key");
            let der = ecdsa(curve, pair.public_key().as_ref());
            let theirs: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("an encoding");
            assert_eq!(der, theirs.as_ref());
            assert!(matches!(Spki::parse(&der), Some(Spki::Ecdsa { curve: found, .. }) if found == curve));

            let point = pair.public_key().as_ref();
            let mut compressed = point[..=curve.coordinate_bytes()].to_vec();
            compressed[0] = 2 + (point[point.len() - 1] & 1);
            let compressed = ecdsa(curve, &compressed);
            assert!(Spki::parse(&compressed).is_none(), "{curve:?} compressed");
            assert!(Spki::parse(&[der.as_slice(), &[0]].concat()).is_none(), "{curve:?} with a byte behind");
            assert!(Spki::parse(point).is_none(), "{curve:?} bare point");
        }
    }

    #[test]
    fn rsa_is_only_its_spki() {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
        let pkcs1 = pair.public_key().as_ref().to_vec();
        let spki = rsa_from_der(&pkcs1).expect("an RSA key");
        assert!(matches!(Spki::parse(&spki), Some(Spki::Rsa)));
        assert!(Spki::parse(&pkcs1).is_none());
        let without_null = asn1::value(
            asn1::SEQUENCE,
            &[b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", &asn1::bit_string(&pkcs1)],
        );
        assert!(Spki::parse(&without_null).is_none());
    }
}
