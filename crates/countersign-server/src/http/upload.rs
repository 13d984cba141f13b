//! Reading an upload: `multipart/form-data`, one part a role, everything bounded.
//!
//! Source: notary `server/handlers/default.go` (`atomicUpdateHandler`).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use countersign_core::name::{Gun, RoleName};
use futures_util::stream;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use multer::{Constraints, Multipart, SizeLimit};

use super::Api;
use super::error::ApiError;
use crate::config::ServerLimits;
use crate::validate::{Rejection, RejectionKind};

/// Publishes the files of an upload, all or none, and answers with an empty 200.
pub(super) async fn publish(api: &Api, gun: Gun, request: Request) -> Result<Response, ApiError> {
    let turn = Arc::clone(&api.uploads).acquire_owned().await.map_err(|_| ApiError::Busy)?;
    let files = read(request, &api.limits).await?;
    api.service.publish_in_turn(&gun, files, Some(Arc::new(turn))).await?;
    Ok(StatusCode::OK.into_response())
}

/// Deviation: Notary panics on a broken body, reads without bound, and lets the last of two parts of one role win
/// (13 B10).
async fn read(request: Request, limits: &ServerLimits) -> Result<BTreeMap<RoleName, Bytes>, ApiError> {
    let boundary = header(&request, CONTENT_TYPE).and_then(|value| multer::parse_boundary(value).ok());
    let boundary = boundary.ok_or(ApiError::MalformedUpload)?;
    // The reader of forms takes a body for cut short when all of it comes between two of its looks, so it is given the
    // whole body at once.
    let body = whole(request, limits.upload_bytes).await?;
    let size = SizeLimit::new().whole_stream(limits.upload_bytes).per_field(limits.part_bytes);
    let mut parts = Multipart::with_constraints(
        stream::once(ready(Ok::<_, Infallible>(body))),
        boundary,
        Constraints::new().size_limit(size),
    );
    let mut files = BTreeMap::new();
    while let Some(part) = parts.next_field().await.map_err(|error| refused(&error))? {
        let role = role_of(part.file_name().unwrap_or_default())?;
        if files.len() >= limits.parts {
            return Err(too_large(format!("the update has more than {} files", limits.parts)));
        }
        let bytes = part.bytes().await.map_err(|error| refused(&error))?;
        let twice = Rejection::new(RejectionKind::Validation, format!("{role} is in the update twice"));
        if files.insert(role, bytes).is_some() {
            return Err(ApiError::Rejected(twice));
        }
    }
    Ok(files)
}

fn header(request: &Request, name: HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Reads a body of at most `limit` bytes to its end.
pub(super) async fn whole(request: Request, limit: u64) -> Result<Bytes, ApiError> {
    let length = header(&request, CONTENT_LENGTH).and_then(|value| value.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(format!("the update has more than {limit} bytes")));
    }
    let bound = usize::try_from(limit).unwrap_or(usize::MAX);
    let read = Limited::new(request.into_body(), bound).collect().await;
    match read {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(too_large(format!("the update has more than {limit} bytes")))
        }
        Err(_) => Err(ApiError::MalformedUpload),
    }
}

fn role_of(file_name: &str) -> Result<RoleName, ApiError> {
    let name = file_name.strip_suffix(".json").unwrap_or(file_name);
    if name.is_empty() {
        return Err(ApiError::NoFileName);
    }
    name.parse().map_err(|_| ApiError::InvalidRole(name.to_owned()))
}

fn refused(error: &multer::Error) -> ApiError {
    match error {
        multer::Error::StreamSizeExceeded { limit } => {
            too_large(format!("the update has more than {limit} bytes"))
        }
        multer::Error::FieldSizeExceeded { limit, .. } => {
            too_large(format!("a file of the update has more than {limit} bytes"))
        }
        _ => ApiError::MalformedUpload,
    }
}

pub(super) fn too_large(message: String) -> ApiError {
    ApiError::TooLarge(Rejection::new(RejectionKind::Validation, message))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use http::Request;

    use super::*;
    use crate::clock::SystemClock;
    use crate::config::Config;
    use crate::keys::embedded::EmbeddedSigning;
    use crate::keys::seal::Secret;
    use crate::service::{Parts, TrustService};
    use crate::storage::sqlite::SqliteStorage;

    async fn api(config: &Config) -> Api {
        let storage = Arc::new(SqliteStorage::open(&config.database).await.expect("a store"));
        let secret = Arc::new(Secret::new(b"0123456789abcdef").expect("a secret"));
        let clock = Arc::new(SystemClock);
        let signing =
            EmbeddedSigning::new(storage.clone(), secret, config.key_algorithm, clock.clone()).await;
        let service = TrustService::new(Parts {
            storage,
            signing: Arc::new(signing.expect("keys")),
            clock,
            lifetimes: config.lifetimes,
            part_bytes: config.limits.part_bytes,
        });
        Api::new(Arc::new(service), config.limits, config.caching, config.deadlines.request)
    }

    /// Who gives up leaves a thread at work. It counts until it is done.
    #[test]
    fn upload_that_was_given_up_counts_until_its_work_ends() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
        runtime.expect("a runtime").block_on(async {
            let directory = tempfile::tempdir().expect("a directory");
            let mut config = Config::new(directory.path());
            config.limits.uploads = 1;
            let api = api(&config).await;
            // The one thread is kept busy, so that the work on the upload does not end before it is looked at.
            let (release, held) = mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || held.recv());
            let body = "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"root\"\r\n\r\n{}\r\n--b--\r\n";
            let request = Request::post("/")
                .header(CONTENT_TYPE, "multipart/form-data; boundary=b")
                .body(axum::body::Body::from(body))
                .expect("a request");
            let gun: Gun = "g".parse().expect("a GUN");
            let given_up = tokio::time::timeout(Duration::from_millis(20), publish(&api, gun, request)).await;
            assert!(given_up.is_err(), "it waits for the thread");
            assert_eq!(api.uploads.available_permits(), 0);
            release.send(()).expect("heard");
            busy.await.expect("it ends").expect("told");
            drop(api.uploads.acquire().await.expect("open"));
        });
    }
}
