//! Blobs: asking, fetching whole or in part, deleting.

use std::ops::Range;

use axum::extract::Request;
use axum::response::Response;
use countersign_core::digest::Digest;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderValue, Method, StatusCode};

use crate::image::Content;
use crate::registry::error::RegistryError;
use crate::registry::{Inner, text};

/// Source: OCI distribution specification, "Pulling blobs", "Deleting Blobs".
pub(super) fn answer(
    inner: &Inner,
    name: &str,
    digest: Digest,
    request: &Request,
) -> Result<Response, RegistryError> {
    match *request.method() {
        Method::GET | Method::HEAD => {
            let blob = inner.store().blob(name, digest).ok_or(RegistryError::BlobUnknown)?;
            Ok(fetched(&blob, text(request.headers(), &RANGE)))
        }
        Method::DELETE => {
            if !inner.store().delete_blob(name, digest) {
                return Err(RegistryError::BlobUnknown);
            }
            Ok(status(StatusCode::ACCEPTED))
        }
        _ => Err(RegistryError::MethodNotAllowed),
    }
}

/// An answer without a body.
pub(super) fn status(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, 0.into());
    response
}

/// The answer to GET and HEAD alike: hyper leaves the body out where it must not be.
pub(super) fn content_answer(content: &Content) -> Response {
    let mut response = Response::new(content.bytes.clone().into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, content.bytes.len().into());
    for (name, value) in [
        ("content-type", content.media_type.as_str()),
        ("docker-content-digest", &content.digest.to_string()),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

fn fetched(blob: &Content, range: Option<&str>) -> Response {
    let whole = blob.bytes.len();
    let mut response = match range.map(|range| parse_range(range, whole)) {
        None | Some(Asked::Whole) => content_answer(blob),
        Some(Asked::Part(part)) => {
            let mut response = content_answer(blob);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let headers = response.headers_mut();
            headers.insert(CONTENT_LENGTH, part.len().into());
            let range = format!("bytes {}-{}/{whole}", part.start, part.end - 1);
            if let Ok(range) = HeaderValue::from_str(&range) {
                headers.insert(CONTENT_RANGE, range);
            }
            *response.body_mut() = blob.bytes.slice(part).into();
            response
        }
        Some(Asked::Nothing) => {
            let mut response = status(StatusCode::RANGE_NOT_SATISFIABLE);
            if let Ok(range) = HeaderValue::from_str(&format!("bytes */{whole}")) {
                response.headers_mut().insert(CONTENT_RANGE, range);
            }
            response
        }
    };
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
        .headers_mut()
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/octet-stream"));
    response
}

#[derive(Debug, Eq, PartialEq)]
enum Asked {
    Whole,
    Part(Range<usize>),
    Nothing,
}

/// What `range` asks of `whole` bytes. A range that isn't understood asks for all, as does one of several parts.
///
/// Source: RFC 9110 §14.2.
fn parse_range(range: &str, whole: usize) -> Asked {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let part = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if last >= first => first..last.saturating_add(1).min(whole),
        (Ok(first), Err(_)) if last.is_empty() => first..whole,
        (Err(_), Ok(last)) if first.is_empty() => whole.saturating_sub(last)..whole,
        _ => return Asked::Whole,
    };
    if part.start < part.end { Asked::Part(part) } else { Asked::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        for (range, expected) in [
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=2-", Asked::Part(2..10)),
            ("bytes=2-99", Asked::Part(2..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-99", Asked::Part(0..10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=5-2", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("lines=0-1", Asked::Whole),
        ] {
            assert_eq!(parse_range(range, 10), expected, "{range}");
        }
    }
}
