//! A cache in memory, for those who keep nothing: services that restart clean, and tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use countersign_core::limits::Limits;
use countersign_core::name::{Gun, RoleName};
use countersign_core::time::DateTime;
use countersign_core::trust::Seen;

use crate::cache::{BegunRotation, Cache, CacheBeginning, CacheError, CacheUpdate, Cached, Stored};

/// Collections in memory.
#[derive(Debug, Default)]
pub struct MemoryCache(Mutex<BTreeMap<Gun, Entry>>);

#[derive(Clone, Debug, Default)]
struct Entry {
    files: BTreeMap<RoleName, Bytes>,
    seen: Seen,
    confirmed: Option<DateTime>,
    rotations: Vec<BegunRotation>,
    proposal: Option<Bytes>,
}

impl MemoryCache {
    /// Takes one file away, as a damaged disk would.
    pub fn remove(&self, gun: &Gun, role: &RoleName) -> Option<Bytes> {
        self.entries().get_mut(gun)?.files.remove(role)
    }

    /// Puts one file there, whatever it is.
    pub fn put(&self, gun: &Gun, role: RoleName, bytes: Bytes) {
        self.entries().entry(gun.clone()).or_default().files.insert(role, bytes);
    }

    /// Forgets which versions were seen, as a Notary client's cache never knew them.
    pub fn forget_seen(&self, gun: &Gun) {
        if let Some(entry) = self.entries().get_mut(gun) {
            entry.seen = Seen::default();
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Gun, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn load(&self, gun: &Gun, roles: &[RoleName], _limits: &Limits) -> Result<Cached, CacheError> {
        let Some(entry) = self.entries().get(gun).cloned() else { return Ok(Cached::default()) };
        let files = entry.files.into_iter().filter(|(role, _)| roles.contains(role)).collect();
        Ok(Cached { files, seen: entry.seen, confirmed: entry.confirmed, damage: Vec::new() })
    }

    async fn store(&self, gun: &Gun, update: CacheUpdate) -> Result<Stored, CacheError> {
        let mut entries = self.entries();
        let entry = entries.entry(gun.clone()).or_default();
        if entry.seen != update.basis && entry.seen != update.seen {
            return Ok(Stored::Overtaken);
        }
        entry.files.extend(update.files);
        entry.seen = update.seen;
        entry.confirmed = update.confirmed.or(entry.confirmed);
        Ok(Stored::Done)
    }

    async fn replace(&self, gun: &Gun, beginning: CacheBeginning) -> Result<(), CacheError> {
        let CacheBeginning { files, seen, confirmed } = beginning;
        let mut entries = self.entries();
        let rotations = entries.get(gun).map(|entry| entry.rotations.clone()).unwrap_or_default();
        entries.insert(
            gun.clone(),
            Entry { files, seen, confirmed: Some(confirmed), rotations, proposal: None },
        );
        Ok(())
    }

    async fn forget(&self, gun: &Gun) -> Result<(), CacheError> {
        self.entries().remove(gun);
        Ok(())
    }

    async fn begun_rotations(&self, gun: &Gun) -> Result<Vec<BegunRotation>, CacheError> {
        Ok(self.entries().get(gun).map(|entry| entry.rotations.clone()).unwrap_or_default())
    }

    async fn note_rotations(&self, gun: &Gun, begun: &[BegunRotation]) -> Result<(), CacheError> {
        self.entries().entry(gun.clone()).or_default().rotations = begun.to_vec();
        Ok(())
    }

    async fn proposal(&self, gun: &Gun, _max_bytes: u64) -> Result<Option<Bytes>, CacheError> {
        Ok(self.entries().get(gun).and_then(|entry| entry.proposal.clone()))
    }

    async fn keep_proposal(&self, gun: &Gun, proposal: Option<Bytes>) -> Result<(), CacheError> {
        self.entries().entry(gun.clone()).or_default().proposal = proposal;
        Ok(())
    }
}
