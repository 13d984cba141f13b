//! What a push stages: a change of its own, known by a lock while the push lives.

use std::fs::{File, TryLockError};
use std::io;

use countersign_core::author::Change;
use countersign_core::time::DateTime;

use super::wire::WireChange;
use super::{ChangeList, ChangeListError, PUSH, StagedBy, StagedChange, file_name, read, staged_by};
use crate::cache::CacheError;
use crate::cache_dir::off_thread;
use crate::directory::Directory;

/// Changes that a living push has staged. They go with it: published or not, a push leaves none behind.
#[derive(Debug)]
pub struct PushStage {
    list: ChangeList,
    files: Vec<(String, File)>,
}

impl ChangeList {
    /// Stages the changes of a push; `at` is the time now.
    pub async fn stage_push(&self, changes: &[Change], at: DateTime) -> Result<PushStage, ChangeListError> {
        let (list, changes) = (self.clone(), changes.to_vec());
        let staged = off_thread(move || {
            let (collection, directory) = list.create()?;
            let mut files = Vec::new();
            for change in changes.iter().flat_map(WireChange::of) {
                let name = file_name(at, files.len(), PUSH);
                let lock = |file: &File| file.try_lock().map_err(io::Error::from);
                let file = collection.create_in(&directory, &name, &change.to_bytes(), lock)?;
                files.push((name, file));
            }
            Ok(PushStage { list, files })
        });
        Ok(staged.await?)
    }

    /// Drops what pushes left that died before they could publish it, and returns it.
    pub async fn drop_left_over(&self) -> Result<Vec<StagedChange>, ChangeListError> {
        let list = self.clone();
        off_thread(move || Ok(list.drop_left_over_now())).await?
    }

    fn drop_left_over_now(&self) -> Result<Vec<StagedChange>, ChangeListError> {
        let Some(directory) = self.open()? else { return Ok(Vec::new()) };
        let mut dropped = Vec::new();
        for file in directory.names()?.into_iter().filter(|name| staged_by(name) == StagedBy::Push) {
            if is_left_over(&directory, &file)? {
                // One that cannot be read is dropped as well: nobody will ever publish it.
                if let Ok(Some(change)) = read(&directory, &file) {
                    dropped.push(StagedChange { file: file.clone(), change, staged_by: StagedBy::Push });
                }
                directory.remove(&file)?;
            }
        }
        Ok(dropped)
    }
}

impl Drop for PushStage {
    fn drop(&mut self) {
        if let Ok(Some(directory)) = self.list.open() {
            for (name, _) in &self.files {
                let _ = directory.remove(name);
            }
        }
    }
}

/// Whether the push that staged a file lives no more.
pub(super) fn is_left_over(directory: &Directory, name: &str) -> Result<bool, CacheError> {
    let Some(file) = directory.open_file(name)? else { return Ok(false) };
    Ok(!matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}
