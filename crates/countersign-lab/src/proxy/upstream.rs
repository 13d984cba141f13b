//! The server behind a proxy: another process, or a router in this one.

use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, StatusCode, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use thiserror::Error;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::proxy::text;
use crate::tls::{TlsError, client_config};

/// Largest request or answer that is passed on, in bytes.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// How long the server may take for an answer.
const DEADLINE: Duration = Duration::from_mins(1);

/// What belongs to one connection and is not passed on, and the host, which differs behind the proxy.
///
/// Source: RFC 9110 §7.6.1.
const NOT_PASSED_ON: [header::HeaderName; 7] = [
    header::CONNECTION,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The server behind a proxy.
pub struct Upstream(Kind);

enum Kind {
    Server { scheme: Scheme, authority: Authority, client: Box<HttpsClient> },
    Router(Router),
}

type HttpsClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

impl Upstream {
    /// The server at `url`. An `https` one must show a certificate of the authorities in `ca_pem`.
    pub fn server(url: &str, ca_pem: Option<&str>) -> Result<Self, UpstreamError> {
        let uri: Uri = url.parse().map_err(|_| UpstreamError::Url(url.to_owned()))?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(UpstreamError::Url(url.to_owned()));
        };
        let config = client_config(ca_pem.unwrap_or_default())?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_all_versions()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self(Kind::Server { scheme, authority, client: Box::new(client) }))
    }

    /// A router in this process.
    pub fn router(router: Router) -> Self {
        Self(Kind::Router(router))
    }

    /// Asks for `path`, with no credentials.
    pub(super) async fn fetch(&self, path: &str) -> Result<(StatusCode, HeaderMap, Bytes), UpstreamError> {
        self.ask(Method::GET, path, HeaderMap::new(), Bytes::new()).await
    }

    /// Passes a request on, and gives the answer. What fails here is answered with 502 and its reason.
    pub(super) async fn forward(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, MAX_BODY).await else {
            return text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request broke off or is too long for the proxy\n",
            );
        };
        let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        match self.ask(parts.method, path, parts.headers, body).await {
            Ok((status, headers, body)) => {
                let mut response = Response::new(Body::from(body));
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                response
            }
            Err(error) => text(StatusCode::BAD_GATEWAY, format!("{error}\n")),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes), UpstreamError> {
        for name in NOT_PASSED_ON {
            headers.remove(name);
        }
        let asking = async {
            match &self.0 {
                Kind::Server { scheme, authority, client } => {
                    let uri = Uri::builder()
                        .scheme(scheme.clone())
                        .authority(authority.clone())
                        .path_and_query(path)
                        .build()
                        .map_err(|_| UpstreamError::Url(path.to_owned()))?;
                    let request = request(method, uri, headers, Full::new(body));
                    let response = client.request(request).await.map_err(UpstreamError::Ask)?;
                    whole(response.map(Body::new)).await
                }
                Kind::Router(router) => {
                    let uri = path.parse().map_err(|_| UpstreamError::Url(path.to_owned()))?;
                    let request = request(method, uri, headers, Body::from(body));
                    let response =
                        router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
                    whole(response).await
                }
            }
        };
        timeout(DEADLINE, asking).await.map_err(|_| UpstreamError::Deadline)?
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Server { scheme, authority, .. } => write!(f, "Upstream({scheme}://{authority})"),
            Kind::Router(_) => f.write_str("Upstream(router)"),
        }
    }
}

fn request<B>(method: Method, uri: Uri, headers: HeaderMap, body: B) -> http::Request<B> {
    let mut request = http::Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

async fn whole(response: Response) -> Result<(StatusCode, HeaderMap, Bytes), UpstreamError> {
    let (mut parts, body) = response.into_parts();
    for name in NOT_PASSED_ON {
        parts.headers.remove(name);
    }
    let body = to_bytes(body, MAX_BODY).await.map_err(UpstreamError::Body)?;
    Ok((parts.status, parts.headers, body))
}

/// Why the server behind a proxy could not be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// Its address is none.
    #[error("`{}` is no address of a server", .0.escape_default())]
    Url(String),
    /// The authorities that it should be known by cannot be read.
    #[error("cannot trust the server behind the proxy")]
    Tls(#[from] TlsError),
    /// It was not reached, or broke off.
    #[error("the server behind the proxy did not answer")]
    Ask(#[source] hyper_util::client::legacy::Error),
    /// Its answer broke off or is too long.
    #[error("the answer of the server behind the proxy broke off or is too long")]
    Body(#[source] axum::Error),
    /// It took too long.
    #[error("the server behind the proxy did not answer within {} s", DEADLINE.as_secs())]
    Deadline,
}
