//! The HTTP stack: bounds, deadlines, TLS, proxies.

mod proxy;
mod tls;

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_registry::http::{
    HttpClient, HttpConfig, HttpError, Phase, Request, RequestBody, SystemRoots,
};

use crate::peer::{After, Peer, Reply};

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
