//! Serving files, the hot ones from memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_core::name::{Gun, RoleName};

use super::{ServiceError, TrustService};
use crate::http::Selector;
use crate::storage::StoredFile;

/// How long a file in memory is served without a look at the store: another process may have published.
const FRESH: Duration = Duration::from_secs(1);
/// Most bytes of files in memory.
const HOT_BYTES: usize = 64 << 20;
/// Larger files are read from the store each time.
const HOT_FILE_BYTES: usize = 8 << 20;

impl TrustService {
    /// The file of `role` that `selector` names. Nothing is ever signed or written by this.
    pub(crate) async fn file(
        &self,
        gun: &Gun,
        role: &RoleName,
        selector: Selector,
    ) -> Result<Option<Arc<StoredFile>>, ServiceError> {
        let file = match selector {
            Selector::Current => return self.current(gun, role).await,
            Selector::Version(version) => self.storage.by_version(gun, role, version).await?,
            Selector::Checksum(sha256) => self.storage.by_checksum(gun, role, &sha256).await?,
        };
        Ok(file.map(Arc::new))
    }

    async fn current(&self, gun: &Gun, role: &RoleName) -> Result<Option<Arc<StoredFile>>, ServiceError> {
        let epoch = match self.hot.find(gun, role) {
            Ok(file) => return Ok(Some(file)),
            Err(epoch) => epoch,
        };
        let file = self.storage.current(gun, role).await?.map(Arc::new);
        if let Some(file) = &file {
            self.hot.keep(gun, file, epoch);
        }
        Ok(file)
    }
}

/// Current files in memory.
#[derive(Default)]
pub(super) struct HotFiles(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    files: HashMap<Gun, HashMap<RoleName, (Instant, Arc<StoredFile>)>>,
    bytes: usize,
    /// Counts what was forgotten, so that a file that was read before is not kept after.
    epoch: u64,
}

impl HotFiles {
    /// The file in memory, or the present epoch.
    fn find(&self, gun: &Gun, role: &RoleName) -> Result<Arc<StoredFile>, u64> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.files.get(gun).and_then(|files| files.get(role)) {
            Some((since, file)) if since.elapsed() < FRESH => Ok(Arc::clone(file)),
            _ => Err(inner.epoch),
        }
    }

    /// Keeps a file that was read after `epoch` was given out.
    fn keep(&self, gun: &Gun, file: &Arc<StoredFile>, epoch: u64) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.epoch != epoch || file.bytes.len() > HOT_FILE_BYTES {
            return;
        }
        if inner.bytes + file.bytes.len() > HOT_BYTES {
            inner.files.clear();
            inner.bytes = 0;
        }
        let roles = inner.files.entry(gun.clone()).or_default();
        let replaced = roles.insert(file.role.clone(), (Instant::now(), Arc::clone(file)));
        inner.bytes += file.bytes.len();
        inner.bytes -= replaced.map_or(0, |(_, file)| file.bytes.len());
    }

    /// Forgets the files of a collection that changed.
    pub(super) fn forget(&self, gun: &Gun) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.epoch += 1;
        let gone = inner.files.remove(gun).unwrap_or_default();
        inner.bytes -= gone.values().map(|(_, file)| file.bytes.len()).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use countersign_core::digest::Digest;
    use countersign_core::name::TopRole;
    use countersign_core::number::MetaVersion;

    use super::*;

    fn file(bytes: usize) -> Arc<StoredFile> {
        let bytes = Bytes::from(vec![0; bytes]);
        Arc::new(StoredFile {
            role: TopRole::Targets.into(),
            version: MetaVersion::FIRST,
            sha256: Digest::sha256(&bytes),
            bytes,
            stored_at: None,
        })
    }

    #[test]
    fn file_read_before_a_publish_is_not_kept_after_it() {
        let (hot, gun): (_, Gun) = (HotFiles::default(), "g".parse().expect("a GUN"));
        let role = TopRole::Targets.into();
        let epoch = hot.find(&gun, &role).expect_err("empty");
        hot.keep(&gun, &file(1), epoch);
        assert!(hot.find(&gun, &role).is_ok());
        hot.forget(&gun);
        hot.keep(&gun, &file(1), epoch);
        assert!(hot.find(&gun, &role).is_err());
    }

    #[test]
    fn files_in_memory_are_bounded() {
        let hot = HotFiles::default();
        let gun = |number: usize| -> Gun { format!("g{number}").parse().expect("a GUN") };
        hot.keep(&gun(0), &file(HOT_FILE_BYTES + 1), 0);
        assert!(hot.find(&gun(0), &TopRole::Targets.into()).is_err());
        let large = file(HOT_FILE_BYTES);
        for number in 0..20 {
            hot.keep(&gun(number), &large, 0);
            let inner = hot.0.lock().expect("not poisoned");
            assert!(inner.bytes <= HOT_BYTES);
            let counted: usize = inner
                .files
                .values()
                .map(|roles| roles.values().map(|(_, file)| file.bytes.len()).sum::<usize>())
                .sum();
            assert_eq!(counted, inner.bytes);
        }
    }
}
