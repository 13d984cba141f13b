//! The file that a target goes to.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_core::digest::{Digest, Hasher};
use countersign_core::name::TargetName;

use super::TufTargetError;
use crate::cache::CacheError;
use crate::cache_dir::off_thread;
use crate::directory::Directory;

/// Bytes that are hashed at a time.
const PIECE_BYTES: usize = 64 << 10;

/// Where a target goes: its name's path below a directory. Links are not followed.
#[derive(Debug)]
pub(super) struct Place {
    parent: Arc<Directory>,
    name: String,
}

/// A file that has no name yet. Dropped without one, it is gone.
#[derive(Debug)]
pub(super) struct Unplaced {
    parent: Arc<Directory>,
    temporary: Option<String>,
}

impl Place {
    /// The place of `target` below `dir`; directories are made.
    pub(super) async fn of(target: &TargetName, dir: &Path) -> Result<Self, TufTargetError> {
        let is_segment = |segment: &str| {
            !matches!(segment, "" | "." | "..") && !segment.chars().any(|c| c.is_control() || c == '\\')
        };
        if !target.as_str().split('/').all(is_segment) {
            return Err(TufTargetError::Name(target.clone()));
        }
        let (dir, path) = (dir.to_owned(), target.as_str().to_owned());
        let place = off_thread(move || {
            let base = Directory::create(&dir)?;
            Ok(match path.rsplit_once('/') {
                Some((parent, name)) => (base.descend_or_create(parent)?, name.to_owned()),
                None => (base, path),
            })
        });
        let (parent, name) = place.await?;
        Ok(Self { parent: Arc::new(parent), name })
    }

    /// The file's path.
    pub(super) fn path(&self) -> PathBuf {
        self.parent.path().join(&self.name)
    }

    /// Whether the very content is there already.
    pub(super) async fn holds(&self, digests: Vec<Digest>, length: u64) -> Result<bool, CacheError> {
        let (parent, name) = (Arc::clone(&self.parent), self.name.clone());
        // A file that cannot be read is replaced.
        off_thread(move || {
            let file = parent.open_file(&name).ok().flatten();
            Ok(file.is_some_and(|file| is_content(file, &digests, length).unwrap_or(false)))
        })
        .await
    }

    /// Begins the file.
    pub(super) async fn begin(&self) -> Result<(Unplaced, File), CacheError> {
        let (parent, name) = (Arc::clone(&self.parent), self.name.clone());
        off_thread(move || {
            let (temporary, file) = parent.begin_file(&name)?;
            Ok((Unplaced { parent, temporary: Some(temporary) }, file))
        })
        .await
    }

    /// Puts the file in place.
    pub(super) async fn put(&self, file: Unplaced) -> Result<(), CacheError> {
        let name = self.name.clone();
        off_thread(move || file.place(&name)).await
    }
}

impl Unplaced {
    fn place(mut self, name: &str) -> Result<(), CacheError> {
        if let Some(temporary) = &self.temporary {
            self.parent.place(temporary, name)?;
        }
        self.temporary = None;
        Ok(())
    }
}

impl Drop for Unplaced {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary
            && let Err(error) = self.parent.remove(temporary)
        {
            tracing::debug!(%error, "a file was left behind");
        }
    }
}

fn is_content(mut file: File, digests: &[Digest], length: u64) -> std::io::Result<bool> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > length {
        return Ok(false);
    }
    let mut hashers: Vec<_> = digests.iter().map(|digest| Hasher::new(digest.algorithm())).collect();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        for hasher in &mut hashers {
            hasher.update(&piece[..read]);
        }
    }
    Ok(digests.iter().zip(hashers).all(|(digest, hasher)| hasher.finish() == *digest))
}
