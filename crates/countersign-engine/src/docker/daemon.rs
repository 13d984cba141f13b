//! A daemon that speaks the Engine API: connection, version, requests, and its errors.

use std::sync::Arc;
use std::time::Duration;

use countersign_registry::http::{
    ClientIdentity, Dialer, HttpClient, HttpConfig, Request, RequestBody, Response, SystemRoots,
    read_authorities,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use url::Url;

use super::dial::{SharedSsh, SshDial, UnixDial};
use super::endpoint::{Address, Tcp};
use super::error::DaemonError;
use super::messages::Messages;
use super::version::ApiVersion;
use crate::text::printable;

/// Largest answer that is read into memory, in bytes: a list of all images.
const ANSWER_BYTES: u64 = 64 << 20;
/// Most of an error that is read, in bytes.
const ERROR_BYTES: usize = 64 << 10;
/// The name of a daemon without one. It names this machine, and is Docker's.
const NO_HOST: &str = "http://api.moby.localhost";

/// How long a daemon may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// To say hello. Default 10 s.
    pub hello: Duration,
    /// To answer a question. Default 60 s.
    pub answer: Duration,
    /// Without a word while it moves an image. Default 15 min: a registry may be slow, and a daemon says nothing meanwhile.
    pub silence: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            answer: Duration::from_mins(1),
            silence: Duration::from_mins(15),
        }
    }
}

/// A daemon, connected to when it is first asked something.
pub(crate) struct Daemon {
    address: Address,
    base: String,
    http: HttpClient,
    ssh: Option<SharedSsh>,
    fixed: Option<ApiVersion>,
    keeps_secrets: bool,
    hello: OnceCell<Hello>,
    deadlines: Deadlines,
}

/// What a daemon says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hello {
    /// The version that is spoken with it.
    pub(super) version: ApiVersion,
    /// It is podman.
    pub(super) is_podman: bool,
}

impl Daemon {
    /// The daemon at `address`. `version` is the value of `DOCKER_API_VERSION`, which replaces the negotiation.
    pub(super) fn new(
        address: &Address,
        http: HttpConfig,
        version: Option<&str>,
        deadlines: Deadlines,
    ) -> Result<Self, DaemonError> {
        let wrong = |text: &str| DaemonError::Version(text.to_owned());
        let fixed = version.map(|text| text.parse().map_err(|()| wrong(text))).transpose()?;
        let mut config = HttpConfig {
            answer_timeout: deadlines.silence,
            idle_timeout: deadlines.silence,
            host_directories: Vec::new(),
            ..http
        };
        let mut ssh = None;
        let mut keeps_secrets = true;
        let base = match address {
            Address::Unix(path) => {
                config.dialer = Some(Dialer::new(Arc::new(UnixDial(path.clone()))));
                NO_HOST.to_owned()
            }
            Address::Ssh(target) => {
                let dial = Arc::new(SshDial::new(target.clone()));
                ssh = Some(Arc::clone(&dial));
                config.dialer = Some(Dialer::new(dial));
                NO_HOST.to_owned()
            }
            Address::Tcp(tcp) => {
                keeps_secrets = tcp.tls.is_some() || allows_plain(&config, tcp);
                secure(&mut config, tcp)
                    .map_err(|source| DaemonError::TlsFiles { address: address.clone(), source })?;
                let scheme = if tcp.tls.is_some() { "https" } else { "http" };
                format!("{scheme}://{}{}", tcp.authority, tcp.base)
            }
        };
        let http = HttpClient::new(config);
        let hello = OnceCell::new();
        Ok(Self { address: address.clone(), base, http, ssh, fixed, keeps_secrets, hello, deadlines })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether nobody but the daemon hears what it is told: then it may hear credentials.
    pub(super) fn keeps_secrets(&self) -> bool {
        self.keeps_secrets
    }

    /// Greets the daemon, once, and agrees on a version.
    pub(super) async fn hello(&self) -> Result<Hello, DaemonError> {
        self.hello.get_or_try_init(|| self.greet()).await.copied()
    }

    async fn greet(&self) -> Result<Hello, DaemonError> {
        let request = Request::get(self.url(None, &["_ping"], &[])?);
        let response = self.send(request, self.deadlines.hello).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let header = |name| response.header(&HeaderName::from_static(name)).map(str::to_owned);
        let is_podman = header("libpod-api-version").is_some();
        let theirs = header("api-version");
        let parsed = theirs.as_deref().map(str::parse::<ApiVersion>).transpose();
        let parsed = parsed.map_err(|()| self.garbage("its version is none"))?;
        // The body is two letters; whoever sends more is cut off here.
        let body = response.read_bounded(64 << 10).await;
        body.map_err(|error| DaemonError::of_http(error, &self.address))?;
        let agreed = self.fixed.or_else(|| ApiVersion::negotiate(parsed));
        let version = agreed.ok_or_else(|| DaemonError::Old {
            address: self.address.clone(),
            theirs: theirs.unwrap_or_default(),
            wanted: ApiVersion::OLDEST_TEXT,
        })?;
        Ok(Hello { version, is_podman })
    }

    /// Asks something whose answer is one JSON document; `None` if there is no such thing.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Option<T>, DaemonError> {
        let request = self.request(call).await?;
        let response = self.send(request, self.deadlines.answer).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = self.successful(response).await?;
        let body = response.read_bounded(ANSWER_BYTES).await;
        let body = body.map_err(|error| DaemonError::of_http(error, &self.address))?;
        let parsed = serde_json::from_slice(&body);
        parsed.map(Some).map_err(|_| self.garbage("its answer is not the JSON document that was asked for"))
    }

