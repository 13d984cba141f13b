//! Through proxies.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;

use countersign_registry::http::{
    HttpClient, HttpConfig, HttpError, Proxies, ProxyFault, Request, SystemRoots,
};

use crate::peer::{After, Heard, Peer, Reply};

use super::tls::Authority;

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
