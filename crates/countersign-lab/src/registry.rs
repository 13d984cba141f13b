//! A small OCI registry in memory, on a free loopback port, which can be told to misbehave.
//!
//! It speaks what clients need: ping, blobs with ranges, uploads in one piece, in chunks and by mounting, manifests by tag and
//! digest, tag lists with pages, referrers, deletion; open, or with basic or token authentication.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use countersign_lab::fault::Fault;
//! use countersign_lab::image::Image;
//! use countersign_lab::registry::{At, Registry};
//!
//! let registry = Registry::start().await?;
//! let (ours, theirs) = (Image::of_text("ours")?, Image::of_text("theirs")?);
//! registry.put_image("team/app", "1.4", &ours);
//! registry.put_image("team/app", "evil", &theirs);
//!
//! registry.tag("team/app", "1.4", theirs.digest());                       // an attacker moves the tag,
//! let swapped = Fault::Instead(theirs.manifest().bytes.clone());          // or serves theirs under the name of ours
//! registry.misbehave(At::Manifest(ours.digest().to_string()), swapped);
//! registry.behave();
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: OCI distribution specification 1.1.

mod access;
mod blobs;
mod error;
mod listing;
mod manifests;
mod mischief;
mod query;
mod route;
mod store;
mod token;
mod uploads;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Request, State};
use axum::response::Response;
use axum::{Extension, Router};
use countersign_core::digest::Digest;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::fault::Fault;
use crate::image::{Content, Image, Index};
use crate::lock;
use crate::registry::error::RegistryError;
use crate::registry::mischief::Mischief;
use crate::registry::route::Route;
use crate::registry::store::Store;
use crate::serve::{Fate, Serving, StartError, listen};
use crate::tls::Identity;

pub use access::{Access, Account};
pub use mischief::At;

/// What a registry is to be like. By default it serves anybody over plain HTTP.
#[derive(Debug, Default)]
pub struct Options {
    /// Who may use it.
    pub access: Access,
    /// What it shows to clients when it serves TLS.
    pub identity: Option<Identity>,
    /// How much it takes.
    pub limits: Limits,
}

/// How much a registry takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest manifest, in bytes. Default 4 MiB.
    pub manifest_bytes: usize,
    /// Largest blob, in bytes. Default 512 MiB.
    pub blob_bytes: usize,
    /// Entries in one page of a list when the client names no number or a larger one. Default 1,000.
    pub page: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { manifest_bytes: 4 << 20, blob_bytes: 512 << 20, page: 1_000 }
    }
}

/// A request that came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its path, and its query if it had one.
    pub path: String,
    /// Its `Authorization`, if it had one.
    pub authorization: Option<String>,
}

/// A running registry. It ends when it is dropped.
#[derive(Debug)]
pub struct Registry {
    serving: Serving,
    inner: Arc<Inner>,
}

impl Registry {
    /// Starts one that serves anybody over plain HTTP.
    pub async fn start() -> Result<Self, StartError> {
        Self::with(Options::default()).await
    }

