//! The distribution client against registries that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_registry::auth::{AuthError, Tokens};
use countersign_registry::client::{
    Part, RegistryClient, RegistryError, RegistryParts, Repository, Retry, Uploaded,
};
use countersign_registry::credentials::{Credentials, Fixed};
use countersign_registry::descriptor::{Descriptor, media_type};
use countersign_registry::http::{HttpClient, HttpConfig, HttpError, SystemRoots};
use countersign_registry::transfer::{BlobSink as _, State};

use crate::peer::{After, Heard, Peer, Reply};
use crate::place::Memory;

const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

pub(crate) fn client_as(domain: &str, credentials: Credentials) -> RegistryClient {
    let config = HttpConfig {
        system_roots: SystemRoots::None,
        idle_timeout: Duration::from_millis(500),
        ..HttpConfig::default()
    };
    let parts = RegistryParts {
        domain: domain.to_owned(),
        http: HttpClient::new(config),
        tokens: Tokens::new(),
        credentials: Arc::new(Fixed::new(credentials)),
    };
    let retry = Retry { attempts: 4, first_pause: Duration::ZERO };
    RegistryClient::new(parts).expect("a domain").with_retry(retry)
}

fn repository(peer: &Peer) -> Repository {
    client_as(&peer.host(), Credentials::Anonymous).repository("team/app")
}

/// A registry that answers `/v2/`, and otherwise as it is told.
async fn registry(answer: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Peer {
    Peer::start(move |request| if request.path() == "/v2/" { Reply::ok("{}") } else { answer(request) }).await
}

fn served(kind: &str, body: &str) -> Reply {
    Reply::new(200, &[("Content-Type", kind)], body)
}

fn blob() -> (Descriptor, Bytes) {
    let content: Bytes = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    (Descriptor::of(media_type::OCI_LAYER, &content), content)
}

async fn fetch(repository: &Repository, descriptor: &Descriptor) -> Result<Memory, RegistryError> {
    let memory = Memory::default();
    let mut writer = memory.create(descriptor).await.expect("a writer");
    repository.fetch_blob(descriptor, &mut *writer, &|_| ()).await?;
    writer.commit().await.expect("committed");
    Ok(memory)
}

#[tokio::test]
async fn manifest_is_asked_for_by_digest_and_compared_with_it() {
    let peer = registry(|_| served(media_type::OCI_INDEX, INDEX)).await;
    let digest = Digest::sha256(INDEX.as_bytes());
    let manifest = repository(&peer).manifest(&digest).await.expect("the manifest");
    assert_eq!(manifest.bytes(), INDEX.as_bytes());
    let heard = peer.heard();
    let asked = heard.last().expect("a request");
    assert_eq!(asked.line(), format!("GET /v2/team/app/manifests/{digest}"));
    assert!(asked.header("accept").is_some_and(|accept| accept.contains(media_type::DOCKER_MANIFEST)));
    let other = Digest::sha256(b"other");
    let error = repository(&peer).manifest(&other).await.expect_err("another digest");
    assert!(matches!(&error, RegistryError::Digest { found, .. } if **found == digest), "{error:?}");
    assert!(!error.is_transient() && !error.is_offline());
}

#[tokio::test]
async fn manifests_that_lie_about_their_kind_are_refused() {
    let html = "<html>Please log in</html>";
    let peer = registry(move |request| match request.target.rsplit('/').next() {
        Some("html") => served("text/html", html),
        Some("lie") => {
            served(media_type::DOCKER_LIST, &INDEX.replace("2,", "2,\"mediaType\":\"text/plain\","))
        }
        Some("none") => Reply::ok(INDEX),
        _ => Reply::new(200, &[("Content-Type", media_type::OCI_INDEX), ("Content-Length", "4194305")], ""),
    })
    .await;
    for tag in ["html", "lie", "none"] {
        let error = repository(&peer).manifest_by_untrusted_tag(tag).await.expect_err(tag);
        assert!(matches!(error, RegistryError::Manifest { .. }), "{tag}: {error:?}");
    }
    let error = repository(&peer).manifest_by_untrusted_tag("huge").await.expect_err("too large");
    let too_large = matches!(error, RegistryError::Auth(AuthError::Http(HttpError::TooLarge { .. })));
    assert!(too_large, "{error:?}");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let page = r#"{"errors":[{"code":"X","message":"say\u001b[31m it"}]}"#;
    let peer = registry(move |request| {
        let status = request.target.rsplit('/').next().and_then(|tag| tag.parse().ok()).expect("a status");
        if status == 502 {
            Reply::new(502, &[], "<html>Bad Gateway</html>")
        } else {
            Reply::new(status, &[], page)
        }
    })
    .await;
    let fail = async |tag: &str| repository(&peer).manifest_by_untrusted_tag(tag).await.expect_err(tag);
    let denied = fail("403").await;
    let expected = format!("`{}` refused `pull` for `team/app`: say\\u{{1b}}[31m it", peer.host());
    assert_eq!(denied.to_string(), expected);
    let missing = fail("404").await;
    assert!(
        matches!(&missing, RegistryError::NotFound { part: Part::Tag(tag), .. } if tag == "404"),
        "{missing:?}"
    );
    assert!(matches!(fail("429").await, RegistryError::TooMany { .. }));
    let down = fail("502").await;
    assert!(matches!(down, RegistryError::Status { status: 502, message: None, .. }), "{down:?}");
    assert!(down.is_transient() && down.is_offline());
}

#[tokio::test]
async fn blob_is_written_once_it_is_whole_and_right() {
    let (descriptor, content) = blob();
    let body = content.clone();
    let peer = registry(move |_| Reply::ok(&body)).await;
    let memory = fetch(&repository(&peer), &descriptor).await.expect("the blob");
    assert_eq!(memory.get(&descriptor.digest), Some(content));
}

#[tokio::test]
async fn blobs_of_another_size_or_digest_are_discarded() {
    let (descriptor, content) = blob();
    let unannounced = "HTTP/1.1 200 OK\r\n\r\n";
    for (what, reply) in [
        ("short", Reply::ok(&content[1..])),
        ("long", Reply::ok([&content[..], b"x"].concat())),
        ("short and unannounced", Reply::raw([unannounced.as_bytes(), &content[1..]].concat(), After::Close)),
        ("endless", Reply::raw(unannounced, After::Endless)),
    ] {
        let peer = registry(move |_| reply.clone()).await;
        let error = fetch(&repository(&peer), &descriptor).await.map(|_| ()).expect_err(what);
        assert!(matches!(error, RegistryError::Size { .. }), "{what}: {error:?}");
        assert_eq!(peer.heard().len(), 2, "{what}: a lie is not asked for again");
    }
    let mut wrong = content.to_vec();
    wrong[7] ^= 1;
    let peer = registry(move |_| Reply::ok(&wrong)).await;
    let error = fetch(&repository(&peer), &descriptor).await.map(|_| ()).expect_err("wrong");
    assert!(matches!(error, RegistryError::Digest { .. }), "{error:?}");
}

/// Serves `content` and breaks off in the middle of it, `times` times.
fn breaking(content: Bytes, times: usize, ranges: bool) -> impl Fn(&Heard) -> Reply + Send + Sync + 'static {
    let broken = AtomicUsize::new(0);
    move |request| {
        let start = request
            .header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let reply = match start.filter(|_| ranges) {
            Some(start) => {
                let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
                Reply::new(206, &[("Content-Range", &range)], &content[start..])
            }
            None => Reply::ok(&content),
        };
        if broken.fetch_add(1, Ordering::Relaxed) < times { reply.cut(content.len() / 8) } else { reply }
    }
}

