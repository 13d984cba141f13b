//! When keys were last used: the modification time of an empty file for each, beside the directory of the keys.
//!
//! One file for each key needs no lock, and nobody has to read what others wrote.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use countersign_core::key::KeyId;

use crate::files;

/// Notes that a key is used at this moment. That it cannot be noted stops nothing.
pub(super) fn note(private: &Path, id: KeyId) {
    let Some(path) = path(private, id) else { return };
    let noted = path.parent().map_or(Ok(()), files::create_private_dir).and_then(|()| {
        if !path.exists() {
            files::create_private(&path, b"")?;
        }
        File::options().write(true).open(&path)?.set_modified(SystemTime::now())
    });
    if let Err(error) = noted {
        tracing::debug!(path = %path.display(), %error, "it could not be noted that a key was used");
    }
}

/// When a key was last used here.
pub(super) fn last(private: &Path, id: KeyId) -> Option<SystemTime> {
    fs::symlink_metadata(path(private, id)?).ok().filter(fs::Metadata::is_file)?.modified().ok()
}

/// Forgets a key that is gone.
pub(super) fn forget(private: &Path, id: KeyId) {
    if let Some(path) = path(private, id) {
        let _ = fs::remove_file(path);
    }
}

fn path(private: &Path, id: KeyId) -> Option<PathBuf> {
    Some(private.parent()?.join("used").join(id.to_string()))
}
