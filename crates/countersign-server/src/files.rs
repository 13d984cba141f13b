//! Small files of the data directory: made at once or not at all, and for their owner only.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

/// Who may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// Its owner: 0600.
    Private,
    /// Everybody: 0644.
    Public,
}

/// Makes `directory` and what leads to it, with mode 0700 where it is not there.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Reads a file of at most `limit` bytes; `None` when it is not there.
pub(crate) fn read(file: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    opened.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes")));
    }
    Ok(Some(bytes))
}

/// Puts `bytes` in the place of `file`: a reader sees the old file or the new one, also after a power failure.
pub(crate) fn replace(file: &Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let mut temporary = NamedTempFile::new_in(directory)?;
    temporary.write_all(bytes)?;
    set_mode(temporary.as_file(), mode)?;
    temporary.as_file().sync_all()?;
    temporary.persist(file).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

/// Waits for the only lock on `file` and holds it until the returned file is dropped.
pub(crate) fn lock(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(file)?;
    opened.lock()?;
    Ok(opened)
}

/// Whether anybody but the owner may read `file`.
pub(crate) fn is_exposed(file: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(file)?;
    #[cfg(unix)]
    let exposed = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0;
    #[cfg(not(unix))]
    let exposed = false && metadata.is_file();
    Ok(exposed)
}

fn set_mode(file: &File, mode: Mode) -> io::Result<()> {
    #[cfg(unix)]
    {
        let bits = if mode == Mode::Public { 0o644 } else { 0o600 };
        file.set_permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(bits))?;
    }
    #[cfg(not(unix))]
    let _ = (file, mode, Permissions::set_readonly);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_file_has_its_mode_and_reads_are_bounded() {
        let directory = tempfile::tempdir().expect("a directory");
        let inner = directory.path().join("a/b");
        make_directory(&inner).expect("made");
        assert!(!is_exposed(&inner).expect("there"));
        let file = inner.join("x");
        assert_eq!(read(&file, 4).expect("absent is no error"), None);
        replace(&file, b"1234", Mode::Private).expect("written");
        assert!(!is_exposed(&file).expect("there"));
        replace(&file, b"12345", Mode::Public).expect("written");
        assert!(is_exposed(&file).expect("there"));
        assert_eq!(read(&file, 5).expect("short enough").as_deref(), Some(&b"12345"[..]));
        assert_eq!(read(&file, 4).expect_err("too long").kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(fs::read_dir(&inner).expect("there").count(), 1);
    }
}
