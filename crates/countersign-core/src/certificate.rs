//! Certificates: the form in which root and delegation keys are published, with their rules.
//!
//! A certificate here is a named box for a key. What counts is the name in it (the collection), its dates, and that the
//! box is written in exactly one way, because a key's id is a hash of that text. Chains matter only for CA pins.
//!
//! - [`CertificateBundle`]: the certificate of a key with its intermediates.
//! - [`CertificateAuthorities`]: what a CA pin trusts.
//! - [`self_signed`]: makes the certificate that a new root key gets.

mod author;
mod chain;
mod x509;

use thiserror::Error;

pub use self::author::self_signed;
pub use self::chain::CertificateAuthorities;
use self::x509::Certificate;
use crate::key::PublicKey;
use crate::name::Gun;
use crate::pem::{self, PemError};
use crate::time::{DateTime, UpdateStart};

/// How far in the future a certificate may begin, in seconds: one day for clocks that disagree.
const NOT_BEFORE_TOLERANCE: i64 = 86_400;
/// The label of a certificate's PEM block.
const CERTIFICATE_LABEL: &str = "CERTIFICATE";

/// A leaf certificate and the intermediates that came with it, as the `public` bytes of an `-x509` key hold them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateBundle {
    leaf: Certificate,
    key: PublicKey,
    intermediates: Vec<Certificate>,
}

impl CertificateBundle {
    /// Reads a PEM bundle: exactly one certificate that is no CA, and it is the first; CAs after it.
    ///
    /// # Errors
    /// - [`CertificateError::Pem`], [`CertificateError::Label`], [`CertificateError::Malformed`]: a block is no certificate.
    /// - [`CertificateError::Leaf`]: no leaf, several, or not first.
    /// - [`CertificateError::Key`]: the leaf's key is neither ECDSA nor RSA of 2048 to 8192 bits.
    ///
    /// Source: notary `trustpinning/certs.go`, `tuf/utils/x509.go` (`LoadCertBundleFromPEM`).
    pub fn parse(text: &[u8]) -> Result<Self, CertificateError> {
        let mut certificates = parse_all(text)?.into_iter();
        let leaf = certificates.next().filter(|first| !first.is_ca()).ok_or(CertificateError::Leaf)?;
        let intermediates: Vec<_> = certificates.collect();
        if !intermediates.iter().all(Certificate::is_ca) {
            return Err(CertificateError::Leaf);
        }
        let key = leaf.public_key().ok_or(CertificateError::Key)?;
        Ok(Self { leaf, key, intermediates })
    }

    /// The common name of the leaf; empty if it has none.
    pub fn common_name(&self) -> &str {
        self.leaf.common_name()
    }

    /// The first instant at which the leaf is valid.
    pub fn not_before(&self) -> DateTime {
        self.leaf.not_before()
    }

    /// The last instant at which the leaf is valid.
    pub fn not_after(&self) -> DateTime {
        self.leaf.not_after()
    }

    /// The bare key of the leaf.
    pub fn public_key(&self) -> PublicKey {
        self.key.clone()
    }

    /// Whether the leaf is for `gun`: its common name is the GUN, or ends in `*` and without every trailing `*` is a
    /// prefix of the GUN.
    ///
    /// Source: notary `trustpinning/certs.go` (`validRootLeafCerts`).
    pub fn names_gun(&self, gun: &Gun) -> bool {
        let name = self.common_name();
        let prefix = name.trim_end_matches('*');
        name == gun.as_str() || (prefix.len() < name.len() && gun.as_str().starts_with(prefix))
    }

    /// Checks the leaf for an update at `at`: [`CertificateBundle::check_strength`], and that it is not expired and
    /// begins at most a day from then.
    ///
    /// Source: notary `tuf/utils/x509.go` (`ValidateCertificate`).
    pub fn check_leaf(&self, at: UpdateStart) -> Result<(), CertificateError> {
        self.leaf.check(at)
    }

    /// Checks the leaf without looking at a clock: dates in order, a signature hash better than SHA-1, RSA of at least
    /// 2048 bits. For the certificates of an earlier root and of delegations.
    pub fn check_strength(&self) -> Result<(), CertificateError> {
        self.leaf.check_strength()
    }

    /// Whether `text` is exactly the leaf and those intermediates that are valid at `at`, as Go's `pem.Encode` writes
    /// them: 64 columns, a newline at the end, nothing else.
    ///
    /// Notary computes the id of a root key from such a re-encoding, so it refuses every root key written otherwise.
    ///
    /// Source: notary `trustpinning/certs.go`, `tuf/utils/x509.go` (`CertChainToPEM`).
    pub fn is_exact(&self, text: &[u8], at: UpdateStart) -> bool {
        let valid = self.intermediates.iter().filter(|intermediate| intermediate.check(at).is_ok());
        let exact: String = std::iter::once(&self.leaf).chain(valid).map(Certificate::to_pem).collect();
        exact.as_bytes() == text
    }

