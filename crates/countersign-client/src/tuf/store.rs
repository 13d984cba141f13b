//! What is trusted here of one repository.
//!
//! ```text
//! <dir>/<role>.json     the newest trusted file of each role, as received; `%XX` for what is no letter, digit, `_.-~`
//! <dir>/.lock           held while a process updates
//! ```

use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use countersign_core::name::{RoleName, TopRole};

use super::{quoted, short};
use crate::cache::CacheError;
use crate::cache_dir::off_thread;
use crate::directory::{Content, Directory};

const LOCK: &str = ".lock";

/// A directory with the trusted files of one repository.
#[derive(Clone, Debug)]
pub struct TufStore {
    dir: PathBuf,
}

impl TufStore {
    /// The store in `dir`. Nothing is read or made yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether there is a root.
    ///
    /// # Errors
    /// [`CacheError`]: the directory cannot be read.
    pub async fn is_begun(&self) -> Result<bool, CacheError> {
        Ok(self.read(&TopRole::Root.into(), u64::MAX).await?.is_some())
    }

    /// Begins with `root`, whatever was trusted before. It is checked when it is used.
    ///
    /// # Errors
    /// [`CacheError`]: the directory cannot be written.
    pub async fn begin(&self, root: Bytes) -> Result<(), CacheError> {
        self.write(&TopRole::Root.into(), root).await
    }

    /// Keeps other processes from updating until the lock is dropped.
    pub(super) async fn lock(&self) -> Result<File, CacheError> {
        let dir = self.dir.clone();
        off_thread(move || Directory::create(&dir)?.lock(LOCK)).await
    }

    /// The trusted file of `role`, if there is one that can be read and has at most `max_bytes`.
    pub(super) async fn read(&self, role: &RoleName, max_bytes: u64) -> Result<Option<Bytes>, CacheError> {
        let (dir, name) = (self.dir.clone(), file_name(role));
        off_thread(move || {
            let Some(directory) = Directory::open(&dir)? else { return Ok(None) };
            Ok(match directory.read(&name, max_bytes.min(u64::MAX - 1))? {
                Some(Content::Bytes(bytes, _)) => Some(bytes.into()),
                Some(Content::Special | Content::Large) | None => None,
            })
        })
        .await
    }

    /// Keeps `bytes` as the trusted file of `role`.
    pub(super) async fn write(&self, role: &RoleName, bytes: Bytes) -> Result<(), CacheError> {
        let (dir, name) = (self.dir.clone(), file_name(role));
        off_thread(move || Directory::create(&dir)?.write(&name, &bytes)).await
    }
}

fn file_name(role: &RoleName) -> String {
    format!("{}.json", short(quoted(role.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_a_file_name_of_its_own() {
        let name = |role: String| file_name(&RoleName::flat(role).expect("a role"));
        assert_eq!(name("../up".to_owned()), "..%2Fup.json");
        let long = name("é".repeat(120));
        assert!(long.len() < 100 && long != name("è".repeat(120)), "{long}");
    }
}
