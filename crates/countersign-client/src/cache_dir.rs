//! The cache in a directory, in Notary's layout.
//!
//! ```text
//! <trust dir>/tuf/<gun>/metadata/{root,targets,snapshot,timestamp}.json
//! <trust dir>/tuf/<gun>/metadata/targets/<delegation>.json
//! <trust dir>/tuf/<gun>/seen.json       the versions seen
//! <trust dir>/tuf/<gun>/.metadata.next/ what takes the place of metadata and seen.json, where that was cut off
//! <trust dir>/tuf/<gun>/confirmed.json  when a server last confirmed the timestamp
//! <trust dir>/tuf/<gun>/rotations.json  replacements of keys that were begun
//! <trust dir>/tuf/<gun>/proposal.json   the next edition, while it waits for signatures
//! <trust dir>/tuf/<gun>/.lock           held while a process writes
//! ```
//!
//! Docker and Notary read and write the same files below `metadata`. When a server last confirmed the timestamp is what
//! `confirmed.json` says, or the modification time of `timestamp.json` where that is older: files that were copied or put back
//! are no younger for it, and a cache that another program left says nothing of it.
//!
//! `root.json` and `seen.json` say whom the collection is trusted with, and cannot be had again from anybody: they are waited for
//! until they are on the disk.
//!
//! Source: notary `storage/filestore.go`; reference behaviour 7.1.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use countersign_core::limits::Limits;
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::time::DateTime;
use countersign_core::trust::Seen;

use crate::cache::{
    BegunRotation, Cache, CacheBeginning, CacheDamage, CacheError, CacheUpdate, Cached, Stored,
};
use crate::directory::{Content, Directory, remove_tree};

mod replace;

const METADATA: &str = "metadata";
const SEEN: &str = "seen.json";
const CONFIRMED: &str = "confirmed.json";
const ROTATIONS: &str = "rotations.json";
const PROPOSAL: &str = "proposal.json";
const LOCK: &str = ".lock";
/// Largest `seen.json`, in bytes: a role takes some 300.
const SEEN_BYTES: u64 = 4 << 20;
/// Largest `confirmed.json`, in bytes: a time.
const CONFIRMED_BYTES: u64 = 64;
/// Largest `rotations.json`, in bytes.
const ROTATIONS_BYTES: u64 = 1 << 20;

/// Collections below a trust directory.
#[derive(Clone, Debug)]
pub struct DirectoryCache {
    trust_dir: PathBuf,
}

impl DirectoryCache {
    /// The cache below `trust_dir`, such as `~/.docker/trust`. Nothing is read or made yet.
    pub fn new(trust_dir: impl Into<PathBuf>) -> Self {
        Self { trust_dir: trust_dir.into() }
    }

    /// The trust directory.
    pub fn trust_dir(&self) -> &Path {
        &self.trust_dir
    }

    /// The directory of a collection.
    pub fn directory(&self, gun: &Gun) -> PathBuf {
        self.trust_dir.join(below(gun))
    }
}

#[async_trait]
impl Cache for DirectoryCache {
    async fn load(&self, gun: &Gun, roles: &[RoleName], limits: &Limits) -> Result<Cached, CacheError> {
        let (dir, gun, roles, limits) = (self.trust_dir.clone(), gun.clone(), roles.to_vec(), limits.clone());
        off_thread(move || load(&dir, &gun, &roles, &limits)).await
    }

    async fn store(&self, gun: &Gun, update: CacheUpdate) -> Result<Stored, CacheError> {
        let (dir, gun) = (self.trust_dir.clone(), gun.clone());
        off_thread(move || store(&dir, &gun, &update)).await
    }

    async fn replace(&self, gun: &Gun, beginning: CacheBeginning) -> Result<(), CacheError> {
        let (dir, gun) = (self.trust_dir.clone(), gun.clone());
        off_thread(move || replace::replace(&dir, &gun, &beginning)).await
    }

    async fn forget(&self, gun: &Gun) -> Result<(), CacheError> {
        let (dir, gun) = (self.trust_dir.clone(), gun.clone());
        off_thread(move || forget(&dir, &gun)).await
    }

