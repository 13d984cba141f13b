//! Error replies: Notary's codes, texts and JSON, which old clients read at most 1,024 bytes of.
//!
//! Source: notary `server/errors/errors.go`, `client/errors.go`.

use axum::response::{IntoResponse, Response};
use countersign_core::author::ProposalError;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tracing::error;

use super::upload::too_large;
use crate::chain::chain;
use crate::keys::SigningError;
use crate::service::{ProposeError, PublishError, ServiceError};
use crate::storage::StorageError;
use crate::validate::{Rejection, RejectionKind};

/// Most bytes of an error body that old clients read.
const BODY_BYTES: usize = 1024;

/// A request that gets no.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No route has this path and method.
    NoRoute,
    /// The route exists, what it names does not.
    NotFound,
    /// A method that no route has.
    Method,
    /// A parameter of the query is missing, or no number that is taken.
    Parameter,
    /// The upload is not multipart, or ends early.
    MalformedUpload,
    /// A part of the upload has no name.
    NoFileName,
    /// A part of the upload is no role.
    InvalidRole(String),
    /// A part of the upload is not metadata.
    MalformedJson,
    /// The upload is larger than the server takes.
    TooLarge(Rejection),
    /// Validation refused the upload.
    Rejected(Rejection),
    /// A stored version is not lower than the uploaded one, or another publish came first.
    Version,
    /// A proposal that cannot be signed or published.
    ProposalInvalid(String),
    /// A proposal for an edition that was published already, or does not come next.
    ProposalOvertaken(String),
    /// A proposal that nobody of the collection signed.
    ProposalUnsigned(String),
    /// A proposal where another one is open.
    ProposalExists(String),
    /// The server has too much to do.
    Busy,
    /// Too many keys wait for a collection of theirs.
    PendingKeys,
    /// Storing failed.
    Updating,
    /// Anything that is the server's own fault; the cause has been logged.
    Unknown,
}

impl ApiError {
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoRoute | Self::NotFound => (
                StatusCode::NOT_FOUND,
                "METADATA_NOT_FOUND",
                "You have requested metadata that does not exist.",
            ),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "", ""),
            Self::Parameter => {
                (StatusCode::BAD_REQUEST, "INVALID_PARAMETERS", "The parameters provided are not valid.")
            }
            Self::MalformedUpload => {
                (StatusCode::BAD_REQUEST, "MALFORMED_UPLOAD", "The body of your request is malformed.")
            }
            Self::NoFileName => (StatusCode::BAD_REQUEST, "NO_FILENAME", "No file/role name provided."),
            Self::InvalidRole(_) => (
                StatusCode::BAD_REQUEST,
                "INVALID_ROLE",
                "The role you are attempting to operate on is invalid.",
            ),
            Self::MalformedJson => (
                StatusCode::BAD_REQUEST,
                "MALFORMED_JSON",
                "JSON sent by the client could not be parsed by the server",
            ),
            Self::TooLarge(_) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "INVALID_UPDATE", "Update sent by the client is invalid.")
            }
            Self::Rejected(_) => {
                (StatusCode::BAD_REQUEST, "INVALID_UPDATE", "Update sent by the client is invalid.")
            }
            Self::Version => {
                (StatusCode::BAD_REQUEST, "VERSION", "A newer version of metadata is already available.")
            }
            Self::ProposalInvalid(_) => (
                StatusCode::BAD_REQUEST,
                "PROPOSAL_INVALID",
                "The proposal is not one that could be signed and published.",
            ),
            Self::ProposalOvertaken(_) => (
                StatusCode::CONFLICT,
                "PROPOSAL_OVERTAKEN",
                "The proposal is not for the version that comes next.",
            ),
            Self::ProposalUnsigned(_) => {
                (StatusCode::BAD_REQUEST, "PROPOSAL_UNSIGNED", "The proposal has no signature that counts.")
            }
            Self::ProposalExists(_) => {
                (StatusCode::CONFLICT, "PROPOSAL_EXISTS", "Another proposal is open for this collection.")
            }
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "UNKNOWN", "unknown error"),
            Self::PendingKeys => (
                StatusCode::SERVICE_UNAVAILABLE,
                "UNKNOWN",
                "The server keeps too many keys of collections that nobody has published yet. Try again in an hour.",
            ),
            Self::Updating => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "UPDATING",
                "An error has occurred while updating the TUF repository.",
            ),
            Self::Unknown => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "unknown error"),
        }
    }

    fn detail(&self) -> Option<Detail<'_>> {
        match self {
            Self::InvalidRole(text)
            | Self::ProposalInvalid(text)
            | Self::ProposalOvertaken(text)
            | Self::ProposalUnsigned(text)
            | Self::ProposalExists(text) => Some(Detail::Text(text)),
            Self::TooLarge(rejection) | Self::Rejected(rejection) => {
                Some(Detail::Rejection(rejection.into()))
            }
            // Go writes an error value without exported fields so.
            Self::NotFound | Self::Version => Some(Detail::Opaque {}),
            _ => None,
        }
    }

    fn body(&self) -> Vec<u8> {
        let (_, code, message) = self.parts();
        let mut detail = self.detail();
        loop {
            let body = to_json(&Body { errors: [Entry { code, message, detail: detail.as_ref() }] });
            if body.len() < BODY_BYTES || !detail.as_mut().is_some_and(Detail::shorten) {
                return body;
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, _) = self.parts();
        if code.is_empty() {
            return status.into_response();
        }
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        (status, [(CONTENT_TYPE, json)], self.body()).into_response()
    }
}

