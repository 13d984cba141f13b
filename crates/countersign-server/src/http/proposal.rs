//! The route of proposals, which Notary does not have: `GET`, `PUT` and `DELETE` of the one that is open.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use countersign_core::author::Proposal;
use countersign_core::name::Gun;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::Api;
use super::error::ApiError;
use super::upload::whole;

/// Answers with the open proposal.
pub(super) async fn show(api: &Api, gun: &Gun) -> Result<Response, ApiError> {
    let _turn = api.looks.acquire().await.map_err(|_| ApiError::Busy)?;
    api.service.proposal(gun).await?.map(answer).ok_or(ApiError::NotFound)
}

/// Keeps a proposal, and answers with it and the signatures of all who proposed the same. With `?replace=true` it takes the
/// place of another one.
pub(super) async fn keep(api: &Api, gun: &Gun, request: Request) -> Result<Response, ApiError> {
    let _turn = api.uploads.acquire().await.map_err(|_| ApiError::Busy)?;
    let query = request.uri().query().unwrap_or_default();
    let replace = query.split('&').any(|pair| pair == "replace=true");
    let max_bytes = api.limits.upload_bytes.min(Proposal::MAX_BYTES);
    let bytes = whole(request, max_bytes).await?;
    Ok(answer(api.service.propose(gun, bytes, replace, max_bytes).await?))
}

/// Drops the proposal; that there is none is fine.
pub(super) async fn withdraw(api: &Api, gun: &Gun) -> Result<Response, ApiError> {
    api.service.drop_proposal(gun).await?;
    Ok(StatusCode::OK.into_response())
}

fn answer(proposal: Bytes) -> Response {
    let headers = [(CONTENT_TYPE, "application/json; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), proposal).into_response()
}
