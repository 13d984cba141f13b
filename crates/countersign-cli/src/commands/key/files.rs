//! Files that keys come from and go to.

use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::KeyRefusal;

/// Reads a whole file of at most `max` bytes. Gives its mode, too.
pub(crate) fn read(path: &Path, max: usize) -> anyhow::Result<(Zeroizing<Vec<u8>>, u32)> {
    let unread = || format!("cannot read `{}`", path.display());
    let metadata = fs::metadata(path).with_context(unread)?;
    if !metadata.is_file() {
        anyhow::bail!("`{}` is no file", path.display());
    }
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if size > max {
        anyhow::bail!("`{}` has {size} bytes, of at most {max}", path.display());
    }
    // Large enough from the start, so that nothing of it is left behind when it grows.
    let mut content = Zeroizing::new(Vec::with_capacity(size + 1));
    File::open(path)
        .and_then(|file| file.take(size as u64).read_to_end(&mut content))
        .with_context(unread)?;
    Ok((content, metadata.mode() & 0o7777))
}

/// Makes a directory and what is missing above it, for its owner alone.
pub(crate) fn create_private_dir(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file for its owner alone, whole or not at all; in the place of another only with `force`.
pub(crate) fn write(path: &Path, content: &[u8], force: bool) -> anyhow::Result<()> {
    let unwritten = || format!("cannot write `{}`", path.display());
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::with_prefix_in(".countersign-key-", dir).with_context(unwritten)?;
    file.as_file().set_permissions(Permissions::from_mode(0o600)).with_context(unwritten)?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).with_context(unwritten)?;
    let placed = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match placed {
        Ok(_) => File::open(dir).and_then(|dir| dir.sync_all()).with_context(unwritten),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(KeyRefusal::FileExists { path: path.to_owned() }.into())
        }
        Err(error) => Err(error.error).with_context(unwritten),
    }
}
