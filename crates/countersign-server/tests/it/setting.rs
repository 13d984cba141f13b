//! What the tests share: a server without a socket, a clock that they move, and a publisher.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use countersign_core::author::{Change, Draft, KeyRing, RootKeys};
use countersign_core::certificate::self_signed;
use countersign_core::digest::Hashes;
use countersign_core::key::PublicKey;
use countersign_core::limits::Limits;
use countersign_core::metadata::FileMeta;
use countersign_core::name::{Gun, RoleName, TargetName, TopRole};
use countersign_core::sign::SecretKey;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::{
    Environment, Offered, RootPhase, Seen, Standing, TrustPinning, TrustedCollection,
};
use countersign_server::RunningServer;
use countersign_server::clock::Clock;
use countersign_server::config::{Config, Lifetimes};
use countersign_server::http::{Api, router};
use countersign_server::keys::KeyAlgorithm;
use countersign_server::keys::embedded::EmbeddedSigning;
use countersign_server::keys::seal::Secret;
use countersign_server::service::{Parts, TrustService};
use countersign_server::storage::sqlite::SqliteStorage;
use countersign_server::storage::{PendingKeys, Storage as _};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(crate) const DAY: i64 = 86_400;

/// A clock that stands until it is moved.
pub(crate) struct TestClock(Mutex<DateTime>);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-11-24T00:27:22.0225Z".parse().expect("a time"))))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        let mut now = self.0.lock().expect("not poisoned");
        *now = now.plus_seconds(seconds);
    }

    /// Has whoever asks for the time panic.
    pub(crate) fn break_it(self: &Arc<Self>) {
        let clock = Arc::clone(self);
        let broken = std::thread::spawn(move || {
            let _held = clock.0.lock().expect("not poisoned");
            std::panic::resume_unwind(Box::new("broken"));
        });
        assert!(broken.join().is_err());
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime {
        *self.0.lock().expect("not poisoned")
    }
}

/// A server without a socket.
pub(crate) struct TestServer {
    pub(crate) router: Router,
    pub(crate) service: Arc<TrustService>,
    pub(crate) storage: SqliteStorage,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) directory: TempDir,
}

async fn signing(
    storage: &SqliteStorage,
    clock: &Arc<TestClock>,
    algorithm: KeyAlgorithm,
) -> EmbeddedSigning {
    let secret = Arc::new(Secret::new(b"0123456789abcdef").expect("a secret"));
    let clock: Arc<dyn Clock> = clock.clone();
    let signing = EmbeddedSigning::new(Arc::new(storage.clone()), secret, algorithm, clock).await;
    signing.expect("a signing service")
}

