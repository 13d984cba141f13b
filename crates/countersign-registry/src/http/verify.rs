//! Which server certificates are trusted: by the host's own authorities first, then by the system's.
//!
//! Docker adds a host's `.crt` files to the system's pool. Two verifiers tried one after the other accept the same
//! certificates, and the system's authorities need not be loaded for a host that its own already vouch for.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::roots::{LazyRoots, verifier_of};

/// Checks a host's certificate against the host's own authorities, then against the system's.
#[derive(Debug)]
pub(super) struct HostVerifier {
    provider: Arc<CryptoProvider>,
    pinned: Vec<CertificateDer<'static>>,
    own: Option<Arc<WebPkiServerVerifier>>,
    system: Arc<LazyRoots>,
    accepts_any: bool,
}

impl HostVerifier {
    pub(super) fn new(
        authorities: Vec<CertificateDer<'static>>,
        system: Arc<LazyRoots>,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        let own = verifier_of(roots, &provider);
        Self { provider, pinned: authorities, own, system, accepts_any: false }
    }

    /// The same, which takes every certificate whose key the host has.
    pub(super) fn dangerously_accept_any(self) -> Self {
        Self { accepts_any: true, ..self }
    }

    /// Whether a host without authorities of its own will need the system's.
    pub(super) fn needs_system(&self) -> bool {
        !self.accepts_any && self.own.is_none() && !self.system.is_loaded()
    }

    /// Accepts the very certificate that was given as an authority, even one that calls itself an authority.
    ///
    /// Self-signed server certificates often do, Docker accepts them, and `webpki` as an end entity does not.
    fn verify_pinned(
        &self,
        leaf: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<bool, Error> {
        if !self.pinned.iter().any(|pinned| pinned == leaf) {
            return Ok(false);
        }
        verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if seconds < parsed.validity().not_before.timestamp() {
            return Err(CertificateError::NotValidYet.into());
        }
        if seconds > parsed.validity().not_after.timestamp() {
            return Err(CertificateError::Expired.into());
        }
        Ok(true)
    }
}

impl ServerCertVerifier for HostVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.accepts_any || self.verify_pinned(end_entity, server_name, now)? {
            return Ok(ServerCertVerified::assertion());
        }
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let by = |verifier: Option<&Arc<WebPkiServerVerifier>>| match verifier {
            Some(verifier) => {
                verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(unknown.clone()),
        };
        let own = by(self.own.as_ref());
        match own {
            Err(refusal) => match by(self.system.verifier()) {
                // Whoever knew the issuer says what is wrong with the certificate.
                Err(other) if other == unknown => Err(refusal),
                verdict => verdict,
            },
            accepted => accepted,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
    use rustls::crypto::aws_lc_rs;

    use super::super::roots::SystemRoots;
    use super::*;

    const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_780_000_000));

    struct Authority(CertifiedIssuer<'static, KeyPair>);

    impl Authority {
        fn new(name: &str) -> Self {
            let mut params = CertificateParams::new(Vec::new()).expect("no names");
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().expect("a key");
            Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
        }

        fn issue(&self, name: &str) -> CertificateDer<'static> {
            let params = CertificateParams::new([name.to_owned()]).expect("a name");
            let key = KeyPair::generate().expect("a key");
            params.signed_by(&key, &self.0).expect("a certificate").der().clone()
        }

        fn der(&self) -> CertificateDer<'static> {
            self.0.der().clone()
        }
    }

    fn verifier(own: &[&Authority], system: &[&Authority]) -> HostVerifier {
        let own = own.iter().map(|authority| authority.der()).collect();
        with_pinned(own, system)
    }

    fn with_pinned(own: Vec<CertificateDer<'static>>, system: &[&Authority]) -> HostVerifier {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let file = tempfile::NamedTempFile::new().expect("a file");
        let pem: String = system.iter().map(|authority| authority.0.pem()).collect();
        std::fs::write(file.path(), pem).expect("written");
        let source = SystemRoots::Files { file: Some(file.path().to_owned()), directories: Vec::new() };
        let lazy = LazyRoots::new(source, Arc::clone(&provider));
        if !system.is_empty() {
            lazy.verifier();
        }
        HostVerifier::new(own, Arc::new(lazy), provider)
    }

    fn verdict(verifier: &HostVerifier, leaf: &CertificateDer<'_>, name: &str) -> Result<(), Error> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        verifier.verify_server_cert(leaf, &[], &name, &[], NOW).map(drop)
    }

    fn self_signed(is_ca: IsCa, until: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(["r.example".to_owned()]).expect("a name");
        params.is_ca = is_ca;
        params.not_after = date_time_ymd(until, 1, 1);
        params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate").der().clone()
    }

    #[test]
    fn own_authority_is_enough_and_spares_the_systems() {
        let own = Authority::new("own");
        let verifier = verifier(&[&own], &[]);
        assert_eq!(verdict(&verifier, &own.issue("r.example"), "r.example"), Ok(()));
        assert!(!verifier.system.is_loaded());
    }

    #[test]
    fn system_authority_counts_beside_own_ones() {
        let (own, system) = (Authority::new("own"), Authority::new("system"));
        let verifier = verifier(&[&own], &[&system]);
        assert_eq!(verdict(&verifier, &system.issue("r.example"), "r.example"), Ok(()));
        assert_eq!(verdict(&verifier, &own.issue("r.example"), "r.example"), Ok(()));
    }

    #[test]
    fn stranger_is_refused_with_and_without_authorities() {
        let (own, system, stranger) =
            (Authority::new("own"), Authority::new("system"), Authority::new("stranger"));
        let unknown = Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let leaf = stranger.issue("r.example");
        assert_eq!(verdict(&verifier(&[&own], &[&system]), &leaf, "r.example"), unknown);
        assert_eq!(verdict(&verifier(&[], &[&system]), &leaf, "r.example"), unknown);
        assert_eq!(verdict(&verifier(&[], &[]), &leaf, "r.example"), unknown);
        assert_eq!(
            verdict(&verifier(&[&own], &[&system]), &self_signed(IsCa::NoCa, 2040), "r.example"),
            unknown
        );
    }

    #[test]
    fn wrong_name_is_told_by_whoever_knows_the_issuer() {
        let (own, system) = (Authority::new("own"), Authority::new("system"));
        let verifier = verifier(&[&own], &[&system]);
        for authority in [&own, &system] {
            let error = verdict(&verifier, &authority.issue("other.example"), "r.example");
            assert!(
                matches!(
                    &error,
                    Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. }))
                ),
                "{error:?}"
            );
        }
    }

    #[test]
    fn pinned_certificate_is_checked_for_name_and_time_only() {
        for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let leaf = self_signed(is_ca, 2040);
            let verifier = with_pinned(vec![leaf.clone()], &[]);
            assert_eq!(verdict(&verifier, &leaf, "r.example"), Ok(()));
            assert!(verdict(&verifier, &leaf, "other.example").is_err());
            let old = self_signed(is_ca, 2020);
            let verifier = with_pinned(vec![old.clone()], &[]);
            assert_eq!(
                verdict(&verifier, &old, "r.example"),
                Err(Error::InvalidCertificate(CertificateError::Expired))
            );
        }
    }
}
