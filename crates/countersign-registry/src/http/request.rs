//! Requests and what they carry.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use http_body::{Body, Frame, SizeHint};
use url::Url;

/// One request.
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Its headers; `Host`, `User-Agent` and `Content-Length` are added when it is sent.
    pub headers: HeaderMap,
    /// What it carries.
    pub body: RequestBody,
}

impl Request {
    /// A request without headers and content.
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: RequestBody::Empty }
    }

    /// A GET.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// A POST with content.
    pub fn post(url: Url, body: impl Into<RequestBody>) -> Self {
        Self::new(Method::POST, url).body(body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets what it carries.
    #[must_use]
    pub fn body(mut self, body: impl Into<RequestBody>) -> Self {
        self.body = body.into();
        self
    }

    /// The same request again; `None` if its content can be read only once.
    pub fn replay(&self) -> Option<Self> {
        let body = match &self.body {
            RequestBody::Empty => RequestBody::Empty,
            RequestBody::Bytes(bytes) => RequestBody::Bytes(bytes.clone()),
            RequestBody::Stream { .. } => return None,
        };
        Some(Self { method: self.method.clone(), url: self.url.clone(), headers: self.headers.clone(), body })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {}{})", self.method, super::origin(&self.url), self.url.path())
    }
}

/// What a request carries.
#[derive(Default)]
pub enum RequestBody {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// Exactly `length` bytes, in pieces.
    Stream {
        /// How many bytes the pieces have together.
        length: u64,
        /// The pieces.
        pieces: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    },
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for RequestBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream { length, .. } => write!(f, "Stream({length})"),
        }
    }
}

/// A body on its way out, which counts the pieces that the connection took.
pub(super) struct Outgoing {
    body: RequestBody,
    left: u64,
    taken: Arc<AtomicU64>,
}

impl Outgoing {
    /// Wraps `body`; `taken` counts the pieces.
    pub(super) fn new(body: RequestBody, taken: Arc<AtomicU64>) -> Self {
        let left = match &body {
            RequestBody::Empty => 0,
            RequestBody::Bytes(bytes) => bytes.len() as u64,
            RequestBody::Stream { length, .. } => *length,
        };
        Self { body, left, taken }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.body {
            RequestBody::Empty => Poll::Ready(None),
            RequestBody::Bytes(bytes) => {
                // Small pieces, so that the progress of a large upload shows.
                let piece = bytes.split_to(bytes.len().min(64 << 10));
                Poll::Ready((!piece.is_empty()).then_some(Ok(piece)))
            }
            RequestBody::Stream { pieces, .. } => pieces.as_mut().poll_next(cx),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = ContentError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ContentError>>> {
        let piece = ready!(self.poll_piece(cx));
        self.taken.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(match piece {
            Some(Ok(piece)) => match self.left.checked_sub(piece.len() as u64) {
                Some(left) => {
                    self.left = left;
                    Some(Ok(Frame::data(piece)))
                }
                None => Some(Err(ContentError(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it is longer than declared",
                )))),
            },
            Some(Err(error)) => Some(Err(ContentError(error))),
            None if self.left > 0 => Some(Err(ContentError(io::ErrorKind::UnexpectedEof.into()))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// The content of a request could not be read.
#[derive(Debug)]
pub(super) struct ContentError(pub(super) io::Error);

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ContentError {}
