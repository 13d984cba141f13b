//! One X.509 certificate, with what the rules of this dialect look at taken out of it.

use der::asn1::AnyRef;
use der::{Decode as _, Reader as _};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::{CERTIFICATE_LABEL, CertificateError, NOT_BEFORE_TOLERANCE};
use crate::asn1;
use crate::key::{PublicKey, bare_of_spki};
use crate::pem;
use crate::time::{DateTime, UpdateStart};

/// Signature algorithms over MD2, MD5 and SHA-1: with RSA (the last in two spellings), DSA and ECDSA.
const WEAK_SIGNATURES: [&str; 6] = [
    "1.2.840.113549.1.1.2",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.3.14.3.2.29",
    "1.2.840.10040.4.3",
    "1.2.840.10045.4.1",
];

/// The tag of the version, which the first version leaves out.
const EXPLICIT_VERSION: u8 = 0xa0;

/// A parsed certificate. Equal when its DER is equal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Certificate {
    der: Vec<u8>,
    /// Where the signed part stands in `der`.
    signed: std::ops::Range<usize>,
    /// Object identifier of the signature's algorithm, dotted.
    pub(super) signature_algorithm: String,
    pub(super) signature: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    pub(super) subject: Vec<u8>,
    common_name: String,
    not_before: DateTime,
    not_after: DateTime,
    pub(super) spki: Vec<u8>,
    pub(super) authority: Option<Authority>,
    /// Whether it may be used for what we use it for: no purpose named, or one that fits.
    pub(super) purpose_fits: bool,
    /// Whether it has a critical extension that is not understood here.
    pub(super) has_unknown_critical: bool,
}

/// What makes a certificate an authority.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Authority {
    /// Most authorities that may stand between it and a leaf.
    pub(super) path_length: Option<u32>,
    /// Whether its key may sign certificates.
    pub(super) signs_certificates: bool,
}

impl Certificate {
    /// Reads `der`, which must be one certificate and nothing after it.
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        if !is_tightly_wrapped(der, &parsed.signature_value.data) {
            return None;
        }
        // Refuses an extension that comes twice.
        parsed.extensions_map().ok()?;
        let tbs: &[u8] = parsed.tbs_certificate.as_ref();
        let start = tbs.as_ptr() as usize - der.as_ptr() as usize;
        let authority = authority(&parsed)?;
        let last_name = parsed.subject().iter_common_name().last();
        let common_name = last_name.and_then(|name| name.as_str().ok()).unwrap_or_default().to_owned();
        Some(Self {
            der: der.to_vec(),
            signed: start..start + tbs.len(),
            signature_algorithm: parsed.signature_algorithm.algorithm.to_id_string(),
            signature: parsed.signature_value.data.to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            subject: parsed.subject().as_raw().to_vec(),
            common_name,
            not_before: DateTime::from_unix(parsed.validity().not_before.timestamp())?,
            not_after: DateTime::from_unix(parsed.validity().not_after.timestamp())?,
            spki: parsed.public_key().raw.to_vec(),
            authority,
            purpose_fits: purpose_fits(&parsed)?,
            has_unknown_critical: parsed.extensions().iter().any(|extension| {
                extension.critical
                    && !matches!(
                        extension.parsed_extension(),
                        ParsedExtension::BasicConstraints(_)
                            | ParsedExtension::KeyUsage(_)
                            | ParsedExtension::ExtendedKeyUsage(_)
                            | ParsedExtension::SubjectAlternativeName(_)
                    )
            }),
        })
    }

    pub(super) fn is_ca(&self) -> bool {
        self.authority.is_some()
    }

    pub(super) fn common_name(&self) -> &str {
        &self.common_name
    }

    pub(super) fn not_before(&self) -> DateTime {
        self.not_before
    }

    pub(super) fn not_after(&self) -> DateTime {
        self.not_after
    }

    /// The bare key; `None` for a kind or a size that is not used here.
    pub(super) fn public_key(&self) -> Option<PublicKey> {
        bare_of_spki(&self.spki)
    }

    /// The bytes that the signature is over.
    pub(super) fn signed(&self) -> &[u8] {
        &self.der[self.signed.clone()]
    }

    pub(super) fn to_pem(&self) -> String {
        pem::write(CERTIFICATE_LABEL, &[], &self.der).to_string()
    }

    pub(super) fn check_strength(&self) -> Result<(), CertificateError> {
        if self.not_after < self.not_before {
            return Err(CertificateError::Dates { not_before: self.not_before, not_after: self.not_after });
        }
        if WEAK_SIGNATURES.contains(&self.signature_algorithm.as_str()) {
            return Err(CertificateError::WeakSignature);
        }
        self.public_key().map(|_| ()).ok_or(CertificateError::Key)
    }

    pub(super) fn check(&self, at: UpdateStart) -> Result<(), CertificateError> {
        self.check_strength()?;
        if self.not_after < at.0 {
            return Err(CertificateError::Expired { not_after: self.not_after });
        }
        if self.not_before > at.0.plus_seconds(NOT_BEFORE_TOLERANCE) {
            return Err(CertificateError::Early { not_before: self.not_before });
        }
        Ok(())
    }
}

/// Whether everything outside of the signed part of `der` is as it must be, so that nobody but the signer can make
/// another encoding of the same certificate: DER, nothing behind it, and the signature's algorithm as the signed part
/// names it. The parser is more lenient.
fn is_tightly_wrapped(der: &[u8], signature: &[u8]) -> bool {
    let parts = AnyRef::from_der(der).and_then(|outer| {
        outer.sequence(|reader| Ok((reader.tlv_bytes()?, reader.tlv_bytes()?, reader.tlv_bytes()?)))
    });
    let Ok((signed, algorithm, bits)) = parts else { return false };
    let named = AnyRef::from_der(signed).and_then(|signed| {
        signed.sequence(|reader| {
            if reader.peek_byte() == Some(EXPLICIT_VERSION) {
                reader.tlv_bytes()?;
            }
            let (_serial, named) = (reader.tlv_bytes()?, reader.tlv_bytes()?);
            while !reader.is_finished() {
                reader.tlv_bytes()?;
            }
            Ok::<_, der::Error>(named)
        })
    });
    named == Ok(algorithm) && *asn1::bit_string(signature) == *bits
}

/// `None` when an extension is there and cannot be read.
#[expect(clippy::option_option, reason = "unreadable, and no authority, are two answers of one question")]
fn authority(parsed: &X509Certificate<'_>) -> Option<Option<Authority>> {
    let unreadable =
        |extension: &ParsedExtension<'_>| matches!(extension, ParsedExtension::ParseError { .. });
    if parsed.extensions().iter().any(|extension| unreadable(extension.parsed_extension())) {
        return None;
    }
    let Some(constraints) = parsed.basic_constraints().ok()?.filter(|constraints| constraints.value.ca)
    else {
        return Some(None);
    };
    Some(Some(Authority {
        path_length: constraints.value.path_len_constraint,
        signs_certificates: parsed.key_usage().ok()?.is_none_or(|usage| usage.value.key_cert_sign()),
    }))
}

fn purpose_fits(parsed: &X509Certificate<'_>) -> Option<bool> {
    let purposes = parsed.extended_key_usage().ok()?;
    Some(purposes.is_none_or(|purposes| {
        let purposes = purposes.value;
        purposes.any || purposes.server_auth || purposes.code_signing
    }))
}
