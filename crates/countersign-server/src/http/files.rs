//! Serving metadata files, with Notary's caching headers and a validator of ours.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use countersign_core::name::{Gun, RoleName};
use countersign_core::time::DateTime;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED, PRAGMA};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::error::ApiError;
use super::{Api, Selector};
use crate::storage::StoredFile;

/// Answers with a file, or with 304 when the asker has it.
pub(super) async fn serve(
    api: &Api,
    gun: &Gun,
    role: &RoleName,
    selector: Selector,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let file = api.service.file(gun, role, selector).await?.ok_or(ApiError::NotFound)?;
    let headers = headers(&file, cache_control(api, selector));
    if has(asked, &file) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let plain = [(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))];
    Ok((headers, plain, Body::from(file.bytes.clone())).into_response())
}

/// Source: notary `utils/http.go`.
fn cache_control(api: &Api, selector: Selector) -> (String, bool) {
    let (age, must_revalidate) = match selector {
        Selector::Current => (api.caching.current_metadata, ", must-revalidate"),
        Selector::Version(_) | Selector::Checksum(_) => (api.caching.consistent_metadata, ""),
    };
    match age {
        0 => ("max-age=0, no-cache, no-store".to_owned(), true),
        age => (format!("public, max-age={age}, s-maxage={age}{must_revalidate}"), false),
    }
}

fn headers(file: &StoredFile, (cache_control, is_forbidden): (String, bool)) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    put(CACHE_CONTROL, cache_control);
    if is_forbidden {
        put(PRAGMA, "no-cache".to_owned());
    }
    put(ETAG, etag(file));
    if let Some(at) = file.stored_at {
        put(LAST_MODIFIED, http_date(at));
    }
    headers
}

fn etag(file: &StoredFile) -> String {
    format!("\"{}\"", file.sha256.hex())
}

/// Whether the asker names this very file in `If-None-Match`.
///
/// Source: RFC 9110 §13.1.2.
fn has(asked: &HeaderMap, file: &StoredFile) -> bool {
    let own = etag(file);
    let named = |value: &HeaderValue| {
        let value = value.to_str().unwrap_or_default();
        value.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == own)
    };
    asked.get_all(IF_NONE_MATCH).iter().any(named)
}

/// An instant as HTTP writes it: `Tue, 24 Nov 2026 00:27:22 GMT`.
///
/// Deviation: Notary writes `UTC` or `+0000`, which is no HTTP date (13 B11).
///
/// Source: RFC 9110 §5.6.7.
fn http_date(at: DateTime) -> String {
    let text = at.go_unix_date();
    let mut words = text.split_whitespace();
    let mut word = || words.next().unwrap_or_default();
    let (weekday, month, day, clock, _zone, year) = (word(), word(), word(), word(), word(), word());
    format!("{weekday}, {day:0>2} {month} {year} {clock} GMT")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use countersign_core::digest::Digest;
    use countersign_core::name::TopRole;
    use countersign_core::number::MetaVersion;

    use super::*;

    #[test]
    fn date_is_an_http_date() {
        let date = |text: &str| http_date(text.parse().expect("a time"));
        assert_eq!(date("2026-11-24T00:27:22.5Z"), "Tue, 24 Nov 2026 00:27:22 GMT");
        assert_eq!(date("2026-11-01T10:00:00Z"), "Sun, 01 Nov 2026 10:00:00 GMT");
    }

    #[test]
    fn validator_matches_its_own_file_only() {
        let bytes = Bytes::from_static(b"x");
        let sha256 = Digest::sha256(&bytes);
        let file = StoredFile {
            role: TopRole::Root.into(),
            version: MetaVersion::FIRST,
            sha256,
            bytes,
            stored_at: None,
        };
        let own = etag(&file);
        let asked = |value: &str| {
            let value = HeaderValue::try_from(value).expect("a header");
            has(&HeaderMap::from_iter([(IF_NONE_MATCH, value)]), &file)
        };
        for value in [own.clone(), format!("W/{own}"), format!("\"other\", {own}"), "*".to_owned()] {
            assert!(asked(&value), "{value}");
        }
        for value in ["\"other\"", sha256.hex().as_str(), ""] {
            assert!(!asked(value), "{value}");
        }
        assert!(!has(&HeaderMap::new(), &file));
    }
}