impl From<ServiceError> for ApiError {
    fn from(cause: ServiceError) -> Self {
        log(&cause);
        match cause {
            ServiceError::Signing(SigningError::Storage(StorageError::PendingKeys { .. })) => {
                Self::PendingKeys
            }
            _ => Self::Unknown,
        }
    }
}

impl From<PublishError> for ApiError {
    fn from(cause: PublishError) -> Self {
        match cause {
            // At the end of the attempts others published again and again while this was checked.
            PublishError::Version { .. }
            | PublishError::Service(ServiceError::Storage(StorageError::BaseChanged)) => Self::Version,
            PublishError::NotJson(_) => Self::MalformedJson,
            PublishError::Rejected(rejection) => Self::Rejected(rejection),
            PublishError::Service(cause) => {
                log(&cause);
                Self::Updating
            }
        }
    }
}

impl From<ProposeError> for ApiError {
    fn from(cause: ProposeError) -> Self {
        let why = chain(&cause);
        match cause {
            ProposeError::Service(ServiceError::Storage(StorageError::BaseChanged)) => Self::Version,
            ProposeError::Service(cause) => {
                log(&cause);
                Self::Updating
            }
            ProposeError::Refused(ProposalError::Overtaken { .. }) => Self::ProposalOvertaken(why),
            ProposeError::Unsigned => Self::ProposalUnsigned(why),
            ProposeError::Another(_) => Self::ProposalExists(why),
            ProposeError::Large(_) => too_large(why),
            _ => Self::ProposalInvalid(why),
        }
    }
}

/// Logs a cause, once, where it ends.
pub(crate) fn log(cause: &dyn std::error::Error) {
    error!(error = chain(cause), "request failed");
}

fn to_json(body: &Body<'_>) -> Vec<u8> {
    // These types hold strings only: writing them cannot fail.
    let mut json = serde_json::to_vec(body).unwrap_or_default();
    json.push(b'\n');
    json
}

#[derive(Serialize)]
struct Body<'a> {
    errors: [Entry<'a>; 1],
}

