//! Answers, read in pieces or into memory, never without a bound.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;
use url::Url;

use super::client::classify;
use super::error::{HttpError, Phase};
use super::origin::origin;

/// An answer whose body has not been read.
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
    body: Incoming,
    idle_timeout: Duration,
    read_timeout: Duration,
}

impl Response {
    pub(super) fn new(
        response: hyper::Response<Incoming>,
        url: Url,
        idle_timeout: Duration,
        read_timeout: Duration,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self { status: head.status, headers: head.headers, url, body, idle_timeout, read_timeout }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header's value, if it is there and is visible ASCII.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type of the body, without parameters.
    pub fn media_type(&self) -> Option<&str> {
        self.header(&CONTENT_TYPE)?.split(';').next().map(str::trim)
    }

    /// The URL that was asked.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How many bytes the body will have, if the host says so.
    pub fn content_length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// - [`HttpError::Timeout`]: nothing came for [`idle_timeout`](super::HttpConfig::idle_timeout).
    /// - [`HttpError::Reset`]: the connection ended before the body did.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let after = self.idle_timeout;
            let late = |_| HttpError::Timeout { host: origin(&self.url), phase: Phase::Body, after };
            match timeout(after, self.body.frame()).await.map_err(late)? {
                None => return Ok(None),
                Some(Err(error)) => return Err(classify(&error, || origin(&self.url))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body, at most `max_bytes`.
    ///
    /// A host that announces more is refused before anything is read.
    ///
    /// # Errors
    /// - [`HttpError::TooLarge`]: there are more bytes.
    /// - the errors of [`Response::chunk`], and [`HttpError::Timeout`] after
    ///   [`read_timeout`](super::HttpConfig::read_timeout) in all.
    pub async fn read_bounded(mut self, max_bytes: u64) -> Result<Bytes, HttpError> {
        let host = origin(&self.url);
        let after = self.read_timeout;
        let reading = self.read_all(max_bytes);
        timeout(after, reading).await.map_err(|_| HttpError::Timeout { host, phase: Phase::Body, after })?
    }

    /// What an error page says: at most its first `max_bytes`, and nothing if it can't be read.
    pub async fn read_prefix(mut self, max_bytes: usize) -> Bytes {
        let mut prefix = BytesMut::new();
        let reading = async {
            while let Ok(Some(piece)) = self.chunk().await {
                prefix.extend_from_slice(&piece);
                if prefix.len() >= max_bytes {
                    break;
                }
            }
        };
        let _ = timeout(Duration::from_secs(5), reading).await;
        prefix.truncate(max_bytes);
        prefix.freeze()
    }

    async fn read_all(&mut self, max_bytes: u64) -> Result<Bytes, HttpError> {
        let too_large = |url: &Url| HttpError::TooLarge { host: origin(url), limit: max_bytes };
        if self.body.size_hint().lower() > max_bytes {
            return Err(too_large(&self.url));
        }
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if first.len() as u64 > max_bytes {
            return Err(too_large(&self.url));
        }
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let announced = self.body.size_hint().lower().min(max_bytes);
        let mut whole =
            BytesMut::with_capacity(first.len() + second.len() + usize::try_from(announced).unwrap_or(0));
        whole.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(piece) = next {
            if (whole.len() + piece.len()) as u64 > max_bytes {
                return Err(too_large(&self.url));
            }
            whole.extend_from_slice(&piece);
            next = self.chunk().await?;
        }
        Ok(whole.freeze())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({} from {})", self.status, origin(&self.url))
    }
}
