//! What was asked, when, and what became of it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::extract::Request;
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};

use crate::lock;

/// A request, and what became of it. Times count from the proxy's start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exchange {
    /// Its method.
    pub method: Method,
    /// Its path, and its query if it had one.
    pub path: String,
    /// Whether it carried credentials.
    pub is_authorized: bool,
    /// When the client sent it, the delay that the proxy adds included.
    pub arrived: Duration,
    /// When the client got the head of the answer, the delay included. `None`: it was not answered.
    pub answered: Option<Duration>,
    /// The status of the answer.
    pub status: Option<StatusCode>,
}

/// All requests of a proxy.
#[derive(Debug)]
pub(super) struct Record {
    start: Instant,
    /// With what each was numbered, so that an end finds its beginning when others were forgotten in between.
    exchanges: Mutex<(u64, Vec<(u64, Exchange)>)>,
}

impl Record {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), exchanges: Mutex::default() }
    }

    /// Notes that a request came, and returns its number.
    pub(super) fn begin(&self, request: &Request) -> u64 {
        let exchange = Exchange {
            method: request.method().clone(),
            path: request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            is_authorized: request.headers().contains_key(AUTHORIZATION),
            arrived: self.start.elapsed(),
            answered: None,
            status: None,
        };
        let (next, exchanges) = &mut *lock(&self.exchanges);
        *next += 1;
        exchanges.push((*next, exchange));
        *next
    }

    /// Notes that the request `number` was answered.
    pub(super) fn end(&self, number: u64, status: StatusCode) {
        let answered = self.start.elapsed();
        let (_, exchanges) = &mut *lock(&self.exchanges);
        if let Some((_, exchange)) = exchanges.iter_mut().find(|(there, _)| *there == number) {
            exchange.answered = Some(answered);
            exchange.status = Some(status);
        }
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.exchanges).1.iter().map(|(_, exchange)| exchange.clone()).collect()
    }

    pub(super) fn forget(&self) {
        lock(&self.exchanges).1.clear();
    }
}

/// The length of the longest chain of answered exchanges in which each began after the one before it was answered.
pub(super) fn round_trips(exchanges: &[Exchange]) -> usize {
    let mut spans: Vec<(Duration, Duration)> = exchanges
        .iter()
        .filter_map(|exchange| exchange.answered.map(|answered| (answered, exchange.arrived)))
        .collect();
    spans.sort_unstable();
    let mut last_answer = None;
    let mut count = 0;
    for (answered, arrived) in spans {
        if last_answer.is_none_or(|last| arrived >= last) {
            last_answer = Some(answered);
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(arrived: u64, answered: u64) -> Exchange {
        Exchange {
            method: Method::GET,
            path: "/v2/".to_owned(),
            is_authorized: false,
            arrived: Duration::from_millis(arrived),
            answered: Some(Duration::from_millis(answered)),
            status: Some(StatusCode::OK),
        }
    }

    #[test]
    fn requests_under_way_together_are_one_round_trip() {
        assert_eq!(round_trips(&[]), 0);
        assert_eq!(round_trips(&[exchange(0, 10), exchange(1, 12), exchange(9, 30)]), 1);
        assert_eq!(round_trips(&[exchange(0, 10), exchange(1, 12), exchange(12, 20), exchange(13, 21)]), 2);
    }

    #[test]
    fn request_that_was_never_answered_is_no_round_trip() {
        let unanswered = Exchange { answered: None, status: None, ..exchange(0, 0) };
        assert_eq!(round_trips(&[unanswered, exchange(5, 6)]), 1);
    }
}
