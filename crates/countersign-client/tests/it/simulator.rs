//! A trust server in memory, and somebody who asks it. Requests are recorded with the round that they were made in.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use countersign_client::cache::Cache;
use countersign_client::cache_memory::MemoryCache;
use countersign_client::lookup::resolve_tag;
use countersign_client::remote::{FetchError, Fetched, PublishError, Remote, RemoteFile};
use countersign_client::updater::{Refreshed, Releases, Roles, UpdateError, UpdateSettings, Updater};
use countersign_core::digest::Digest;
use countersign_core::key::PublicKey;
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::time::UpdateStart;

use crate::collection::{Files, Sim, name, now};

/// A trust server in memory.
#[derive(Default)]
pub(crate) struct SimServer(Mutex<State>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Bytes>,
    faults: BTreeMap<String, Fault>,
    every: Option<Fault>,
    knows_etags: bool,
    requests: Vec<(u64, String)>,
    round: u64,
    in_flight: u64,
}

/// What the server does instead of answering as it should.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Offline,
    Status(u16),
    Unauthorized,
    Forbidden,
    NotFound,
    BadAnswer,
    /// For uploads: they are not valid.
    Rejected,
}

impl Fault {
    /// What is said of it.
    pub(crate) fn error(self, server: &str) -> FetchError {
        let server = server.to_owned();
        match self {
            Self::Offline => FetchError::Offline { server, source: "connection refused".into() },
            Self::Status(status) => FetchError::Status { server, status },
            Self::Unauthorized => FetchError::Unauthorized { server, source: None },
            Self::Forbidden => FetchError::Forbidden { server },
            Self::NotFound => FetchError::NotFound { server },
            Self::BadAnswer | Self::Rejected => {
                FetchError::BadAnswer { server, reason: "it is a web page, not trust data".to_owned() }
            }
        }
    }
}

impl SimServer {
    /// A server without files.
    pub(crate) fn empty() -> Arc<Self> {
        let server = Self::default();
        server.state().knows_etags = true;
        Arc::new(server)
    }

    /// Takes every file away.
    pub(crate) fn clear(&self) {
        self.state().files.clear();
    }

    /// Says whether a request that is no fetch is answered, and records it.
    pub(crate) fn admit(&self, name: &str) -> Result<(), FetchError> {
        let mut state = self.state();
        let round = state.round;
        state.requests.push((round, name.to_owned()));
        match state.every.or_else(|| state.faults.get(name).copied()) {
            Some(fault) => Err(fault.error("trust.example")),
            None => Ok(()),
        }
    }

    /// A server with the files of one moment. Its answers know entity tags, as a new server's do.
    pub(crate) fn with(files: &Files) -> Arc<Self> {
        let server = Self::default();
        server.state().knows_etags = true;
        server.publish(files);
        Arc::new(server)
    }

    /// Puts files in place under all their names; the older ones stay.
    pub(crate) fn publish(&self, files: &Files) {
        let tops = [
            (TopRole::Root.into(), &files.root),
            (TopRole::Timestamp.into(), &files.timestamp),
            (TopRole::Snapshot.into(), &files.snapshot),
        ];
        for (role, bytes) in
            tops.into_iter().chain(files.roles.iter().map(|(role, bytes)| (role.clone(), bytes)))
        {
            self.put(&role, bytes);
        }
    }

    /// Puts one file in place under all its names.
    pub(crate) fn put(&self, role: &RoleName, bytes: &Bytes) {
        let version = version_of(bytes);
        let mut state = self.state();
        for name in [
            format!("{role}.json"),
            format!("{role}.{}.json", Digest::sha256(bytes).hex()),
            format!("{version}.{role}.json"),
        ] {
            state.files.insert(name, bytes.clone());
        }
    }

    /// Serves `bytes` under one name.
    pub(crate) fn serve(&self, name: &str, bytes: &Bytes) {
        self.state().files.insert(name.to_owned(), bytes.clone());
    }

    /// Answers one file with a fault; `None` ends that.
    pub(crate) fn fail(&self, name: &str, fault: impl Into<Option<Fault>>) {
        let mut state = self.state();
        match fault.into() {
            Some(fault) => drop(state.faults.insert(name.to_owned(), fault)),
            None => drop(state.faults.remove(name)),
        }
    }

    /// Answers everything with a fault; `None` ends that.
    pub(crate) fn fail_all(&self, fault: impl Into<Option<Fault>>) {
        self.state().every = fault.into();
    }

    /// Answers as an old server, which knows no entity tags.
    pub(crate) fn forget_etags(&self) {
        self.state().knows_etags = false;
    }

