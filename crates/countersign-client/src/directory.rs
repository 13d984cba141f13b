//! Directories below the trust directory: nothing is followed out of them, and a file is replaced at once or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{self as at, AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::cache::CacheError;
use crate::files::create_private_dir;

/// How long a lock is waited for.
const LOCK_DEADLINE: Duration = Duration::from_secs(20);
const LOCK_POLL: Duration = Duration::from_millis(2);

/// An open directory. Names in it are single path segments.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

/// A file that was read.
#[derive(Debug)]
pub(crate) enum Content {
    /// Its bytes, and when it was last modified.
    Bytes(Vec<u8>, Option<SystemTime>),
    /// It is no regular file.
    Special,
    /// It has more bytes than allowed.
    Large,
}

impl Directory {
    /// Opens `base`, which may be reached over symbolic links; `None` if it isn't there.
    pub(crate) fn open(base: &Path) -> Result<Option<Self>, CacheError> {
        match at::open(base, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path: base.to_owned() })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(refused("open", base, error)),
        }
    }

    /// Opens `base` and makes it, readable for its owner only, where it isn't there.
    pub(crate) fn create(base: &Path) -> Result<Self, CacheError> {
        if let Some(directory) = Self::open(base)? {
            return Ok(directory);
        }
        create_private_dir(base).map_err(|source| io_error("create", base, source))?;
        Self::open(base)?.ok_or_else(|| io_error("open", base, io::ErrorKind::NotFound.into()))
    }

    /// Opens the directory `path` below this one, segment by segment; `None` if it isn't there.
    pub(crate) fn descend(&self, path: &str) -> Result<Option<Self>, CacheError> {
        let mut directory = self.same()?;
        for name in path.split('/') {
            match directory.child(name)? {
                Some(child) => directory = child,
                None => return Ok(None),
            }
        }
        Ok(Some(directory))
    }

    /// Opens the directory `path` below this one, and makes what isn't there.
    pub(crate) fn descend_or_create(&self, path: &str) -> Result<Self, CacheError> {
        let mut directory = self.same()?;
        for name in path.split('/') {
            directory = match directory.child(name)? {
                Some(child) => child,
                None => directory.create_child(name)?,
            };
        }
        Ok(directory)
    }

    /// The path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the regular file `name` of at most `max_bytes`; `None` if it isn't there.
    pub(crate) fn read(&self, name: &str, max_bytes: u64) -> Result<Option<Content>, CacheError> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match at::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NXIO) => return Ok(Some(Content::Special)),
            Err(error) => return Err(refused("open", &path, error)),
        };
        let file = File::from(fd);
        let failed = |source| io_error("read", &path, source);
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Ok(Some(Content::Special));
        }
        if metadata.len() > max_bytes {
            return Ok(Some(Content::Large));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
        file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > max_bytes {
            return Ok(Some(Content::Large));
        }
        Ok(Some(Content::Bytes(bytes, metadata.modified().ok())))
    }

    /// Puts a file in place under `name`, whole or not at all, whenever this process is killed.
    ///
    /// It is not waited for until it is on the disk: for what is verified when it is read, and can be fetched again. Waiting would
    /// cost a lookup more than all the rest of it.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), CacheError> {
        self.write_then(name, bytes, |_| Ok(()))
    }

    /// As [`write`](Self::write), and waits until it is on the disk: a power failure leaves the old file or the new one.
    pub(crate) fn write_durably(&self, name: &str, bytes: &[u8]) -> Result<(), CacheError> {
        self.write_then(name, bytes, sync)?;
        self.sync()
    }

    fn write_then(
        &self,
        name: &str,
        bytes: &[u8],
        written: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<(), CacheError> {
        let temporary = temporary_name(name);
        let failed = |source| io_error("write", &self.path.join(name), source);
        let placed = self.create_file(&temporary).and_then(|mut file| {
            file.write_all(bytes)
                .and_then(|()| written(&file))
                .and_then(|()| Ok(at::renameat(&self.fd, &temporary, &self.fd, name)?))
                .map_err(failed)
        });
        if placed.is_err() {
            let _ = at::unlinkat(&self.fd, &temporary, AtFlags::empty());
        }
        placed
    }

    /// Waits until the names in it are on the disk.
    fn sync(&self) -> Result<(), CacheError> {
        let failed = |source| io_error("write", &self.path, source);
        self.fd.try_clone().and_then(|fd| sync(&File::from(fd))).map_err(failed)
    }

    /// Makes a file that will be put in place under `name` later; gives the name that it has until then.
    pub(crate) fn begin_file(&self, name: &str) -> Result<(String, File), CacheError> {
        let temporary = temporary_name(name);
        let file = self.create_file(&temporary)?;
        Ok((temporary, file))
    }

    /// Puts a file of [`begin_file`](Self::begin_file) in place.
    pub(crate) fn place(&self, temporary: &str, name: &str) -> Result<(), CacheError> {
        at::renameat(&self.fd, temporary, &self.fd, name)
            .map_err(|error| refused("write", &self.path.join(name), error))
    }

    /// Moves the file `name` to another directory; one that isn't there is fine.
    pub(crate) fn move_to(&self, name: &str, to: &Self) -> Result<(), CacheError> {
        match at::renameat(&self.fd, name, &to.fd, name) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(refused("write", &to.path.join(name), error)),
        }
    }

    /// Makes the file `name`, which must not be there.
    pub(crate) fn create_file(&self, name: &str) -> Result<File, CacheError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        at::openat(&self.fd, name, flags, mode)
            .and_then(|fd| at::fchmod(&fd, mode).map(|()| File::from(fd)))
            .map_err(|error| refused("create", &self.path.join(name), error))
    }

    /// Sets when `name` was last modified; says whether it could.
    pub(crate) fn touch(&self, name: &str, time: SystemTime) -> bool {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        at::openat(&self.fd, name, flags, Mode::empty())
            .is_ok_and(|fd| File::from(fd).set_modified(time).is_ok())
    }

    /// Opens the file `name` for locking; `None` if it isn't there.
    pub(crate) fn open_file(&self, name: &str) -> Result<Option<File>, CacheError> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match at::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(File::from(fd))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(refused("open", &self.path.join(name), error)),
        }
    }

    /// The names in it, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, CacheError> {
        let failed = |error: Errno| refused("list", &self.path, error);
        let mut names = Vec::new();
        for entry in at::Dir::read_from(&self.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Puts a new file in place under `name` in `child`, whole or not at all, and returns it, open; `prepare` sees it before
    /// anybody else can.
    ///
    /// While it is written it stands in this directory: other programs take every file in `child` for a finished one.
    pub(crate) fn create_in(
        &self,
        child: &Self,
        name: &str,
        bytes: &[u8],
        prepare: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<File, CacheError> {
        let temporary = temporary_name(name);
        let path = child.path.join(name);
        let failed = |source| io_error("write", &path, source);
        let mut file = self.create_file(&temporary)?;
        let placed = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| prepare(&file))
            .and_then(|()| Ok(at::renameat(&self.fd, &temporary, &child.fd, name)?));
        if placed.is_err() {
            let _ = at::unlinkat(&self.fd, &temporary, AtFlags::empty());
        }
        placed.map_err(failed)?;
        Ok(file)
    }

    /// Removes the file `name`; one that isn't there is fine.
    pub(crate) fn remove(&self, name: &str) -> Result<(), CacheError> {
        match at::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(refused("remove", &self.path.join(name), error)),
        }
    }

    /// Locks the directory against other writers, until the lock is dropped.
    pub(crate) fn lock(&self, name: &str) -> Result<File, CacheError> {
        let path = self.path.join(name);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = at::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)
            .map(File::from)
            .map_err(|error| refused("lock", &path, error))?;
        wait_for(&path, || file.try_lock())?;
        Ok(file)
    }

    /// Keeps writers out while something is read; without a lock file there is none, and nothing is made.
    pub(crate) fn lock_shared(&self, name: &str) -> Result<Option<File>, CacheError> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(fd) = at::openat(&self.fd, name, flags, Mode::empty()) else { return Ok(None) };
        let file = File::from(fd);
        wait_for(&path, || file.try_lock_shared())?;
        Ok(Some(file))
    }

    fn same(&self) -> Result<Self, CacheError> {
        let fd = self.fd.try_clone().map_err(|source| io_error("open", &self.path, source))?;
        Ok(Self { fd, path: self.path.clone() })
    }

    fn child(&self, name: &str) -> Result<Option<Self>, CacheError> {
        let path = self.path.join(name);
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        match at::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(refused("open", &path, error)),
        }
    }

    fn create_child(&self, name: &str) -> Result<Self, CacheError> {
        let path = self.path.join(name);
        match at::mkdirat(&self.fd, name, Mode::RWXU) {
            // The umask may have taken even the owner's rights.
            Ok(()) => {
                at::chmodat(&self.fd, name, Mode::RWXU, AtFlags::empty())
                    .map_err(|error| refused("create", &path, error))?;
                self.sync()?;
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(refused("create", &path, error)),
        }
        self.child(name)?.ok_or_else(|| io_error("open", &path, io::ErrorKind::NotFound.into()))
    }
}