#[tokio::test]
async fn download_that_breaks_off_goes_on_with_and_without_ranges() {
    for ranges in [true, false] {
        let (descriptor, content) = blob();
        let peer = registry(breaking(content, 3, ranges)).await;
        fetch(&repository(&peer), &descriptor).await.expect("the blob");
        let heard = peer.heard();
        assert_eq!(heard.len(), 5);
        assert!(heard[4].header("range").is_some_and(|range| range != "bytes=0-"));
    }
}

#[tokio::test]
async fn download_that_always_breaks_off_ends() {
    let (descriptor, content) = blob();
    let peer = registry(breaking(content, usize::MAX, false)).await;
    let error = fetch(&repository(&peer), &descriptor).await.map(|_| ()).expect_err("it never ends");
    assert!(matches!(error, RegistryError::Auth(AuthError::Http(HttpError::Reset { .. }))), "{error:?}");
    assert_eq!(peer.heard().len(), 5);
}

#[tokio::test]
async fn wrong_range_is_refused() {
    let (descriptor, content) = blob();
    let peer = registry(move |request| match request.header("range") {
        None => Reply::ok(&content).cut(1000),
        Some(_) => Reply::new(206, &[("Content-Range", "bytes 0-399999/400000")], &content),
    })
    .await;
    let error = fetch(&repository(&peer), &descriptor).await.map(|_| ()).expect_err("another range");
    assert!(matches!(error, RegistryError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn stalled_download_is_given_up() {
    let (descriptor, content) = blob();
    let peer =
        registry(move |_| Reply::new(200, &[("Content-Length", "400000")], &content[..9]).then(After::Hang))
            .await;
    let once = Retry { attempts: 1, first_pause: Duration::ZERO };
    let client = client_as(&peer.host(), Credentials::Anonymous).with_retry(once);
    let error = fetch(&client.repository("team/app"), &descriptor).await.map(|_| ()).expect_err("silence");
    assert!(matches!(error, RegistryError::Auth(AuthError::Http(HttpError::Timeout { .. }))), "{error:?}");
}

#[tokio::test]
async fn redirect_is_followed_without_authorization() {
    let (descriptor, content) = blob();
    let elsewhere = Peer::start(move |_| Reply::ok(&content)).await;
    let target = elsewhere.url("/bucket?signature=x");
    let peer = registry(move |request| match request.header("authorization") {
        None => Reply::new(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], ""),
        Some(_) => Reply::new(307, &[("Location", target.as_str())], ""),
    })
    .await;
    let client = client_as(&peer.host(), Credentials::password("alice", "secret"));
    fetch(&client.repository("team/app"), &descriptor).await.expect("the blob");
    let heard = elsewhere.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].line(), "GET /bucket?signature=x");
    assert_eq!(heard[0].header("authorization"), None);
}

