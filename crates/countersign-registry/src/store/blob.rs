//! Blobs: written under a temporary name until their digest is known to be right, checked again whenever they are read.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use countersign_core::digest::{Algorithm, Digest, Hasher};
use tempfile::NamedTempFile;

use super::error::{Damage, StoreError};
use super::files;
use super::layout::Layout;
use super::lock::Lease;

/// A blob that is being written.
///
/// Dropped without [`commit`](Self::commit), it leaves nothing behind; a process that is killed leaves a temporary
/// file, which the next garbage collection removes.
#[derive(Debug)]
pub struct NewBlob {
    layout: Layout,
    file: NamedTempFile,
    hasher: Hasher,
    written: u64,
    announced: Announced,
    _lease: Lease,
}

#[derive(Clone, Copy, Debug)]
enum Announced {
    Exactly { digest: Digest, size: u64 },
    AtMost(u64),
}

impl NewBlob {
    /// Starts a blob of which digest and size are known.
    pub(super) fn named(
        layout: &Layout,
        lease: &Lease,
        digest: Digest,
        size: u64,
    ) -> Result<Self, StoreError> {
        Self::start(layout, lease, digest.algorithm(), Announced::Exactly { digest, size })
    }

    /// Starts a blob whose SHA-256 names it at the end, of at most `limit_bytes`.
    pub(super) fn unnamed(layout: &Layout, lease: &Lease, limit_bytes: u64) -> Result<Self, StoreError> {
        Self::start(layout, lease, Algorithm::Sha256, Announced::AtMost(limit_bytes))
    }

    fn start(
        layout: &Layout,
        lease: &Lease,
        algorithm: Algorithm,
        announced: Announced,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            layout: layout.clone(),
            file: files::temporary_in(&layout.ingest())?,
            hasher: Hasher::new(algorithm),
            written: 0,
            announced,
            _lease: lease.clone(),
        })
    }

    /// The bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Adds the next piece.
    ///
    /// # Errors
    /// - [`StoreError::BlobRefused`], [`StoreError::BlobTooLarge`]: it is more than was announced or allowed.
    /// - [`StoreError::Full`], [`StoreError::Io`]: it can't be written.
    ///
    /// After an error the writer is of no use but to be dropped.
    pub fn append(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        let total = self.written.saturating_add(piece.len() as u64);
        match self.announced {
            Announced::Exactly { digest, size } if total > size => {
                let damage = Damage::Length { expected: size, found: total };
                return Err(StoreError::BlobRefused { expected: digest, damage });
            }
            Announced::AtMost(limit_bytes) if total > limit_bytes => {
                return Err(StoreError::BlobTooLarge { limit_bytes });
            }
            Announced::Exactly { .. } | Announced::AtMost(_) => {}
        }
        self.file.write_all(piece).map_err(|source| StoreError::io("write", self.file.path(), source))?;
        self.hasher.update(piece);
        self.written = total;
        Ok(())
    }

    /// Ends the blob: it is in the store, under its digest, exactly when this returns `Ok`.
    ///
    /// # Errors
    /// - [`StoreError::BlobRefused`]: size or digest is not as announced.
    /// - [`StoreError::Full`], [`StoreError::Io`]: it can't be written.
    pub fn commit(self) -> Result<(Digest, u64), StoreError> {
        let found = self.hasher.finish();
        if let Announced::Exactly { digest, size } = self.announced {
            let refused = |damage| StoreError::BlobRefused { expected: digest, damage };
            if self.written != size {
                return Err(refused(Damage::Length { expected: size, found: self.written }));
            }
            if found != digest {
                return Err(refused(Damage::Digest { found }));
            }
        }
        files::create_private_dir(&self.layout.blobs_of(found.algorithm()))?;
        files::persist(self.file, &self.layout.blob(&found))?;
        Ok((found, self.written))
    }
}

/// A blob that is being read, and checked as it is read.
///
/// The read that would hand out the last byte fails, with a [`StoreError`] inside the [`io::Error`], when the content
/// is not what the blob's name says; the damaged file is then set aside, so that the blob counts as absent.
#[derive(Debug)]
pub struct StoredBlob {
    layout: Layout,
    file: File,
    metadata: Metadata,
    digest: Digest,
    hasher: Option<Hasher>,
    remaining: u64,
}

