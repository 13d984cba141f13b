//! A collection that is brought to another server in several uploads, one of which breaks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use countersign_client::import::Remains;
use countersign_client::publisher::{PublishOptions, Publisher, PublisherError, Rotation, SnapshotKey};
use countersign_client::remote::{FetchError, Fetched, PublishError, Remote, RemoteFile};
use countersign_client::updater::{Roles, UpdateSettings, Updater};
use countersign_core::digest::Digest;
use countersign_core::key::PublicKey;
use countersign_core::limits::Limits;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::time::UpdateStart;

use crate::people::{Ours, Place, clock, gun};

/// A server that takes so many uploads and no more.
struct Breaking {
    inner: Arc<dyn Remote>,
    left: AtomicUsize,
}

#[async_trait]
impl Remote for Breaking {
    fn server(&self) -> &str {
        self.inner.server()
    }

    async fn fetch(
        &self,
        file: &RemoteFile,
        max_bytes: u64,
        if_none_match: Option<Digest>,
    ) -> Result<Fetched, FetchError> {
        self.inner.fetch(file, max_bytes, if_none_match).await
    }

    async fn public_key(&self, role: TopRole) -> Result<PublicKey, FetchError> {
        self.inner.public_key(role).await
    }

    async fn rotate_key(&self, role: TopRole) -> Result<PublicKey, FetchError> {
        self.inner.rotate_key(role).await
    }

    async fn publish(&self, files: &BTreeMap<RoleName, Bytes>) -> Result<(), PublishError> {
        let takes = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if takes.is_err() {
            return Err(FetchError::Status { server: self.server().to_owned(), status: 503 }.into());
        }
        self.inner.publish(files).await
    }

    async fn delete(&self) -> Result<(), FetchError> {
        self.inner.delete().await
    }
}

async fn goes_on_after(uploads: usize, snapshot_key: SnapshotKey) {
    let dirs = [(); 4].map(|()| tempfile::tempdir().expect("a temporary directory"));
    let [old_data, new_data, home, reader_home] = &dirs;
    let (_old, old) = Place::start_ours(old_data.path()).await;
    let (_new, new) = Place::start_ours(new_data.path()).await;
    let alice = Ours::at(&old, home.path());
    let publisher = alice.publisher(snapshot_key);
    let tag = countersign_client::publisher::TagToSign {
        tag: "v1".to_owned().into(),
        digest: Digest::sha256(b"one"),
        size: 3,
    };
    publisher.publish_target(&tag, clock()).await.expect("published");
    for _ in 0..3 {
        publisher.rotate(Rotation::Targets { keys: Vec::new() }, clock()).await.expect("rotated");
    }
    assert_eq!(Ours::at(&old, reader_home.path()).digest("v1").await, tag.digest);

    let moved = Ours::at(&new, home.path());
    let cache = moved.updater.cache();
    let remains = Remains::of_cache(&**cache, &gun(), &Limits::default()).await.expect("remains");
    let remote = Breaking { inner: Arc::clone(moved.updater.remote()), left: AtomicUsize::new(uploads) };
    let breaking = Updater::new(Arc::new(remote), Arc::clone(cache), UpdateSettings::new(gun()));
    let breaking = Publisher::new(&breaking, moved.keys.clone(), PublishOptions::default());
    let broken = breaking.import(&remains, clock()).await;
    assert!(matches!(broken, Err(PublisherError::Upload(_))), "{broken:?}");

    let publisher = moved.publisher(snapshot_key);
    let imported = publisher.import(&remains, clock()).await.expect("imported");
    assert_eq!((imported.root_version.get(), imported.snapshot_key), (5, snapshot_key));
    imported.confirmed.expect("the server shows it");
    assert_eq!(Ours::at(&new, reader_home.path()).digest("v1").await, tag.digest);
    let refreshed = moved.updater.refresh(UpdateStart(clock()), Roles::All).await.expect("trusted");
    assert!(refreshed.skipped.is_empty());
    let again = publisher.import(&remains, clock()).await;
    assert!(matches!(again, Err(PublisherError::Exists(_))), "{again:?}");
}

#[tokio::test]
async fn import_that_was_cut_off_goes_on() {
    for uploads in [0, 1, 3] {
        goes_on_after(uploads, SnapshotKey::Local).await;
    }
    goes_on_after(2, SnapshotKey::Server).await;
}
