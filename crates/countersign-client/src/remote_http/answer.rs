//! What an answer that isn't the wanted one means.

use countersign_registry::auth::AuthError;
use countersign_registry::http::HttpError;
use http::StatusCode;
use serde::Deserialize;

use crate::remote::{FetchError, PublishError};

/// Most characters that are shown of what a server says.
const SHOWN: usize = 1000;

/// What a request that got no answer means.
pub(crate) fn fetch_error(server: &str, error: AuthError) -> FetchError {
    let server = server.to_owned();
    match error {
        error if error.is_offline() => FetchError::Offline { server, source: Box::new(error) },
        AuthError::Http(HttpError::TooLarge { limit, .. }) => FetchError::BadAnswer {
            server,
            reason: format!("it is larger than the {limit} bytes that it may have"),
        },
        AuthError::Http(HttpError::Protocol { .. }) => {
            FetchError::BadAnswer { server, reason: "it is not HTTP".to_owned() }
        }
        AuthError::Http(error) => FetchError::Connection { server, source: Box::new(error) },
        AuthError::NoChallenge { .. } => FetchError::Unauthorized { server, source: None },
        error => FetchError::Unauthorized { server, source: Some(Box::new(error)) },
    }
}

/// What a status other than 200 means.
pub(crate) fn status_error(server: &str, status: StatusCode) -> FetchError {
    let server = server.to_owned();
    match status {
        StatusCode::UNAUTHORIZED => FetchError::Unauthorized { server, source: None },
        StatusCode::FORBIDDEN => FetchError::Forbidden { server },
        StatusCode::NOT_FOUND => FetchError::NotFound { server },
        status => FetchError::Status { server, status: status.as_u16() },
    }
}

/// What the answer to an upload means that was not taken.
///
/// Source: notary `server/errors/errors.go`, `tuf/validation/errors.go`; reference behaviour 6.7, 8.4.
pub(super) fn refusal(server: &str, status: StatusCode, body: &[u8]) -> PublishError {
    if status != StatusCode::BAD_REQUEST {
        return status_error(server, status).into();
    }
    let server = server.to_owned();
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let Some(first) = body.errors.into_iter().next() else {
        return PublishError::Refused { server, status: status.as_u16(), code: String::new() };
    };
    if first.code == "VERSION" {
        return PublishError::Conflict { server };
    }
    match serde_json::from_value::<Detail>(first.detail) {
        Ok(Detail { name, error }) => {
            let message = format!("{}{}", prefix(&name), shown(&error.msg));
            PublishError::Rejected { server, name: shown(&name), message }
        }
        Err(_) => PublishError::Refused { server, status: status.as_u16(), code: shown(&first.code) },
    }
}

/// What the answer to a proposal means that is not kept.
pub(super) fn proposal_refusal(server: &str, status: StatusCode, body: &[u8]) -> PublishError {
    let said: Body = serde_json::from_slice(body).unwrap_or_default();
    let Some(first) = said.errors.into_iter().next() else { return status_error(server, status).into() };
    let of_it = matches!(status, StatusCode::BAD_REQUEST | StatusCode::CONFLICT);
    match first.detail.as_str() {
        Some(why) if of_it && first.code.starts_with("PROPOSAL_") => {
            let server = server.to_owned();
            PublishError::Rejected { server, name: shown(&first.code), message: shown(why) }
        }
        _ => refusal(server, status, body),
    }
}

/// What Notary's client puts before the server's message.
fn prefix(name: &str) -> &'static str {
    match name {
        "ErrValidation" => "An error occurred during validation: ",
        "ErrBadHierarchy" => "Metadata hierarchy is incomplete: ",
        "ErrBadRoot" => "The root metadata is invalid: ",
        "ErrBadTargets" => "The targets metadata is invalid: ",
        "ErrBadSnapshot" => "The snapshot metadata is invalid: ",
        _ => "",
    }
}

/// A server's text as it can be shown.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: serde_json::Value,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Error")]
    error: DetailError,
}

#[derive(Deserialize)]
struct DetailError {
    #[serde(rename = "Msg", default)]
    msg: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> PublishError {
        refusal("t.example", StatusCode::BAD_REQUEST, body.as_bytes())
    }

    #[test]
    fn refusal_says_what_notarys_client_says() {
        let error = said(
            r#"{"errors":[{"code":"INVALID_UPDATE","message":"Update sent by the client is invalid.","detail":{"Name":"ErrBadRoot","Error":{"Msg":"no  timestamp keys exist on the server"}}}]}"#,
        );
        let PublishError::Rejected { name, message, .. } = error else { panic!("{error:?}") };
        assert_eq!(name, "ErrBadRoot");
        assert_eq!(message, "The root metadata is invalid: no  timestamp keys exist on the server");
    }

    #[test]
    fn refusal_of_a_version_is_a_conflict() {
        let error = said(
            r#"{"errors":[{"code":"VERSION","message":"A newer version of metadata is already available.","detail":{}}]}"#,
        );
        assert!(matches!(error, PublishError::Conflict { .. }), "{error:?}");
    }

    #[test]
    fn refusal_of_a_proposal_has_its_reason() {
        let said = |status, code: &str| {
            let body = format!(r#"{{"errors":[{{"code":"{code}","message":"m","detail":"w\u001bhy"}}]}}"#);
            proposal_refusal("t.example", status, body.as_bytes())
        };
        for (status, code) in
            [(StatusCode::CONFLICT, "PROPOSAL_EXISTS"), (StatusCode::BAD_REQUEST, "PROPOSAL_UNSIGNED")]
        {
            let error = said(status, code);
            let PublishError::Rejected { name, message, .. } = error else { panic!("{error:?}") };
            assert_eq!((name.as_str(), message.as_str()), (code, "w\u{fffd}hy"));
        }
        assert!(matches!(said(StatusCode::BAD_REQUEST, "VERSION"), PublishError::Conflict { .. }));
        // Only what the server says of the proposal itself is said of it.
        let error = said(StatusCode::FORBIDDEN, "PROPOSAL_EXISTS");
        assert!(matches!(error, PublishError::Fetch(FetchError::Forbidden { .. })), "{error:?}");
        for body in ["", "<html>", "[]", r#"{"errors":[]}"#] {
            let error = proposal_refusal("t.example", StatusCode::CONFLICT, body.as_bytes());
            assert!(matches!(error, PublishError::Fetch(FetchError::Status { status: 409, .. })), "{body}");
        }
    }

    #[test]
    fn refusal_that_cannot_be_read_is_still_one() {
        for body in ["", "<html>", "[]", r#"{"errors":[]}"#, r#"{"errors":[{"code":"\u001b[2J"}]}"#] {
            let error = said(body);
            assert!(matches!(error, PublishError::Refused { status: 400, .. }), "{body}: {error:?}");
            assert!(!error.to_string().contains('\u{1b}'), "{error}");
        }
    }
}