#[derive(Serialize)]
struct Entry<'a> {
    code: &'static str,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a Detail<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Detail<'a> {
    Text(&'a str),
    Opaque {},
    Rejection(RejectionDetail),
}

#[derive(Serialize)]
struct RejectionDetail {
    #[serde(rename = "Name")]
    name: &'static str,
    #[serde(rename = "Error")]
    error: RejectionError,
}

#[derive(Serialize)]
struct RejectionError {
    #[serde(rename = "Missing", skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
    #[serde(rename = "Msg")]
    message: String,
}

impl From<&Rejection> for RejectionDetail {
    fn from(rejection: &Rejection) -> Self {
        let name = match rejection.kind {
            RejectionKind::Validation => "ErrValidation",
            RejectionKind::Hierarchy { .. } => "ErrBadHierarchy",
            RejectionKind::Root => "ErrBadRoot",
            RejectionKind::Targets => "ErrBadTargets",
            RejectionKind::Snapshot => "ErrBadSnapshot",
        };
        let missing = match rejection.kind {
            RejectionKind::Hierarchy { missing } => Some(missing),
            _ => None,
        };
        Self { name, error: RejectionError { missing, message: rejection.message.clone() } }
    }
}

impl Detail<'_> {
    /// Takes some text off the end, and says whether there was any to take.
    fn shorten(&mut self) -> bool {
        match self {
            Detail::Text(text) => {
                *text = &text[..text.floor_char_boundary(text.len() / 2)];
                !text.is_empty()
            }
            Detail::Opaque {} => false,
            Detail::Rejection(RejectionDetail { error: RejectionError { message, .. }, .. }) => {
                let text = message.trim_end_matches('…');
                let shorter = text[..text.floor_char_boundary(text.len() * 3 / 4)].to_owned();
                let shortened = !shorter.is_empty();
                *message = shorter + "…";
                shortened
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: &ApiError) -> String {
        String::from_utf8(error.body()).expect("JSON is text")
    }

    fn rejected(kind: RejectionKind, message: &str) -> ApiError {
        ApiError::Rejected(Rejection { kind, message: message.to_owned() })
    }

    #[test]
    fn body_is_what_notary_writes() {
        assert_eq!(
            text(&ApiError::NoRoute),
            "{\"errors\":[{\"code\":\"METADATA_NOT_FOUND\",\"message\":\"You have requested metadata that does not exist.\"}]}\n"
        );
        assert_eq!(
            text(&ApiError::Version),
            "{\"errors\":[{\"code\":\"VERSION\",\"message\":\"A newer version of metadata is already available.\",\"detail\":{}}]}\n"
        );
        assert_eq!(
            text(&ApiError::InvalidRole("foo".to_owned())),
            "{\"errors\":[{\"code\":\"INVALID_ROLE\",\"message\":\"The role you are attempting to operate on is invalid.\",\"detail\":\"foo\"}]}\n"
        );
        assert_eq!(
            text(&rejected(
                RejectionKind::Validation,
                "no pre-existing root and no root provided in update."
            )),
            "{\"errors\":[{\"code\":\"INVALID_UPDATE\",\"message\":\"Update sent by the client is invalid.\",\"detail\":{\"Name\":\"ErrValidation\",\"Error\":{\"Msg\":\"no pre-existing root and no root provided in update.\"}}}]}\n"
        );
        assert!(
            text(&rejected(RejectionKind::Hierarchy { missing: "snapshot" }, "x")).contains(
                "{\"Name\":\"ErrBadHierarchy\",\"Error\":{\"Missing\":\"snapshot\",\"Msg\":\"x\"}}"
            )
        );
    }

    #[test]
    fn body_stays_below_what_old_clients_read() {
        for long in ["x".repeat(5000), "é\"\\\n".repeat(2000), "\u{1}".repeat(3000)] {
            let body = text(&rejected(RejectionKind::Targets, &long));
            assert!(body.len() < BODY_BYTES, "{} bytes", body.len());
            assert!(body.contains("ErrBadTargets") && body.contains('…'), "{body}");
            assert!(text(&ApiError::InvalidRole(long)).len() < BODY_BYTES);
        }
    }
}