    async fn begun_rotations(&self, gun: &Gun) -> Result<Vec<BegunRotation>, CacheError> {
        let (dir, gun) = (self.trust_dir.clone(), gun.clone());
        off_thread(move || begun_rotations(&dir, &gun)).await
    }

    async fn note_rotations(&self, gun: &Gun, begun: &[BegunRotation]) -> Result<(), CacheError> {
        let (dir, gun, begun) = (self.trust_dir.clone(), gun.clone(), begun.to_vec());
        off_thread(move || note_rotations(&dir, &gun, &begun)).await
    }

    async fn proposal(&self, gun: &Gun, max_bytes: u64) -> Result<Option<Bytes>, CacheError> {
        let (dir, gun) = (self.trust_dir.clone(), gun.clone());
        off_thread(move || proposal(&dir, &gun, max_bytes)).await
    }

    async fn keep_proposal(&self, gun: &Gun, proposal: Option<Bytes>) -> Result<(), CacheError> {
        let (dir, gun) = (self.trust_dir.clone(), gun.clone());
        off_thread(move || keep_proposal(&dir, &gun, proposal.as_deref())).await
    }
}

/// Runs file work where it may wait.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CacheError> + Send + 'static,
) -> Result<T, CacheError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// The collection's directory, below the trust directory.
pub(crate) fn below(gun: &Gun) -> String {
    format!("tuf/{gun}")
}

fn load(trust_dir: &Path, gun: &Gun, roles: &[RoleName], limits: &Limits) -> Result<Cached, CacheError> {
    let mut cached = Cached::default();
    let Some(base) = Directory::open(trust_dir)? else { return Ok(cached) };
    let Some(collection) = base.descend(&below(gun))? else { return Ok(cached) };
    let _lock = collection.lock_shared(LOCK)?;
    match read_seen(&collection)? {
        Ok(seen) => cached.seen = seen,
        Err(damage) => cached.damage.push(damage),
    }
    let Some(metadata) = replace::current(&collection)? else { return Ok(cached) };
    for role in roles {
        let (directory, name) = place(role);
        let directory = match directory {
            Some(path) => metadata.descend(path)?,
            None => metadata.descend(".")?,
        };
        let Some(directory) = directory else { continue };
        let mut damaged = |problem: &str| {
            let file = format!("{METADATA}/{role}.json");
            cached.damage.push(CacheDamage { file, problem: problem.to_owned() });
        };
        match directory.read(&name, limits.file_bytes(role.top()))? {
            None => {}
            Some(Content::Special) => damaged("is not a regular file"),
            Some(Content::Large) => damaged("is larger than any such file may be"),
            // What a power failure leaves of a file that was not on the disk yet: as good as none.
            Some(Content::Bytes(bytes, _)) if bytes.iter().all(|byte| *byte == 0) => damaged("is empty"),
            Some(Content::Bytes(bytes, modified)) => {
                if *role == TopRole::Timestamp {
                    let noted = read_confirmed(&collection)?;
                    cached.confirmed =
                        noted.zip(modified.and_then(date_time)).map(|(noted, at)| noted.min(at));
                }
                cached.files.insert(role.clone(), Bytes::from(bytes));
            }
        }
    }
    Ok(cached)
}

