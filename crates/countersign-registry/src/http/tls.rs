//! One TLS configuration per host, made when the host is first connected to.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use rustls_pki_types::CertificateDer;

use super::config::HttpConfig;
use super::error::HttpError;
use super::host_files::{HostFiles, HostFilesError};
use super::identity::ClientIdentity;
use super::roots::LazyRoots;
use super::verify::HostVerifier;

/// TLS configurations by host.
pub(super) struct TlsConfigs {
    provider: Arc<CryptoProvider>,
    system: Arc<LazyRoots>,
    extra: Vec<CertificateDer<'static>>,
    directories: Vec<PathBuf>,
    identity: Option<ClientIdentity>,
    any_certificate: bool,
    by_host: Mutex<HashMap<String, Arc<ClientConfig>>>,
}

impl TlsConfigs {
    pub(super) fn new(config: &HttpConfig) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        Self {
            system: Arc::new(LazyRoots::new(config.system_roots.clone(), Arc::clone(&provider))),
            provider,
            extra: config.extra_roots.clone(),
            directories: config.host_directories.clone(),
            identity: config.identity.clone(),
            any_certificate: config.dangerously_accept_any_certificate,
            by_host: Mutex::default(),
        }
    }

    /// The configuration for `host`, `name[:port]`. Reads the host's files on its first call, off the async threads.
    pub(super) async fn of(self: &Arc<Self>, host: &str) -> Result<Arc<ClientConfig>, HttpError> {
        let known = self.by_host.lock().unwrap_or_else(PoisonError::into_inner).get(host).map(Arc::clone);
        if let Some(config) = known {
            return Ok(config);
        }
        let (configs, name) = (Arc::clone(self), host.to_owned());
        let built = tokio::task::spawn_blocking(move || configs.build(&name)).await;
        let built = built.map_err(|error| tls_setup(host, &error))??;
        self.by_host
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(host.to_owned(), Arc::clone(&built));
        Ok(built)
    }

    fn build(&self, host: &str) -> Result<Arc<ClientConfig>, HttpError> {
        let unusable = |source| HttpError::HostFiles { host: host.to_owned(), source };
        let mut files = HostFiles::default();
        // A name such as `..` would leave the directory.
        if host.bytes().any(|byte| byte != b'.') {
            for directory in &self.directories {
                files.read(&directory.join(host)).map_err(unusable)?;
                if host.ends_with(']') || !host.contains(':') {
                    files.read(&directory.join(format!("{host}:443"))).map_err(unusable)?;
                }
            }
        }
        let mut authorities = files.authorities;
        authorities.extend(self.extra.iter().cloned());
        let verifier = HostVerifier::new(authorities, Arc::clone(&self.system), Arc::clone(&self.provider));
        let verifier = if self.any_certificate { verifier.dangerously_accept_any() } else { verifier };
        if verifier.needs_system() {
            self.system.verifier();
        }
        let mut identities = Identities(Vec::new());
        files.identities.extend(self.identity.as_ref().map(ClientIdentity::pair));
        for (chain, key) in files.identities {
            let key = CertifiedKey::from_der(chain, key, &self.provider)
                .map_err(|error| unusable(HostFilesError::Key(error.to_string())))?;
            identities.0.push(Arc::new(key));
        }
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| tls_setup(host, &error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = builder.with_client_cert_resolver(Arc::new(identities));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Our certificates for one host; the first one whose key the host can use is sent.
#[derive(Debug)]
struct Identities(Vec<Arc<CertifiedKey>>);

impl ResolvesClientCert for Identities {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.iter().find(|identity| identity.key.choose_scheme(schemes).is_some()).map(Arc::clone)
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

fn tls_setup(host: &str, error: &dyn std::error::Error) -> HttpError {
    HttpError::Tls { host: host.to_owned(), fault: super::TlsFault::Other(error.to_string()) }
}
