//! What a request's path asks for. A repository's name has any number of parts, so a path is parsed whole.

use std::fmt;

use countersign_core::digest::Digest;

use crate::registry::error::RegistryError;

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Route {
    /// `/v2/`
    Ping,
    /// `/token`
    Token,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/NAME/tags/list`
    Tags { name: String },
    /// `/v2/NAME/referrers/DIGEST`
    Referrers { name: String, digest: Digest },
    /// `/v2/NAME/manifests/REFERENCE`
    Manifest { name: String, reference: Reference },
    /// `/v2/NAME/blobs/DIGEST`
    Blob { name: String, digest: Digest },
    /// `/v2/NAME/blobs/uploads/`
    Uploads { name: String },
    /// `/v2/NAME/blobs/uploads/ID`
    Upload { name: String, id: String },
    /// `/v2/NAME/_trust/…`: what a trust server would have. Nothing is there, for those who may ask.
    Trust { name: String },
}

impl Route {
    /// Parses a path.
    pub(super) fn parse(path: &str) -> Result<Self, RegistryError> {
        match path {
            "/v2/" | "/v2" => return Ok(Self::Ping),
            "/v2/_catalog" => return Ok(Self::Catalog),
            "/token" => return Ok(Self::Token),
            _ => {}
        }
        let tail = path.strip_prefix("/v2/").ok_or(RegistryError::NotFound)?;
        if let Some((name, _)) = tail.split_once("/_trust/") {
            return Ok(Self::Trust { name: repository_name(&name.split('/').collect::<Vec<_>>())? });
        }
        let mut parts: Vec<&str> = tail.split('/').collect();
        let last = parts.pop().unwrap_or_default();
        let kind = parts.pop().unwrap_or_default();
        let is_upload = kind == "uploads" && parts.last() == Some(&"blobs");
        if is_upload {
            parts.pop();
        }
        let name = repository_name(&parts)?;
        match kind {
            "uploads" if is_upload && last.is_empty() => Ok(Self::Uploads { name }),
            "uploads" if is_upload => Ok(Self::Upload { name, id: last.to_owned() }),
            "tags" if last == "list" => Ok(Self::Tags { name }),
            "referrers" => Ok(Self::Referrers { name, digest: digest(last)? }),
            "manifests" => Ok(Self::Manifest { name, reference: Reference::parse(last)? }),
            // Some clients leave the last slash out.
            "blobs" if last == "uploads" => Ok(Self::Uploads { name }),
            "blobs" => Ok(Self::Blob { name, digest: digest(last)? }),
            _ => Err(RegistryError::NotFound),
        }
    }

    /// The repository that it is about.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Ping | Self::Token | Self::Catalog => None,
            Self::Tags { name }
            | Self::Referrers { name, .. }
            | Self::Manifest { name, .. }
            | Self::Blob { name, .. }
            | Self::Uploads { name }
            | Self::Upload { name, .. }
            | Self::Trust { name } => Some(name),
        }
    }
}

/// How a manifest is named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Reference {
    /// By a tag.
    Tag(String),
    /// By its digest.
    Digest(Digest),
}

impl Reference {
    fn parse(text: &str) -> Result<Self, RegistryError> {
        if text.contains(':') {
            return digest(text).map(Self::Digest);
        }
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let mut bytes = text.bytes();
        let is_tag = text.len() <= 128
            && bytes.next().is_some_and(word)
            && bytes.all(|byte| word(byte) || matches!(byte, b'.' | b'-'));
        if is_tag { Ok(Self::Tag(text.to_owned())) } else { Err(RegistryError::TagInvalid) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

pub(super) fn digest(text: &str) -> Result<Digest, RegistryError> {
    text.parse().map_err(|_| RegistryError::DigestInvalid)
}

/// Source: OCI distribution specification, "Pulling manifests" (the expression for `name`).
fn repository_name(parts: &[&str]) -> Result<String, RegistryError> {
    let is_part = |part: &&str| {
        let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let inside = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
        };
        edge(part.bytes().next())
            && edge(part.bytes().last())
            && part.bytes().all(inside)
            && !part.contains("..")
    };
    if parts.is_empty() || !parts.iter().all(is_part) {
        return Err(RegistryError::NameInvalid);
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_any_number_of_parts_are_parsed() {
        for name in ["app", "team/app", "a/b/c/d/e", "tags/list", "blobs/uploads"] {
            let route = Route::parse(&format!("/v2/{name}/manifests/1.4")).expect("a manifest's path");
            assert_eq!(route, Route::Manifest { name: name.into(), reference: Reference::Tag("1.4".into()) });
            let route = Route::parse(&format!("/v2/{name}/blobs/uploads/")).expect("an upload's path");
            assert_eq!(route, Route::Uploads { name: name.into() });
            let route = Route::parse(&format!("/v2/{name}/blobs/uploads/7")).expect("an upload's path");
            assert_eq!(route, Route::Upload { name: name.into(), id: "7".into() });
        }
    }

    #[test]
    fn names_outside_the_grammar_are_refused() {
        for name in ["", "App", "a//b", "-a", "a-", "../a", "a/..", "a..b", "a b"] {
            assert!(Route::parse(&format!("/v2/{name}/manifests/1.4")).is_err(), "{name:?} was accepted");
        }
    }

    #[test]
    fn references_that_are_neither_tag_nor_digest_are_refused() {
        for reference in ["", ".a", "-a", "a/b:c", "sha256:00", "md5:00", &"a".repeat(129)] {
            assert!(
                Route::parse(&format!("/v2/a/manifests/{reference}")).is_err(),
                "{reference:?} was accepted"
            );
        }
    }
}
