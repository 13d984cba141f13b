//! Public keys in files: what a signer gives to the owner of a collection.
//!
//! Written is what `docker trust key generate` writes: PEM of type `PUBLIC KEY`, with the signer's name as header. Read is
//! that, and a certificate, whose key then stands in metadata with the certificate around it.
//!
//! Source: docker/cli `cli/command/trust/key_generate.go`; notary `tuf/utils/x509.go` (`ParsePEMPublicKey`).

use thiserror::Error;

use crate::certificate::{CertificateError, FirstCertificate};
use crate::key::{KeyType, PublicKey, bare_of_spki};
use crate::pem::{self, PemError};
use crate::time::UpdateStart;

/// Largest file of a public key, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

const PUBLIC: &str = "PUBLIC KEY";
const CERTIFICATE: &str = "CERTIFICATE";

/// Reads the first PEM block of `text` as a public key: ECDSA or RSA, bare or in a certificate that is valid at `at`.
///
/// # Errors
/// - [`PublicKeyFileError::Pem`], [`PublicKeyFileError::Large`]: no PEM, or more than [`MAX_BYTES`].
/// - [`PublicKeyFileError::Label`]: it is something else, such as a private key.
/// - [`PublicKeyFileError::Key`], [`PublicKeyFileError::Certificate`]: it is none that could sign.
pub fn read(text: &[u8], at: UpdateStart) -> Result<PublicKey, PublicKeyFileError> {
    if text.len() > MAX_BYTES {
        return Err(PublicKeyFileError::Large);
    }
    let blocks = pem::parse(text).map_err(PublicKeyFileError::Pem)?;
    let Some(block) = blocks.into_iter().next() else {
        return Err(PublicKeyFileError::Pem(PemError::Empty));
    };
    match block.label.as_str() {
        PUBLIC => bare_of_spki(&block.contents).ok_or(PublicKeyFileError::Key),
        CERTIFICATE => {
            let text = pem::write(CERTIFICATE, &[], &block.contents);
            of_certificate(text.as_bytes(), at).map_err(PublicKeyFileError::Certificate)
        }
        label => Err(PublicKeyFileError::Label(label.to_owned())),
    }
}

/// Writes an ECDSA or RSA key with the signer's name. `None` for a key of another type, or a name that breaks headers.
pub fn write(key: &PublicKey, signer: &str) -> Option<String> {
    let has_form = matches!(key.key_type(), Some(KeyType::Ecdsa | KeyType::Rsa));
    let is_plain = !signer.chars().any(char::is_control) && signer.trim() == signer;
    (has_form && is_plain).then(|| pem::write(PUBLIC, &[("role", signer)], key.as_bytes()).to_string())
}

fn of_certificate(text: &[u8], at: UpdateStart) -> Result<PublicKey, CertificateError> {
    let key_type = match FirstCertificate::read(text, at)?.key.key_type() {
        Some(KeyType::Rsa) => KeyType::RsaX509,
        _ => KeyType::EcdsaX509,
    };
    Ok(PublicKey::new(key_type, text.to_vec()))
}

/// A file without a public key that can be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PublicKeyFileError {
    /// More than [`MAX_BYTES`].
    #[error("it is larger than {MAX_BYTES} bytes")]
    Large,
    /// No PEM.
    #[error("no valid public key found")]
    Pem(#[source] PemError),
    /// PEM of something else.
    #[error("unsupported PEM block type \"{}\", expected CERTIFICATE or PUBLIC KEY", .0.escape_default())]
    Label(String),
    /// Not an ECDSA key on a named curve, nor an RSA key of 2048 to 8192 bits.
    #[error("the key in it is neither ECDSA nor RSA of 2048 to 8192 bits")]
    Key,
    /// A certificate that is no good.
    #[error("invalid certificate")]
    Certificate(#[source] CertificateError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::self_signed;
    use crate::sign::SecretKey;

    fn at(text: &str) -> UpdateStart {
        UpdateStart(text.parse().expect("a time"))
    }

    #[test]
    fn written_key_reads_back_and_names_its_signer() {
        let key = SecretKey::generate_ecdsa().expect("a key");
        let text = write(key.public_key(), "bob").expect("ECDSA has a form");
        assert!(text.starts_with("-----BEGIN PUBLIC KEY-----\nrole: bob\n\n"), "{text}");
        assert_eq!(read(text.as_bytes(), at("2026-01-01T00:00:00Z")).as_ref(), Ok(key.public_key()));
        assert_eq!(write(key.public_key(), "bob\nrole: root"), None);
    }

    #[test]
    fn certificate_is_read_while_it_is_valid() {
        let key = SecretKey::generate_ecdsa().expect("a key");
        let gun = "example.com/app".parse().expect("a GUN");
        let now = at("2026-01-01T00:00:00Z");
        let certificate = self_signed(&gun, &key, now.0).expect("a certificate");
        let read_at = |at| read(certificate.as_bytes(), at);
        let found = read_at(now).expect("it is valid");
        assert_eq!((found.canonical_id(), found.id()), (Ok(key.id()), certificate.id()));
        let late = read_at(at("2046-01-01T00:00:00Z"));
        assert!(matches!(late, Err(PublicKeyFileError::Certificate(CertificateError::Expired { .. }))));
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let now = at("2026-01-01T00:00:00Z");
        let private = b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        assert_eq!(read(private, now), Err(PublicKeyFileError::Label("EC PRIVATE KEY".to_owned())));
        let garbage = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        assert_eq!(read(garbage, now), Err(PublicKeyFileError::Key));
        assert!(matches!(read(b"hello", now), Err(PublicKeyFileError::Pem(_))));
        assert_eq!(read(&vec![b' '; MAX_BYTES + 1], now), Err(PublicKeyFileError::Large));
    }
}
