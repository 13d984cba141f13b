//! Finding key files by name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use countersign_core::key::KeyId;

use crate::keystore::KeyStoreError;

/// Older Notaries' directories below `private`.
const ROOT_KEYS: &str = "root_keys";
const TUF_KEYS: &str = "tuf_keys";

/// A key file, with what its name and its place say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct KeyPath {
    pub(super) id: KeyId,
    pub(super) path: PathBuf,
    /// The role behind the id in the file name, or `root` below `root_keys`.
    pub(super) role: Option<String>,
    /// The directories below `tuf_keys`.
    pub(super) gun: Option<String>,
}

/// Every key file below `private`, by id. Of several with one id the one nearest to `private` is taken, and of those
/// the first by path.
pub(super) fn all(private: &Path) -> Result<BTreeMap<KeyId, KeyPath>, KeyStoreError> {
    let mut found = BTreeMap::new();
    for key in files(private)? {
        found.entry(key.id).or_insert(key);
    }
    Ok(found)
}

/// Every file of one key, in the same order.
pub(super) fn of(private: &Path, id: KeyId) -> Result<Vec<KeyPath>, KeyStoreError> {
    Ok(files(private)?.into_iter().filter(|key| key.id == id).collect())
}

fn files(private: &Path) -> Result<Vec<KeyPath>, KeyStoreError> {
    let mut found = Vec::new();
    let mut level = vec![private.to_owned()];
    while !level.is_empty() {
        let mut below = Vec::new();
        for dir in level {
            for entry in entries(&dir, private)? {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => below.push(path),
                    Ok(kind) if kind.is_file() => {
                        found.extend(key_path(private, path));
                    }
                    // Symbolic links and all else.
                    _ => {}
                }
            }
        }
        level = below;
    }
    Ok(found)
}

/// The file of one key: looked for first where it belongs, then everywhere.
pub(super) fn one(private: &Path, id: KeyId) -> Result<Option<KeyPath>, KeyStoreError> {
    let path = private.join(format!("{id}.key"));
    if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(Some(KeyPath { id, path, role: None, gun: None }));
    }
    Ok(all(private)?.remove(&id))
}

/// The entries of `dir`, by name. A directory that isn't there has none.
fn entries(dir: &Path, private: &Path) -> Result<Vec<fs::DirEntry>, KeyStoreError> {
    let unusable = |source| KeyStoreError::Directory { path: dir.to_owned(), source };
    let listing = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && dir == private => return Ok(Vec::new()),
        listing => listing.map_err(unusable)?,
    };
    let mut entries = listing.collect::<io::Result<Vec<_>>>().map_err(unusable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

fn key_path(private: &Path, path: PathBuf) -> Option<KeyPath> {
    let (id, role, gun) = place_of(path.strip_prefix(private).ok()?)?;
    Some(KeyPath { id, path, role, gun })
}

/// Reads `[dirs/]<id>[_<role>].key`, a path below `private`: the id, and role and collection as far as the place says them.
/// `None` for every other name.
pub(crate) fn place_of(below: &Path) -> Option<(KeyId, Option<String>, Option<String>)> {
    let name = below.file_name()?.to_str()?.strip_suffix(".key")?;
    let (id, role) = match name.split_once('_') {
        Some((id, role)) => (id, Some(role.to_owned())),
        None => (name, None),
    };
    let id = id.parse().ok()?;
    let dirs: Vec<_> = below.parent()?.iter().map(|dir| dir.to_string_lossy()).collect();
    let (role, gun) = match dirs.split_first() {
        Some((first, _)) if first == ROOT_KEYS => (role.or_else(|| Some("root".to_owned())), None),
        Some((first, rest)) if first == TUF_KEYS && !rest.is_empty() => (role, Some(rest.join("/"))),
        _ => (role, None),
    };
    Some((id, role, gun))
}
