//! Whom the client trusts, what it shows, and what goes wrong.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use countersign_registry::http::{HttpClient, HttpConfig, HttpError, Phase, Request, SystemRoots, TlsFault};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::PrivateKeyDer;

use crate::peer::{Peer, Reply};

use super::{client, impatient};

/// An authority with files in the shape of `<config>/tls`.
pub(super) struct Authority(pub(super) CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority"))
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("a certificate"), key)
    }

    pub(super) fn server(&self, name: &str, demands_certificate: bool) -> rustls::ServerConfig {
        let (certificate, key) = self.issue(name);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if demands_certificate {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(self.0.der().clone()).expect("an authority");
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        builder.with_single_cert(vec![certificate.der().clone()], key).expect("a certificate")
    }

    /// A client that finds this authority in `<config>/tls/<host>/`.
    fn client(&self, config: &Path, host: &str) -> HttpClient {
        let directory = config.join("tls").join(host);
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join("ca.crt"), self.0.pem()).expect("a file");
        client_of(config)
    }
}

fn client_of(config: &Path) -> HttpClient {
    HttpClient::new(HttpConfig {
        system_roots: SystemRoots::None,
        host_directories: vec![config.join("tls")],
        ..HttpConfig::default()
    })
}

fn fault(error: HttpError) -> TlsFault {
    match error {
        HttpError::Tls { fault, .. } => fault,
        other => panic!("no TLS fault: {other:?}"),
    }
}

#[tokio::test]
async fn hosts_authority_is_trusted_for_that_host_only() {
    let authority = Authority::new();
    let peer = Peer::start_tls(authority.server("127.0.0.1", false), |_| Reply::ok("hello")).await;
    let config = tempfile::tempdir().expect("a directory");
    let other = authority.client(config.path(), "other.example");
    let error = other.send(Request::get(peer.url("/"))).await.expect_err("no authority for it");
    assert!(!error.is_offline());
    assert_eq!(fault(error), TlsFault::UnknownIssuer);
    let client = authority.client(config.path(), &peer.host());
    let response = client.send(Request::get(peer.url("/"))).await.expect("an answer");
    assert_eq!(response.read_bounded(10).await.expect("its body"), "hello".as_bytes());
}

#[tokio::test]
async fn authority_in_ssl_cert_file_is_trusted() {
    let authority = Authority::new();
    let peer = Peer::start_tls(authority.server("localhost", false), |_| Reply::ok("hello")).await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("roots.pem");
    fs::write(&file, authority.0.pem()).expect("a file");
    let config =
        HttpConfig::from_lookup(|name| (name == "SSL_CERT_FILE").then(|| file.clone().into_os_string()));
    let url = format!("https://localhost:{}/", peer.address.port()).parse().expect("a URL");
    let response = HttpClient::new(config.expect("legal")).send(Request::get(url)).await.expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
}

#[tokio::test]
async fn wrong_name_is_refused_with_the_names_that_fit() {
    let authority = Authority::new();
    let peer = Peer::start_tls(authority.server("other.example", false), |_| Reply::ok("")).await;
    let config = tempfile::tempdir().expect("a directory");
    let client = authority.client(config.path(), &peer.host());
    let error = client.send(Request::get(peer.url("/"))).await.expect_err("another name");
    assert!(error.to_string().contains("other.example"), "{error}");
    assert!(matches!(fault(error), TlsFault::WrongName { .. }));
    assert_eq!(peer.heard().len(), 0);
}

#[tokio::test]
async fn host_that_demands_a_certificate_gets_ours() {
    let authority = Authority::new();
    let peer = Peer::start_tls(authority.server("127.0.0.1", true), |_| Reply::ok("hello")).await;
    let config = tempfile::tempdir().expect("a directory");
    let without = authority.client(config.path(), &peer.host());
    let error = without.send(Request::get(peer.url("/"))).await.expect_err("no certificate of ours");
    assert_eq!(fault(error), TlsFault::ClientCertificate);
    let (certificate, key) = authority.issue("me");
    let directory = config.path().join("tls").join(peer.host());
    fs::write(directory.join("me.cert"), certificate.pem()).expect("a file");
    fs::write(directory.join("me.key"), key.serialize_pem()).expect("a file");
    let response = client_of(config.path()).send(Request::get(peer.url("/"))).await.expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    fs::remove_file(directory.join("me.key")).expect("removed");
    let error = client_of(config.path()).send(Request::get(peer.url("/"))).await.expect_err("half a pair");
    assert!(matches!(error, HttpError::HostFiles { .. }), "{error:?}");
}

#[tokio::test]
async fn plain_host_is_told_from_an_untrusted_one() {
    // What answers TLS with anything else.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .expect("written");
        stream
    });
    let url = format!("https://{address}/").parse().expect("a URL");
    let error = client().send(Request::get(url)).await.expect_err("no TLS");
    assert_eq!(fault(error), TlsFault::NotTls);
    task.abort();
}

#[tokio::test]
async fn silent_handshake_ends_with_its_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}/", listener.local_addr().expect("its address")).parse().expect("a URL");
    let error = impatient().send(Request::get(url)).await.expect_err("nobody answers");
    assert!(matches!(error, HttpError::Timeout { phase: Phase::Handshake, .. }), "{error:?}");
}

#[tokio::test]
async fn requests_at_once_share_one_connection_of_http_2() {
    let authority = Authority::new();
    let mut config = authority.server("127.0.0.1", false);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let server = tokio::spawn(async move {
        let mut running = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let acceptor = acceptor.clone();
            running.spawn(async move {
                let stream = acceptor.accept(stream).await.expect("a handshake");
                let answer =
                    hyper::service::service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
                        let text = format!("{:?}", request.version());
                        Ok::<_, std::convert::Infallible>(hyper::Response::new(http_body_util::Full::new(
                            bytes::Bytes::from(text),
                        )))
                    });
                let executor = hyper_util::rt::TokioExecutor::new();
                let io = hyper_util::rt::TokioIo::new(stream);
                drop(hyper::server::conn::http2::Builder::new(executor).serve_connection(io, answer).await);
            });
        }
    });
    let directory = tempfile::tempdir().expect("a directory");
    let client = authority.client(directory.path(), &address.to_string());
    let get = async || {
        let url = format!("https://{address}/").parse().expect("a URL");
        client.send(Request::get(url)).await?.read_bounded(100).await
    };
    let answers = futures_util::future::join_all((0..8).map(|_| get())).await;
    for answer in answers {
        assert_eq!(answer.expect("an answer"), "HTTP/2.0".as_bytes());
    }
    assert_eq!(connections.load(std::sync::atomic::Ordering::Relaxed), 1);
    server.abort();
}