/// Writes the files, then what is seen: interrupted anywhere, no version seen is lost, and a mixture of old and new files
/// is told by the hashes that they name of each other.
fn store(trust_dir: &Path, gun: &Gun, update: &CacheUpdate) -> Result<Stored, CacheError> {
    let modified = update.confirmed.and_then(system_time);
    if update.files.is_empty() && update.seen == update.basis {
        // Only the confirmation is new, and a lost one does no harm: nothing is waited for.
        let collection =
            Directory::open(trust_dir)?.map(|base| base.descend(&below(gun))).transpose()?.flatten();
        if let Some(collection) = collection {
            note_confirmed(&collection, update.confirmed)?;
            if let (Some(metadata), Some(modified)) = (collection.descend(METADATA)?, modified) {
                metadata.touch("timestamp.json", modified);
            }
        }
        return Ok(Stored::Done);
    }
    let collection = Directory::create(trust_dir)?.descend_or_create(&below(gun))?;
    let _lock = collection.lock(LOCK)?;
    replace::finish(&collection)?;
    let seen = read_seen(&collection)?.unwrap_or_default();
    if seen != update.basis && seen != update.seen {
        return Ok(Stored::Overtaken);
    }
    let metadata = collection.descend_or_create(METADATA)?;
    write_files(&metadata, update.files.iter().map(|(role, bytes)| (role, bytes)))?;
    if let Some(modified) = modified {
        metadata.touch("timestamp.json", modified);
    }
    note_confirmed(&collection, update.confirmed)?;
    if seen != update.seen {
        let text = serde_json::to_vec(&update.seen).unwrap_or_default();
        collection.write_durably(SEEN, &text)?;
    }
    Ok(Stored::Done)
}

/// Writes the files of roles into a directory of metadata, in this order.
fn write_files<'a>(
    metadata: &Directory,
    files: impl IntoIterator<Item = (&'a RoleName, &'a Bytes)>,
) -> Result<(), CacheError> {
    for (role, bytes) in files {
        let (directory, name) = place(role);
        let directory = metadata.descend_or_create(directory.unwrap_or("."))?;
        if *role == TopRole::Root {
            directory.write_durably(&name, bytes)?;
        } else {
            directory.write(&name, bytes)?;
        }
    }
    Ok(())
}

fn forget(trust_dir: &Path, gun: &Gun) -> Result<(), CacheError> {
    let Some(base) = Directory::open(trust_dir)? else { return Ok(()) };
    let Some(collection) = base.descend(&below(gun))? else { return Ok(()) };
    let _lock = collection.lock(LOCK)?;
    replace::finish(&collection)?;
    if collection.descend(METADATA)?.is_some() {
        remove_tree(&collection.path().join(METADATA))?;
    }
    collection.remove(ROTATIONS)?;
    collection.remove(CONFIRMED)?;
    collection.remove(SEEN)
}

fn begun_rotations(trust_dir: &Path, gun: &Gun) -> Result<Vec<BegunRotation>, CacheError> {
    let Some(base) = Directory::open(trust_dir)? else { return Ok(Vec::new()) };
    let Some(collection) = base.descend(&below(gun))? else { return Ok(Vec::new()) };
    Ok(match collection.read(ROTATIONS, ROTATIONS_BYTES)? {
        Some(Content::Bytes(bytes, _)) => serde_json::from_slice(&bytes).unwrap_or_default(),
        _ => Vec::new(),
    })
}

fn note_rotations(trust_dir: &Path, gun: &Gun, begun: &[BegunRotation]) -> Result<(), CacheError> {
    let collection = Directory::create(trust_dir)?.descend_or_create(&below(gun))?;
    let _lock = collection.lock(LOCK)?;
    if begun.is_empty() {
        return collection.remove(ROTATIONS);
    }
    collection.write(ROTATIONS, &serde_json::to_vec(begun).unwrap_or_default())
}

fn proposal(trust_dir: &Path, gun: &Gun, max_bytes: u64) -> Result<Option<Bytes>, CacheError> {
    let Some(base) = Directory::open(trust_dir)? else { return Ok(None) };
    let Some(collection) = base.descend(&below(gun))? else { return Ok(None) };
    Ok(match collection.read(PROPOSAL, max_bytes)? {
        Some(Content::Bytes(bytes, _)) => Some(Bytes::from(bytes)),
        _ => None,
    })
}

/// When a server last confirmed the timestamp, as it was noted here; `None` where it was not, or cannot be read.
fn read_confirmed(collection: &Directory) -> Result<Option<DateTime>, CacheError> {
    Ok(match collection.read(CONFIRMED, CONFIRMED_BYTES)? {
        Some(Content::Bytes(bytes, _)) => serde_json::from_slice(&bytes).ok(),
        _ => None,
    })
}

