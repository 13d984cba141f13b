//! Staged changes on disk, in Notary's format: what is to be published next.
//!
//! One file a change, `<trust dir>/tuf/<gun>/changelist/<20 digits of nanoseconds>_<uuid>.change`, applied in the order of
//! their names. Notary's `status`, `reset` and `publish` work on the same files.
//!
//! A push stages its own change under `<nanoseconds>_push-<uuid>.change` and holds a lock on that file while it lives. Such
//! a file without a lock was left by a push that died: the next push drops it and says so. To Notary the name is one like
//! any other.
//!
//! Source: notary `client/changelist/file_changelist.go`; reference behaviour 7.5; design decision on staged changes.

mod push;
mod wire;

use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use countersign_core::author::Change;
use countersign_core::name::Gun;
use countersign_core::time::DateTime;
use thiserror::Error;

pub use push::PushStage;
use wire::WireChange;

use crate::cache::CacheError;
use crate::cache_dir::{below, off_thread};
use crate::directory::{Content, Directory};
use crate::parallel::{in_parallel, map_in_parallel};

const CHANGELIST: &str = "changelist";
const SUFFIX: &str = ".change";
const PUSH: &str = "push-";
/// Largest change file, in bytes: a note may be long.
const CHANGE_BYTES: u64 = 16 << 20;
/// Most changes that are read.
const MAX_CHANGES: usize = 1_000_000;

/// The staged changes of one collection.
#[derive(Clone, Debug)]
pub struct ChangeList {
    trust_dir: PathBuf,
    gun: Gun,
}

/// One staged change.
#[derive(Clone, Debug, PartialEq)]
pub struct StagedChange {
    /// The name of its file.
    pub file: String,
    /// The change.
    pub change: Change,
    /// Who staged it.
    pub staged_by: StagedBy,
}

/// Who staged a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StagedBy {
    /// Somebody who means to publish it later.
    Author,
    /// A push, which publishes it itself.
    Push,
}

impl ChangeList {
    /// The changes of `gun` below `trust_dir`. Nothing is read or made yet.
    pub fn new(trust_dir: impl Into<PathBuf>, gun: Gun) -> Self {
        Self { trust_dir: trust_dir.into(), gun }
    }

    /// Where the changes are.
    pub fn directory(&self) -> PathBuf {
        self.trust_dir.join(below(&self.gun)).join(CHANGELIST)
    }

    /// The staged changes, in the order in which they are applied.
    ///
    /// # Errors
    /// - [`ChangeListError::Unreadable`]: a file is no change.
    /// - [`ChangeListError::TooMany`], [`ChangeListError::Io`].
    pub async fn list(&self) -> Result<Vec<StagedChange>, ChangeListError> {
        let this = self.clone();
        off_thread(move || Ok(this.list_now())).await?
    }

    /// Stages changes after those that are there; `at` is the time now. Returns the names of their files.
    pub async fn add(&self, changes: &[Change], at: DateTime) -> Result<Vec<String>, ChangeListError> {
        let (this, changes) = (self.clone(), changes.to_vec());
        let added = off_thread(move || {
            let (collection, directory) = this.create()?;
            let mut names = Vec::new();
            for change in changes.iter().flat_map(WireChange::of) {
                let name = file_name(at, names.len(), "");
                collection.create_in(&directory, &name, &change.to_bytes(), |_| Ok(()))?;
                names.push(name);
            }
            Ok(names)
        });
        Ok(added.await?)
    }

    /// Removes changes by the names of their files; one that isn't there is fine.
    pub async fn remove(&self, files: &[String]) -> Result<(), ChangeListError> {
        let (this, files) = (self.clone(), files.to_vec());
        let removed = off_thread(move || {
            let Some(directory) = this.open()? else { return Ok(()) };
            in_parallel(&files, |files| {
                files.iter().filter(|file| !file.contains('/')).try_for_each(|file| directory.remove(file))
            })
        });
        Ok(removed.await?)
    }