impl StoredBlob {
    /// Opens a blob; `size` is what the descriptor says, when there is one.
    pub(super) fn open(layout: &Layout, digest: &Digest, size: Option<u64>) -> Result<Self, StoreError> {
        let path = layout.blob(digest);
        let (file, metadata) = open_regular(&path)?.ok_or(StoreError::BlobMissing { digest: *digest })?;
        let reader = Self {
            layout: layout.clone(),
            remaining: metadata.len(),
            digest: *digest,
            hasher: Some(Hasher::new(digest.algorithm())),
            file,
            metadata,
        };
        match size {
            Some(expected) if expected != reader.remaining => {
                // Which of the two is wrong shows only when the content is read.
                Err(reader.judge_length(expected))
            }
            _ => Ok(reader),
        }
    }

    /// The bytes that are still to come.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Reads the rest, which must be the whole blob, at most `limit_bytes`.
    pub fn into_bytes(mut self, limit_bytes: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.layout.blob(&self.digest);
        if self.remaining > limit_bytes {
            return Err(StoreError::TooLarge { path, limit_bytes });
        }
        let mut content = Vec::with_capacity(usize::try_from(self.remaining).unwrap_or(0));
        match self.read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(error) => Err(store_error(error, &path)),
        }
    }

    fn judge_length(mut self, expected: u64) -> StoreError {
        let found = self.metadata.len();
        match io::copy(&mut self, &mut io::sink()) {
            // The file is what its name says: the descriptor is wrong, and the file stays.
            Ok(_) => {
                StoreError::BlobCorrupt { digest: self.digest, damage: Damage::Length { expected, found } }
            }
            Err(error) => store_error(error, &self.layout.blob(&self.digest)),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        let found = hasher.finish();
        if found == self.digest { Ok(()) } else { Err(self.set_aside(Damage::Digest { found })) }
    }

    fn set_aside(&mut self, damage: Damage) -> io::Error {
        let path = self.layout.blob(&self.digest);
        // Only the very file that was read: a neighbour may have put a good one in its place.
        let same = fs::metadata(&path).is_ok_and(|current| same_file(&current, &self.metadata));
        if same && let Err(error) = fs::rename(&path, self.layout.set_aside(&self.digest)) {
            tracing::warn!(path = %path.display(), %error, "a damaged blob could not be set aside");
        }
        io::Error::new(ErrorKind::InvalidData, StoreError::BlobCorrupt { digest: self.digest, damage })
    }
}

impl Read for StoredBlob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.remaining == 0 {
            return self.finish().map(|()| 0);
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        let wanted = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read(&mut buffer[..wanted])?;
        if count == 0 {
            let expected = self.metadata.len();
            return Err(self.set_aside(Damage::Length { expected, found: expected - self.remaining }));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        self.remaining -= count as u64;
        if self.remaining == 0 {
            self.finish()?;
        }
        Ok(count)
    }
}

/// Takes the store's own error out of an [`io::Error`], or names the file that could not be read.
pub(super) fn store_error(error: io::Error, path: &Path) -> StoreError {
    match error.downcast::<StoreError>() {
        Ok(ours) => ours,
        Err(error) => StoreError::io("read", path, error),
    }
}

/// Opens a regular file, following links; `None` when it isn't there.
fn open_regular(path: &Path) -> Result<Option<(File, Metadata)>, StoreError> {
    let read = |source| StoreError::io("read", path, source);
    let before = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(read(source)),
    };
    if !before.is_file() {
        return Err(read(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")));
    }
    match File::open(path) {
        Ok(file) => {
            let metadata = file.metadata().map_err(read)?;
            Ok(Some((file, metadata)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(read(source)),
    }
}

#[cfg(unix)]
fn same_file(left: &Metadata, right: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    left.dev() == right.dev() && left.ino() == right.ino()
}

#[cfg(not(unix))]
fn same_file(left: &Metadata, right: &Metadata) -> bool {
    left.len() == right.len() && left.modified().ok() == right.modified().ok()
}

/// Whether the store has a regular file for the blob, of `size` bytes when that is known.
pub(super) fn present(layout: &Layout, digest: &Digest, size: Option<u64>) -> Result<bool, StoreError> {
    let path = layout.blob(digest);
    match fs::metadata(&path) {
        Ok(metadata) => Ok(metadata.is_file() && size.is_none_or(|size| size == metadata.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StoreError::io("read", path, source)),
    }
}
