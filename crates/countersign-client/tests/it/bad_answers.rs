//! A trust server, or whoever stands before it, that answers badly.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use countersign_client::cache_dir::DirectoryCache;
use countersign_client::publisher::{PublisherError, TagToSign};
use countersign_client::remote::{FetchError, Fetched, Remote as _, RemoteFile};
use countersign_client::remote_http::{Access, HttpRemote};
use countersign_client::updater::{Freshness, Roles, UpdateError, UpdateSettings, Updater};
use countersign_core::digest::Digest;
use countersign_core::name::TopRole;
use countersign_core::time::UpdateStart;
use countersign_lab::fault::Fault;
use countersign_lab::proxy::{At, Proxy, Upstream};
use countersign_lab::tls::Authority;
use countersign_registry::auth::{Realms, Session, SessionParts, Tokens};
use countersign_registry::credentials::Fixed;
use countersign_registry::http::{HttpClient, HttpConfig};
use countersign_server::RunningServer;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;

use crate::collection::name;
use crate::people::{Ours, Place, clock, gun};
use crate::simulator::digest;

/// A server with one signed tag, a proxy before it, and somebody who asks through the proxy.
pub(crate) struct Scene {
    pub(crate) proxy: Proxy,
    remote: Arc<HttpRemote>,
    updater: Updater,
    ours: Ours,
    _server: RunningServer,
    pub(crate) dir: TempDir,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (server, place) = Place::start_ours(&dir.path().join("server")).await;
        let ca_pem = std::fs::read_to_string(&place.ca_file).expect("a certificate");
        let ours = Ours::at(&place, &dir.path().join("publisher"));
        ours.sign("v1", b"one").await.expect("published");
        let authority = Authority::new().expect("an authority");
        let identity = authority.issue(&["127.0.0.1"]).expect("a certificate");
        let upstream = Upstream::server(&place.url, Some(&ca_pem)).expect("a server");
        let proxy = Proxy::start(upstream, Some(identity)).await.expect("a proxy");
        let remote = Arc::new(impatient(&proxy.url(), authority.ca_pem()));
        let updater = updater(&remote, &dir.path().join("consumer"));
        Self { proxy, remote, updater, ours, _server: server, dir }
    }

    /// The collection, through the proxy.
    pub(crate) fn remote(&self) -> &HttpRemote {
        &self.remote
    }

    async fn pull(&self) -> Result<(Digest, Freshness), UpdateError> {
        self.pull_as(&self.updater).await
    }

    pub(crate) async fn pull_as(&self, updater: &Updater) -> Result<(Digest, Freshness), UpdateError> {
        let refreshed = updater.refresh(UpdateStart(clock()), Roles::Pull).await?;
        Ok((digest(&refreshed, "v1"), refreshed.freshness))
    }

    /// An updater with an empty cache.
    pub(crate) fn stranger(&self, number: usize) -> Updater {
        updater(&self.remote, &self.dir.path().join(format!("stranger{number}")))
    }
}

fn updater(remote: &Arc<HttpRemote>, trust_dir: &Path) -> Updater {
    Updater::new(remote.clone(), Arc::new(DirectoryCache::new(trust_dir)), UpdateSettings::new(gun()))
}

