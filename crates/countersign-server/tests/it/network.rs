//! The whole server on a socket: TLS, limits, deadlines, and its end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_server::config::{Config, SecretSource, TlsSource};
use countersign_server::keys::seal::Secret;
use countersign_server::{CertificateError, RunningServer, SecretError, Server, StartError};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::setting::{Publisher, SnapshotKey, TestClock, TestServer, lifetimes};

fn config(data: &Path) -> Config {
    let mut config = Config::new(data);
    config.listen.set_port(0);
    config
}

async fn connect(
    server: &RunningServer,
    name: &'static str,
    alpn: &[&str],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let ca = CertificateDer::from_pem_file(server.ca_certificate().expect("a CA")).expect("PEM");
    let mut roots = RootCertStore::empty();
    roots.add(ca).expect("a CA");
    let mut config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(server.address()).await?;
    let name = ServerName::try_from(name).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn ping(stream: &mut TlsStream<TcpStream>) -> String {
    let request = b"GET /v2/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    answer
}

#[tokio::test]
async fn server_answers_over_tls_by_its_own_ca_under_each_of_its_names() {
    let data = tempfile::tempdir().expect("a directory");
    let mut config = config(data.path());
    config.tls = TlsSource::SelfMade { names: vec!["trust.example".to_owned()] };
    let server = Server::start(config).await.expect("a server");
    assert!(server.url().starts_with("https://127.0.0.1:"));
    for name in ["localhost", "127.0.0.1", "::1", "trust.example"] {
        for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
            let mut stream = connect(&server, name, &["http/1.1"], versions).await.expect("connected");
            let answer = ping(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("{}"), "{answer}");
        }
    }
    let stream =
        connect(&server, "localhost", &["h2", "http/1.1"], rustls::ALL_VERSIONS).await.expect("connected");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert!(connect(&server, "other.example", &[], rustls::ALL_VERSIONS).await.is_err());
    server.shutdown().await;
}

#[tokio::test]
async fn server_speaks_no_plaintext_on_a_tls_port() {
    let data = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(data.path())).await.expect("a server");
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    server.shutdown().await;
}

#[tokio::test]
async fn plaintext_is_served_on_loopback_only() {
    let data = tempfile::tempdir().expect("a directory");
    let mut plain = config(data.path());
    plain.tls = TlsSource::Plaintext;
    let server = Server::start(plain.clone()).await.expect("a server");
    assert!(server.url().starts_with("http://127.0.0.1:") && server.ca_certificate().is_none());
    server.shutdown().await;
    plain.listen = "0.0.0.0:0".parse().expect("an address");
    assert!(matches!(Server::start(plain).await.err(), Some(StartError::Plaintext(_))));
}

/// NCC 2015-9: a server that cannot prove who it is does not go on without.
#[tokio::test]
async fn certificate_that_cannot_be_used_starts_nothing() {
    let data = tempfile::tempdir().expect("a directory");
    let made = Server::start(config(&data.path().join("made"))).await.expect("a server");
    made.shutdown().await;
    let good = data.path().join("made/tls/server.pem");
    let (none, bad, directory) =
        (data.path().join("none.pem"), data.path().join("bad.pem"), data.path().to_owned());
    std::fs::write(&bad, "-----BEGIN CERTIFICATE-----\nnothing\n").expect("written");
    let authority = data.path().join("made/tls/ca.key");
    // The port is free before; it must be free afterwards. No other test listens on this address.
    let port = std::net::TcpListener::bind("127.66.0.1:0").expect("a port");
    let address = port.local_addr().expect("an address");
    drop(port);
    for (certificate, private_key) in [
        (&none, &good),
        (&good, &none),
        (&bad, &good),
        (&good, &bad),
        (&directory, &good),
        (&good, &authority),
    ] {
        let mut broken = config(&data.path().join("data"));
        broken.listen = address;
        broken.tls = TlsSource::Files { certificate: certificate.clone(), private_key: private_key.clone() };
        let error = Server::start(broken).await.err();
        let is_expected = match &error {
            Some(StartError::Certificate(CertificateError::Missing(file))) => *file == none,
            Some(StartError::Certificate(CertificateError::File { file, .. })) => *file == directory,
            Some(StartError::Certificate(CertificateError::Pair(_))) => *private_key == authority,
            Some(StartError::Certificate(
                CertificateError::NoCertificate(file) | CertificateError::NoKey(file),
            )) => *file == bad,
            _ => false,
        };
        assert!(is_expected, "{}, {}: {error:?}", certificate.display(), private_key.display());
        assert!(TcpStream::connect(address).await.is_err(), "something listens");
    }
}

#[tokio::test]
async fn port_that_is_taken_starts_nothing() {
    let data = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(data.path())).await.expect("a server");
    let mut second = config(data.path());
    second.listen = server.address();
    assert!(matches!(Server::start(second).await.err(), Some(StartError::Listen { .. })));
    server.shutdown().await;
}

