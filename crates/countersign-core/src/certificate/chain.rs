//! Chains of certificates, from a leaf to an authority that a pin trusts.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::x509::Certificate;
use super::{CertificateError, parse_all};
use crate::spki::{Curve, Spki};
use crate::time::UpdateStart;

/// Most authorities between a leaf and the pinned one.
const MAX_DEPTH: u32 = 8;
/// Most signatures that are verified for one leaf; bundles made to have very many paths end here.
const MAX_SIGNATURES: u32 = 100;

/// The certificates that a CA pin trusts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateAuthorities(Vec<Certificate>);

impl CertificateAuthorities {
    /// Reads a PEM bundle. Whether one of them is expired or weak is asked when they are used.
    ///
    /// # Errors
    /// - [`CertificateError::Pem`], [`CertificateError::Label`], [`CertificateError::Malformed`]: a block is no
    ///   certificate.
    pub fn parse(text: &[u8]) -> Result<Self, CertificateError> {
        parse_all(text).map(Self)
    }
}

/// Looks for a path from `leaf` to one of `authorities` that holds at `at`.
pub(super) fn build(
    leaf: &Certificate,
    intermediates: &[Certificate],
    authorities: &CertificateAuthorities,
    at: UpdateStart,
) -> Result<(), CertificateError> {
    let anchors: Vec<_> = authorities.0.iter().filter(|authority| authority.check(at).is_ok()).collect();
    if anchors.is_empty() {
        return Err(CertificateError::NoAuthority);
    }
    if anchors.contains(&leaf) {
        return Ok(());
    }
    let intermediates = intermediates.iter().filter(|intermediate| intermediate.check(at).is_ok()).collect();
    let mut search = Search { anchors, intermediates, signatures_left: MAX_SIGNATURES };
    if search.reaches_anchor(leaf, 0) {
        Ok(())
    } else {
        Err(CertificateError::Chain { common_name: leaf.common_name().to_owned() })
    }
}

struct Search<'a> {
    anchors: Vec<&'a Certificate>,
    intermediates: Vec<&'a Certificate>,
    signatures_left: u32,
}

impl Search<'_> {
    /// Whether `certificate`, below which `depth` authorities stand, leads to an anchor.
    fn reaches_anchor(&mut self, certificate: &Certificate, depth: u32) -> bool {
        if !certificate.purpose_fits || certificate.has_unknown_critical || depth > MAX_DEPTH {
            return false;
        }
        for anchor in self.anchors.clone() {
            if !anchor.has_unknown_critical && self.is_issued_by(certificate, anchor, depth) {
                return true;
            }
        }
        for intermediate in self.intermediates.clone() {
            if self.is_issued_by(certificate, intermediate, depth)
                && self.reaches_anchor(intermediate, depth + 1)
            {
                return true;
            }
        }
        false
    }

    /// Whether `issuer` may have issued `certificate`, and did.
    fn is_issued_by(&mut self, certificate: &Certificate, issuer: &Certificate, depth: u32) -> bool {
        let may_sign = issuer.authority.as_ref().is_some_and(|authority| {
            authority.signs_certificates && authority.path_length.is_none_or(|longest| longest >= depth)
        });
        if certificate.issuer != issuer.subject || !may_sign || self.signatures_left == 0 {
            return false;
        }
        self.signatures_left -= 1;
        is_signed_by(certificate, &issuer.spki)
    }
}

/// Whether the key `spki` signed `certificate`, over SHA-256, SHA-384 or SHA-512.
fn is_signed_by(certificate: &Certificate, spki: &[u8]) -> bool {
    let algorithm = match Spki::parse(spki) {
        Some(Spki::Ecdsa { curve, .. }) => ecdsa(&certificate.signature_algorithm, curve),
        Some(Spki::Rsa) => rsa(&certificate.signature_algorithm),
        None => None,
    };
    algorithm.is_some_and(|algorithm| {
        UnparsedPublicKey::new(algorithm, spki).verify(certificate.signed(), &certificate.signature).is_ok()
    })
}

/// ecdsa-with-SHA256, -SHA384 and -SHA512 (RFC 5758 §3.2).
fn ecdsa(oid: &str, curve: Curve) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (oid, curve) {
        ("1.2.840.10045.4.3.2", Curve::P256) => &signature::ECDSA_P256_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", Curve::P256) => &signature::ECDSA_P256_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", Curve::P256) => &signature::ECDSA_P256_SHA512_ASN1,
        ("1.2.840.10045.4.3.2", Curve::P384) => &signature::ECDSA_P384_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", Curve::P384) => &signature::ECDSA_P384_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", Curve::P384) => &signature::ECDSA_P384_SHA512_ASN1,
        ("1.2.840.10045.4.3.2", Curve::P521) => &signature::ECDSA_P521_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", Curve::P521) => &signature::ECDSA_P521_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", Curve::P521) => &signature::ECDSA_P521_SHA512_ASN1,
        _ => return None,
    })
}

/// sha256, sha384 and sha512WithRSAEncryption (RFC 8017 appendix A.2.4).
fn rsa(oid: &str) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match oid {
        "1.2.840.113549.1.1.11" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "1.2.840.113549.1.1.12" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "1.2.840.113549.1.1.13" => &signature::RSA_PKCS1_2048_8192_SHA512,
        _ => return None,
    })
}
