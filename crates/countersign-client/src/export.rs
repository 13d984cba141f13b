//! One file with all that a trust server has of a collection, for those whose server is being switched off.
//!
//! The file is a tar archive: `metadata/<role>/<version>.json`, byte for byte as the server had them, and at its end
//! `manifest.json`, which says what each is and whether its signatures could be verified.

mod history;

use std::io::{self, Write};

use countersign_core::digest::Digest;
use countersign_core::limits::Limits;
use countersign_core::name::{Gun, RoleName};
use countersign_core::number::MetaVersion;
use countersign_core::time::{DateTime, UpdateStart};
use serde::Serialize;
use thiserror::Error;

use crate::import::Remains;
use crate::updater::{Roles, UpdateError, Updater};
pub(crate) use history::{Edition, History};

/// How much is exported at most.
#[derive(Clone, Copy, Debug)]
pub struct ExportLimits {
    /// Most bytes of metadata in all. Default 1 GiB.
    pub total_bytes: u64,
    /// Most versions of one role, counted back from its newest. Default 10,000.
    pub versions: u64,
}

impl Default for ExportLimits {
    fn default() -> Self {
        Self { total_bytes: 1 << 30, versions: 10_000 }
    }
}

/// What an export holds; it is written into the archive as `manifest.json`.
#[derive(Clone, Debug, Serialize)]
pub struct ExportManifest {
    /// The format's version: 1.
    pub format: u32,
    /// The collection.
    pub gun: Gun,
    /// The trust server.
    pub server: String,
    /// When it was exported.
    pub exported_at: DateTime,
    /// The files, by role and version.
    pub files: Vec<ExportedFile>,
    /// What could not be exported, in words.
    pub missing: Vec<String>,
}

/// One file of an export.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ExportedFile {
    /// Its path in the archive.
    pub path: String,
    /// Its role.
    pub role: RoleName,
    /// Its version.
    pub version: MetaVersion,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Its length in bytes.
    pub length: u64,
    /// Whether it is the current one.
    pub current: bool,
    /// Whether it was verified: a current file by every check, an older one by the signatures of a root of its time.
    pub verified: bool,
}

/// Exports `updater`'s collection into `out`: every current file, and whatever older versions its server still gives.
///
/// # Errors
/// [`ExportError`]: the archive is not complete, and of no use.
pub async fn export(
    updater: &Updater,
    start: UpdateStart,
    limits: ExportLimits,
    out: impl Write + Send + 'static,
) -> Result<ExportManifest, ExportError> {
    let refreshed = updater.refresh(start, Roles::All).await?;
    let mut history = History::of(updater, &refreshed.collection, limits);
    history.collect().await?;
    let missing = refreshed.skipped.iter().map(|skipped| format!("{skipped}: {}", skipped.source));
    let mut manifest = ExportManifest {
        format: 1,
        gun: updater.settings().gun.clone(),
        server: updater.remote().server().to_owned(),
        exported_at: start.0,
        files: Vec::new(),
        missing: missing.chain(history.missing.drain(..)).collect(),
    };
    let versions = history.into_versions();
    manifest.files = versions.iter().map(Edition::described).collect();
    let written = tokio::task::spawn_blocking(move || write(&versions, &manifest, out).map(|()| manifest));
    match written.await {
        Ok(manifest) => manifest.map_err(ExportError::Write),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Writes files that are left of a collection, which the caller has verified, as an export without a past. Blocks.
///
/// # Errors
/// What `out` says; the archive is of no use then.
pub fn export_remains(
    remains: &Remains,
    server: &str,
    at: DateTime,
    out: impl Write,
) -> io::Result<ExportManifest> {
    let limits = Limits::default();
    let editions: Vec<_> =
        remains.files.iter().filter_map(|(role, bytes)| Edition::left(role, bytes, &limits)).collect();
    let manifest = ExportManifest {
        format: 1,
        gun: remains.gun.clone(),
        server: server.to_owned(),
        exported_at: at,
        files: editions.iter().map(Edition::described).collect(),
        missing: Vec::new(),
    };
    write(&editions, &manifest, out).map(|()| manifest)
}

fn write(versions: &[Edition], manifest: &ExportManifest, out: impl Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    let mtime = u64::try_from(manifest.exported_at.unix_seconds()).unwrap_or_default();
    let mut append = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(mtime);
        archive.append_data(&mut header, path, bytes)
    };
    for version in versions {
        append(&version.described().path, &version.bytes)?;
    }
    append("manifest.json", &serde_json::to_vec_pretty(manifest)?)?;
    archive.into_inner()?.flush()
}

/// An export that was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The collection could not be brought up to date.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// There is more than the limit.
    #[error("there are more than {limit} bytes of metadata")]
    Large {
        /// Most bytes exported.
        limit: u64,
    },
    /// The archive could not be written.
    #[error("the archive cannot be written")]
    Write(#[source] io::Error),
}