/// Waits until a file or a directory is on the disk.
fn sync(file: &File) -> io::Result<()> {
    #[cfg(test)]
    SYNCS.set(SYNCS.get() + 1);
    file.sync_all()
}

#[cfg(test)]
thread_local! {
    /// How often this thread waited for the disk.
    pub(crate) static SYNCS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Removes the directory `path` with all that is in it; one that isn't there is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<(), CacheError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path, source)),
        _ => Ok(()),
    }
}

fn wait_for(
    path: &Path,
    mut attempt: impl FnMut() -> Result<(), fs::TryLockError>,
) -> Result<(), CacheError> {
    let started = Instant::now();
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if started.elapsed() < LOCK_DEADLINE => {
                thread::sleep(LOCK_POLL);
            }
            Err(fs::TryLockError::WouldBlock) => {
                let path = path.display().to_string();
                return Err(CacheError::Locked { path, seconds: LOCK_DEADLINE.as_secs() });
            }
            Err(fs::TryLockError::Error(source)) => return Err(io_error("lock", path, source)),
        }
    }
}

/// A name that no other writer uses at this time. A file of this name that a crash left is never read.
fn temporary_name(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(".{name}.{}-{count}-{nanos}.tmp", std::process::id())
}

fn refused(action: &'static str, path: &Path, error: Errno) -> CacheError {
    match error {
        Errno::LOOP | Errno::NOTDIR => CacheError::NotADirectory { path: path.display().to_string() },
        error => io_error(action, path, error.into()),
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> CacheError {
    CacheError::Io { action, path: path.display().to_string(), source }
}
