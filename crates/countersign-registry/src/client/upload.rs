//! Uploads of blobs: not at all if the registry has them, otherwise mounted, in one request, or in resumable pieces.
//!
//! Source: OCI distribution, "Pushing blobs".

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use http::{Method, StatusCode};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;
use url::Url;

use super::Repository;
use super::answer::{location, verify_stored};
use super::error::{Action, Part, RegistryError};
use crate::auth::Scope;
use crate::descriptor::Descriptor;
use crate::http::{Request, RequestBody, Response, origin};
use crate::transfer::{BlobSource, State};

/// How a blob came to be in the repository.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Uploaded {
    /// It was there before.
    Existed,
    /// The registry took it from this other repository.
    Mounted(String),
    /// Its bytes were sent.
    Sent,
}

/// One blob on its way up.
pub(crate) struct Upload<'a> {
    /// The blob.
    pub(crate) descriptor: &'a Descriptor,
    /// Where its bytes are.
    pub(crate) source: &'a dyn BlobSource,
    /// Another repository of the same registry that may have it.
    pub(crate) mount_from: Option<&'a str>,
    /// Hears how far it is.
    pub(crate) report: Arc<dyn Fn(State) + Send + Sync>,
}

enum Started {
    Mounted(String),
    At(Url),
}

impl Repository {
    /// Brings a blob from `source` into this repository.
    ///
    /// `mount_from` is another repository of the registry that may have it already. A transfer that breaks off goes on
    /// where the registry says it was, as often as [`Retry`](super::Retry) says.
    ///
    /// # Errors
    /// - [`RegistryError::Missing`], [`RegistryError::Place`]: the source doesn't have it or can't be read.
    /// - [`RegistryError::Status`]: among others when the registry finds another digest.
    pub async fn upload_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        mount_from: Option<&str>,
        report: Arc<dyn Fn(State) + Send + Sync>,
    ) -> Result<Uploaded, RegistryError> {
        self.upload(&Upload { descriptor, source, mount_from, report }).await
    }

    async fn upload(&self, upload: &Upload<'_>) -> Result<Uploaded, RegistryError> {
        let mut attempt = 1;
        // Where an upload that broke off can go on.
        let mut pending: Option<Url> = None;
        loop {
            let outcome = match pending.take() {
                Some(url) => self.resume(upload, url, &mut pending).await,
                None => self.begin(upload, &mut pending).await,
            };
            let error = match outcome {
                Ok(uploaded) => return Ok(uploaded),
                Err(error) => error,
            };
            attempt += 1;
            if !error.is_transient() || attempt > self.registry.retry.attempts {
                return Err(error);
            }
            (upload.report)(State::Retrying { attempt });
            self.registry.retry.pause(attempt).await;
        }
    }

    async fn begin(&self, upload: &Upload<'_>, pending: &mut Option<Url>) -> Result<Uploaded, RegistryError> {
        if self.has_blob_for(upload.descriptor, Action::Push).await? {
            return Ok(Uploaded::Existed);
        }
        match self.start(upload).await? {
            Started::Mounted(from) => Ok(Uploaded::Mounted(from)),
            Started::At(url) if upload.descriptor.size <= self.registry.monolithic_bytes => {
                self.finish(upload, url, 0).await
            }
            Started::At(url) => self.send_pieces(upload, url, 0, pending).await,
        }
    }

    async fn start(&self, upload: &Upload<'_>) -> Result<Started, RegistryError> {
        let (session, mut url) = self.locate("blobs/uploads/").await?;
        let mut scopes = self.scopes(Action::Push);
        if let Some(from) = upload.mount_from {
            let digest = upload.descriptor.digest.to_string();
            url.query_pairs_mut().append_pair("mount", &digest).append_pair("from", from);
            scopes.push(Scope::repository(from, "pull"));
        }
        let response = session.send(Request::post(url, Bytes::new()), &scopes).await?;
        let part = upload.part();
        match (response.status(), upload.mount_from) {
            (StatusCode::CREATED, Some(from)) => {
                verify_stored(&response, &upload.descriptor.digest, &part)?;
                Ok(Started::Mounted(from.to_owned()))
            }
            (StatusCode::ACCEPTED, _) => Ok(Started::At(location(&response, &part)?)),
            _ => Err(self.refusal(response, Action::Push, part).await),
        }
    }

    /// Asks how much the registry has, and goes on from there. If it doesn't know, the upload begins again.
    async fn resume(
        &self,
        upload: &Upload<'_>,
        url: Url,
        pending: &mut Option<Url>,
    ) -> Result<Uploaded, RegistryError> {
        let session = self.registry.session().await?;
        *pending = Some(url.clone());
        let response = session.send(Request::get(url.clone()), &self.scopes(Action::Push)).await?;
        if response.status() != StatusCode::NO_CONTENT {
            *pending = None;
            return self.begin(upload, pending).await;
        }
        let offset = received(&response).filter(|offset| *offset <= upload.descriptor.size).unwrap_or(0);
        let url = location(&response, &upload.part()).unwrap_or(url);
        self.send_pieces(upload, url, offset, pending).await
    }

    async fn send_pieces(
        &self,
        upload: &Upload<'_>,
        mut url: Url,
        mut offset: u64,
        pending: &mut Option<Url>,
    ) -> Result<Uploaded, RegistryError> {
        let session = self.registry.session().await?;
        let total = upload.descriptor.size;
        while offset < total {
            *pending = Some(url.clone());
            let length = self.registry.chunk_bytes.min(total - offset);
            let range = HeaderValue::from_str(&format!("{offset}-{}", offset + length - 1)).ok();
            let mut request = Request::new(Method::PATCH, url.clone()).header(CONTENT_TYPE, OCTETS);
            request.headers.extend(range.map(|range| (CONTENT_RANGE, range)));
            let response = session
                .send(request.body(upload.content(offset, length).await?), &self.scopes(Action::Push))
                .await?;
            if response.status() != StatusCode::ACCEPTED {
                if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
                    *pending = None;
                }
                return Err(self.refusal(response, Action::Push, upload.part()).await);
            }
            url = location(&response, &upload.part())?;
            // The registry may have kept less than was sent, never more.
            let kept = received(&response).unwrap_or(offset + length);
            if kept <= offset || kept > offset + length {
                let host = origin(response.url());
                let what = "it kept another part than was sent";
                return Err(RegistryError::Protocol { host, part: upload.part(), what });
            }
            offset = kept;
            response.read_prefix(1 << 10).await;
        }
        *pending = Some(url.clone());
        self.finish(upload, url, offset).await
    }

    /// Sends what is left from `offset` on, and the digest of the whole.
    async fn finish(
        &self,
        upload: &Upload<'_>,
        mut url: Url,
        offset: u64,
    ) -> Result<Uploaded, RegistryError> {
        let session = self.registry.session().await?;
        url.query_pairs_mut().append_pair("digest", &upload.descriptor.digest.to_string());
        let left = upload.descriptor.size - offset;
        let body =
            if left > 0 { upload.content(offset, left).await? } else { RequestBody::Bytes(Bytes::new()) };
        let request = Request::new(Method::PUT, url).header(CONTENT_TYPE, OCTETS).body(body);
        let response = session.send(request, &self.scopes(Action::Push)).await?;
        if !matches!(response.status(), StatusCode::CREATED | StatusCode::NO_CONTENT) {
            return Err(self.refusal(response, Action::Push, upload.part()).await);
        }
        verify_stored(&response, &upload.descriptor.digest, &upload.part())?;
        response.read_prefix(1 << 10).await;
        Ok(Uploaded::Sent)
    }
}

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

