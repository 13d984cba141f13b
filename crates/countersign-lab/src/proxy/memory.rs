//! Everything that a trust server had about a collection at one moment, to be served again later.

use std::collections::BTreeMap;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_core::digest::{Algorithm, Digest};
use countersign_core::name::Gun;
use http::header::{self, HeaderMap};
use http::{HeaderValue, StatusCode};
use serde_json::Value;
use thiserror::Error;

use crate::proxy::path::TrustFile;
use crate::proxy::text;
use crate::proxy::upstream::{Upstream, UpstreamError};

/// The headers of an answer that are remembered with it.
const REMEMBERED: [header::HeaderName; 4] =
    [header::CONTENT_TYPE, header::ETAG, header::LAST_MODIFIED, header::CACHE_CONTROL];

/// The files of one collection, under every name that they can be asked for by.
#[derive(Debug)]
pub(super) struct Memory {
    gun: String,
    files: BTreeMap<String, Remembered>,
}

#[derive(Clone, Debug)]
struct Remembered {
    headers: HeaderMap,
    bytes: Bytes,
}

impl Memory {
    /// Fetches what the timestamp leads to, the current file of each role, and every version of the root.
    pub(super) async fn of(upstream: &Upstream, gun: &Gun) -> Result<Self, RememberError> {
        let mut memory = Self { gun: gun.to_string(), files: BTreeMap::new() };
        let mut roles = vec!["root".to_owned(), "targets".to_owned()];
        let timestamp = memory.add(upstream, "timestamp.json").await?;
        let snapshot = match timestamp.as_ref().and_then(|timestamp| named(timestamp, "snapshot")) {
            Some(checksum) => memory.add(upstream, &format!("snapshot.{checksum}.json")).await?,
            None => None,
        };
        memory.add(upstream, "snapshot.json").await?;
        if let Some(snapshot) = &snapshot {
            let listed = snapshot["signed"]["meta"].as_object().into_iter().flatten();
            roles.extend(listed.map(|(role, _)| role.clone()).filter(|role| role.starts_with("targets/")));
        }
        for role in &roles {
            memory.add(upstream, &format!("{role}.json")).await?;
            if let Some(checksum) = snapshot.as_ref().and_then(|snapshot| named(snapshot, role)) {
                memory.add(upstream, &format!("{role}.{checksum}.json")).await?;
            }
        }
        let Some(root) = memory.parsed("root.json") else { return Err(RememberError::NoRoot(gun.clone())) };
        for version in 1..root["signed"]["version"].as_u64().unwrap_or(0) {
            memory.add(upstream, &format!("{version}.root.json")).await?;
        }
        Ok(memory)
    }

    /// What somebody made up for `gun`: files by role, the roots first. A role's last file is its current one.
    pub(super) fn of_forged(gun: &Gun, files: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        let mut memory = Self { gun: gun.to_string(), files: BTreeMap::new() };
        for (role, bytes) in files {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            memory.keep(&format!("{role}.json"), &Remembered { headers, bytes });
        }
        memory
    }

    /// Whether `file` belongs to the collection.
    pub(super) fn is_of(&self, file: &TrustFile) -> bool {
        self.gun == file.gun
    }

    /// The answer to a request for `file`: as then, or 404 when it was not there.
    pub(super) fn answer(&self, file: &TrustFile, asked: &HeaderMap) -> Response {
        let Some(remembered) = self.files.get(&file.file) else {
            let body = r#"{"errors":[{"code":"METADATA_NOT_FOUND","message":"You have requested metadata that does not exist."}]}"#;
            let mut response = text(StatusCode::NOT_FOUND, format!("{body}\n"));
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            return response;
        };
        let etag = remembered.headers.get(header::ETAG);
        let is_known = etag.is_some() && etag == asked.get(header::IF_NONE_MATCH);
        let mut response = if is_known {
            text(StatusCode::NOT_MODIFIED, "")
        } else {
            text(StatusCode::OK, remembered.bytes.clone())
        };
        response.headers_mut().extend(remembered.headers.clone());
        response
    }

    /// Fetches `name` unless it is there, and keeps it under its version and its checksum too.
    async fn add(&mut self, upstream: &Upstream, name: &str) -> Result<Option<Value>, RememberError> {
        if !self.files.contains_key(name) {
            let (status, all_headers, bytes) = upstream.fetch(&TrustFile::path(&self.gun, name)).await?;
            match status {
                StatusCode::OK => {}
                // A file that isn't there, and Notary on SQL for a delegation that isn't there.
                StatusCode::NOT_FOUND | StatusCode::INTERNAL_SERVER_ERROR => return Ok(None),
                _ => return Err(RememberError::Status { file: name.to_owned(), status }),
            }
            let mut headers = HeaderMap::new();
            for header in REMEMBERED {
                if let Some(value) = all_headers.get(&header) {
                    headers.insert(header, value.clone());
                }
            }
            self.keep(name, &Remembered { headers, bytes });
        }
        Ok(self.parsed(name))
    }

    fn keep(&mut self, name: &str, remembered: &Remembered) {
        self.files.insert(name.to_owned(), remembered.clone());
        let file = TrustFile { gun: self.gun.clone(), file: name.to_owned() };
        let role = file.role();
        let checksum = Digest::sha256(&remembered.bytes).hex();
        self.files.insert(format!("{role}.{checksum}.json"), remembered.clone());
        if let Some(version) = self.parsed(name).and_then(|value| value["signed"]["version"].as_u64()) {
            self.files.insert(format!("{version}.{role}.json"), remembered.clone());
        }
    }

    fn parsed(&self, name: &str) -> Option<Value> {
        serde_json::from_slice(&self.files.get(name)?.bytes).ok()
    }
}

/// The SHA-256, in hex, by which a snapshot or timestamp names `role`.
fn named(metadata: &Value, role: &str) -> Option<String> {
    let hash = metadata["signed"]["meta"][role]["hashes"]["sha256"].as_str()?;
    let bytes = STANDARD.decode(hash).ok()?;
    Digest::from_bytes(Algorithm::Sha256, &bytes).ok().map(|digest| digest.hex())
}

/// Why a collection could not be remembered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RememberError {
    /// The server has no root for it.
    #[error("the server behind the proxy has no `root.json` for `{0}`")]
    NoRoot(Gun),
    /// The server refused a file.
    #[error("the server behind the proxy answered {status} for `{file}`")]
    Status {
        /// The file that was asked for.
        file: String,
        /// The answer.
        status: StatusCode,
    },
    /// The server could not be asked.
    #[error("cannot ask for what is to be remembered")]
    Upstream(#[from] UpstreamError),
}
