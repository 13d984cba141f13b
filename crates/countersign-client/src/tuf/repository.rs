//! Where the files of a repository are.

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::name::{RoleName, TargetName};
use countersign_core::number::MetaVersion;
use countersign_registry::auth::AuthError;
use countersign_registry::http::{HttpClient, Request, Response};
use http::StatusCode;
use thiserror::Error;
use url::Url;

use super::{quoted, short};
use crate::remote::FetchError;
use crate::remote_http::answer::{fetch_error, status_error};

/// Most that is read of an answer that is an error, in bytes.
const ERROR_BYTES: usize = 64 << 10;

/// A repository on the web. What it gives is believed by nobody until the core has checked it.
#[derive(Clone, Debug)]
pub struct TufRepository {
    http: HttpClient,
    metadata: Url,
    targets: Option<Url>,
}

/// An address that cannot be one of a repository.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{}` is no address of a repository: it must be an `http` or `https` URL without query", .0.escape_default())]
pub struct TufRepositoryError(String);

impl TufRepository {
    /// A repository whose metadata is below `metadata`, and whose targets are below `targets`, by default in `targets/` beside
    /// the metadata.
    ///
    /// # Errors
    /// [`TufRepositoryError`]: one of them is no such address.
    pub fn new(http: HttpClient, metadata: &str, targets: Option<&str>) -> Result<Self, TufRepositoryError> {
        let metadata = base(metadata)?;
        let targets = targets.map(base).transpose()?;
        Ok(Self { http, metadata, targets })
    }

    /// The host, as messages name it.
    pub fn host(&self) -> String {
        let host = self.metadata.host_str().unwrap_or_default();
        self.metadata.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// A name for a directory of this repository's files: its host and path, as one segment.
    pub fn directory_name(&self) -> String {
        short(quoted(&format!("{}{}", self.host(), self.metadata.path().trim_end_matches('/'))))
    }

    /// Fetches the metadata file of a role, of at most `max_bytes`: the one of `version`, or the one without a version in its name.
    pub(super) async fn metadata(
        &self,
        role: &RoleName,
        version: Option<MetaVersion>,
        max_bytes: u64,
    ) -> Result<Bytes, FetchError> {
        let prefix = version.map(|version| format!("{version}.")).unwrap_or_default();
        let url = self.join(&self.metadata, &format!("{prefix}{}.json", quoted(role.as_str())))?;
        let response = self.get(url).await?;
        let read = response.read_bounded(max_bytes).await;
        read.map_err(|error| fetch_error(&self.host(), AuthError::Http(error)))
    }

    /// Opens a target's content. With a `digest`, it is the file that has it in its name.
    pub(super) async fn target(
        &self,
        name: &TargetName,
        digest: Option<&Digest>,
    ) -> Result<Response, FetchError> {
        let mut segments: Vec<_> = name.as_str().split('/').map(quoted).collect();
        if let (Some(digest), Some(last)) = (digest, segments.last_mut()) {
            *last = format!("{}.{last}", digest.hex());
        }
        let base = match &self.targets {
            Some(targets) => targets.clone(),
            None => self.join(&self.metadata, "targets/")?,
        };
        self.get(self.join(&base, &segments.join("/"))?).await
    }

    async fn get(&self, url: Url) -> Result<Response, FetchError> {
        let host = self.host();
        let sent = self.http.send(Request::get(url)).await;
        let response = sent.map_err(|error| fetch_error(&host, AuthError::Http(error)))?;
        let status = response.status();
        if status != StatusCode::OK {
            // Read, so that the connection can be used again.
            response.read_prefix(ERROR_BYTES).await;
            return Err(status_error(&host, status));
        }
        Ok(response)
    }

    /// The address of `path`, whose segments are quoted, below `base`.
    fn join(&self, base: &Url, path: &str) -> Result<Url, FetchError> {
        let joined = Url::parse(&format!("{base}{path}")).ok();
        joined.filter(|url| url.as_str().starts_with(base.as_str())).ok_or_else(|| FetchError::BadAnswer {
            server: self.host(),
            reason: format!("it names `{}`, which is outside of it", path.escape_default()),
        })
    }
}

fn base(text: &str) -> Result<Url, TufRepositoryError> {
    let refused = || TufRepositoryError(text.to_owned());
    let mut url = Url::parse(text).map_err(|_| refused())?;
    let is_bare = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) || !is_bare {
        return Err(refused());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_ends_with_a_slash_and_has_no_query() {
        assert_eq!(base("http://h/a").map(String::from).as_deref(), Ok("http://h/a/"));
        assert_eq!(base("https://h").map(String::from).as_deref(), Ok("https://h/"));
        for bad in ["h/a", "ftp://h/a", "https://h/?q", "https://me:secret@h/", "file:///a"] {
            assert!(base(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn nothing_is_asked_for_outside_of_the_repository() {
        let http = HttpClient::new(countersign_registry::http::HttpConfig::default());
        let repository = TufRepository::new(http, "http://h/r/metadata", None).expect("an address");
        for outside in ["../a", "%2e%2e/a", "a/../../b", "./../x"] {
            assert!(repository.join(&repository.metadata, outside).is_err(), "{outside} was accepted");
        }
        let url = repository.join(&repository.metadata, "1...%2Fa.json").expect("inside");
        assert_eq!(url.as_str(), "http://h/r/metadata/1...%2Fa.json");
    }
}