    /// The requests since the last call, each round's sorted.
    pub(crate) fn rounds(&self) -> Vec<Vec<String>> {
        let mut state = self.state();
        let mut rounds: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (round, name) in std::mem::take(&mut state.requests) {
            rounds.entry(round).or_default().push(name);
        }
        rounds
            .into_values()
            .map(|mut names| {
                names.sort();
                names
            })
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it asks")
    }

    fn answer(&self, file: &str, max_bytes: u64, have: Option<Digest>) -> Result<Fetched, FetchError> {
        let state = self.state();
        let server = "trust.example".to_owned();
        if let Some(fault) = state.every.or_else(|| state.faults.get(file).copied()) {
            return Err(fault.error(&server));
        }
        let Some(bytes) = state.files.get(file) else { return Err(FetchError::NotFound { server }) };
        if state.knows_etags && have == Some(Digest::sha256(bytes)) {
            return Ok(Fetched::NotModified);
        }
        if bytes.len() as u64 > max_bytes {
            return Err(FetchError::BadAnswer { server, reason: "too large".to_owned() });
        }
        Ok(Fetched::Bytes(bytes.clone()))
    }
}

/// The version that a file says it has.
pub(crate) fn version_of(bytes: &Bytes) -> u64 {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    value["signed"]["version"].as_u64().unwrap_or_default()
}

#[async_trait]
impl Remote for SimServer {
    fn server(&self) -> &'static str {
        "trust.example"
    }

    async fn fetch(
        &self,
        file: &RemoteFile,
        max_bytes: u64,
        if_none_match: Option<Digest>,
    ) -> Result<Fetched, FetchError> {
        let file = file.to_string();
        {
            let mut state = self.state();
            let round = state.round;
            state.requests.push((round, file.clone()));
            state.in_flight += 1;
        }
        // Whatever is asked for at the same time is asked for before the first answer.
        tokio::task::yield_now().await;
        let answer = self.answer(&file, max_bytes, if_none_match);
        let mut state = self.state();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.round += 1;
        }
        answer
    }

    async fn public_key(&self, role: TopRole) -> Result<PublicKey, FetchError> {
        let _ = role;
        Err(FetchError::NotFound { server: self.server().to_owned() })
    }

    async fn rotate_key(&self, role: TopRole) -> Result<PublicKey, FetchError> {
        self.public_key(role).await
    }

    async fn publish(&self, _files: &BTreeMap<RoleName, Bytes>) -> Result<(), PublishError> {
        Err(FetchError::Forbidden { server: self.server().to_owned() }.into())
    }

    async fn delete(&self) -> Result<(), FetchError> {
        Err(FetchError::Forbidden { server: self.server().to_owned() })
    }
}

/// Somebody with a cache in memory who asks a server for a collection.
pub(crate) struct Asker {
    pub(crate) server: Arc<SimServer>,
    pub(crate) cache: Arc<MemoryCache>,
    pub(crate) settings: UpdateSettings,
    /// Seconds after [`now`].
    later: AtomicU64,
}

impl Asker {
    pub(crate) fn of(sim: &Sim, server: &Arc<SimServer>) -> Self {
        Self {
            server: Arc::clone(server),
            cache: Arc::default(),
            settings: UpdateSettings::new(sim.gun.clone()),
            later: AtomicU64::new(0),
        }
    }

    pub(crate) fn updater(&self) -> Updater {
        let cache: Arc<dyn Cache> = self.cache.clone();
        Updater::new(self.server.clone(), cache, self.settings.clone())
    }

    pub(crate) fn gun(&self) -> &Gun {
        &self.settings.gun
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: u64) {
        self.later.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn start(&self) -> UpdateStart {
        let later = i64::try_from(self.later.load(Ordering::Relaxed)).expect("a short wait");
        UpdateStart(now().plus_seconds(later))
    }

    pub(crate) async fn refresh(&self, roles: Roles) -> Result<Refreshed, UpdateError> {
        self.updater().refresh(self.start(), roles).await
    }

    pub(crate) async fn pull(&self) -> Result<Refreshed, UpdateError> {
        self.refresh(Roles::Pull).await
    }

    /// The digest of `tag`, by a pull that must succeed.
    pub(crate) async fn digest(&self, tag: &str) -> Digest {
        digest(&self.pull().await.expect("a pull"), tag)
    }

    /// Everything that the cache holds.
    pub(crate) async fn cached(&self) -> BTreeMap<RoleName, Bytes> {
        let roles: Vec<RoleName> = ["root", "timestamp", "snapshot", "targets", "targets/releases"]
            .map(|role| role.parse().expect("a role"))
            .into();
        self.cache.load(self.gun(), &roles, &self.settings.limits).await.expect("memory").files
    }
}

/// The digest of `tag` in a collection that must have it.
pub(crate) fn digest(refreshed: &Refreshed, tag: &str) -> Digest {
    resolve_tag(&refreshed.collection, &name(tag), Releases::Required).expect("a signed tag").digest
}