    /// Removes every change, those that cannot be read too; what a living push has staged stays.
    pub async fn clear(&self) -> Result<(), ChangeListError> {
        let this = self.clone();
        let cleared = off_thread(move || {
            let Some(directory) = this.open()? else { return Ok(()) };
            for name in directory.names()?.iter().filter(|name| name.ends_with(SUFFIX)) {
                if staged_by(name) == StagedBy::Author || push::is_left_over(&directory, name)? {
                    directory.remove(name)?;
                }
            }
            Ok(())
        });
        Ok(cleared.await?)
    }

    fn list_now(&self) -> Result<Vec<StagedChange>, ChangeListError> {
        let Some(directory) = self.open()? else { return Ok(Vec::new()) };
        let names: Vec<_> = directory
            .names()?
            .into_iter()
            .filter(|name| !name.starts_with('.') && name.ends_with(SUFFIX))
            .collect();
        if names.len() > MAX_CHANGES {
            return Err(ChangeListError::TooMany { max: MAX_CHANGES });
        }
        map_in_parallel(&names, |names| {
            let changes = names.iter().filter_map(|name| staged(&directory, name).transpose());
            changes.collect()
        })
    }

    fn open(&self) -> Result<Option<Directory>, CacheError> {
        let Some(base) = Directory::open(&self.trust_dir)? else { return Ok(None) };
        base.descend(&format!("{}/{CHANGELIST}", below(&self.gun)))
    }

    /// The collection's directory and the one of its changes, made if need be.
    fn create(&self) -> Result<(Directory, Directory), CacheError> {
        let collection = Directory::create(&self.trust_dir)?.descend_or_create(&below(&self.gun))?;
        let changes = collection.descend_or_create(CHANGELIST)?;
        Ok((collection, changes))
    }
}

/// One staged change; `None` if somebody removed it in the meantime.
fn staged(directory: &Directory, name: &str) -> Result<Option<StagedChange>, ChangeListError> {
    let change = read(directory, name)?;
    Ok(change.map(|change| StagedChange { staged_by: staged_by(name), file: name.to_owned(), change }))
}

fn read(directory: &Directory, name: &str) -> Result<Option<Change>, ChangeListError> {
    let unreadable =
        |reason: String| ChangeListError::Unreadable { file: shown(directory.path(), name), reason };
    match directory.read(name, CHANGE_BYTES)? {
        None => Ok(None),
        Some(Content::Bytes(bytes, _)) => WireChange::parse(&bytes).map(Some).map_err(unreadable),
        Some(Content::Special) => Err(unreadable("it is not a regular file".to_owned())),
        Some(Content::Large) => Err(unreadable(format!("it is larger than {CHANGE_BYTES} bytes"))),
    }
}

fn shown(directory: &Path, name: &str) -> String {
    directory.join(name).display().to_string()
}

fn staged_by(name: &str) -> StagedBy {
    let is_push = name.split_once('_').is_some_and(|(_, rest)| rest.starts_with(PUSH));
    if is_push { StagedBy::Push } else { StagedBy::Author }
}

/// The name of the `index`th change that is staged at `at`.
fn file_name(at: DateTime, index: usize, prefix: &str) -> String {
    let nanos = u128::try_from(at.unix_nanoseconds()).unwrap_or_default() + index as u128;
    format!("{nanos:020}_{prefix}{}{SUFFIX}", uuid4())
}

/// A random UUID.
///
/// Source: RFC 9562 §5.4.
fn uuid4() -> String {
    let mut bytes = [0; 16];
    // Without randomness the name is still one that `create_in` replaces nothing with: the time differs.
    let _ = rand::fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Staged changes that cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChangeListError {
    /// A file that is no change. Nothing was published.
    #[error("staged change `{file}` cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More changes than are read.
    #[error("more than {max} changes are staged")]
    TooMany {
        /// Most that are read.
        max: usize,
    },
    /// Reading or writing went wrong.
    #[error(transparent)]
    Io(#[from] CacheError),
}