#[tokio::test]
async fn redirects_end() {
    let (descriptor, _) = blob();
    let peer =
        registry(|request| Reply::new(302, &[("Location", &format!("{}x", request.target))], "")).await;
    let error = fetch(&repository(&peer), &descriptor).await.map(|_| ()).expect_err("a circle");
    assert!(matches!(error, RegistryError::Redirect { .. }), "{error:?}");
    assert_eq!(peer.heard().len(), 7, "the ping, the blob, and five redirects");
    let peer = registry(|_| Reply::new(302, &[("Location", "ftp://elsewhere.example/")], "")).await;
    let error = fetch(&repository(&peer), &descriptor).await.map(|_| ()).expect_err("another scheme");
    assert!(matches!(error, RegistryError::Redirect { .. }), "{error:?}");
    let peer = registry(|_| Reply::new(302, &[], "")).await;
    let error = fetch(&repository(&peer), &descriptor).await.map(|_| ()).expect_err("nowhere");
    assert!(matches!(error, RegistryError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn manifests_and_uploads_follow_no_redirect() {
    let peer = registry(|request| match request.method.as_str() {
        "HEAD" => Reply::new(404, &[], ""),
        _ => Reply::new(307, &[("Location", "/v2/elsewhere")], ""),
    })
    .await;
    let (descriptor, content) = blob();
    let error = repository(&peer).manifest_by_untrusted_tag("latest").await.expect_err("a redirect");
    assert!(matches!(error, RegistryError::Status { status: 307, .. }), "{error:?}");
    let memory = Memory::default();
    memory.put(content);
    let upload = repository(&peer).upload_blob(&descriptor, &memory, None, Arc::new(|_| ())).await;
    assert!(matches!(upload, Err(RegistryError::Status { status: 307, .. })), "{upload:?}");
    assert!(!peer.lines().iter().any(|line| line.contains("elsewhere")));
}

#[tokio::test]
async fn upload_keeps_the_query_of_its_place_and_checks_what_was_stored() {
    let (descriptor, content) = blob();
    let digest = descriptor.digest.to_string();
    let wrong = Digest::sha256(b"other").to_string();
    let peer = registry(move |request| match (request.method.as_str(), request.path()) {
        ("HEAD", _) => Reply::new(404, &[], ""),
        ("POST", "/v2/good/blobs/uploads/") => {
            Reply::new(202, &[("Location", "/place/good?_state=a%2Bb%3D")], "")
        }
        ("POST", "/v2/bad/blobs/uploads/") => Reply::new(202, &[("Location", "/place/bad")], ""),
        ("PUT", "/place/good") => Reply::new(201, &[("Docker-Content-Digest", &digest)], ""),
        _ => Reply::new(201, &[("Docker-Content-Digest", &wrong)], ""),
    })
    .await;
    let memory = Memory::default();
    memory.put(content.clone());
    let client = client_as(&peer.host(), Credentials::Anonymous);
    let upload = async |path: &str| {
        client.repository(path).upload_blob(&descriptor, &memory, None, Arc::new(|_| ())).await
    };
    assert_eq!(upload("good").await.expect("stored"), Uploaded::Sent);
    let heard = peer.heard();
    let put = heard.last().expect("an upload");
    let encoded = descriptor.digest.to_string().replace(':', "%3A");
    assert_eq!(put.line(), format!("PUT /place/good?_state=a%2Bb%3D&digest={encoded}"));
    assert_eq!(put.body, content);
    assert!(matches!(upload("bad").await, Err(RegistryError::Protocol { .. })));
    memory.remove(&descriptor.digest);
    assert!(matches!(upload("good").await, Err(RegistryError::Missing { .. })));
}

#[tokio::test]
async fn upload_reports_every_piece() {
    let (descriptor, content) = blob();
    let peer = registry(|request| match request.method.as_str() {
        "HEAD" => Reply::new(404, &[], ""),
        "POST" => Reply::new(202, &[("Location", "/place")], ""),
        _ => Reply::new(201, &[], ""),
    })
    .await;
    let memory = Memory::default();
    memory.put(content);
    let states = Arc::new(std::sync::Mutex::new(Vec::new()));
    let ears = Arc::clone(&states);
    let report = Arc::new(move |state| ears.lock().expect("nobody panics").push(state));
    repository(&peer).upload_blob(&descriptor, &memory, None, report).await.expect("stored");
    let states = states.lock().expect("nobody panics");
    assert!(states.len() > 3);
    assert_eq!(states.last(), Some(&State::Pushing { done: 400_000, total: 400_000 }));
}