fn keep_proposal(trust_dir: &Path, gun: &Gun, proposal: Option<&[u8]>) -> Result<(), CacheError> {
    let collection = Directory::create(trust_dir)?.descend_or_create(&below(gun))?;
    let _lock = collection.lock(LOCK)?;
    match proposal {
        Some(proposal) => collection.write(PROPOSAL, proposal),
        None => collection.remove(PROPOSAL),
    }
}

fn note_confirmed(collection: &Directory, confirmed: Option<DateTime>) -> Result<(), CacheError> {
    let Some(confirmed) = confirmed else { return Ok(()) };
    collection.write(CONFIRMED, &serde_json::to_vec(&confirmed).unwrap_or_default())
}

/// The versions seen, or why they cannot be read.
fn read_seen(collection: &Directory) -> Result<Result<Seen, CacheDamage>, CacheError> {
    let damaged = |problem: &str| CacheDamage { file: SEEN.to_owned(), problem: problem.to_owned() };
    let file = match collection.descend(replace::NEXT)? {
        Some(next) => next.read(SEEN, SEEN_BYTES)?,
        None => None,
    };
    let file = match file {
        Some(file) => Some(file),
        None => collection.read(SEEN, SEEN_BYTES)?,
    };
    Ok(match file {
        None => Ok(Seen::default()),
        Some(Content::Bytes(bytes, _)) => {
            serde_json::from_slice(&bytes).map_err(|_| damaged("is not what this program writes"))
        }
        Some(Content::Special) => Err(damaged("is not a regular file")),
        Some(Content::Large) => Err(damaged("is larger than any such file may be")),
    })
}

/// Where a role's file is: a directory below `metadata`, if not that one, and the file's name.
fn place(role: &RoleName) -> (Option<&str>, String) {
    match role.as_str().rsplit_once('/') {
        Some((directory, name)) => (Some(directory), format!("{name}.json")),
        None => (None, format!("{role}.json")),
    }
}

fn date_time(time: SystemTime) -> Option<DateTime> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    DateTime::from_unix_ns(i128::try_from(since.as_nanos()).ok()?)
}

fn system_time(time: DateTime) -> Option<SystemTime> {
    let nanos = u64::try_from(time.unix_nanoseconds()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::SYNCS;

    fn syncs(trust_dir: &Path, update: &CacheUpdate) -> usize {
        let before = SYNCS.get();
        let gun: Gun = "example.com/app".parse().expect("a GUN");
        assert_eq!(store(trust_dir, &gun, update).expect("stored"), Stored::Done);
        SYNCS.get() - before
    }

    /// A file or a directory each; what is verified again and can be fetched is not waited for.
    #[test]
    fn root_and_seen_are_waited_for_and_a_warm_lookup_waits_for_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let confirmed = "2026-01-02T03:04:05Z".parse().ok();
        let digest = countersign_core::digest::Digest::sha256(b"").to_string();
        let seen = format!(r#"{{"root":{{"version":1,"sha256":"{digest}","signers":[]}}}}"#);
        let seen: Seen = serde_json::from_str(&seen).expect("a record");
        let file = |role: TopRole| (RoleName::from(role), Bytes::from_static(b"{}"));
        let update = |files, basis: &Seen, seen: &Seen| CacheUpdate {
            files,
            basis: basis.clone(),
            seen: seen.clone(),
            confirmed,
        };
        let none = Seen::default();
        // `tuf`, two segments of the name, and `metadata`; root and its directory; seen and its directory.
        let first = update(vec![file(TopRole::Targets), file(TopRole::Root)], &none, &seen);
        assert_eq!(syncs(dir.path(), &first), 4 + 2 + 2);
        assert_eq!(syncs(dir.path(), &update(vec![], &seen, &seen)), 0);
        assert_eq!(syncs(dir.path(), &update(vec![file(TopRole::Timestamp)], &seen, &seen)), 0);
        assert_eq!(syncs(dir.path(), &update(vec![], &seen, &none)), 2);
    }
}
