//! Files under the trust directory: private to their owner, never half-written, read with a bound.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

/// Creates `path` and what is missing above it, each directory for its owner alone, whatever the umask.
///
/// Directories that are there already are left as they are.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_private_dir(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        // The umask may have taken even the owner's rights.
        Ok(()) => set_mode(path, 0o700),
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes `content` to a new file at `path`, for its owner alone: all of it or nothing, through a file in the same
/// directory, and on the disk when this returns. The directory must exist; fails with `AlreadyExists` if the file does.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = directory_of(path);
    written(dir, content)?.persist_noclobber(path).map_err(|error| error.error)?;
    sync_dir(dir)
}

/// As [`create_private`], in the place of a file that may be there: at no time is there neither.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = directory_of(path);
    written(dir, content)?.persist(path).map_err(|error| error.error)?;
    sync_dir(dir)
}

fn written(dir: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::with_prefix_in(".writing-", dir)?;
    set_mode(file.path(), 0o600)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reads `path`, at most `max_bytes` and one more: a longer answer means that the file is longer.
pub(crate) fn read_bounded(path: &Path, max_bytes: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(max_bytes as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Puts the directory's entries on the disk, where the system can do so.
fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, <Permissions as std::os::unix::fs::PermissionsExt>::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}
