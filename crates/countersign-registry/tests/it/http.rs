//! The HTTP stack: bounds, deadlines, TLS, proxies.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_registry::http::{
    HttpClient, HttpConfig, HttpError, Phase, Proxies, ProxyFault, Request, RequestBody, SystemRoots,
    TlsFault,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::PrivateKeyDer;

use crate::peer::{After, Heard, Peer, Reply};

const SHORT: Duration = Duration::from_millis(100);

fn client() -> HttpClient {
    HttpClient::new(HttpConfig { system_roots: SystemRoots::None, ..HttpConfig::default() })
}

fn impatient() -> HttpClient {
    HttpClient::new(HttpConfig {
        system_roots: SystemRoots::None,
        handshake_timeout: SHORT,
        answer_timeout: SHORT,
        idle_timeout: SHORT,
        ..HttpConfig::default()
    })
}

#[tokio::test]
async fn connections_are_kept_and_requests_identified() {
    let peer = Peer::start(|request| Reply::ok(request.header("user-agent").unwrap_or_default())).await;
    let client = client();
    for _ in 0..3 {
        let response = client.send(Request::get(peer.url("/v2/"))).await.expect("an answer");
        assert_eq!(response.content_length(), Some(17));
        let body = response.read_bounded(100).await.expect("its body");
        assert!(body.starts_with(b"countersign/"), "{body:?}");
    }
    assert_eq!(peer.heard()[0].header("accept-encoding"), None);
    assert_eq!(peer.heard()[0].header("host"), Some(peer.host().as_str()));
}

#[tokio::test]
async fn bodies_are_bounded_on_both_sides() {
    let peer = Peer::start(|request| match request.path() {
        "/announced" => Reply::ok([b'x'; 100]),
        _ => Reply::raw("HTTP/1.1 200 OK\r\n\r\nxxx", After::Endless),
    })
    .await;
    let get = async |path: &str, bound| {
        client().send(Request::get(peer.url(path))).await?.read_bounded(bound).await
    };
    assert_eq!(get("/announced", 100).await.expect("exactly the bound").len(), 100);
    assert!(matches!(get("/announced", 99).await, Err(HttpError::TooLarge { limit: 99, .. })));
    assert!(matches!(get("/endless", 1 << 20).await, Err(HttpError::TooLarge { .. })));
}

#[tokio::test]
async fn truncated_bodies_are_errors() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let peer = Peer::start(move |request| match request.path() {
        "/length" => Reply::ok("hello world").cut(5),
        "/head" => Reply::ok("hello").cut(20),
        _ => Reply::raw(chunked, After::Close),
    })
    .await;
    for path in ["/length", "/head", "/chunked"] {
        let get = async || client().send(Request::get(peer.url(path))).await?.read_bounded(100).await;
        let error = get().await.expect_err(path);
        assert!(matches!(error, HttpError::Reset { .. }), "{path}: {error:?}");
        assert!(error.is_offline() && error.is_transient());
    }
}

#[tokio::test]
async fn silence_is_an_error_after_its_deadline() {
    let peer = Peer::start(|request| match request.path() {
        "/silent" => Reply::raw("", After::Hang),
        "/stalled" => Reply::new(200, &[("Content-Length", "100")], "some").then(After::Hang),
        _ => Reply::raw("HTTP/1.1 200 OK\r\nContent-Le", After::Hang),
    })
    .await;
    for (path, expected) in [("/silent", Phase::Answer), ("/half", Phase::Answer), ("/stalled", Phase::Body)]
    {
        let get = async || impatient().send(Request::get(peer.url(path))).await?.read_bounded(1000).await;
        let error = get().await.expect_err(path);
        assert!(
            matches!(&error, HttpError::Timeout { phase, .. } if *phase == expected),
            "{path}: {error:?}"
        );
        assert!(error.is_offline());
    }
}