    /// Has something done that is done when it answers.
    pub(super) async fn order(&self, call: Call<'_>) -> Result<(), DaemonError> {
        let request = self.request(call).await?;
        let response = self.send(request, self.deadlines.answer).await?;
        let body = self.successful(response).await?.read_bounded(ANSWER_BYTES).await;
        body.map(drop).map_err(|error| DaemonError::of_http(error, &self.address))
    }

    /// Has something done that it reports on.
    pub(super) async fn messages(&self, call: Call<'_>) -> Result<Messages, DaemonError> {
        Ok(Messages::new(self.open(call).await?, self.address.clone()))
    }

    /// Asks something whose answer is read in pieces.
    pub(super) async fn open(&self, call: Call<'_>) -> Result<Response, DaemonError> {
        let request = self.request(call).await?;
        let response = self.send(request, self.deadlines.silence).await?;
        self.successful(response).await
    }

    async fn request(&self, call: Call<'_>) -> Result<Request, DaemonError> {
        let hello = self.hello().await?;
        let url = self.url(Some(hello.version), &call.path, &call.query)?;
        let mut request = Request::new(call.method, url).body(call.body);
        for (name, value) in call.headers {
            request = request.header(HeaderName::from_static(name), value);
        }
        Ok(request)
    }

    fn url(
        &self,
        version: Option<ApiVersion>,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Url, DaemonError> {
        let mut url = Url::parse(&self.base).map_err(|_| self.garbage("its address is no URL"))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(version.map(|version| format!("v{version}")));
            segments.extend(path.iter().flat_map(|part| part.split('/')));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn send(&self, request: Request, after: Duration) -> Result<Response, DaemonError> {
        let address = || self.address.clone();
        let answer = timeout(after, self.http.send(request)).await;
        let answer = answer.map_err(|_| DaemonError::Silent { address: address(), after })?;
        match answer.map_err(|error| DaemonError::of_http(error, &self.address)) {
            Err(DaemonError::Reset { address, .. }) => {
                let said = match &self.ssh {
                    Some(ssh) => ssh.said().await,
                    None => String::new(),
                };
                Err(DaemonError::Reset { address, said })
            }
            answer => answer,
        }
    }

    async fn successful(&self, response: Response) -> Result<Response, DaemonError> {
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    /// The daemon's own words for why it refuses.
    async fn refusal(&self, response: Response) -> DaemonError {
        let status = response.status();
        let body = response.read_prefix(ERROR_BYTES).await;
        let message = match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => printable(refusal.message.trim()).into_owned(),
            Err(_) => printable(String::from_utf8_lossy(&body).trim()).into_owned(),
        };
        let message = if message.is_empty() { status.to_string() } else { message };
        DaemonError::Refused { status: status.as_u16(), message }
    }

    pub(super) fn garbage(&self, what: &str) -> DaemonError {
        DaemonError::Garbage { address: self.address.clone(), what: what.to_owned() }
    }
}

/// One request.
pub(super) struct Call<'a> {
    method: Method,
    path: Vec<&'a str>,
    query: Vec<(&'a str, String)>,
    headers: Vec<(&'static str, HeaderValue)>,
    body: RequestBody,
}

impl<'a> Call<'a> {
    /// A question.
    pub(super) fn get(path: &[&'a str]) -> Self {
        let (query, headers) = (Vec::new(), Vec::new());
        Self { method: Method::GET, path: path.to_vec(), query, headers, body: RequestBody::Empty }
    }

    /// An order.
    pub(super) fn post(path: &[&'a str]) -> Self {
        Self { method: Method::POST, ..Self::get(path) }
    }

    /// Adds a parameter.
    pub(super) fn with(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends something along.
    pub(super) fn carrying(self, body: RequestBody) -> Self {
        Self { body, ..self }
    }
}

/// Whether plain text is all right: on this machine, and where the user says so.
fn allows_plain(config: &HttpConfig, tcp: &Tcp) -> bool {
    Url::parse(&format!("http://{}", tcp.authority)).is_ok_and(|url| config.allows_plain(&url))
}

/// What TLS with a daemon needs. Its own authorities, if there are some, are the only ones.
fn secure(config: &mut HttpConfig, tcp: &Tcp) -> Result<(), countersign_registry::http::HostFilesError> {
    let Some(tls) = &tcp.tls else {
        let authority = tcp.authority.strip_suffix(":80").unwrap_or(&tcp.authority);
        config.insecure_hosts.insert(authority.to_owned());
        return Ok(());
    };
    if let Some(file) = &tls.authorities {
        config.extra_roots = read_authorities(file)?;
        config.system_roots = SystemRoots::None;
    }
    if let Some((certificate, key)) = &tls.identity {
        config.identity = Some(ClientIdentity::read(certificate, key)?);
    }
    config.dangerously_accept_any_certificate = tls.skip_verify;
    Ok(())
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}
