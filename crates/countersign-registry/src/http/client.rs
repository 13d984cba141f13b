//! Sending requests over pooled connections.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use super::config::HttpConfig;
use super::connect::{Connector, Shuttle};
use super::error::{HttpError, Phase, TlsFault, copied, find};
use super::gate::{Entry, First, Gates, wait};
use super::origin::origin;
use super::request::{ContentError, Outgoing, Request};
use super::response::Response;

/// Sends requests; clones share their connections.
///
/// HTTP/2 is used where a host offers it over TLS. Redirects are answers like any other.
#[derive(Clone)]
pub struct HttpClient {
    pool: Client<Connector, Outgoing>,
    config: Arc<HttpConfig>,
    gates: Gates,
}

impl HttpClient {
    /// A client without connections. Reads no file: what a host needs is read when it is first connected to.
    pub fn new(config: HttpConfig) -> Self {
        let pool = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .http2_initial_stream_window_size(1 << 20)
            .http2_initial_connection_window_size(4 << 20)
            .build(Connector::new(&config));
        Self { pool, config: Arc::new(config), gates: Gates::default() }
    }

    /// The configuration that it was made with.
    pub fn config(&self) -> &HttpConfig {
        &self.config
    }

    /// Sends `request` and returns the head of the answer; the body is still to be read.
    ///
    /// # Errors
    /// Every variant of [`HttpError`] but [`HttpError::TooLarge`]. A status of 400 and above is no error here.
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let host = origin(&request.url);
        let uri = self.admit(&request.url)?;
        let taken = Arc::new(AtomicU64::new(0));
        let mut wire = hyper::Request::new(Outgoing::new(request.body, Arc::clone(&taken)));
        *wire.method_mut() = request.method;
        *wire.headers_mut() = request.headers;
        *wire.version_mut() = Version::HTTP_11;
        let agent = HeaderValue::from_str(&self.config.user_agent);
        wire.headers_mut()
            .insert(USER_AGENT, agent.unwrap_or_else(|_| HeaderValue::from_static("countersign")));
        if request.url.scheme() == "http"
            && let Some(auth) = self.config.proxies.route(&uri).as_ref().and_then(|proxy| proxy.basic_auth())
        {
            wire.headers_mut().insert(PROXY_AUTHORIZATION, auth.clone());
        }
        *wire.uri_mut() = uri;
        let first = if request.url.scheme() == "https" { self.pass(&host).await } else { None };
        let mut connection = capture_connection(&mut wire);
        let mut answer = self.pool.request(wire);
        let connected = async {
            connection.wait_for_connection_metadata().await;
        };
        // Until there is a connection, the connector's own deadlines hold.
        let early = tokio::select! {
            biased;
            answer = &mut answer => Some(answer),
            () = connected => None,
        };
        if let Some(first) = first
            && early.as_ref().is_none_or(Result::is_ok)
        {
            first.connected();
        }
        let answer = match early {
            Some(answer) => answer,
            None => self.answered(&mut answer, &taken, &host).await?,
        };
        let answer = answer.map_err(|error| classify(&error, || host.clone()))?;
        Ok(Response::new(answer, request.url, self.config.idle_timeout, self.config.read_timeout))
    }

    /// Waits while another request makes the first connection to `host`; or this is the one that makes it.
    async fn pass(&self, host: &str) -> Option<First> {
        match self.gates.enter(host) {
            Entry::First(first) => Some(first),
            Entry::After(known) => {
                wait(known).await;
                None
            }
            Entry::Free => None,
        }
    }

    /// Waits for `answer` as long as pieces of the request are taken, and then for the deadline.
    async fn answered<F: Future + Unpin>(
        &self,
        answer: &mut F,
        taken: &AtomicU64,
        host: &str,
    ) -> Result<F::Output, HttpError> {
        let after = self.config.answer_timeout;
        loop {
            let before = taken.load(Ordering::Relaxed);
            if let Ok(answer) = tokio::time::timeout(after, &mut *answer).await {
                return Ok(answer);
            }
            if taken.load(Ordering::Relaxed) == before {
                return Err(HttpError::Timeout { host: host.to_owned(), phase: Phase::Answer, after });
            }
        }
    }

    /// The URI of a URL that requests may go to.
    fn admit(&self, url: &Url) -> Result<Uri, HttpError> {
        let illegal = || HttpError::Url { url: format!("{}://{}{}", url.scheme(), origin(url), url.path()) };
        if !url.username().is_empty() || url.password().is_some() || !matches!(url.scheme(), "http" | "https")
        {
            return Err(illegal());
        }
        if url.scheme() == "http" && !self.config.allows_plain(url) {
            return Err(HttpError::Plain { host: origin(url) });
        }
        let mut bare = url.clone();
        bare.set_fragment(None);
        bare.as_str().parse().map_err(|_| illegal())
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Says what an error of the protocol means.
pub(super) fn classify(error: &(dyn StdError + 'static), host: impl FnOnce() -> String) -> HttpError {
    if let Some(error) = find::<Shuttle>(error).and_then(Shuttle::take) {
        return error;
    }
    let host = host();
    if let Some(ContentError(source)) = find::<ContentError>(error) {
        return HttpError::Content { host, source: copied(source) };
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return HttpError::Tls { host, fault: TlsFault::from(error) };
    }
    let broken = find::<hyper::Error>(error).is_some_and(|error| {
        error.is_incomplete_message()
            || error.is_canceled()
            || error.is_closed()
            || error.is_body_write_aborted()
    });
    if broken || find::<io::Error>(error).is_some() || !find::<hyper::Error>(error).is_some_and(is_malformed)
    {
        return HttpError::Reset { host };
    }
    HttpError::Protocol { host, source: error.to_string().into() }
}

/// Whether bytes came that are no HTTP, as opposed to none or too few.
fn is_malformed(error: &hyper::Error) -> bool {
    error.is_parse() || error.is_parse_status() || error.is_parse_too_large()
}
