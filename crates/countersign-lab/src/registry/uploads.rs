//! Uploads of blobs: in one piece, in chunks, by mounting what another repository has.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use countersign_core::digest::Digest;
use http::header::{CONTENT_RANGE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;

use crate::image::Content;
use crate::registry::blobs::status;
use crate::registry::error::RegistryError;
use crate::registry::query::Parameters;
use crate::registry::{Inner, route, text};

/// Begins an upload, or does it all in one request.
///
/// Source: OCI distribution specification, "Pushing blobs", "Mounting a blob from another repository".
pub(super) async fn begin(inner: &Inner, name: &str, request: Request) -> Result<Response, RegistryError> {
    if request.method() != Method::POST {
        return Err(RegistryError::MethodNotAllowed);
    }
    let query = Parameters::of(&request);
    if let Some(digest) = query.one("mount") {
        let digest = route::digest(digest)?;
        if inner.store().mount(name, digest, query.one("from")) {
            return Ok(created(name, digest));
        }
        // What cannot be mounted is uploaded.
    }
    let id = inner.store().begin_upload();
    match query.one("digest") {
        Some(digest) => {
            receive(inner, &id, request.into_body()).await?;
            finish(inner, name, &id, route::digest(digest)?)
        }
        None => Ok(under_way(inner, name, &id, StatusCode::ACCEPTED)),
    }
}

/// Goes on with an upload: asks how far it is, adds to it, ends it or gives it up.
///
/// What arrived before a connection broke stays, so that an upload can be resumed.
pub(super) async fn proceed(
    inner: &Inner,
    name: &str,
    id: &str,
    request: Request,
) -> Result<Response, RegistryError> {
    let there = inner.store().upload(id).map(|upload| upload.len()).ok_or(RegistryError::UploadUnknown)?;
    match *request.method() {
        Method::GET | Method::HEAD => Ok(under_way(inner, name, id, StatusCode::NO_CONTENT)),
        Method::PATCH => {
            fits(&request, there)?;
            receive(inner, id, request.into_body()).await?;
            Ok(under_way(inner, name, id, StatusCode::ACCEPTED))
        }
        Method::PUT => {
            fits(&request, there)?;
            let digest = Parameters::of(&request)
                .one("digest")
                .map(route::digest)
                .ok_or(RegistryError::DigestInvalid)??;
            receive(inner, id, request.into_body()).await?;
            finish(inner, name, id, digest)
        }
        Method::DELETE => {
            inner.store().end_upload(id);
            Ok(status(StatusCode::NO_CONTENT))
        }
        _ => Err(RegistryError::MethodNotAllowed),
    }
}

/// Whether a chunk begins where the last one ended.
fn fits(request: &Request, there: usize) -> Result<(), RegistryError> {
    let Some(range) = text(request.headers(), &CONTENT_RANGE) else { return Ok(()) };
    let first =
        range.trim_start_matches("bytes ").split('-').next().and_then(|first| first.parse::<usize>().ok());
    if first == Some(there) { Ok(()) } else { Err(RegistryError::RangeInvalid(there as u64)) }
}

async fn receive(inner: &Inner, id: &str, mut body: Body) -> Result<(), RegistryError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| RegistryError::UploadInvalid("the upload broke off"))?;
        let Ok(piece) = frame.into_data() else { continue };
        let mut store = inner.store();
        let upload = store.upload(id).ok_or(RegistryError::UploadUnknown)?;
        if upload.len() + piece.len() > inner.limits.blob_bytes {
            store.end_upload(id);
            return Err(RegistryError::TooLarge);
        }
        upload.extend_from_slice(&piece);
    }
    Ok(())
}

fn finish(inner: &Inner, name: &str, id: &str, digest: Digest) -> Result<Response, RegistryError> {
    let bytes = inner.store().end_upload(id).ok_or(RegistryError::UploadUnknown)?;
    if Digest::of(digest.algorithm(), &bytes) != digest {
        return Err(RegistryError::DigestInvalid);
    }
    let media_type = "application/octet-stream".to_owned();
    inner.store().put_blob(name, Content { media_type, digest, bytes: bytes.into() });
    Ok(created(name, digest))
}

fn created(name: &str, digest: Digest) -> Response {
    let mut response = status(StatusCode::CREATED);
    insert(&mut response, "docker-content-digest", &digest.to_string());
    insert(&mut response, LOCATION.as_str(), &format!("/v2/{name}/blobs/{digest}"));
    response
}

fn under_way(inner: &Inner, name: &str, id: &str, code: StatusCode) -> Response {
    let there = inner.store().upload(id).map_or(0, |upload| upload.len());
    let mut response = status(code);
    insert(&mut response, LOCATION.as_str(), &format!("/v2/{name}/blobs/uploads/{id}"));
    insert(&mut response, "range", &format!("0-{}", there.saturating_sub(1)));
    insert(&mut response, "docker-upload-uuid", id);
    response
}

pub(super) fn insert(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
