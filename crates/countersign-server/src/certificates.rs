//! The self-made certificate: a CA of the server's own, made once, and a short-lived certificate that it issues.
//!
//! ```text
//! DATA/ca.crt            the CA's certificate, what clients are told to trust
//! DATA/tls/ca.key        its private key
//! DATA/tls/server.pem    the server's private key, its certificate and the CA's, in one file
//! ```
//!
//! The CA stays as long as its two files are there. The server's certificate is made anew at start when it is near its
//! end, when the names change, or when it is by another CA.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_core::time::DateTime;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::files::{self, Mode};

/// What every server certificate is for.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const DAY: i64 = 86_400;
/// How long a CA lives, in days.
const CA_DAYS: i64 = 3650;
/// How long a server certificate lives, in days.
const SERVER_DAYS: i64 = 397;
/// A server certificate with fewer days left is made anew.
const RENEW_DAYS: i64 = 130;
/// Most bytes of a PEM file.
const PEM_BYTES: u64 = 1 << 20;

/// The PEM files of a self-made certificate, as text.
pub(crate) struct SelfMade {
    /// The server's certificate, then the CA's.
    pub(crate) chain: Vec<u8>,
    /// The server's private key; may hold certificates too.
    pub(crate) private_key: Vec<u8>,
}

/// Loads the certificate of the server that keeps its files in `data`, and makes what is missing or near its end.
pub(crate) fn self_made(data: &Path, names: &[String], now: DateTime) -> Result<SelfMade, CertificateError> {
    let directory = data.join("tls");
    files::make_directory(&directory).map_err(|source| file_error(&directory, source))?;
    let ca = Ca::load_or_make(data, &directory, now)?;
    let file = directory.join("server.pem");
    let names: BTreeSet<String> =
        OWN_NAMES.iter().map(|name| (*name).to_owned()).chain(names.iter().cloned()).collect();
    if let Some(pem) = read(&file)?
        && is_current(&pem, &ca.certificate, &names, now)
    {
        return Ok(SelfMade { chain: pem.clone(), private_key: pem });
    }
    let pem = ca.issue(&names, now)?;
    files::replace(&file, &pem, Mode::Private).map_err(|source| file_error(&file, source))?;
    Ok(SelfMade { chain: pem.clone(), private_key: pem })
}

struct Ca {
    /// PEM.
    certificate: Vec<u8>,
    key: KeyPair,
}

impl Ca {
    fn load_or_make(data: &Path, directory: &Path, now: DateTime) -> Result<Self, CertificateError> {
        let (certificate_file, key_file) = (data.join("ca.crt"), directory.join("ca.key"));
        match (read(&certificate_file)?, read(&key_file)?) {
            (Some(certificate), Some(key)) => {
                let text = String::from_utf8_lossy(&key);
                let key = KeyPair::from_pem(&text).map_err(|_| CertificateError::NoKey(key_file.clone()))?;
                let ca = Self { certificate, key };
                ca.refuse_unusable(&certificate_file, now)?;
                Ok(ca)
            }
            (Some(_), None) => {
                Err(CertificateError::LostKey { certificate: certificate_file, key: key_file })
            }
            (None, _) => {
                // A key without a certificate is what a start that was killed left.
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertificateError::Make)?;
                files::replace(&key_file, key.serialize_pem().as_bytes(), Mode::Private)
                    .map_err(|source| file_error(&key_file, source))?;
                let certificate =
                    ca_parameters(now).self_signed(&key).map_err(CertificateError::Make)?.pem().into_bytes();
                files::replace(&certificate_file, &certificate, Mode::Public)
                    .map_err(|source| file_error(&certificate_file, source))?;
                Ok(Self { certificate, key })
            }
        }
    }

    fn refuse_unusable(&self, file: &Path, now: DateTime) -> Result<(), CertificateError> {
        let der = CertificateDer::from_pem_slice(&self.certificate)
            .map_err(|_| CertificateError::NoCertificate(file.to_owned()))?;
        let (_, parsed) =
            X509Certificate::from_der(&der).map_err(|_| CertificateError::NoCertificate(file.to_owned()))?;
        if parsed.public_key().subject_public_key.data != self.key.public_key_raw() {
            return Err(CertificateError::Pair(file.to_owned()));
        }
        if parsed.validity().not_after.timestamp() <= now.unix_seconds() {
            return Err(CertificateError::Expired(file.to_owned()));
        }
        Ok(())
    }

    /// A new key and a certificate for `names`, as one PEM text with the CA's certificate at its end.
    fn issue(&self, names: &BTreeSet<String>, now: DateTime) -> Result<Vec<u8>, CertificateError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertificateError::Make)?;
        let names: Vec<String> = names.iter().cloned().collect();
        let mut parameters = CertificateParams::new(names).map_err(CertificateError::Make)?;
        parameters.distinguished_name.push(DnType::CommonName, "countersign server");
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        set_validity(&mut parameters, now, SERVER_DAYS);
        let issuer = Issuer::new(ca_parameters(now), &self.key);
        let certificate = parameters.signed_by(&key, &issuer).map_err(CertificateError::Make)?;
        Ok([key.serialize_pem().as_bytes(), certificate.pem().as_bytes(), &self.certificate].concat())
    }
}

fn ca_parameters(now: DateTime) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "countersign server CA");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut parameters, now, CA_DAYS);
    parameters
}