#[tokio::test]
async fn drip_fed_body_ends_with_the_read_deadline() {
    let peer = Peer::start(|_| Reply::raw("HTTP/1.1 200 OK\r\n\r\n", After::Endless)).await;
    let config = HttpConfig { read_timeout: SHORT, ..HttpConfig::default() };
    let response = HttpClient::new(config).send(Request::get(peer.url("/"))).await.expect("a head");
    let error = response.read_bounded(u64::MAX).await.expect_err("it never ends");
    assert!(matches!(error, HttpError::Timeout { phase: Phase::Body, .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_no_http_is_no_outage() {
    let peer = Peer::start(|_| Reply::raw("SSH-2.0-OpenSSH_9.9\r\n\r\n", After::Close)).await;
    let error = client().send(Request::get(peer.url("/"))).await.expect_err("no HTTP");
    assert!(matches!(error, HttpError::Protocol { .. }), "{error:?}");
    assert!(!error.is_offline());
}

#[tokio::test]
async fn closed_port_is_an_outage() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let free = listener.local_addr().expect("its address");
    drop(listener);
    let url = format!("http://{free}/").parse().expect("a URL");
    let error = client().send(Request::get(url)).await.expect_err("nobody listens");
    assert!(matches!(error, HttpError::Refused { .. }), "{error:?}");
    assert!(error.is_offline());
}

#[tokio::test]
async fn unknown_name_is_an_outage() {
    let url = "https://host.invalid/v2/".parse().expect("a URL");
    let error = client().send(Request::get(url)).await.expect_err("no such name");
    assert!(matches!(error, HttpError::Dns { .. }), "{error:?}");
    assert!(error.is_offline());
}

#[tokio::test]
async fn plain_http_stays_on_this_machine() {
    let url = || "http://registry.invalid:5000/v2/".parse().expect("a URL");
    let error = client().send(Request::get(url())).await.expect_err("plain HTTP");
    assert_eq!(
        error.to_string(),
        "plain HTTP to `registry.invalid:5000` is refused, it is neither loopback nor named insecure"
    );
    assert!(!error.is_offline());
    for name in ["registry.invalid", "registry.invalid:5000"] {
        let insecure_hosts = BTreeSet::from([name.to_owned()]);
        let client = HttpClient::new(HttpConfig { insecure_hosts, ..HttpConfig::default() });
        let error = client.send(Request::get(url())).await.expect_err("no such name");
        assert!(matches!(error, HttpError::Dns { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn urls_with_passwords_and_other_schemes_are_refused() {
    for text in ["https://user:secret@r.example/", "ftp://r.example/", "file:///etc/passwd"] {
        let error = client().send(Request::get(text.parse().expect("a URL"))).await.expect_err(text);
        assert!(matches!(error, HttpError::Url { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn redirects_are_answers() {
    let peer = Peer::start(|_| Reply::new(307, &[("Location", "/elsewhere")], "")).await;
    let response = client().send(Request::get(peer.url("/here"))).await.expect("an answer");
    assert_eq!(response.status().as_u16(), 307);
    assert_eq!(peer.lines(), ["GET /here"]);
}

#[tokio::test]
async fn content_is_sent_whole_or_not_at_all() {
    let peer = Peer::start(|request| Reply::ok(request.body.len().to_string())).await;
    let pieces = |sizes: &[usize]| {
        let pieces: Vec<_> = sizes.iter().map(|size| Ok(bytes::Bytes::from(vec![7; *size]))).collect();
        Box::pin(futures_util::stream::iter(pieces))
    };
    let send = async |body: RequestBody| {
        let request = Request::post(peer.url("/"), body);
        client().send(request).await?.read_bounded(100).await
    };
    assert_eq!(send(vec![1; 300_000].into()).await.expect("all of it"), "300000".as_bytes());
    let fitting = RequestBody::Stream { length: 30, pieces: pieces(&[10, 20]) };
    assert_eq!(send(fitting).await.expect("all of it"), "30".as_bytes());
    for wrong in [29, 31] {
        let body = RequestBody::Stream { length: wrong, pieces: pieces(&[10, 20]) };
        let error = send(body).await.expect_err("another length");
        assert!(matches!(error, HttpError::Content { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn slow_content_does_not_run_into_the_deadline_of_the_answer() {
    let peer = Peer::start(|request| Reply::ok(request.body.len().to_string())).await;
    let pieces = futures_util::stream::unfold(0_u8, |sent| async move {
        tokio::time::sleep(SHORT / 2).await;
        (sent < 6).then(|| (Ok(bytes::Bytes::from_static(b"x")), sent + 1))
    });
    let body = RequestBody::Stream { length: 6, pieces: Box::pin(pieces) };
    let response = impatient().send(Request::post(peer.url("/"), body)).await.expect("an answer");
    assert_eq!(response.read_bounded(10).await.expect("its body"), "6".as_bytes());
}

/// An authority with files in the shape of `<config>/tls`.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
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

    fn server(&self, name: &str, demands_certificate: bool) -> rustls::ServerConfig {
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

fn proxied(variable: &'static str, peer: &Peer, insecure: &str) -> HttpClient {
    let value = format!("http://me:secret@{}", peer.host());
    let proxies = Proxies::from_lookup(|name| (name == variable).then(|| OsString::from(&value)));
    HttpClient::new(HttpConfig {
        proxies: proxies.expect("a proxy"),
        insecure_hosts: BTreeSet::from([insecure.to_owned()]),
        system_roots: SystemRoots::None,
        ..HttpConfig::default()
    })
}

fn authorised(request: &Heard) -> bool {
    request.header("proxy-authorization") == Some("Basic bWU6c2VjcmV0")
}

#[tokio::test]
async fn plain_requests_pass_through_the_proxy() {
    let proxy = Peer::start(|request| Reply::ok(format!("{} {}", authorised(request), request.target))).await;
    let client = proxied("HTTP_PROXY", &proxy, "registry.invalid");
    let url = "http://registry.invalid/v2/".parse().expect("a URL");
    let body =
        client.send(Request::get(url)).await.expect("an answer").read_bounded(100).await.expect("its body");
    assert_eq!(body, "true http://registry.invalid/v2/".as_bytes());
    let direct = Peer::start(|_| Reply::ok("direct")).await;
    let body = client.send(Request::get(direct.url("/"))).await.expect("an answer").read_bounded(100).await;
    assert_eq!(body.expect("its body"), "direct".as_bytes());
}

#[tokio::test]
async fn tls_connections_tunnel_through_the_proxy() {
    let authority = Authority::new();
    let peer = Peer::start_tls(authority.server("tls.invalid", false), |_| Reply::ok("hello")).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = listener.local_addr().expect("its address");
    let behind = peer.address;
    let tunnel = tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            tokio::io::AsyncReadExt::read_buf(&mut near, &mut head).await.expect("a head");
        }
        tokio::io::AsyncWriteExt::write_all(&mut near, b"HTTP/1.1 200 Connected\r\n\r\n")
            .await
            .expect("written");
        let mut far = tokio::net::TcpStream::connect(behind).await.expect("the host");
        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
        head
    });
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("roots.pem");
    fs::write(&file, authority.0.pem()).expect("a file");
    let config = HttpConfig::from_lookup(|name| match name {
        "https_proxy" => Some(format!("http://me:secret@{proxy}").into()),
        "SSL_CERT_FILE" => Some(file.clone().into_os_string()),
        _ => None,
    });
    let client = HttpClient::new(config.expect("legal"));
    let url = "https://tls.invalid/".parse().expect("a URL");
    let response = client.send(Request::get(url)).await.expect("an answer");
    assert_eq!(response.read_bounded(10).await.expect("its body"), "hello".as_bytes());
    assert_eq!(peer.heard()[0].header("host"), Some("tls.invalid"));
    assert_eq!(peer.heard()[0].header("proxy-authorization"), None);
    drop(client);
    let head = String::from_utf8(tunnel.await.expect("the tunnel ends")).expect("text");
    assert!(head.starts_with("CONNECT tls.invalid:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("Basic bWU6c2VjcmV0"), "{head}");
}

#[tokio::test]
async fn proxy_that_refuses_is_named_without_its_password() {
    let proxy = Peer::start(|request| {
        let status = if request.target == "who.invalid:443" { 407 } else { 403 };
        Reply::new(status, &[], "").then(After::Close)
    })
    .await;
    let client = proxied("HTTPS_PROXY", &proxy, "");
    let get = async |host: &str| {
        let url = format!("https://{host}/").parse().expect("a URL");
        client.send(Request::get(url)).await.expect_err(host)
    };
    assert!(matches!(get("who.invalid").await, HttpError::Proxy { fault: ProxyFault::Unauthorized, .. }));
    let error = get("no.invalid").await;
    assert!(matches!(error, HttpError::Proxy { fault: ProxyFault::Refused, .. }));
    assert!(error.is_offline() && !error.to_string().contains("secret"));
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

#[tokio::test]
async fn requests_at_once_to_a_dead_host_all_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    let client = client();
    let get = async || client.send(Request::get(format!("https://{address}/").parse().expect("a URL"))).await;
    let answers = futures_util::future::join_all((0..8).map(|_| get())).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(HttpError::Refused { .. }))), "{answers:?}");
}
