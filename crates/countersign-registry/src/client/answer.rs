//! Reading what a registry says when it does not do what it was asked.

use countersign_core::digest::Digest;
use http::header::{HeaderName, LOCATION};
use serde::Deserialize;
use url::Url;

use super::Repository;
use super::error::{Action, Part, RegistryError};
use crate::http::{Response, origin};

/// Longest error page that is looked at, in bytes.
const MAX_PAGE_BYTES: usize = 16 << 10;
/// Longest message that is passed on, in characters.
const MAX_MESSAGE: usize = 300;
/// Names the digest of what was stored or served.
const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl Repository {
    /// What an answer means that was not the one hoped for.
    pub(super) async fn refusal(&self, response: Response, action: Action, part: Part) -> RegistryError {
        let host = origin(response.url());
        let status = response.status().as_u16();
        let repository = self.path.clone();
        let message = message(&response.read_prefix(MAX_PAGE_BYTES).await);
        match status {
            401 | 403 => RegistryError::Denied { host, action, repository, message },
            404 => RegistryError::NotFound { host, repository, part },
            429 => RegistryError::TooMany { host, message },
            status => RegistryError::Status { host, part, status, message },
        }
    }
}

/// The place that an answer names, never one with less protection than the one that was asked.
///
/// A registry behind a TLS proxy may believe that it speaks plain HTTP; its own places are then asked over TLS.
pub(super) fn location(response: &Response, part: &Part) -> Result<Url, RegistryError> {
    follow(response.url(), response.header(&LOCATION), part)
}

fn follow(from: &Url, text: Option<&str>, part: &Part) -> Result<Url, RegistryError> {
    let host = || origin(from);
    let missing =
        || RegistryError::Protocol { host: host(), part: part.clone(), what: "no usable `Location`" };
    let mut to = from.join(text.ok_or_else(missing)?).map_err(|_| missing())?;
    let refused = |to: &Url, reason| RegistryError::Redirect {
        host: host(),
        part: part.clone(),
        to: format!("{}://{}", to.scheme(), origin(to)),
        reason,
    };
    if from.scheme() == "https" && to.scheme() == "http" {
        let own = to.host() == from.host()
            && (to.port() == from.port() || to.port() == from.port_or_known_default());
        if !own || to.set_scheme("https").is_err() {
            return Err(refused(&to, "it would leave TLS"));
        }
    }
    if !matches!(to.scheme(), "https" | "http") || !to.username().is_empty() || to.password().is_some() {
        return Err(refused(&to, "only plain URLs of HTTP are"));
    }
    Ok(to)
}

/// Refuses an answer that names another digest than the content has that was sent.
pub(super) fn verify_stored(response: &Response, digest: &Digest, part: &Part) -> Result<(), RegistryError> {
    let named = response.header(&DOCKER_CONTENT_DIGEST).and_then(|text| text.parse::<Digest>().ok());
    match named {
        Some(named) if named.algorithm() == digest.algorithm() && named != *digest => {
            Err(RegistryError::Protocol {
                host: origin(response.url()),
                part: part.clone(),
                what: "it says that it stored another digest",
            })
        }
        _ => Ok(()),
    }
}

/// The first message of a registry's error page; nothing of a page that isn't one.
fn message(page: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Page {
        errors: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let page: Page = serde_json::from_slice(page).ok()?;
    let first = page.errors.into_iter().next()?;
    let text = if first.message.is_empty() { first.code } else { first.message };
    (!text.is_empty()).then(|| text.chars().take(MAX_MESSAGE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_never_lose_protection() {
        let part = Part::Tag("x".to_owned());
        let go = |from: &str, to: &str| {
            let from = from.parse().unwrap_or_else(|error| panic!("{from}: {error}"));
            follow(&from, Some(to), &part).map(String::from)
        };
        for (from, to, expected) in [
            ("https://r.example/v2/", "/a?b=c%2B", "https://r.example/a?b=c%2B"),
            ("https://r.example/v2/", "https://cdn.example/a", "https://cdn.example/a"),
            ("https://r.example/v2/", "http://r.example/a", "https://r.example/a"),
            ("https://r.example:5000/v2/", "http://r.example:5000/a", "https://r.example:5000/a"),
            ("http://localhost:5000/v2/", "http://localhost:6000/a", "http://localhost:6000/a"),
            ("http://localhost:5000/v2/", "//cdn.example/a", "http://cdn.example/a"),
        ] {
            assert_eq!(go(from, to).ok().as_deref(), Some(expected), "{to}");
        }
        for to in [
            "http://cdn.example/a",
            "http://r.example:8080/a",
            "ftp://r.example/a",
            "https://u:p@r.example/",
            "file:///a",
        ] {
            assert!(matches!(go("https://r.example/v2/", to), Err(RegistryError::Redirect { .. })), "{to}");
        }
    }

    #[test]
    fn message_is_taken_from_error_pages_only() {
        let page = br#"{"errors":[{"code":"DENIED","message":"requested access is denied","detail":[1]}]}"#;
        assert_eq!(message(page).as_deref(), Some("requested access is denied"));
        assert_eq!(message(br#"{"errors":[{"code":"UNKNOWN"}]}"#).as_deref(), Some("UNKNOWN"));
        for other in ["<html>", "", "{}", r#"{"errors":[]}"#] {
            assert_eq!(message(other.as_bytes()), None, "{other}");
        }
    }
}
