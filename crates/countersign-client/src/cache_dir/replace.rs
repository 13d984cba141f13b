//! Replacing all that is kept of a collection at once.
//!
//! What is new is written into a directory of its own, which one rename declares to be what counts: from then on it is read, and
//! whoever writes next moves it to where Docker and Notary look. Before the rename nothing has changed.

use std::path::Path;

use countersign_core::name::Gun;

use super::{LOCK, METADATA, SEEN, below, note_confirmed, system_time, write_files};
use crate::cache::{CacheBeginning, CacheError};
use crate::directory::{Directory, remove_tree};

/// What takes the place of the metadata and of the versions seen, once it is whole.
pub(super) const NEXT: &str = ".metadata.next";
/// The same, while it is written.
const UNFINISHED: &str = ".metadata.unfinished";

/// Replaces files and versions seen.
pub(super) fn replace(trust_dir: &Path, gun: &Gun, beginning: &CacheBeginning) -> Result<(), CacheError> {
    let collection = Directory::create(trust_dir)?.descend_or_create(&below(gun))?;
    let _lock = collection.lock(LOCK)?;
    finish(&collection)?;
    remove_tree(&collection.path().join(UNFINISHED))?;
    let unfinished = collection.descend_or_create(UNFINISHED)?;
    write_files(&unfinished, &beginning.files)?;
    if let Some(modified) = system_time(beginning.confirmed) {
        unfinished.touch("timestamp.json", modified);
    }
    unfinished.write_durably(SEEN, &serde_json::to_vec(&beginning.seen).unwrap_or_default())?;
    note_confirmed(&collection, Some(beginning.confirmed))?;
    collection.place(UNFINISHED, NEXT)?;
    finish(&collection)
}

/// The directory whose files count.
pub(super) fn current(collection: &Directory) -> Result<Option<Directory>, CacheError> {
    match collection.descend(NEXT)? {
        Some(next) => Ok(Some(next)),
        None => collection.descend(METADATA),
    }
}

/// Moves what was declared to count to where it belongs. The collection is locked.
pub(super) fn finish(collection: &Directory) -> Result<(), CacheError> {
    let Some(next) = collection.descend(NEXT)? else { return Ok(()) };
    next.move_to(SEEN, collection)?;
    remove_tree(&collection.path().join(METADATA))?;
    collection.place(NEXT, METADATA)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bytes::Bytes;
    use countersign_core::limits::Limits;
    use countersign_core::name::{RoleName, TopRole};
    use countersign_core::time::DateTime;
    use countersign_core::trust::Seen;

    use super::*;
    use crate::cache::{Cache as _, CacheUpdate};
    use crate::cache_dir::DirectoryCache;

    fn gun() -> Gun {
        "example.com/team/app".parse().expect("a GUN")
    }

    fn seen(version: u64) -> Seen {
        let sha256 = format!("sha256:{}", "0".repeat(64));
        let file = serde_json::json!({ "version": version, "sha256": sha256, "signers": [] });
        serde_json::from_value(serde_json::json!({ "root": file })).expect("versions seen")
    }

    fn beginning(text: &'static str, version: u64) -> CacheBeginning {
        let files = [RoleName::from(TopRole::Root), RoleName::releases()];
        CacheBeginning {
            files: files.into_iter().map(|role| (role, Bytes::from_static(text.as_bytes()))).collect(),
            seen: seen(version),
            confirmed: DateTime::from_unix_ns(1_700_000_000_000_000_000).expect("a time"),
        }
    }

    async fn root(cache: &DirectoryCache) -> (Option<Bytes>, Seen) {
        let roles = [RoleName::from(TopRole::Root)];
        let cached = cache.load(&gun(), &roles, &Limits::default()).await.expect("readable");
        assert!(cached.damage.is_empty());
        (cached.files.into_values().next(), cached.seen)
    }

    #[tokio::test]
    async fn replacement_that_is_cut_off_leaves_the_old_or_the_new() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = DirectoryCache::new(dir.path());
        let at = |name: &str| cache.directory(&gun()).join(name);
        cache.replace(&gun(), beginning("old", 1)).await.expect("written");
        fs::create_dir(at("changelist")).expect("a directory");
        let old = (Some(Bytes::from_static(b"old")), seen(1));
        assert_eq!(root(&cache).await, old);

        // Each step, as if the process had ended right after it.
        fs::create_dir(at(UNFINISHED)).expect("a directory");
        fs::write(at(UNFINISHED).join("root.json"), "half").expect("a file");
        assert_eq!(root(&cache).await, old, "before the rename nothing has changed");
        fs::write(at(UNFINISHED).join("root.json"), "new").expect("a file");
        let text = serde_json::to_vec(&seen(2)).expect("JSON");
        fs::write(at(UNFINISHED).join(SEEN), text).expect("a file");
        fs::rename(at(UNFINISHED), at(NEXT)).expect("renamed");
        let new = (Some(Bytes::from_static(b"new")), seen(2));
        assert_eq!(root(&cache).await, new, "from then on the new one is read");
        fs::rename(at(NEXT).join(SEEN), at(SEEN)).expect("renamed");
        assert_eq!(root(&cache).await, new);
        fs::remove_dir_all(at(METADATA)).expect("removed");
        assert_eq!(root(&cache).await, new);

        // Whoever writes next puts it in its place.
        let update = CacheUpdate { files: Vec::new(), basis: seen(2), seen: seen(3), confirmed: None };
        cache.store(&gun(), update).await.expect("stored");
        assert_eq!(root(&cache).await, (new.0, seen(3)));
        assert!(!at(NEXT).exists() && at(METADATA).join("root.json").exists() && at("changelist").exists());
    }

    #[tokio::test]
    async fn replacement_leaves_nothing_of_what_was_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = DirectoryCache::new(dir.path());
        cache.replace(&gun(), beginning("old", 1)).await.expect("written");
        let mut next = beginning("new", 2);
        next.files.remove(&RoleName::releases());
        cache.replace(&gun(), next).await.expect("written");
        let cached = cache.load(&gun(), &[RoleName::releases()], &Limits::default()).await.expect("readable");
        assert!(cached.files.is_empty(), "a file of before would be one that nobody vouches for");
        cache.forget(&gun()).await.expect("forgotten");
        assert_eq!(root(&cache).await, (None, Seen::default()));
    }
}
