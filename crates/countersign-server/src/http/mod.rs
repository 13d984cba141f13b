//! Notary v1's HTTP API, and one route more: proposals.
//!
//! [`router`] is all of it; a test calls it without a socket. Source: notary `server/server.go`, `server/handlers/*.go`.

mod changes;
mod error;
mod files;
mod path;
mod proposal;
mod upload;

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{debug, error};

use self::error::ApiError;
pub(crate) use self::path::Selector;
use self::path::TrustPath;
use crate::config::{Caching, ServerLimits};
use crate::service::TrustService;

/// What requests are answered from.
pub struct Api {
    service: Arc<TrustService>,
    limits: ServerLimits,
    caching: Caching,
    deadline: Duration,
    uploads: Arc<Semaphore>,
    /// Turns of those who look at proposals: each is opened first.
    looks: Semaphore,
}

impl Api {
    /// An API of `service`. `deadline` is for a whole request, its body included.
    pub fn new(
        service: Arc<TrustService>,
        limits: ServerLimits,
        caching: Caching,
        deadline: Duration,
    ) -> Self {
        let (uploads, looks) = (Semaphore::new(limits.uploads), Semaphore::new(limits.uploads));
        Self { service, uploads: Arc::new(uploads), looks, limits, caching, deadline }
    }
}

/// Every route. A handler that panics answers 500, one that takes too long 503.
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .fallback(dispatch)
        .with_state(Arc::clone(&api))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(api, within_deadline))
}

async fn dispatch(State(api): State<Arc<Api>>, request: Request) -> Response {
    if let Some(location) = redirect(&request) {
        return (StatusCode::MOVED_PERMANENTLY, [(LOCATION, location)]).into_response();
    }
    let path = TrustPath::parse(request.uri().path());
    let method = request.method().clone();
    let answer = match (path, &method) {
        (Some(TrustPath::Ping), &Method::GET) => Ok(text("{}")),
        (Some(TrustPath::Health), &Method::GET) => Ok(health(&api).await),
        (Some(TrustPath::Changes(gun)), &Method::GET) => {
            changes::serve(&api, gun.as_ref(), request.uri().query()).await
        }
        (Some(TrustPath::Collection(gun)), &Method::POST) => upload::publish(&api, gun, request).await,
        (Some(TrustPath::Collection(gun)), &Method::DELETE) => {
            api.service.delete(&gun).await.map(|_| StatusCode::OK.into_response()).map_err(ApiError::from)
        }
        (Some(TrustPath::File { gun, role, selector }), &Method::GET) => {
            files::serve(&api, &gun, &role, selector, request.headers()).await
        }
        (Some(TrustPath::Key { gun, role }), &Method::GET) => {
            api.service.key(&gun, role).await.map(|key| text(key.to_notary_json())).map_err(ApiError::from)
        }
        (Some(TrustPath::Key { gun, role }), &Method::POST) => api
            .service
            .rotate_key(&gun, role)
            .await
            .map(|key| text(key.to_notary_json()))
            .map_err(ApiError::from),
        (Some(TrustPath::Proposal(gun)), &Method::GET) => proposal::show(&api, &gun).await,
        (Some(TrustPath::Proposal(gun)), &Method::PUT) => proposal::keep(&api, &gun, request).await,
        (Some(TrustPath::Proposal(gun)), &Method::DELETE) => proposal::withdraw(&api, &gun).await,
        (_, &Method::GET | &Method::HEAD | &Method::POST | &Method::PUT | &Method::DELETE) => {
            Err(ApiError::NoRoute)
        }
        _ => Err(ApiError::Method),
    };
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// Where a path with empty, `.` or `..` segments is sent.
fn redirect(request: &Request) -> Option<HeaderValue> {
    let uri = request.uri();
    let clean = path::cleaned(uri.path())?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    HeaderValue::try_from(clean + &query).ok()
}

async fn health(api: &Api) -> Response {
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))];
    match api.service.health().await {
        Ok(()) => (json, "{}").into_response(),
        Err(cause) => {
            error::log(&cause);
            let body = r#"{"DB operational":"Cannot access table: tuf_files"}"#;
            (StatusCode::SERVICE_UNAVAILABLE, json, body).into_response()
        }
    }
}

/// A short answer, typed as Go's sniffing types it.
fn text(body: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], body.into()).into_response()
}

async fn within_deadline(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let (start, method, path) = (Instant::now(), request.method().clone(), request.uri().path().to_owned());
    let answer = tokio::time::timeout(api.deadline, next.run(request)).await;
    let response = answer.unwrap_or_else(|_| ApiError::Busy.into_response());
    let (status, ms) = (response.status().as_u16(), start.elapsed().as_millis());
    debug!(%method, path, status, ms, "{method} {status}");
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands over the panic's payload")]
fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    error!(panic = text.unwrap_or("something"), "a handler panicked");
    ApiError::Unknown.into_response()
}