async fn service(storage: &SqliteStorage, clock: &Arc<TestClock>, config: &Config) -> Arc<TrustService> {
    let pending = PendingKeys { most: config.limits.pending_keys, ..PendingKeys::default() };
    Arc::new(TrustService::new(Parts {
        storage: Arc::new(storage.clone()),
        signing: Arc::new(signing(storage, clock, config.key_algorithm).await.with_pending(pending)),
        clock: clock.clone(),
        lifetimes: config.lifetimes,
        part_bytes: config.limits.part_bytes,
    }))
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = Config::new(directory.path());
        change(&mut config);
        let clock = TestClock::new();
        let storage = SqliteStorage::open(&config.database).await.expect("a store");
        let service = service(&storage, &clock, &config).await;
        let api = Api::new(Arc::clone(&service), config.limits, config.caching, config.deadlines.request);
        Self { router: router(Arc::new(api)), service, storage, clock, directory }
    }

    /// The same store and clock under another configuration.
    pub(crate) async fn service_with(&self, lifetimes: Lifetimes) -> Arc<TrustService> {
        let config = Config { lifetimes, ..Config::new(self.directory.path()) };
        service(&self.storage, &self.clock, &config).await
    }

    /// The routes of a server that runs elsewhere, with its store in `data`.
    pub(crate) async fn over(running: &RunningServer, data: &Path, clock: &Arc<TestClock>) -> Self {
        let config = Config::new(data);
        let service = Arc::clone(running.service());
        let api = Api::new(Arc::clone(&service), config.limits, config.caching, config.deadlines.request);
        Self {
            router: router(Arc::new(api)),
            service,
            storage: SqliteStorage::open(&config.database).await.expect("a store"),
            clock: Arc::clone(clock),
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    /// The server's own keys, in the hands of somebody else.
    pub(crate) async fn signing(&self) -> EmbeddedSigning {
        signing(&self.storage, &self.clock, KeyAlgorithm::default()).await
    }

    pub(crate) async fn ed25519() -> Self {
        Self::with(|config| config.key_algorithm = KeyAlgorithm::Ed25519).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Reply { status: head.status, headers: head.headers, body }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str) -> Reply {
        let request = Request::builder().method(method).uri(path).body(Body::empty());
        self.send(request.expect("a request")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path).await
    }

    /// The bytes of a file, if it is there.
    pub(crate) async fn file(&self, gun: &Gun, name: &str) -> Option<Bytes> {
        let reply = self.get(&format!("/v2/{gun}/_trust/tuf/{name}")).await;
        (reply.status == StatusCode::OK).then_some(reply.body)
    }

    pub(crate) async fn key(&self, gun: &Gun, role: &str) -> PublicKey {
        let reply = self.get(&format!("/v2/{gun}/_trust/tuf/{role}.key")).await;
        serde_json::from_slice(&reply.body).expect("a key")
    }

    /// Uploads parts, file name and bytes, in this order.
    pub(crate) async fn upload(&self, gun: &Gun, parts: &[(&str, &[u8])]) -> Reply {
        let request = Request::post(format!("/v2/{gun}/_trust/tuf/"))
            .header("content-type", "multipart/form-data; boundary=b0b")
            .body(Body::from(multipart(parts)));
        self.send(request.expect("a request")).await
    }

    pub(crate) async fn publish(&self, gun: &Gun, files: &BTreeMap<RoleName, Bytes>) -> Reply {
        let parts: Vec<_> = files.iter().map(|(role, bytes)| (role.as_str(), bytes.as_ref())).collect();
        self.upload(gun, &parts).await
    }

    /// A client's update from nothing, as issue-free as it must be.
    pub(crate) async fn update(&self, gun: &Gun) -> TrustedCollection {
        self.update_from(gun, Seen::default()).await
    }

    /// The update of a client that has seen the newest files of `roles`.
    pub(crate) async fn remembering(&self, gun: &Gun, roles: &[&str]) -> TrustedCollection {
        let heads = self.storage.heads(gun).await.expect("read");
        let heads = heads.into_iter().filter(|head| roles.contains(&head.role.as_str()));
        self.update_from(gun, Seen::versions(heads.map(|head| (head.role, head.version, head.sha256)))).await
    }

    async fn update_from(&self, gun: &Gun, seen: Seen) -> TrustedCollection {
        let file = async |name: String| Offered::fetched(self.file(gun, &name).await.expect("a file"));
        let environment = Environment::notary(
            gun.clone(),
            TrustPinning::default(),
            Limits::default(),
            UpdateStart(self.clock.now()),
        );
        let root = file("root.json".to_owned()).await.bytes;
        let phase = RootPhase::trust_first(Arc::new(environment), root, seen).expect("a root");
        let phase = phase.finish_root().expect("a root that holds");
        let phase = phase.accept_timestamp(file("timestamp.json".to_owned()).await).expect("a timestamp");
        let snapshot = file(by_checksum("snapshot", phase.wanted())).await;
        let phase = phase.accept_snapshot(snapshot).expect("a snapshot");
        let wanted = phase.wanted(&TopRole::Targets.into()).expect("named");
        let targets = file(by_checksum("targets", wanted)).await;
        let mut phase = phase.accept_targets(targets).expect("targets");
        loop {
            let mut loaded = false;
            for role in phase.unloaded() {
                let Standing::Published(wanted) = phase.standing(&role).expect("standing") else { continue };
                let delegation = file(by_checksum(role.as_str(), wanted)).await;
                phase.accept_delegation(&role, delegation).expect("a delegation");
                loaded = true;
            }
            if !loaded {
                return phase.finish();
            }
        }
    }
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    #[track_caller]
    pub(crate) fn expect_ok(&self) {
        assert_eq!((self.status, self.text()), (StatusCode::OK, ""));
    }

    /// A refused upload: its kind and message, and that nothing of the answer is lost on old clients.
    #[track_caller]
    pub(crate) fn expect_refused(&self, name: &str, message: &str) {
        assert_eq!(self.status, StatusCode::BAD_REQUEST, "{}", self.text());
        assert!(self.body.len() < 1024);
        let body: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(body["errors"].as_array().map(Vec::len), Some(1));
        let error = &body["errors"][0];
        assert_eq!(
            (&error["code"], &error["detail"]["Name"]),
            (&"INVALID_UPDATE".into(), &name.into()),
            "{body}"
        );
        let found = error["detail"]["Error"]["Msg"].as_str().expect("a message");
        assert!(found.contains(message), "{found:?} does not say {message:?}");
    }

    #[track_caller]
    pub(crate) fn expect_code(&self, status: StatusCode, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        let body: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(body["errors"][0]["code"], code, "{body}");
        assert!(self.text().ends_with("]}\n"));
        assert_eq!(self.header("content-type"), "application/json; charset=utf-8");
    }
}

/// The name of a file by its checksum.
pub(crate) fn by_checksum(role: &str, meta: &FileMeta) -> String {
    format!("{role}.{}.json", meta.hashes.sha256().expect("a sha256").hex())
}

pub(crate) fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        body.extend_from_slice(
            format!(
                "--b0b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b0b--\r\n");
    body
}

/// Who holds the snapshot key.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum SnapshotKey {
    Publisher,
    Server,
}

