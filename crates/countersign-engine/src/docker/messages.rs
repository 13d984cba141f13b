//! The stream of JSON objects that a daemon reports with, read with bounds.
//!
//! Source: docker/docker `pkg/jsonmessage/jsonmessage.go`.

use std::collections::VecDeque;

use countersign_registry::http::Response;
use serde::Deserialize;
use serde_json::Value;

use super::endpoint::Address;
use super::error::DaemonError;
use crate::output::{Count, Output, Part};
use crate::text::printable;

/// Longest line, in bytes.
pub(super) const LINE_BYTES: usize = 1 << 20;
/// Most bytes of one stream.
const STREAM_BYTES: u64 = 256 << 20;

/// The objects of an answer, one after the other.
pub(super) struct Messages {
    address: Address,
    response: Response,
    pending: Vec<u8>,
    ready: VecDeque<Message>,
    read: u64,
    ended: bool,
}

impl Messages {
    pub(super) fn new(response: Response, address: Address) -> Self {
        Self { address, response, pending: Vec::new(), ready: VecDeque::new(), read: 0, ended: false }
    }

    /// The next object; `None` at the end.
    ///
    /// # Errors
    /// - [`DaemonError::Failed`]: the object is an error, in the daemon's words.
    /// - [`DaemonError::Garbage`], [`DaemonError::TooLarge`], [`DaemonError::Reset`], [`DaemonError::Silent`].
    pub(super) async fn next(&mut self) -> Result<Option<Message>, DaemonError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return match message.failure() {
                    Some(message) => Err(DaemonError::Failed { message }),
                    None => Ok(Some(message)),
                };
            }
            if self.ended {
                return Ok(None);
            }
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> Result<(), DaemonError> {
        let piece = self.response.chunk().await;
        let Some(piece) = piece.map_err(|error| DaemonError::of_http(error, &self.address))? else {
            self.ended = true;
            let last = std::mem::take(&mut self.pending);
            return self.parse(&last);
        };
        self.read += piece.len() as u64;
        if self.read > STREAM_BYTES {
            return Err(self.too_large(STREAM_BYTES));
        }
        let mut rest = &piece[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.hold(&rest[..end])?;
            let line = std::mem::take(&mut self.pending);
            self.parse(&line)?;
            rest = &rest[end + 1..];
        }
        self.hold(rest)
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), DaemonError> {
        if self.pending.len() + bytes.len() > LINE_BYTES {
            return Err(self.too_large(LINE_BYTES as u64));
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    fn parse(&mut self, line: &[u8]) -> Result<(), DaemonError> {
        for message in serde_json::Deserializer::from_slice(line).into_iter() {
            let garbage = |_| {
                let what = "its report is not a stream of JSON objects".to_owned();
                DaemonError::Garbage { address: self.address.clone(), what }
            };
            self.ready.push_back(message.map_err(garbage)?);
        }
        Ok(())
    }

    fn too_large(&self, limit: u64) -> DaemonError {
        DaemonError::TooLarge { address: self.address.clone(), limit }
    }
}

/// One object.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    id: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) stream: String,
    #[serde(default, rename = "progressDetail")]
    progress: Option<ProgressDetail>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default, rename = "errorDetail")]
    error_detail: Option<ErrorDetail>,
    pub(super) aux: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct ProgressDetail {
    #[serde(default)]
    current: i64,
    #[serde(default)]
    total: i64,
    #[serde(default)]
    units: String,
}

#[derive(Debug, Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    message: String,
}

impl Message {
    /// Shows it as Docker does; extra data is not shown.
    pub(super) fn show(&self, output: &dyn Output) {
        if self.aux.is_some() {
            return;
        }
        let (id, status) = (printable(&self.id), printable(&self.status));
        match &self.progress {
            Some(progress) if !id.is_empty() => {
                let units = printable(&progress.units);
                let count = Count {
                    current: u64::try_from(progress.current).unwrap_or(0),
                    total: u64::try_from(progress.total).unwrap_or(0),
                    units: &units,
                };
                output.part(&Part { id: &id, status: &status, count });
            }
            _ if !self.stream.is_empty() => output.line(&printable(self.stream.trim_end())),
            _ if id.is_empty() && status.is_empty() => {}
            _ if id.is_empty() => output.line(&status),
            _ => output.line(&format!("{id}: {status}")),
        }
    }

    fn failure(&self) -> Option<String> {
        let detailed = self.error_detail.as_ref().map(|detail| &detail.message);
        let message = detailed.filter(|message| !message.is_empty()).or(self.error.as_ref())?;
        Some(printable(message.trim()).into_owned())
    }
}
