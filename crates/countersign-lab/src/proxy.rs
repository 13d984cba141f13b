//! A reverse proxy in front of a trust server: it records, delays, remembers, replays and misbehaves.
//!
//! A story that tests and the demo tell:
//!
//! ```
//! # async fn story(url: &str, ca_pem: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use countersign_core::name::Gun;
//! use countersign_lab::fault::Fault;
//! use countersign_lab::proxy::{At, Proxy, Upstream};
//! use countersign_lab::tls::Authority;
//!
//! let authority = Authority::new()?;
//! let proxy = Proxy::start(Upstream::server(url, Some(ca_pem))?, Some(authority.issue(&["127.0.0.1"])?)).await?;
//! let gun: Gun = "example.com/app".parse()?;
//!
//! proxy.remember("before", &gun).await?;
//! // …the publisher publishes, and clients see it; then
//! proxy.replay("before");                                     // what was true once: a rollback, or a freeze
//! proxy.replay_role("before", "targets");                     // one old file among new ones: mix and match
//! proxy.misbehave(At::File("timestamp.json".into()), Fault::Status(503));
//! proxy.forward();
//! # Ok(()) }
//! ```

mod memory;
mod path;
mod record;
mod rules;
mod upstream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use axum::{Extension, Router};
use bytes::Bytes;
use countersign_core::name::Gun;
use http::{Method, StatusCode};
use tokio::time::sleep;

use crate::fault::Fault;
use crate::lock;
use crate::proxy::memory::Memory;
use crate::proxy::path::TrustFile;
use crate::proxy::record::Record;
use crate::proxy::rules::{Act, Rules};
use crate::serve::{Fate, Serving, StartError, listen};
use crate::tls::Identity;

pub use memory::RememberError;
pub use record::Exchange;
pub use rules::At;
pub use upstream::{Upstream, UpstreamError};

/// A running proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    serving: Serving,
    is_tls: bool,
    inner: Arc<Inner>,
}

impl Proxy {
    /// Starts one that forwards to `upstream`, with TLS when it is given an identity to show.
    pub async fn start(upstream: Upstream, identity: Option<Identity>) -> Result<Self, StartError> {
        let tls = identity.as_ref().map(Identity::server_config).transpose()?;
        let inner = Arc::new(Inner {
            upstream,
            record: Record::new(),
            rules: Mutex::default(),
            memories: Mutex::default(),
            latency: Mutex::default(),
        });
        let is_tls = tls.is_some();
        let router = Router::new().fallback(entrance).with_state(Arc::clone(&inner));
        Ok(Self { serving: Serving::start(listen().await?, router, tls)?, is_tls, inner })
    }

    /// Host and port: `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.serving.address().to_string()
    }

    /// Its address: `https://127.0.0.1:PORT`, or `http://…`.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.host())
    }

    /// Forwards everything, as it does at its start.
    pub fn forward(&self) {
        lock(&self.inner.rules).clear();
    }

    /// Remembers under `name` everything that the trust server has about `gun`, for [`Proxy::replay`].
    pub async fn remember(&self, name: &str, gun: &Gun) -> Result<(), RememberError> {
        let memory = Memory::of(&self.inner.upstream, gun).await?;
        lock(&self.inner.memories).insert(name.to_owned(), Arc::new(memory));
        Ok(())
    }

    /// Remembers under `name`, for [`Proxy::replay`], files that somebody made up for `gun`, by role and in their order: of
    /// several for one role the last one is current, and the others are found by version and by checksum.
    pub fn forge(&self, name: &str, gun: &Gun, files: impl IntoIterator<Item = (String, Bytes)>) {
        lock(&self.inner.memories).insert(name.to_owned(), Arc::new(Memory::of_forged(gun, files)));
    }

    /// Answers for the collection remembered as `name` with what was remembered, and 404 to files that were not there.
    /// Keys, uploads and other collections are forwarded.
    pub fn replay(&self, name: &str) {
        lock(&self.inner.rules).add(At::Files, Act::Replay(name.to_owned()));
    }

    /// Answers with what was remembered as `name` when a file of `role` is asked for, and forwards the rest.
    pub fn replay_role(&self, name: &str, role: &str) {
        lock(&self.inner.rules).add(At::Role(role.to_owned()), Act::Replay(name.to_owned()));
    }

    /// Answers with `fault` whatever is asked of `at`, until [`Proxy::forward`]. Of several rules for the same question the
    /// last one counts.
    pub fn misbehave(&self, at: At, fault: Fault) {
        lock(&self.inner.rules).add(at, Act::Fail(fault));
    }

    /// Lets every request take `each_way` to get here, and every answer as long to get back.
    pub fn delay(&self, each_way: Duration) {
        *lock(&self.inner.latency) = each_way;
    }

    /// The requests that came, in their order, with what became of them, since the start or since they were forgotten.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.inner.record.exchanges()
    }

    /// Forgets the requests that came.
    pub fn forget_exchanges(&self) {
        self.inner.record.forget();
    }

    /// How many round trips, one after the other, the requests took: those under way at the same time count once.
    pub fn round_trips(&self) -> usize {
        record::round_trips(&self.exchanges())
    }
}

#[derive(Debug)]
struct Inner {
    upstream: Upstream,
    record: Record,
    rules: Mutex<Rules>,
    memories: Mutex<HashMap<String, Arc<Memory>>>,
    latency: Mutex<Duration>,
}

impl Inner {
    fn latency(&self) -> Duration {
        *lock(&self.latency)
    }

    fn memory(&self, name: &str) -> Option<Arc<Memory>> {
        lock(&self.memories).get(name).cloned()
    }
}

async fn entrance(
    State(inner): State<Arc<Inner>>,
    Extension(fate): Extension<Fate>,
    request: Request,
) -> Response {
    // What is to become of it is settled before anybody can see that it came.
    let file = TrustFile::parse(request.uri().path());
    let act = lock(&inner.rules).act(&request, file.as_ref());
    let number = inner.record.begin(&request);
    sleep(inner.latency()).await;
    let response = answer(&inner, &fate, request, file, act).await;
    sleep(inner.latency()).await;
    inner.record.end(number, response.status());
    response
}

async fn answer(
    inner: &Inner,
    fate: &Fate,
    request: Request,
    file: Option<TrustFile>,
    act: Option<Act>,
) -> Response {
    match act {
        Some(Act::Fail(fault)) => match fault.outright().await {
            Some(response) => response,
            None => fault.spoil(inner.upstream.forward(request).await, fate).await,
        },
        Some(Act::Replay(name)) => match (inner.memory(&name), file) {
            (Some(memory), Some(file)) if *request.method() == Method::GET && memory.is_of(&file) => {
                memory.answer(&file, request.headers())
            }
            (None, _) => {
                text(StatusCode::INTERNAL_SERVER_ERROR, format!("nothing is remembered as {name}\n"))
            }
            _ => inner.upstream.forward(request).await,
        },
        None => inner.upstream.forward(request).await,
    }
}

/// An answer of plain text.
fn text(status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}
