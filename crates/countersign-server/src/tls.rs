//! The TLS side of the listener: which certificate, which versions, which protocols.

use std::path::Path;
use std::sync::Arc;

use countersign_core::time::DateTime;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::certificates::{CertificateError, self_made};
use crate::config::TlsSource;
use crate::files;

/// Most bytes of a PEM file.
const PEM_BYTES: u64 = 1 << 20;

/// What accepts TLS connections, 1.2 or later, HTTP/2 or HTTP/1.1; `None` when there is to be no TLS.
///
/// # Errors
/// [`CertificateError`]: the certificate or its key is missing, unreadable, or they do not belong together.
pub(crate) fn acceptor(
    source: &TlsSource,
    data: &Path,
    now: DateTime,
) -> Result<Option<TlsAcceptor>, CertificateError> {
    let config = match source {
        TlsSource::Plaintext => return Ok(None),
        TlsSource::SelfMade { names } => {
            let made = self_made(data, names, now)?;
            let file = data.join("tls").join("server.pem");
            server_config(&made.chain, &made.private_key, &file, &file)?
        }
        TlsSource::Files { certificate, private_key } => {
            server_config(&read(certificate)?, &read(private_key)?, certificate, private_key)?
        }
    };
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn server_config(
    certificate: &[u8],
    private_key: &[u8],
    file: &Path,
    key_file: &Path,
) -> Result<ServerConfig, CertificateError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| CertificateError::NoCertificate(file.to_owned()))?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate(file.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(private_key)
        .map_err(|_| CertificateError::NoKey(key_file.to_owned()))?;
    let tls = |source| CertificateError::Tls { file: file.to_owned(), source };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|source| match source {
            rustls::Error::InconsistentKeys(_) => CertificateError::Pair(file.to_owned()),
            source => tls(source),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    files::read(file, PEM_BYTES)
        .map_err(|source| CertificateError::File { file: file.to_owned(), source })?
        .ok_or_else(|| CertificateError::Missing(file.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_that_cannot_be_served_is_an_error_and_never_plaintext() {
        let now: DateTime = "2026-11-24T00:00:00Z".parse().expect("a time");
        let data = tempfile::tempdir().expect("a directory");
        let made = self_made(data.path(), &[], now).expect("a certificate");
        let (good, bad) = (data.path().join("good.pem"), data.path().join("bad.pem"));
        std::fs::write(&good, &made.chain).expect("written");
        std::fs::write(&bad, "nothing").expect("written");
        let open = |certificate: &Path, private_key: &Path| {
            let source =
                TlsSource::Files { certificate: certificate.to_owned(), private_key: private_key.to_owned() };
            acceptor(&source, data.path(), now)
        };
        assert!(open(&good, &good).expect("served").is_some());
        assert!(matches!(open(&bad, &good), Err(CertificateError::NoCertificate(_))));
        assert!(matches!(open(&good, &bad), Err(CertificateError::NoKey(_))));
        assert!(matches!(open(&data.path().join("none"), &good), Err(CertificateError::Missing(_))));
        assert!(matches!(open(&good, &data.path().join("tls/ca.key")), Err(CertificateError::Pair(_))));
    }
}
