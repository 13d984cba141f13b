//! Downloads of blobs: streamed, compared with their digest, resumed when they break off.

use countersign_core::digest::Hasher;
use http::header::{CONTENT_RANGE, HeaderValue, RANGE};
use http::{Method, StatusCode};
use url::Url;

use super::Repository;
use super::answer::location;
use super::error::{Action, Part, RegistryError};
use crate::auth::AuthError;
use crate::descriptor::Descriptor;
use crate::http::{Request, Response, origin};
use crate::transfer::{BlobWriter, State};

/// Redirects that one download follows.
const MAX_REDIRECTS: u32 = 5;
/// Bytes that earn a transfer fresh attempts.
const PROGRESS_BYTES: u64 = 8 << 20;

/// What has arrived of a blob.
struct Arrived {
    bytes: u64,
    hasher: Hasher,
}

impl Repository {
    /// Whether the registry has this blob.
    pub async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        self.has_blob_for(descriptor, Action::Pull).await
    }

    pub(super) async fn has_blob_for(
        &self,
        descriptor: &Descriptor,
        action: Action,
    ) -> Result<bool, RegistryError> {
        let (session, url) = self.locate(&format!("blobs/{}", descriptor.digest)).await?;
        let response = session.send(Request::new(Method::HEAD, url), &self.scopes(action)).await?;
        match response.status().as_u16() {
            // A redirect leads to where it lies.
            200 | 301..=308 => Ok(true),
            404 => Ok(false),
            _ => Err(self.refusal(response, action, Part::Blob(descriptor.digest)).await),
        }
    }

    /// Writes a blob to `writer` and compares its size and digest with the descriptor. The caller commits.
    ///
    /// A transfer that breaks off goes on where it was, as often as [`Retry`](super::Retry) says.
    ///
    /// # Errors
    /// - [`RegistryError::Size`], [`RegistryError::Digest`]: it is not what the descriptor says.
    /// - [`RegistryError::Redirect`]: it lies where we don't go.
    /// - [`RegistryError::Place`]: the writer refused.
    ///
    /// Source: OCI distribution, "Pulling blobs"; RFC 9110 §14.
    pub async fn fetch_blob(
        &self,
        descriptor: &Descriptor,
        writer: &mut dyn BlobWriter,
        report: &(dyn Fn(State) + Send + Sync),
    ) -> Result<(), RegistryError> {
        let mut arrived = Arrived { bytes: 0, hasher: Hasher::new(descriptor.digest.algorithm()) };
        let (mut attempt, mut mark) = (1, 0);
        while let Err(error) = self.fetch_rest(descriptor, writer, &mut arrived, report).await {
            if arrived.bytes - mark >= PROGRESS_BYTES {
                (attempt, mark) = (1, arrived.bytes);
            }
            attempt += 1;
            if !error.is_transient() || attempt > self.registry.retry.attempts {
                return Err(error);
            }
            report(State::Retrying { attempt });
            self.registry.retry.pause(attempt).await;
        }
        let found = arrived.hasher.finish();
        if found == descriptor.digest {
            return Ok(());
        }
        let host = self.registry.inner.host.clone();
        Err(RegistryError::Digest { host, part: Part::Blob(descriptor.digest), found: Box::new(found) })
    }

    async fn fetch_rest(
        &self,
        descriptor: &Descriptor,
        writer: &mut dyn BlobWriter,
        arrived: &mut Arrived,
        report: &(dyn Fn(State) + Send + Sync),
    ) -> Result<(), RegistryError> {
        let part = Part::Blob(descriptor.digest);
        let total = descriptor.size;
        let mut response = self.get_blob(&part, arrived.bytes).await?;
        let host = origin(response.url());
        let size =
            |found| RegistryError::Size { host: host.clone(), part: part.clone(), expected: total, found };
        let mut skip = match response.status() {
            StatusCode::PARTIAL_CONTENT if arrived.bytes > 0 && starts_at(&response, arrived.bytes) => 0,
            StatusCode::OK => arrived.bytes,
            StatusCode::PARTIAL_CONTENT => {
                return Err(RegistryError::Protocol {
                    host,
                    part,
                    what: "it sent another range than was asked for",
                });
            }
            _ => return Err(self.refusal(response, Action::Pull, part).await),
        };
        let before = arrived.bytes - skip;
        if let Some(announced) = response.content_length().filter(|announced| before + announced != total) {
            return Err(size(before + announced));
        }
        while let Some(mut piece) = response.chunk().await.map_err(AuthError::from)? {
            let known = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
            drop(piece.split_to(known));
            skip -= known as u64;
            if piece.is_empty() {
                continue;
            }
            let bytes = arrived.bytes + piece.len() as u64;
            if bytes > total {
                return Err(size(bytes));
            }
            arrived.hasher.update(&piece);
            arrived.bytes = bytes;
            let place = |source| RegistryError::Place { verb: "write", part: part.clone(), source };
            writer.write(piece).await.map_err(place)?;
            report(State::Downloading { done: arrived.bytes, total });
        }
        if arrived.bytes < total { Err(size(arrived.bytes)) } else { Ok(()) }
    }

    /// Asks for a blob from `offset` on, and follows to where it lies. Only the registry sees authorization.
    async fn get_blob(&self, part: &Part, offset: u64) -> Result<Response, RegistryError> {
        let Part::Blob(digest) = part else {
            return Err(RegistryError::Missing { part: part.clone() });
        };
        let (session, mut url) = self.locate(&format!("blobs/{digest}")).await?;
        let scopes = self.scopes(Action::Pull);
        let request = |url: Url| {
            let range =
                (offset > 0).then(|| HeaderValue::from_str(&format!("bytes={offset}-")).ok()).flatten();
            match range {
                Some(range) => Request::get(url).header(RANGE, range),
                None => Request::get(url),
            }
        };
        for _ in 0..=MAX_REDIRECTS {
            let response = session.send(request(url.clone()), &scopes).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            url = location(&response, part)?;
            response.read_prefix(16 << 10).await;
        }
        Err(RegistryError::Redirect {
            host: self.registry.inner.host.clone(),
            part: part.clone(),
            to: format!("{}://{}", url.scheme(), origin(&url)),
            reason: "it was the last of too many",
        })
    }
}

/// Whether a partial answer begins where it was asked to.
fn starts_at(response: &Response, offset: u64) -> bool {
    let start = response.header(&CONTENT_RANGE).and_then(|text| {
        let (start, _) = text.trim().strip_prefix("bytes ")?.split_once('-')?;
        start.trim().parse::<u64>().ok()
    });
    start == Some(offset)
}
