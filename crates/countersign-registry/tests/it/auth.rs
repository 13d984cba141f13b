//! Challenges and tokens: what is shown to whom.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_registry::auth::{AuthError, Realms, Scope, Session, SessionParts, Tokens, login};
use countersign_registry::credentials::{Credentials, Fixed, Secret};
use countersign_registry::http::{HttpClient, HttpConfig, Request, RequestBody, SystemRoots};
use url::Url;

use crate::peer::{Heard, Peer, Reply};

fn http() -> HttpClient {
    HttpClient::new(HttpConfig { system_roots: SystemRoots::None, ..HttpConfig::default() })
}

fn session(host: Url, credentials: Credentials, realms: Realms) -> Session {
    let credentials = Arc::new(Fixed::new(credentials));
    Session::new(SessionParts { http: http(), tokens: Tokens::new(), host, credentials, realms })
}

fn alice() -> Credentials {
    Credentials::password("alice", "open:sesame")
}

fn pull() -> [Scope; 1] {
    [Scope::repository("team/app", "pull")]
}

fn is_alice(request: &Heard) -> bool {
    request.header("authorization") == Some(&format!("Basic {}", STANDARD.encode("alice:open:sesame")))
}

fn challenge(realm: &Url) -> Reply {
    let value = format!("Bearer realm=\"{realm}\",service=\"registry\",scope=\"repository:team/app:pull\"");
    Reply::new(401, &[("WWW-Authenticate", &value)], "{}")
}

/// A host that wants a token which `tokens` gives out.
async fn guarded(tokens: &Peer) -> Peer {
    let realm = tokens.url("/token");
    Peer::start(move |request| match request.header("authorization") {
        Some("Bearer good") => Reply::ok("welcome"),
        _ => challenge(&realm),
    })
    .await
}

async fn get(session: &Session, url: Url) -> Result<u16, AuthError> {
    Ok(session.send(Request::get(url), &pull()).await?.status().as_u16())
}

