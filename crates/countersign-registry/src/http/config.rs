//! How requests are made: roots, proxies, deadlines.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use url::Url;

use super::dial::Dialer;
use super::identity::ClientIdentity;
use super::origin::{is_loopback, origin};
use super::proxy::{Proxies, ProxyError};
use super::roots::SystemRoots;

/// Everything that requests depend on besides themselves.
///
/// The deadlines are Docker's where it has one.
///
/// Source: docker/cli `cli/trust/trust.go` (connect 30 s, handshake 10 s).
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The authorities that every host is checked against, after its own.
    pub system_roots: SystemRoots,
    /// More authorities for every host.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Directories with one directory per host, `<host[:port]>`, that holds `*.crt`, `NAME.cert` and `NAME.key`.
    pub host_directories: Vec<PathBuf>,
    /// Our certificate for every host that wants one, after those of its own directory.
    pub identity: Option<ClientIdentity>,
    /// Takes whatever certificate a host shows. For a daemon whose user asked for TLS without verification, and nothing else.
    pub dangerously_accept_any_certificate: bool,
    /// What connections are made with instead of TCP. A host is a mere name then, and there is no TLS.
    pub dialer: Option<Dialer>,
    /// Which proxy leads where.
    pub proxies: Proxies,
    /// Hosts (`host` or `host:port`) that plain HTTP may be spoken with, besides this machine.
    pub insecure_hosts: BTreeSet<String>,
    /// Longest wait for a connection, the name service and a proxy included. Default 30 s.
    pub connect_timeout: Duration,
    /// Longest TLS handshake. Default 10 s.
    pub handshake_timeout: Duration,
    /// Longest wait for the head of an answer, counted from the last byte that was sent. Default 60 s.
    pub answer_timeout: Duration,
    /// Longest silence within an answer. Default 30 s.
    pub idle_timeout: Duration,
    /// Longest time to read an answer into memory. Default 300 s.
    pub read_timeout: Duration,
    /// How we introduce ourselves.
    pub user_agent: String,
}

impl HttpConfig {
    /// The default, with the proxies and the authorities that the environment names: `HTTP_PROXY`, `HTTPS_PROXY`,
    /// `NO_PROXY`, their lower-case forms, `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, ProxyError> {
        let proxies = Proxies::from_lookup(&lookup)?;
        Ok(Self { proxies, system_roots: SystemRoots::from_lookup(&lookup), ..Self::default() })
    }

    /// Whether plain HTTP may be spoken with the host of `url`.
    pub fn allows_plain(&self, url: &Url) -> bool {
        is_loopback(url)
            || self.insecure_hosts.contains(&origin(url))
            || url.host_str().is_some_and(|host| self.insecure_hosts.contains(host))
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            system_roots: SystemRoots::Platform,
            extra_roots: Vec::new(),
            host_directories: Vec::new(),
            identity: None,
            dangerously_accept_any_certificate: false,
            dialer: None,
            proxies: Proxies::default(),
            insecure_hosts: BTreeSet::new(),
            connect_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_mins(1),
            idle_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_mins(5),
            user_agent: concat!("countersign/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