impl Upload<'_> {
    fn part(&self) -> Part {
        Part::Blob(self.descriptor.digest)
    }

    /// `length` bytes of the blob from `offset` on.
    async fn content(&self, offset: u64, length: u64) -> Result<RequestBody, RegistryError> {
        let unreadable = |source| RegistryError::Place { verb: "read", part: self.part(), source };
        let opened = self.source.open(&self.descriptor.digest, offset).await.map_err(unreadable)?;
        let reader = opened.ok_or_else(|| RegistryError::Missing { part: self.part() })?;
        let (report, total) = (Arc::clone(&self.report), self.descriptor.size);
        let mut done = offset;
        let pieces = ReaderStream::with_capacity(reader.content.take(length), 64 << 10);
        let counted = pieces.inspect(move |piece| {
            done += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            report(State::Pushing { done, total });
        });
        Ok(RequestBody::Stream { length, pieces: Box::pin(counted) })
    }
}

/// How many bytes the registry has of an upload: `Range: 0-1023` is 1,024.
///
/// `0-0` is taken for none: registries write it for none and for one alike.
fn received(response: &Response) -> Option<u64> {
    let text = response.header(&RANGE)?;
    let (start, end) = text.strip_prefix("bytes=").unwrap_or(text).split_once('-')?;
    let end: u64 = end.trim().parse().ok()?;
    (start.trim() == "0").then_some(if end == 0 { 0 } else { end + 1 })
}
