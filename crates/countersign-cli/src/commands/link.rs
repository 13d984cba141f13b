//! Other names for this program: links that are made and taken away, and never in the place of something else.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::docker::real::is_ours;

/// What became of a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Placed {
    /// It was made.
    Made,
    /// It was there.
    WasHere,
}

/// A link that was not made, or not taken away.
#[derive(Debug, Error)]
pub(crate) enum LinkError {
    /// Something else has the name.
    #[error("`{0}` is another program; nothing was changed")]
    Taken(PathBuf),
    /// The name is that of the program's own file.
    #[error("`{0}` is the program itself and no link to it; nothing was removed")]
    Itself(PathBuf),
    /// The program's own file cannot be found.
    #[error("this program's own file cannot be found; nothing was changed")]
    NoProgram(#[source] io::Error),
    /// The directory or the link cannot be written.
    #[error("cannot write `{file}`")]
    Write {
        /// The link.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Lets `file` be this program.
pub(crate) fn place(file: &Path) -> Result<Placed, LinkError> {
    if is_ours(file) {
        return Ok(Placed::WasHere);
    }
    if file.symlink_metadata().is_ok() {
        return Err(LinkError::Taken(file.to_owned()));
    }
    let program = std::env::current_exe().map_err(LinkError::NoProgram)?;
    let dir = file.parent().unwrap_or(Path::new("."));
    let made = std::fs::create_dir_all(dir).and_then(|()| symlink(program, file));
    made.map(|()| Placed::Made).map_err(|source| LinkError::Write { file: file.to_owned(), source })
}

/// Takes away `file`, if it is a link to this program. Returns whether it was.
pub(crate) fn remove(file: &Path) -> Result<bool, LinkError> {
    let Ok(metadata) = file.symlink_metadata() else { return Ok(false) };
    if !is_ours(file) {
        return Ok(false);
    }
    if !metadata.is_symlink() {
        return Err(LinkError::Itself(file.to_owned()));
    }
    let removed = std::fs::remove_file(file);
    removed.map(|()| true).map_err(|source| LinkError::Write { file: file.to_owned(), source })
}