/// Somebody who publishes one collection.
pub(crate) struct Publisher {
    pub(crate) gun: Gun,
    pub(crate) ring: KeyRing,
    pub(crate) keys: RootKeys,
}

impl Publisher {
    /// New keys for `gun`, nothing is published yet.
    pub(crate) async fn of(server: &TestServer, gun: &str, snapshot: SnapshotKey) -> Self {
        let gun: Gun = gun.parse().expect("a GUN");
        let mut ring = KeyRing::default();
        let root = key(&mut ring);
        let keys = RootKeys {
            root: self_signed(&gun, &root, server.clock.now()).expect("a certificate"),
            targets: key(&mut ring).public_key().clone(),
            snapshot: match snapshot {
                SnapshotKey::Publisher => key(&mut ring).public_key().clone(),
                SnapshotKey::Server => server.key(&gun, "snapshot").await,
            },
            timestamp: server.key(&gun, "timestamp").await,
        };
        Self { gun, ring, keys }
    }

    /// The first edition, with one tag.
    pub(crate) fn first(&self, server: &TestServer) -> BTreeMap<RoleName, Bytes> {
        let mut draft = Draft::first(self.keys.clone(), server.clock.now());
        draft.apply(&set("targets", "v1", b"one")).expect("applied");
        draft.sign(&self.ring, server.clock.now()).expect("signed").files
    }

    /// New keys, and the first edition is published.
    pub(crate) async fn published(server: &TestServer, gun: &str, snapshot: SnapshotKey) -> Self {
        let publisher = Self::of(server, gun, snapshot).await;
        server.publish(&publisher.gun, &publisher.first(server)).await.expect_ok();
        publisher
    }

    /// The next edition after what the server has, with these changes.
    pub(crate) async fn next(&self, server: &TestServer, changes: &[Change]) -> BTreeMap<RoleName, Bytes> {
        let mut draft = Draft::of(&server.update(&self.gun).await);
        for change in changes {
            draft.apply(change).expect("applied");
        }
        draft.sign(&self.ring, server.clock.now()).expect("signed").files
    }

    /// Adds a key of the publisher's.
    pub(crate) fn new_key(&mut self) -> PublicKey {
        key(&mut self.ring).public_key().clone()
    }
}

fn key(ring: &mut KeyRing) -> Arc<SecretKey> {
    let key = Arc::new(SecretKey::generate_ecdsa().expect("a key"));
    ring.insert(key.clone());
    key
}

pub(crate) fn set(role: &str, name: &str, content: &[u8]) -> Change {
    Change::SetTarget {
        role: role.parse().expect("a role"),
        name: TargetName::from(name.to_owned()),
        meta: FileMeta::new(Hashes::of(content), content.len() as u64),
    }
}

pub(crate) fn lifetimes(timestamp: i64, snapshot: i64) -> Lifetimes {
    let time = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
    Lifetimes { timestamp: time(timestamp), snapshot: time(snapshot) }
}

pub(crate) fn role(name: &str) -> RoleName {
    name.parse().expect("a role")
}