#[tokio::test]
async fn anonymous_token_is_fetched_once_and_shared() {
    let tokens = Peer::start(|_| Reply::ok(r#"{"token":"good"}"#)).await;
    let peer = guarded(&tokens).await;
    let session = session(peer.url("/"), Credentials::Anonymous, Realms::named_by_host());
    let both = tokio::join!(get(&session, peer.url("/v2/a")), get(&session, peer.url("/v2/b")));
    assert!(matches!(both, (Ok(200), Ok(200))), "{both:?}");
    assert!(matches!(get(&session, peer.url("/v2/c")).await, Ok(200)));
    assert_eq!(tokens.lines(), ["GET /token?scope=repository%3Ateam%2Fapp%3Apull&service=registry"]);
    assert_eq!(
        peer.lines().iter().filter(|line| *line == "GET /v2/c").count(),
        1,
        "the token is shown at once"
    );
    assert_eq!(tokens.heard()[0].header("authorization"), None);
}

#[tokio::test]
async fn account_is_shown_to_the_token_service_and_not_to_the_host() {
    let tokens = Peer::start(|request| {
        if is_alice(request) {
            Reply::ok(r#"{"access_token":"good","expires_in":300}"#)
        } else {
            Reply::new(401, &[], "")
        }
    })
    .await;
    let peer = guarded(&tokens).await;
    let session = session(peer.url("/"), alice(), Realms::named_by_host());
    assert!(matches!(get(&session, peer.url("/v2/")).await, Ok(200)));
    let line = "GET /token?account=alice&scope=repository%3Ateam%2Fapp%3Apull&service=registry";
    assert_eq!(tokens.lines(), [line]);
    assert!(!peer.heard().iter().any(is_alice));
}

#[tokio::test]
async fn identity_token_is_posted() {
    let tokens = Peer::start(|_| Reply::ok(r#"{"access_token":"good"}"#)).await;
    let peer = guarded(&tokens).await;
    let credentials = Credentials::IdentityToken(Secret::from("refresh me"));
    let session = session(peer.url("/"), credentials, Realms::named_by_host());
    assert!(matches!(get(&session, peer.url("/v2/")).await, Ok(200)));
    let heard = tokens.heard();
    assert_eq!(heard[0].line(), "POST /token");
    assert_eq!(
        String::from_utf8_lossy(&heard[0].body),
        "client_id=docker&grant_type=refresh_token&refresh_token=refresh+me&scope=repository%3Ateam%2Fapp%3Apull&service=registry"
    );
}

#[tokio::test]
async fn refused_tokens_are_replaced_once() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let tokens = Peer::start(move |_| {
        let serial = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Reply::ok(format!(r#"{{"token":"t{serial}"}}"#))
    })
    .await;
    let realm = tokens.url("/token");
    let peer = Peer::start(move |request| match (request.path(), request.header("authorization")) {
        ("/first", Some("Bearer t0")) | ("/second", Some("Bearer t1")) => Reply::ok("welcome"),
        _ => challenge(&realm),
    })
    .await;
    let session = session(peer.url("/"), Credentials::Anonymous, Realms::named_by_host());
    assert!(matches!(get(&session, peer.url("/first")).await, Ok(200)));
    assert!(matches!(get(&session, peer.url("/second")).await, Ok(200)));
    let error = get(&session, peer.url("/never")).await.expect_err("no token opens it");
    assert!(matches!(error, AuthError::Refused { anonymous: true, .. }), "{error:?}");
    assert_eq!(tokens.heard().len(), 3);
    assert_eq!(peer.lines().iter().filter(|line| line.ends_with("/never")).count(), 2);
}

#[tokio::test]
async fn token_services_that_give_no_token_are_told_apart() {
    let tokens = Peer::start(|request| match request.path() {
        "/denied" => Reply::new(401, &[], r#"{"errors":[]}"#),
        "/down" => Reply::new(503, &[], ""),
        "/moved" => Reply::new(307, &[("Location", "/token")], ""),
        "/html" => Reply::ok("<html></html>"),
        "/empty" => Reply::ok(r#"{"token":"","access_token":null}"#),
        "/splitting" => Reply::ok("{\"token\":\"a\\r\\nb: c\"}"),
        path => panic!("nobody asked for {path}"),
    })
    .await;
    let realms = tokens.url("/");
    let peer = Peer::start(move |request| challenge(&realms.join(request.path()).expect("a URL"))).await;
    let fail = async |path: &str| {
        let session = session(peer.url("/"), alice(), Realms::named_by_host());
        get(&session, peer.url(path)).await.expect_err(path)
    };
    let denied = fail("/denied").await;
    assert_eq!(denied.to_string(), "unauthorized: incorrect username or password");
    assert!(!denied.is_offline());
    let down = fail("/down").await;
    assert!(matches!(down, AuthError::TokenStatus { status: 503, .. }) && down.is_offline(), "{down:?}");
    assert!(matches!(fail("/moved").await, AuthError::TokenStatus { status: 307, .. }));
    for path in ["/html", "/empty", "/splitting"] {
        let error = fail(path).await;
        assert!(matches!(error, AuthError::NoToken { .. }), "{path}: {error:?}");
    }
}

#[tokio::test]
async fn basic_challenge_gets_the_account() {
    let peer = Peer::start(|request| {
        let basic = [("WWW-Authenticate", "Basic realm=\"Registry\"")];
        if is_alice(request) { Reply::ok("welcome") } else { Reply::new(401, &basic, "") }
    })
    .await;
    let known = session(peer.url("/"), alice(), Realms::guarded());
    for _ in 0..2 {
        assert!(matches!(get(&known, peer.url("/v2/")).await, Ok(200)));
    }
    assert_eq!(peer.heard().len(), 3, "the second time the account is shown at once");
    let nobody = session(peer.url("/"), Credentials::Anonymous, Realms::guarded());
    let error = get(&nobody, peer.url("/v2/")).await.expect_err("no account");
    assert_eq!(error.to_string(), "no basic auth credentials");
    let other = session(peer.url("/"), Credentials::password("bob", "x"), Realms::guarded());
    let error = get(&other, peer.url("/v2/")).await.expect_err("another account");
    assert_eq!(error.to_string(), "unauthorized: incorrect username or password");
}

#[tokio::test]
async fn challenges_that_cannot_be_met_are_errors() {
    let peer = Peer::start(|request| match request.path() {
        "/nothing" => Reply::new(401, &[], ""),
        "/digest" => Reply::new(401, &[("WWW-Authenticate", "Digest realm=\"x\"")], ""),
        _ => Reply::new(401, &[("WWW-Authenticate", "Bearer realm=\"/relative\"")], ""),
    })
    .await;
    let session = session(peer.url("/"), alice(), Realms::named_by_host());
    let fail = async |path: &str| get(&session, peer.url(path)).await.expect_err(path);
    let nothing = fail("/nothing").await.to_string();
    assert_eq!(nothing, "you are not authorized to perform this operation: server returned 401.");
    assert!(matches!(fail("/digest").await, AuthError::Scheme { .. }));
    assert!(matches!(fail("/relative").await, AuthError::RealmUrl { .. }));
}

#[tokio::test]
async fn guarded_session_sends_an_account_only_where_somebody_vouches() {
    let tokens = Peer::start(|_| Reply::ok(r#"{"token":"good"}"#)).await;
    let trust = guarded(&tokens).await;
    let registry = guarded(&tokens).await;
    let stranger = Peer::start(|_| {
        Reply::new(401, &[("WWW-Authenticate", "Bearer realm=\"https://other.invalid/\"")], "")
    })
    .await;
    let fail = async |realms| {
        let session = session(trust.url("/"), alice(), realms);
        get(&session, trust.url("/v2/")).await.expect_err("nobody vouches")
    };
    for realms in [
        Realms::guarded(),
        Realms::guarded().and_realm(tokens.url("/other")),
        Realms::guarded().and_registry(stranger.url("/")),
    ] {
        assert!(matches!(fail(realms).await, AuthError::Realm { .. }));
    }
    assert_eq!(tokens.heard().len(), 0, "nothing was sent");
    for realms in [
        Realms::guarded().and_realm(tokens.url("/token")),
        Realms::guarded().and_registry(registry.url("/x")),
    ] {
        let session = session(trust.url("/"), alice(), realms);
        assert!(matches!(get(&session, trust.url("/v2/")).await, Ok(200)));
    }
    assert_eq!(registry.lines(), ["GET /v2/"]);
    let nobody = session(trust.url("/"), Credentials::Anonymous, Realms::guarded());
    assert!(
        matches!(get(&nobody, trust.url("/v2/")).await, Ok(200)),
        "an anonymous token gives nothing away"
    );
}

#[tokio::test]
async fn account_does_not_travel_unencrypted() {
    let realm = "http://tokens.invalid/".parse().expect("a URL");
    let peer = Peer::start(move |_| challenge(&realm)).await;
    let session = session(peer.url("/"), alice(), Realms::named_by_host());
    let error = get(&session, peer.url("/v2/")).await.expect_err("a plain realm");
    assert!(matches!(error, AuthError::Plain { .. }), "{error:?}");
    let url = "http://registry.invalid/".parse().expect("a URL");
    let error = login(&http(), &url, "alice", Secret::from("x")).await.expect_err("a plain registry");
    assert!(matches!(error, AuthError::Plain { .. }), "{error:?}");
}

#[tokio::test]
async fn other_hosts_see_no_authorization() {
    let tokens = Peer::start(|_| Reply::ok(r#"{"token":"good"}"#)).await;
    let peer = guarded(&tokens).await;
    let other = Peer::start(|_| Reply::ok("")).await;
    let session = session(peer.url("/"), alice(), Realms::named_by_host());
    assert!(matches!(get(&session, peer.url("/v2/")).await, Ok(200)));
    assert!(matches!(get(&session, other.url("/v2/")).await, Ok(200)));
    assert_eq!(other.heard()[0].header("authorization"), None);
}

#[tokio::test]
async fn content_that_can_be_read_once_is_asked_for_again() {
    let tokens = Peer::start(|_| Reply::ok(r#"{"token":"good"}"#)).await;
    let peer = guarded(&tokens).await;
    let session = session(peer.url("/"), Credentials::Anonymous, Realms::named_by_host());
    let send = async || {
        let pieces = Box::pin(futures_util::stream::iter([Ok(bytes::Bytes::from_static(b"content"))]));
        let body = RequestBody::Stream { length: 7, pieces };
        session.send(Request::post(peer.url("/upload"), body), &pull()).await
    };
    let error = send().await.expect_err("not authorised yet");
    assert!(matches!(error, AuthError::Resend { .. }) && error.is_transient(), "{error:?}");
    assert_eq!(send().await.expect("authorised").status().as_u16(), 200);
    assert_eq!(peer.heard()[1].body, b"content");
}

#[tokio::test]
async fn login_keeps_the_identity_token_or_else_the_account() {
    let tokens = Peer::start(|request| {
        if !is_alice(request) {
            return Reply::new(401, &[], "");
        }
        match request.path() {
            "/offline" => Reply::ok(r#"{"token":"good","refresh_token":"for long"}"#),
            _ => Reply::ok(r#"{"token":"good"}"#),
        }
    })
    .await;
    let [offline, plain] = ["/offline", "/plain"].map(|path| tokens.url(path));
    let host = async |realm: Url| {
        Peer::start(move |request| match request.header("authorization") {
            Some("Bearer good") => Reply::ok(""),
            _ => challenge(&realm),
        })
        .await
    };
    let (offline, plain) = (host(offline).await, host(plain).await);
    let kept =
        login(&http(), &offline.url("/"), "alice", Secret::from("open:sesame")).await.expect("welcome");
    assert!(matches!(&kept, Credentials::IdentityToken(token) if token.expose() == "for long"));
    assert_eq!(
        tokens.lines(),
        ["GET /offline?account=alice&client_id=docker&offline_token=true&service=registry"]
    );
    let kept = login(&http(), &plain.url("/"), "alice", Secret::from("open:sesame")).await.expect("welcome");
    assert!(matches!(&kept, Credentials::Password { username, .. } if username == "alice"));
    let error =
        login(&http(), &plain.url("/"), "alice", Secret::from("wrong")).await.expect_err("a wrong password");
    assert_eq!(error.to_string(), "unauthorized: incorrect username or password");
}