#[tokio::test]
async fn two_servers_start_at_once_on_one_directory() {
    let data = tempfile::tempdir().expect("a directory");
    let (left, right) = tokio::join!(Server::start(config(data.path())), Server::start(config(data.path())));
    for server in [left.expect("a server"), right.expect("a server")] {
        let mut stream = connect(&server, "localhost", &[], rustls::ALL_VERSIONS).await.expect("connected");
        ping(&mut stream).await;
        server.shutdown().await;
    }
}

#[tokio::test]
async fn keys_need_the_secret_that_they_were_encrypted_with() {
    let data = tempfile::tempdir().expect("a directory");
    let server = Server::start(config(data.path())).await.expect("a server");
    let gun = "g".parse().expect("a GUN");
    let key =
        server.service().key(&gun, countersign_server::keys::OnlineRole::Timestamp).await.expect("a key");
    server.shutdown().await;
    let server = Server::start(config(data.path())).await.expect("a server");
    let again =
        server.service().key(&gun, countersign_server::keys::OnlineRole::Timestamp).await.expect("a key");
    assert_eq!(again, key);
    server.shutdown().await;

    let mut other = config(data.path());
    other.secret = SecretSource::Given(Arc::new(Secret::new(b"another secret 16").expect("a secret")));
    assert!(matches!(Server::start(other).await.err(), Some(StartError::Signing(_))));
    std::fs::remove_file(data.path().join("secret")).expect("removed");
    let error = Server::start(config(data.path())).await.err();
    assert!(matches!(error, Some(StartError::Secret(SecretError::Lost(_)))), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn everything_but_the_ca_certificate_is_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().expect("a directory");
    let data = root.path().join("data");
    let server = Server::start(config(&data)).await.expect("a server");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("tls"))), (0o700, 0o700));
    assert_eq!(mode(&data.join("ca.crt")), 0o644);
    for name in ["secret", "trust.db", "trust.db-wal", "tls/ca.key", "tls/server.pem", "lock"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    server.shutdown().await;
}

/// NCC 2015-7: the test above, in a process whose umask lets everybody in, or few.
#[cfg(unix)]
#[test]
fn umask_does_not_decide_who_reads_the_data() {
    let program = std::env::current_exe().expect("this program");
    for umask in ["000", "077", "027"] {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$0\" --exact \"$1\"")]).arg(&program);
        shell.arg("network::everything_but_the_ca_certificate_is_for_the_owner_only");
        let done = shell.output().expect("run");
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() && text.contains("1 passed"), "umask {umask}: {text}");
    }
}

#[tokio::test]
async fn connection_that_says_nothing_is_closed() {
    let data = tempfile::tempdir().expect("a directory");
    let mut quick = config(data.path());
    quick.deadlines.handshake = Duration::from_millis(50);
    quick.deadlines.header = Duration::from_millis(50);
    let server = Server::start(quick).await.expect("a server");
    let mut silent = TcpStream::connect(server.address()).await.expect("connected");
    assert_eq!(silent.read(&mut [0; 1]).await.expect("closed"), 0);
    let mut slow =
        connect(&server, "localhost", &["http/1.1"], rustls::ALL_VERSIONS).await.expect("connected");
    slow.write_all(b"GET /v2/ HT").await.expect("sent");
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.ok();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    server.shutdown().await;
}

#[tokio::test]
async fn shutdown_is_bounded_and_the_port_is_free_afterwards() {
    let data = tempfile::tempdir().expect("a directory");
    let mut quick = config(data.path());
    quick.deadlines.shutdown = Duration::from_millis(100);
    let server = Server::start(quick).await.expect("a server");
    let address = server.address();
    let mut idle =
        connect(&server, "localhost", &["http/1.1"], rustls::ALL_VERSIONS).await.expect("connected");
    let mut half =
        connect(&server, "localhost", &["http/1.1"], rustls::ALL_VERSIONS).await.expect("connected");
    half.write_all(b"POST /v2/g/_trust/tuf/ HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n")
        .await
        .expect("sent");
    tokio::time::timeout(Duration::from_secs(5), server.shutdown()).await.expect("in time");
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.ok();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn timestamps_are_renewed_while_the_server_runs() {
    let data = tempfile::tempdir().expect("a directory");
    let mut quick = config(data.path());
    quick.lifetimes = lifetimes(2, 1000);
    let clock = TestClock::new();
    let server = Server::start_with_clock(quick, clock.clone()).await.expect("a server");
    let routes = TestServer::over(&server, data.path(), &clock).await;
    let gun = Publisher::published(&routes, "g", SnapshotKey::Publisher).await.gun;
    let before = routes.file(&gun, "timestamp.json").await;
    clock.advance(2);
    let renewed = async {
        while routes.file(&gun, "timestamp.json").await == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), renewed).await.expect("renewed");
    server.shutdown().await;
}
