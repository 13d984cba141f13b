//! The two locks that keep neighbours from harm.
//!
//! `index.lock` is held, exclusively and briefly, by whoever changes `index.json` or removes blobs. `transfers.lock`
//! is held shared for as long as blobs are written or read that no index entry may name yet, and exclusively by the
//! garbage collector. Whoever takes both takes `transfers.lock` first. The system releases them when a process ends,
//! however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::error::StoreError;

/// How long a lock is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(10);

/// A promise, kept by the operating system, that no garbage is collected while this value or a clone of it lives.
///
/// Take it before the first blob of an image is looked for, and keep it until the image has a name.
#[derive(Clone, Debug)]
pub struct Lease {
    _file: Arc<File>,
}

impl Lease {
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let file = open(path)?;
        wait(path, PATIENCE, || file.try_lock_shared())?;
        Ok(Self { _file: Arc::new(file) })
    }
}

/// An exclusive lock, released when dropped.
#[derive(Debug)]
pub(super) struct Exclusive {
    _file: File,
}

impl Exclusive {
    /// Takes the lock, waiting for it up to `patience`.
    pub(super) fn take(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let file = open(path)?;
        wait(path, patience, || file.try_lock())?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| StoreError::io("open", path, source))
}

fn wait(
    path: &Path,
    patience: Duration,
    mut attempt: impl FnMut() -> Result<(), TryLockError>,
) -> Result<(), StoreError> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if start.elapsed() < patience => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Busy { path: path.to_owned(), waited: patience });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::io("lock", path, source)),
        }
    }
}
