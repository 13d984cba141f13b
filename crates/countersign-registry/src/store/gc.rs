//! Garbage collection: what no image names any more, and what killed processes left.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use countersign_core::digest::Algorithm;

use super::error::StoreError;
use super::files;
use super::graph::{Closure, is_manifest};
use super::index::Index;
use super::layout::Layout;
use super::lock::{Exclusive, PATIENCE};

/// What a garbage collection removed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Collected {
    /// Blobs that no image names.
    pub blobs: u64,
    /// Files of writers that were killed, and damaged blobs that had been set aside.
    pub leftovers: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Removes the files that killed writers left; does nothing while anything is transferred.
pub(super) fn sweep(layout: &Layout) -> Result<Collected, StoreError> {
    let _transfers = alone(layout)?;
    let _index = Exclusive::take(&layout.index_lock(), PATIENCE)?;
    let mut collected = Collected::default();
    remove_leftovers(layout, &mut collected)?;
    Ok(collected)
}

/// Removes leftovers, and blobs older than `keep_younger_than` that no image names.
///
/// The age protects what tools that know nothing of our locks are writing.
pub(super) fn collect(layout: &Layout, keep_younger_than: Duration) -> Result<Collected, StoreError> {
    let _transfers = alone(layout)?;
    let _index = Exclusive::take(&layout.index_lock(), PATIENCE)?;
    let named = named(layout)?;
    let mut collected = Collected::default();
    remove_leftovers(layout, &mut collected)?;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let is_name = |name: &str| {
            name.len() == 2 * algorithm.bytes() && name.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        for entry in entries(&layout.blobs_of(algorithm))? {
            let path = entry.path();
            let is_blob = entry.file_name().to_str().is_some_and(is_name);
            if is_blob && !named.contains(&path) && is_older(&entry, keep_younger_than) {
                collected.bytes += remove(&entry)?;
                collected.blobs += 1;
            }
        }
    }
    Ok(collected)
}

fn alone(layout: &Layout) -> Result<Exclusive, StoreError> {
    match Exclusive::take(&layout.transfers_lock(), Duration::ZERO) {
        Err(StoreError::Busy { .. }) => Err(StoreError::InUse { dir: layout.dir().to_owned() }),
        taken => taken,
    }
}

/// The files of every blob that is named by an image; nothing may be removed when that can't be known.
fn named(layout: &Layout) -> Result<BTreeSet<PathBuf>, StoreError> {
    let mut named = BTreeSet::new();
    for (_, descriptor) in Index::load(layout)?.images() {
        named.insert(layout.blob(&descriptor.digest));
        if is_manifest(descriptor) {
            let closure = Closure::walk(layout, descriptor)?;
            named.extend(closure.blobs.keys().map(|digest| layout.blob(digest)));
        }
    }
    Ok(named)
}

fn remove_leftovers(layout: &Layout, collected: &mut Collected) -> Result<(), StoreError> {
    for dir in [layout.ingest(), layout.damaged()] {
        for entry in entries(&dir)? {
            collected.bytes += remove(&entry)?;
            collected.leftovers += 1;
        }
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<Vec<DirEntry>, StoreError> {
    let listed = match fs::read_dir(dir) {
        Ok(listed) => listed.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    listed.map_err(|source| StoreError::io("read", dir, source))
}

fn is_older(entry: &DirEntry, age: Duration) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| SystemTime::now().duration_since(modified).is_ok_and(|found| found >= age))
}

fn remove(entry: &DirEntry) -> Result<u64, StoreError> {
    let size = entry.metadata().map_or(0, |metadata| metadata.len());
    files::remove(&entry.path()).map(|removed| if removed { size } else { 0 })
}
