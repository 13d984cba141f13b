//! Layers: files in a tar, compressed for travelling.

use std::io::{self, Write as _};

use bytes::Bytes;
use countersign_core::digest::Digest;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::image::Content;

/// A file to be put into a layer.
#[derive(Clone, Debug)]
pub struct File {
    path: String,
    mode: u32,
    bytes: Bytes,
}

impl File {
    /// A file at `path`, relative to the image's root, readable by all and written by its owner (0644).
    pub fn new(path: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { path: path.into(), mode: 0o644, bytes: bytes.into() }
    }

    /// The same file, which anybody may run (0755).
    #[must_use]
    pub fn executable(mut self) -> Self {
        self.mode = 0o755;
        self
    }
}

/// A layer, as it is and as it travels.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) tar: Bytes,
    pub(super) content: Content,
}

impl Layer {
    pub(super) fn of(files: &[File], media_type: &str) -> io::Result<Self> {
        let mut archive = tar::Builder::new(Vec::new());
        for file in files {
            append(&mut archive, &file.path, &file.bytes, file.mode)?;
        }
        let tar = archive.into_inner()?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&tar)?;
        Ok(Self { content: Content::new(media_type, gzip.finish()?), tar: tar.into() })
    }

    /// The digest of the layer before it was compressed.
    pub(super) fn diff_id(&self) -> Digest {
        Digest::sha256(&self.tar)
    }
}

/// Appends a plain file of the epoch, owned by root.
pub(super) fn append<W: io::Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    bytes: &[u8],
    mode: u32,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    archive.append_data(&mut header, path, bytes)
}