/// Whether the certificate in `pem` is for exactly `names`, by the CA, and good for a while.
fn is_current(pem: &[u8], ca: &[u8], names: &BTreeSet<String>, now: DateTime) -> bool {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).flatten().collect();
    let ([der, by], Ok(ca)) = (chain.as_slice(), CertificateDer::from_pem_slice(ca)) else { return false };
    let Ok((_, parsed)) = X509Certificate::from_der(der) else { return false };
    let until = now.plus_seconds(RENEW_DAYS * DAY).unix_seconds();
    *by == ca && parsed.validity().not_after.timestamp() > until && names_of(&parsed) == *names
}

fn names_of(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => None,
        },
        _ => None,
    };
    alternative.value.general_names.iter().filter_map(name).collect()
}

/// Makes certificates valid from a day before `now` until `days` after it.
fn set_validity(parameters: &mut CertificateParams, now: DateTime, days: i64) {
    let since_1970 = |days: i64| {
        Duration::from_secs(u64::try_from(now.plus_seconds(days * DAY).unix_seconds()).unwrap_or_default())
    };
    parameters.not_before = date_time_ymd(1970, 1, 1) + since_1970(-1);
    parameters.not_after = date_time_ymd(1970, 1, 1) + since_1970(days);
}

fn read(file: &Path) -> Result<Option<Vec<u8>>, CertificateError> {
    files::read(file, PEM_BYTES).map_err(|source| file_error(file, source))
}

fn file_error(file: &Path, source: io::Error) -> CertificateError {
    CertificateError::File { file: file.to_owned(), source }
}

/// A certificate that cannot be used. Nothing was served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("`{}` cannot be read or written", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file that was named is not there.
    #[error("`{}` is missing", .0.display())]
    Missing(PathBuf),
    /// The file holds no certificate.
    #[error("`{}` holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// The file holds no private key.
    #[error("`{}` holds no private key that can be used", .0.display())]
    NoKey(PathBuf),
    /// The CA's private key is gone.
    #[error("`{}` is there, its private key `{}` is not", certificate.display(), key.display())]
    LostKey {
        /// The certificate.
        certificate: PathBuf,
        /// The missing key.
        key: PathBuf,
    },
    /// Certificate and private key do not belong together.
    #[error("the certificate in `{}` is of another private key", .0.display())]
    Pair(PathBuf),
    /// The certificate has expired.
    #[error("the certificate in `{}` has expired", .0.display())]
    Expired(PathBuf),
    /// A certificate cannot be made.
    #[error("no certificate could be made")]
    Make(#[source] rcgen::Error),
    /// The TLS library does not take the certificate.
    #[error("the certificate in `{}` cannot be served", file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime {
        text.parse().expect("a time")
    }

    fn ca_of(data: &Path) -> Vec<u8> {
        std::fs::read(data.join("ca.crt")).expect("a CA")
    }

    #[test]
    fn certificate_is_kept_until_it_nears_its_end_and_the_ca_stays() {
        let data = tempfile::tempdir().expect("a directory");
        let make = |time: &str| self_made(data.path(), &[], at(time)).expect("a certificate").chain;
        let first = make("2026-11-24T00:00:00Z");
        let ca = ca_of(data.path());
        assert_eq!(make("2027-01-01T00:00:00Z"), first);
        let second = make("2027-11-01T00:00:00Z");
        assert_ne!(second, first);
        assert_eq!(ca_of(data.path()), ca);
        assert!(second.ends_with(&ca));
        assert!(matches!(
            self_made(data.path(), &[], at("2037-01-01T00:00:00Z")),
            Err(CertificateError::Expired(_))
        ));
    }

    #[test]
    fn certificate_follows_its_names() {
        let data = tempfile::tempdir().expect("a directory");
        let now = at("2026-11-24T00:00:00Z");
        let names = ["trust.example".to_owned(), "10.1.2.3".to_owned(), "fe80::1".to_owned()];
        let made = self_made(data.path(), &names, now).expect("a certificate").chain;
        let der = CertificateDer::from_pem_slice(&made).expect("PEM");
        let (_, parsed) = X509Certificate::from_der(&der).expect("DER");
        let expected = names.iter().cloned().chain(OWN_NAMES.map(str::to_owned)).collect();
        assert_eq!(names_of(&parsed), expected);
        assert_eq!(self_made(data.path(), &names, now).expect("the same").chain, made);
        assert_ne!(self_made(data.path(), &[], now).expect("another").chain, made);
    }

    #[test]
    fn start_that_was_killed_is_repaired_and_a_lost_key_is_not_replaced_in_silence() {
        let data = tempfile::tempdir().expect("a directory");
        let now = at("2026-11-24T00:00:00Z");
        self_made(data.path(), &[], now).expect("a certificate");
        std::fs::remove_file(data.path().join("ca.crt")).expect("removed");
        self_made(data.path(), &[], now).expect("a new CA");
        std::fs::write(data.path().join("tls/server.pem"), "half").expect("written");
        self_made(data.path(), &[], now).expect("a new certificate");
        std::fs::remove_file(data.path().join("tls/ca.key")).expect("removed");
        assert!(matches!(self_made(data.path(), &[], now), Err(CertificateError::LostKey { .. })));
        std::fs::write(data.path().join("tls/ca.key"), "no key").expect("written");
        assert!(matches!(self_made(data.path(), &[], now), Err(CertificateError::NoKey(_))));
    }
}
