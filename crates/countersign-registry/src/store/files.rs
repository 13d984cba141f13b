//! Files that are there whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::error::StoreError;

/// Makes `dir` and what is above it, new directories for the user alone (0700).
pub(super) fn create_private_dir(dir: &Path) -> Result<(), StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|source| StoreError::io("create", dir, source))
}

/// Puts `content` at `path`: a temporary file in `ingest` (same file system), synced, renamed, directory synced.
pub(super) fn replace(path: &Path, content: &[u8], ingest: &Path) -> Result<(), StoreError> {
    let mut file = temporary_in(ingest)?;
    file.write_all(content).map_err(|source| StoreError::io("write", path, source))?;
    persist(file, path)
}

/// A new, empty temporary file (0600) in `ingest`; removed when dropped.
pub(super) fn temporary_in(ingest: &Path) -> Result<NamedTempFile, StoreError> {
    NamedTempFile::with_prefix_in("ingest-", ingest)
        .map_err(|source| StoreError::io("create a file in", ingest, source))
}

/// Syncs `file`, gives it its final name, and syncs the directory.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
    file.as_file().sync_all().map_err(|source| StoreError::io("write", path, source))?;
    file.persist(path).map_err(|refused| StoreError::io("rename a file to", path, refused.error))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes renames and removals in `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    let opened = File::open(dir).map_err(|source| StoreError::io("open", dir, source))?;
    opened.sync_all().map_err(|source| StoreError::io("sync", dir, source))
}

/// Reads `path` whole, at most `limit_bytes`; `None` when it isn't there.
pub(super) fn read_bounded(path: &Path, limit_bytes: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::io("read", path, source)),
    };
    let mut content = Vec::new();
    file.take(limit_bytes.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|source| StoreError::io("read", path, source))?;
    if content.len() as u64 > limit_bytes {
        return Err(StoreError::TooLarge { path: path.to_owned(), limit_bytes });
    }
    Ok(Some(content))
}

/// Removes a file; whether it was there.
pub(super) fn remove(path: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StoreError::io("remove", path, source)),
    }
}
