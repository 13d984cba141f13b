//! What a registry refuses, and how it says so.

use axum::response::Response;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// A refusal.
///
/// Source: OCI distribution specification, "Error Codes".
#[derive(Debug, Eq, PartialEq)]
pub(super) enum RegistryError {
    NotFound,
    MethodNotAllowed,
    NameInvalid,
    NameUnknown,
    TagInvalid,
    DigestInvalid,
    BlobUnknown,
    UploadUnknown,
    UploadInvalid(&'static str),
    /// The next byte that the upload wants.
    RangeInvalid(u64),
    ManifestUnknown,
    ManifestInvalid(&'static str),
    /// A manifest names a blob that isn't there.
    ManifestBlobUnknown(String),
    TooLarge,
    /// The challenge that goes with it.
    Unauthorized(String),
}

impl RegistryError {
    /// The answer that says so.
    pub(super) fn into_answer(self) -> Response {
        let (status, code, message) = self.meaning();
        let body = json!({ "errors": [{ "code": code, "message": message, "detail": self.detail() }] });
        let mut response = Response::new(body.to_string().into());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match &self {
            Self::Unauthorized(challenge) => {
                if let Ok(challenge) = HeaderValue::from_str(challenge) {
                    headers.insert(WWW_AUTHENTICATE, challenge);
                }
            }
            Self::RangeInvalid(next) => {
                if let Ok(range) = HeaderValue::from_str(&format!("0-{}", next.saturating_sub(1))) {
                    headers.insert("range", range);
                }
            }
            _ => {}
        }
        response
    }

    fn meaning(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "UNSUPPORTED", "there is nothing here"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "the operation is unsupported")
            }
            Self::NameInvalid => (StatusCode::BAD_REQUEST, "NAME_INVALID", "invalid repository name"),
            Self::NameUnknown => {
                (StatusCode::NOT_FOUND, "NAME_UNKNOWN", "repository name not known to registry")
            }
            Self::TagInvalid => (StatusCode::BAD_REQUEST, "TAG_INVALID", "invalid tag"),
            Self::DigestInvalid => {
                (StatusCode::BAD_REQUEST, "DIGEST_INVALID", "provided digest did not match uploaded content")
            }
            Self::BlobUnknown => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry"),
            Self::UploadUnknown => {
                (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
            }
            Self::UploadInvalid(why) => (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", why),
            Self::RangeInvalid(_) => {
                (StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", "invalid content range")
            }
            Self::ManifestUnknown => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown"),
            Self::ManifestInvalid(why) => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID", why),
            Self::ManifestBlobUnknown(_) => {
                (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", "content is too large"),
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required"),
        }
    }

    fn detail(&self) -> Option<&str> {
        match self {
            Self::ManifestBlobUnknown(digest) => Some(digest),
            _ => None,
        }
    }
}
