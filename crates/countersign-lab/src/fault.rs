//! The ways in which a server answers badly.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use crate::serve::Fate;

/// Largest answer that a fault is put on, in bytes.
const MAX_ANSWER: usize = 512 * 1024 * 1024;

/// How long the first part of a body has to leave before its connection breaks.
const HEAD_START: Duration = Duration::from_millis(30);

/// A way of answering badly.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// This status, with a short text as its body. The request has no effect.
    Status(u16),
    /// A page for people, with status 200, as captive portals send it. The request has no effect.
    Html,
    /// A redirection (307) to this address. The request has no effect.
    Redirect(String),
    /// Status 401 with this challenge, however often and with whatever credentials one asks.
    Unauthorized(String),
    /// No answer at all; the connection stays open. The request has no effect.
    Hang,
    /// Other bytes, under the headers that belong to the right ones but for their length.
    Instead(Bytes),
    /// The right bytes under this media type.
    MediaType(String),
    /// The first so many bytes, and a `Content-Length` that agrees.
    Short(usize),
    /// The first so many bytes of a longer `Content-Length`; then the connection is closed.
    CutOff(usize),
    /// The first so many bytes; then the connection is reset.
    Reset(usize),
    /// The right bytes, and then white space without end.
    Endless,
    /// The right bytes, a piece of so many at a time, with a pause before each.
    Slow {
        /// Bytes in a piece.
        piece: usize,
        /// The pause before each piece.
        pause: Duration,
    },
}

impl Fault {
    /// The whole answer, for faults that leave nothing of the right one.
    pub(crate) async fn outright(&self) -> Option<Response> {
        match self {
            Self::Status(code) => {
                let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Some(answer(status, "text/plain", format!("{status}\n")))
            }
            Self::Html => {
                let page = "<!DOCTYPE html>\n<html><body><h1>Welcome to our network</h1></body></html>\n";
                Some(answer(StatusCode::OK, "text/html; charset=utf-8", page))
            }
            Self::Redirect(to) => {
                let mut response = answer(StatusCode::TEMPORARY_REDIRECT, "text/plain", "");
                response.headers_mut().insert(LOCATION, header(to));
                Some(response)
            }
            Self::Unauthorized(challenge) => {
                let mut response = answer(StatusCode::UNAUTHORIZED, "text/plain", "");
                response.headers_mut().insert(WWW_AUTHENTICATE, header(challenge));
                Some(response)
            }
            Self::Hang => pending().await,
            _ => None,
        }
    }

    /// Puts the fault on the right answer.
    pub(crate) async fn spoil(&self, response: Response, fate: &Fate) -> Response {
        let (mut parts, body) = response.into_parts();
        let Ok(right) = to_bytes(body, MAX_ANSWER).await else {
            return answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "the right answer is too long\n");
        };
        let first = |count: usize| right.slice(..count.min(right.len()));
        let (length, body) = match self {
            Self::Instead(bytes) => (Some(bytes.len()), Body::from(bytes.clone())),
            Self::MediaType(media_type) => {
                parts.headers.insert(CONTENT_TYPE, header(media_type));
                (Some(right.len()), Body::from(right))
            }
            Self::Short(count) => (Some(first(*count).len()), Body::from(first(*count))),
            Self::CutOff(count) => (Some(right.len()), Body::from_stream(broken_off(first(*count), None))),
            Self::Reset(count) => {
                (Some(right.len()), Body::from_stream(broken_off(first(*count), Some(fate.clone()))))
            }
            Self::Endless => (None, Body::from_stream(endless(right))),
            Self::Slow { piece, pause } => {
                (Some(right.len()), Body::from_stream(dripping(right, (*piece).max(1), *pause)))
            }
            _ => (Some(right.len()), Body::from(right)),
        };
        match length {
            Some(length) => parts.headers.insert(CONTENT_LENGTH, length.into()),
            None => parts.headers.remove(CONTENT_LENGTH),
        };
        Response::from_parts(parts, body)
    }
}

fn answer(status: StatusCode, media_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, header(media_type));
    response
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `bytes`, and then an error, which ends the connection: with a reset when there is a fate to decide.
fn broken_off(bytes: Bytes, fate: Option<Fate>) -> impl Stream<Item = io::Result<Bytes>> {
    let end = async move {
        tokio::time::sleep(HEAD_START).await;
        if let Some(fate) = fate {
            fate.reset();
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    };
    stream::iter([Ok(bytes)]).chain(stream::once(end))
}

fn endless(bytes: Bytes) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::iter([Ok(bytes)]).chain(stream::repeat_with(|| Ok(Bytes::from_static(&[b' '; 16 * 1024]))))
}

fn dripping(bytes: Bytes, piece: usize, pause: Duration) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(bytes, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let next = left.split_to(piece.min(left.len()));
        Some((Ok(next), left))
    })
}