fn impatient(url: &str, ca_pem: &str) -> HttpRemote {
    let authorities =
        CertificateDer::pem_slice_iter(ca_pem.as_bytes()).collect::<Result<_, _>>().expect("PEM");
    let config = HttpConfig {
        extra_roots: authorities,
        answer_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_millis(500),
        read_timeout: Duration::from_secs(2),
        ..HttpConfig::default()
    };
    let parts = SessionParts {
        http: HttpClient::new(config),
        tokens: Tokens::new(),
        host: url.parse().expect("a URL"),
        credentials: Arc::new(Fixed::anonymous()),
        realms: Realms::guarded(),
    };
    HttpRemote::new(Session::new(parts), url.parse().expect("a server"), gun(), Access::Push)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_lookup_is_one_round_trip_and_the_next_one_request() {
    let scene = Scene::start().await;
    scene.proxy.forget_exchanges();
    scene.proxy.delay(Duration::from_millis(50));
    scene.pull().await.expect("trusted");
    assert_eq!((scene.proxy.round_trips(), scene.proxy.exchanges().len()), (1, 5));
    scene.proxy.forget_exchanges();
    scene.pull().await.expect("trusted");
    assert_eq!(scene.proxy.exchanges().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_cannot_answer_lets_the_cache_stand_in() {
    let scene = Scene::start().await;
    scene.pull().await.expect("trusted");
    // There is something new, so that the answer has a body.
    scene.ours.sign("v1", b"two").await.expect("published");
    for (number, fault) in
        [Fault::Status(500), Fault::Status(503), Fault::Hang, Fault::Reset(20), Fault::CutOff(20)]
            .into_iter()
            .enumerate()
    {
        scene.proxy.misbehave(At::Everything, fault.clone());
        let (found, freshness) = scene.pull().await.expect("from the cache");
        assert_eq!(found, Digest::sha256(b"one"));
        assert!(matches!(freshness, Freshness::Offline { .. }), "{fault:?}: {freshness:?}");
        let error =
            scene.stranger(number).refresh(UpdateStart(clock()), Roles::Pull).await.expect_err("no cache");
        assert!(matches!(error, UpdateError::Unreachable { cached: None, .. }), "{fault:?}: {error:?}");
        scene.proxy.forward();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_answers_badly_does_not() {
    let scene = Scene::start().await;
    scene.pull().await.expect("trusted");
    // There is something new, so that the answer has a body.
    scene.ours.sign("v1", b"two").await.expect("published");
    let faults = [
        Fault::Status(400),
        Fault::Status(403),
        Fault::Html,
        Fault::Redirect("https://127.0.0.1:1/".to_owned()),
        Fault::Instead(Bytes::from_static(b"{}")),
        Fault::Instead(Bytes::from_static(b"null")),
        Fault::Short(100),
        Fault::Endless,
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        scene.proxy.misbehave(At::Everything, fault.clone());
        let started = Instant::now();
        // An old timestamp would do; but the server did answer.
        scene.pull().await.map(drop).expect_err("an answer");
        let error =
            scene.stranger(number).refresh(UpdateStart(clock()), Roles::Pull).await.expect_err("an answer");
        assert!(!matches!(error, UpdateError::Unreachable { .. }), "{fault:?}: {error:?}");
        assert!(started.elapsed() < Duration::from_secs(30), "{fault:?}");
        scene.proxy.forward();
    }
    assert!(matches!(scene.pull().await.expect("trusted").1, Freshness::Online));
    for challenge in ["Basic realm=\"x\"", "Bearer realm=\"nowhere\",service=\"x\"", "Other"] {
        scene.proxy.misbehave(At::Everything, Fault::Unauthorized(challenge.to_owned()));
        let error = scene.pull().await.map(drop).expect_err("an answer");
        assert!(!error.is_untrusted() && !matches!(error, UpdateError::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_page_and_refusals_are_named() {
    let scene = Scene::start().await;
    let root = RemoteFile::current(TopRole::Root);
    let fetch = || scene.remote.fetch(&root, 1 << 20, None);
    scene.proxy.misbehave(At::Everything, Fault::Html);
    let error = fetch().await.expect_err("a page");
    assert!(error.to_string().ends_with("gave a bad answer: it is a web page, not trust data"), "{error}");
    scene.proxy.misbehave(At::Everything, Fault::Status(403));
    assert!(matches!(fetch().await, Err(FetchError::Forbidden { .. })));
    scene.proxy.misbehave(At::Everything, Fault::Endless);
    let error = fetch().await.expect_err("no end");
    assert!(matches!(error, FetchError::BadAnswer { .. }), "{error:?}");
    scene.proxy.forward();
    let Ok(Fetched::Bytes(bytes)) = fetch().await else { panic!("not there") };
    let unchanged = scene.remote.fetch(&root, 1 << 20, Some(Digest::sha256(&bytes))).await;
    assert_eq!(unchanged.expect("an answer"), Fetched::NotModified);
    let tight = scene.remote.fetch(&root, bytes.len() as u64 - 1, None).await;
    assert!(matches!(tight, Err(FetchError::BadAnswer { .. })));
    scene.proxy.misbehave(At::Everything, Fault::Unauthorized("Basic realm=\"x\"".to_owned()));
    assert!(matches!(fetch().await, Err(FetchError::Unauthorized { source: Some(_), .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replayed_state_is_refused_and_the_truth_accepted_again() {
    let scene = Scene::start().await;
    scene.proxy.remember("before", &gun()).await.expect("remembered");
    scene.ours.sign("v1", b"two").await.expect("published");
    assert_eq!(scene.pull().await.expect("trusted").0, Digest::sha256(b"two"));
    scene.proxy.replay("before");
    let error = scene.pull().await.map(drop).expect_err("a rollback");
    assert!(error.is_untrusted(), "{error:?}");
    for role in ["timestamp", "snapshot", "targets"] {
        scene.proxy.forward();
        scene.ours.sign("v1", role.as_bytes()).await.expect("published");
        scene.proxy.replay_role("before", role);
        // By checksum an old file is never the wanted one; as a guess it says nothing.
        match scene.pull().await {
            Ok((found, _)) => assert_eq!(found, Digest::sha256(role.as_bytes()), "{role}"),
            Err(error) => assert!(matches!(role, "timestamp" | "snapshot" | "targets"), "{error:?}"),
        }
        scene.proxy.forward();
        assert_eq!(scene.pull().await.expect("trusted").0, Digest::sha256(role.as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upload_whose_answer_is_lost_is_found_by_the_next_one() {
    let scene = Scene::start().await;
    let publisher = |remote: &Arc<HttpRemote>| {
        let updater = Updater::new(
            remote.clone(),
            Arc::new(DirectoryCache::new(&scene.ours.trust_dir)),
            UpdateSettings::new(gun()),
        );
        countersign_client::publisher::Publisher::new(
            &updater,
            scene.ours.keys.clone(),
            countersign_client::publisher::PublishOptions::default(),
        )
    };
    let tag = TagToSign { tag: name("v2"), digest: Digest::sha256(b"two"), size: 3 };
    for fault in
        [Fault::Status(500), Fault::Html, Fault::Redirect("https://127.0.0.1:1/".to_owned()), Fault::Hang]
    {
        scene.proxy.misbehave(At::Uploads, fault.clone());
        let error = publisher(&scene.remote).publish_target(&tag, clock()).await.map(drop);
        if !matches!(fault, Fault::Html) {
            assert!(matches!(error, Err(PublisherError::Upload(_))), "{fault:?}: {error:?}");
        }
        scene.proxy.forward();
    }
    publisher(&scene.remote).publish_target(&tag, clock()).await.expect("published");
}