    /// Checks that the leaf chains, over the intermediates, to one of `authorities`.
    ///
    /// Signatures are verified; each issuer must be a CA that may sign certificates, and be valid at `at`, as must the
    /// leaf; path lengths hold. A purpose, where one is named, must be code signing or server authentication. A leaf
    /// that itself stands among the authorities needs no chain.
    ///
    /// Deviation: Notary asks for server authentication alone, which its own certificates don't have
    /// (`chain_accepts_code_signing_leaf`).
    ///
    /// # Errors
    /// - [`CertificateError::NoAuthority`]: none of the authorities is valid at `at`.
    /// - [`CertificateError::Chain`]: no path leads to any of them.
    /// - What [`CertificateBundle::check_leaf`] says of the leaf.
    ///
    /// Source: RFC 5280 §6.1; notary `trustpinning/trustpin.go`.
    pub fn chains_to(
        &self,
        authorities: &CertificateAuthorities,
        at: UpdateStart,
    ) -> Result<(), CertificateError> {
        self.check_leaf(at)?;
        chain::build(&self.leaf, &self.intermediates, authorities, at)
    }
}

/// The first certificate of a text, that of an authority included: what a delegation takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FirstCertificate {
    /// The bare key in it.
    pub key: PublicKey,
    /// Its common name; empty if it has none.
    pub common_name: String,
    /// The last instant at which it is valid.
    pub not_after: DateTime,
}

impl FirstCertificate {
    /// Reads the first certificate of `text`, and checks it as [`CertificateBundle::check_leaf`] does.
    ///
    /// # Errors
    /// - [`CertificateError::Pem`], [`CertificateError::Malformed`], [`CertificateError::Key`]: it cannot be read.
    /// - What [`CertificateBundle::check_leaf`] says of it.
    ///
    /// Source: notary `tuf/utils/x509.go` (`LoadCertFromPEM`, `ValidateCertificate`).
    pub fn read(text: &[u8], at: UpdateStart) -> Result<Self, CertificateError> {
        let first = first(text)?;
        first.check(at)?;
        let key = first.public_key().ok_or(CertificateError::Key)?;
        Ok(Self { key, common_name: first.common_name().to_owned(), not_after: first.not_after() })
    }
}

/// The bare key in the first certificate of `text`, whatever else the certificate says, and whether the certificate is
/// strong enough for a delegation.
///
/// Source: notary `tuf/utils/x509.go` (`LoadCertFromPEM`).
pub(crate) fn first_key(text: &[u8]) -> Result<(PublicKey, Result<(), CertificateError>), CertificateError> {
    let first = first(text)?;
    let key = first.public_key().ok_or(CertificateError::Key)?;
    Ok((key, first.check_strength()))
}

fn first(text: &[u8]) -> Result<Certificate, CertificateError> {
    let blocks = pem::parse(text).map_err(CertificateError::Pem)?;
    let block = blocks.into_iter().find(|block| block.label == CERTIFICATE_LABEL && block.headers.is_empty());
    let block = block.ok_or(CertificateError::Pem(PemError::Empty))?;
    Certificate::parse(&block.contents).ok_or(CertificateError::Malformed(1))
}

/// A certificate, or a set of them, that cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The text is no PEM.
    #[error("the certificates are not PEM")]
    Pem(#[source] PemError),
    /// A block of another kind.
    #[error("there is a `{}` among the certificates", .0.escape_default())]
    Label(String),
    /// Bytes that are no X.509 certificate.
    #[error("certificate {0} is not X.509 in DER")]
    Malformed(usize),
    /// Not exactly one certificate that is no CA, and first.
    #[error("the first certificate, and no other, must be one that is no authority")]
    Leaf,
    /// A key that cannot verify anything here.
    #[error("the certificate's key is neither ECDSA on P-256, P-384 or P-521 nor RSA of 2048 to 8192 bits")]
    Key,
    /// The dates are the wrong way round.
    #[error("the certificate ends at {not_after}, before it begins at {not_before}")]
    Dates {
        /// The first instant.
        not_before: DateTime,
        /// The last instant.
        not_after: DateTime,
    },
    /// Signed over a hash that is broken.
    #[error("the certificate is signed over SHA-1 or MD5")]
    WeakSignature,
    /// Past its end.
    #[error("the certificate expired at {not_after}")]
    Expired {
        /// The last instant.
        not_after: DateTime,
    },
    /// More than a day before its beginning.
    #[error("the certificate is not valid before {not_before}")]
    Early {
        /// The first instant.
        not_before: DateTime,
    },
    /// A set of authorities in which none is usable.
    #[error("none of the pinned certificate authorities is valid")]
    NoAuthority,
    /// No path to an authority.
    #[error("the certificate of `{}` does not chain to a pinned certificate authority", common_name.escape_default())]
    Chain {
        /// The leaf's common name.
        common_name: String,
    },
    /// The system could not sign, or the key cannot be in a certificate.
    #[error("no certificate could be made for `{gun}`")]
    Author {
        /// The collection.
        gun: Gun,
    },
}

fn parse_all(text: &[u8]) -> Result<Vec<Certificate>, CertificateError> {
    let blocks = pem::parse(text).map_err(CertificateError::Pem)?;
    blocks
        .into_iter()
        .enumerate()
        .map(|(index, block)| {
            if block.label != CERTIFICATE_LABEL {
                return Err(CertificateError::Label(block.label));
            }
            Certificate::parse(&block.contents).ok_or(CertificateError::Malformed(index + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests;