    /// Starts one as `options` say.
    pub async fn with(options: Options) -> Result<Self, StartError> {
        let tls = options.identity.as_ref().map(Identity::server_config).transpose()?;
        let listener = listen().await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr()?);
        let inner = Arc::new(Inner {
            url,
            access: options.access,
            limits: options.limits,
            store: Mutex::default(),
            tokens: Mutex::default(),
            mischief: Mutex::default(),
            requests: Mutex::default(),
        });
        let router = Router::new().fallback(entrance).with_state(Arc::clone(&inner));
        Ok(Self { serving: Serving::start(listener, router, tls)?, inner })
    }

    /// Host and port, as they stand in image references: `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.serving.address().to_string()
    }

    /// Its address: `http://127.0.0.1:PORT`, or `https://…`.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The requests that came, in their order, since the start or since they were forgotten.
    pub fn requests(&self) -> Vec<Asked> {
        lock(&self.inner.requests).clone()
    }

    /// Forgets the requests that came.
    pub fn forget_requests(&self) {
        lock(&self.inner.requests).clear();
    }

    /// Answers with `fault` whatever is asked of `at`, until [`Registry::behave`]. Of several faults for the same question
    /// the last one counts.
    pub fn misbehave(&self, at: At, fault: Fault) {
        lock(&self.inner.mischief).add(at, fault);
    }

    /// Answers as it should.
    pub fn behave(&self) {
        lock(&self.inner.mischief).clear();
    }

    /// Puts an image into the repository `name` under `tag`.
    pub fn put_image(&self, name: &str, tag: &str, image: &Image) {
        self.put(name, tag, &image.contents());
    }

    /// Puts an index and its images into the repository `name` under `tag`.
    pub fn put_index(&self, name: &str, tag: &str, index: &Index) {
        self.put(name, tag, &index.contents());
    }

    /// Lets `tag` of the repository `name` name `digest`, whatever it named before and whether that is there or not.
    pub fn tag(&self, name: &str, tag: &str, digest: Digest) {
        lock(&self.inner.store).tag(name, tag, digest);
    }

    /// What `tag` of the repository `name` names.
    pub fn tagged(&self, name: &str, tag: &str) -> Option<Digest> {
        lock(&self.inner.store).tagged(name, tag)
    }

    /// The manifest `digest` of the repository `name`.
    pub fn manifest(&self, name: &str, digest: Digest) -> Option<Content> {
        lock(&self.inner.store).manifest(name, digest)
    }

    /// The blob `digest` of the repository `name`.
    pub fn blob(&self, name: &str, digest: Digest) -> Option<Content> {
        lock(&self.inner.store).blob(name, digest)
    }

    fn put(&self, name: &str, tag: &str, contents: &[&Content]) {
        let mut store = lock(&self.inner.store);
        for content in contents {
            if is_manifest(&content.media_type) {
                store.put_manifest(name, (*content).clone());
            } else {
                store.put_blob(name, (*content).clone());
            }
        }
        if let Some(top) = contents.last() {
            store.tag(name, tag, top.digest);
        }
    }
}

/// What all requests share.
#[derive(Debug)]
struct Inner {
    url: String,
    access: Access,
    limits: Limits,
    store: Mutex<Store>,
    tokens: Mutex<token::Tokens>,
    mischief: Mutex<Mischief>,
    requests: Mutex<Vec<Asked>>,
}

impl Inner {
    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    fn record(&self, request: &Request) {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let authorization = request.headers().get(header::AUTHORIZATION);
        lock(&self.requests).push(Asked {
            method: request.method().clone(),
            path: path.to_owned(),
            authorization: authorization.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        });
    }
}

async fn entrance(
    State(inner): State<Arc<Inner>>,
    Extension(fate): Extension<Fate>,
    request: Request,
) -> Response {
    inner.record(&request);
    let route = Route::parse(request.uri().path());
    let fault = route.as_ref().ok().and_then(|route| lock(&inner.mischief).at(route));
    if let Some(response) = match &fault {
        Some(fault) => fault.outright().await,
        None => None,
    } {
        return response;
    }
    let answered = match route {
        Ok(route) => dispatch(&inner, route, request).await,
        Err(error) => Err(error),
    };
    let mut response = answered.unwrap_or_else(RegistryError::into_answer);
    let version = HeaderValue::from_static("registry/2.0");
    response.headers_mut().insert("docker-distribution-api-version", version);
    match fault {
        Some(fault) => fault.spoil(response, &fate).await,
        None => response,
    }
}

async fn dispatch(inner: &Inner, route: Route, request: Request) -> Result<Response, RegistryError> {
    access::authorise(inner, &route, &request)?;
    match route {
        Route::Ping => Ok(Response::new("{}".into())),
        Route::Token => token::issue(inner, request).await,
        Route::Trust { .. } => Err(RegistryError::NotFound),
        Route::Catalog => listing::catalog(inner, &request),
        Route::Tags { name } => listing::tags(inner, &name, &request),
        Route::Referrers { name, digest } => listing::referrers(inner, &name, digest, &request),
        Route::Manifest { name, reference } => manifests::answer(inner, &name, reference, request).await,
        Route::Blob { name, digest } => blobs::answer(inner, &name, digest, &request),
        Route::Uploads { name } => uploads::begin(inner, &name, request).await,
        Route::Upload { name, id } => uploads::proceed(inner, &name, &id, request).await,
    }
}

fn is_manifest(media_type: &str) -> bool {
    ["manifest.v1+json", "index.v1+json", "manifest.v2+json", "manifest.list.v2+json"]
        .into_iter()
        .any(|end| media_type.ends_with(end))
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
