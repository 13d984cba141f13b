//! Where things are in the store's directory.
//!
//! ```text
//! oci-layout                      the layout's version
//! index.json                      the images and their names
//! blobs/<algorithm>/<hex>         manifests, configurations, layers
//! .countersign/index.lock         held while index.json changes
//! .countersign/transfers.lock     held (shared) while blobs travel
//! .countersign/ingest/            what is not whole yet
//! .countersign/damaged/           blobs that were found damaged
//! ```
//!
//! Everything outside of `.countersign` is the layout that any OCI tool reads.
//!
//! Source: OCI image specification, "Image Layout".

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_core::digest::{Algorithm, Digest};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::files;
use super::lock::{Exclusive, PATIENCE};

/// The only version there is.
pub(super) const VERSION: &str = "1.0.0";

/// The file that makes a directory an image layout.
pub(super) const MARKER: &str = "oci-layout";

/// The file that lists the images.
pub(super) const INDEX: &str = "index.json";

const MARKER_LIMIT_BYTES: u64 = 4096;
const EMPTY_INDEX: &[u8] =
    br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// The content of `oci-layout`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Marker {
    /// The layout's version.
    #[serde(rename = "imageLayoutVersion")]
    pub(super) version: String,
}

/// The paths of one store.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    dir: Arc<Path>,
}

impl Layout {
    /// Opens the layout in `dir`, or lays a new one in a directory that is absent or empty.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let layout = Self { dir: dir.into() };
        if layout.has_marker()? {
            layout.create_own_dirs()?;
            return Ok(layout);
        }
        layout.refuse_strangers()?;
        layout.create_own_dirs()?;
        let _lock = Exclusive::take(&layout.index_lock(), PATIENCE)?;
        if !layout.has_marker()? {
            layout.lay()?;
        }
        Ok(layout)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn index(&self) -> PathBuf {
        self.dir.join(INDEX)
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.dir.join("blobs")
    }

    pub(super) fn blobs_of(&self, algorithm: Algorithm) -> PathBuf {
        self.blobs().join(algorithm.name())
    }

    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs_of(digest.algorithm()).join(digest.hex())
    }

    pub(super) fn ingest(&self) -> PathBuf {
        self.own().join("ingest")
    }

    pub(super) fn damaged(&self) -> PathBuf {
        self.own().join("damaged")
    }

    pub(super) fn set_aside(&self, digest: &Digest) -> PathBuf {
        self.damaged().join(format!("{}-{}", digest.algorithm().name(), digest.hex()))
    }

    pub(super) fn index_lock(&self) -> PathBuf {
        self.own().join("index.lock")
    }

    pub(super) fn transfers_lock(&self) -> PathBuf {
        self.own().join("transfers.lock")
    }

    fn own(&self) -> PathBuf {
        self.dir.join(".countersign")
    }

    fn has_marker(&self) -> Result<bool, StoreError> {
        let path = self.dir.join(MARKER);
        let Some(content) = files::read_bounded(&path, MARKER_LIMIT_BYTES)? else { return Ok(false) };
        let marker: Marker = serde_json::from_slice(&content)
            .map_err(|source| StoreError::Damaged { path: path.clone(), source })?;
        if marker.version == VERSION {
            Ok(true)
        } else {
            Err(StoreError::LayoutVersion { path, found: marker.version })
        }
    }

    fn create_own_dirs(&self) -> Result<(), StoreError> {
        files::create_private_dir(&self.blobs_of(Algorithm::Sha256))?;
        files::create_private_dir(&self.ingest())?;
        files::create_private_dir(&self.damaged())
    }

    /// A layout without its marker is one whose first opening was cut short; anything else is not ours to write in.
    fn refuse_strangers(&self) -> Result<(), StoreError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(StoreError::io("read", &self.dir, source)),
        };
        for entry in entries {
            let entry = entry.map_err(|source| StoreError::io("read", &self.dir, source))?;
            let name = entry.file_name();
            // `oci-layout` may have been written by a neighbour since it was looked for.
            if ![".countersign", "blobs", INDEX, MARKER].iter().any(|ours| name == *ours) {
                return Err(StoreError::NotALayout { dir: self.dir.to_path_buf() });
            }
        }
        Ok(())
    }

    /// Writes the marker last: a layout that has it has an index too.
    fn lay(&self) -> Result<(), StoreError> {
        files::sync_dir(&self.blobs())?;
        if files::read_bounded(&self.index(), u64::MAX - 1)?.is_none() {
            files::replace(&self.index(), EMPTY_INDEX, &self.ingest())?;
        }
        let marker = format!("{{\"imageLayoutVersion\":\"{VERSION}\"}}");
        files::replace(&self.dir.join(MARKER), marker.as_bytes(), &self.ingest())
    }
}
