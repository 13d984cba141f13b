//! The local image store: an OCI image layout that survives crashes and neighbours.
//!
//! Any OCI tool reads it (`skopeo inspect oci:DIR:docker.io/library/app:1`). Images have full references as names;
//! several processes may use one store at once, and one that is killed leaves it as it was, plus perhaps a temporary
//! file that the next garbage collection removes.
//!
//! Calls block; asynchronous code runs them on threads that may. [`Transfer`] does that for the registry client.
//!
//! ```
//! use countersign_registry::descriptor::{Descriptor, media_type};
//! use countersign_registry::reference::ImageReference;
//! use countersign_registry::store::Store;
//! # let dir = tempfile::tempdir()?;
//! let store = Store::open(&dir.path().join("images"))?;
//! let lease = store.lease()?; // nothing is collected before the image has its name
//! let manifest = br#"{"schemaVersion":2,"manifests":[]}"#;
//! let descriptor = Descriptor::of(media_type::OCI_INDEX, manifest);
//! let mut blob = store.create(&lease, &descriptor)?;
//! blob.append(manifest)?;
//! blob.commit()?;
//! let reference = ImageReference::parse("app:1")?;
//! store.tag(&reference, &descriptor)?;
//! assert_eq!(store.resolve(&reference)?, Some(descriptor));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod blob;
mod error;
mod files;
mod gc;
mod graph;
mod images;
mod index;
mod layout;
mod lock;
mod transfer;

use std::path::Path;
use std::time::Duration;

use countersign_core::digest::Digest;

pub use self::archive::{ArchiveError, EntryProblem, Limits, Loaded};
pub use self::blob::{NewBlob, StoredBlob};
pub use self::error::{Damage, StoreError};
pub use self::gc::Collected;
pub use self::images::StoredImage;
pub use self::lock::Lease;
pub use self::transfer::Transfer;
use crate::descriptor::Descriptor;
use crate::manifest::Manifest;

/// The images of one directory.
#[derive(Clone, Debug)]
pub struct Store {
    layout: layout::Layout,
}

impl Store {
    /// Opens the store in `dir`; lays it where there is nothing yet (directories 0700).
    ///
    /// # Errors
    /// - [`StoreError::NotALayout`]: the directory holds other things.
    /// - [`StoreError::LayoutVersion`], [`StoreError::Damaged`]: `oci-layout` is not what it should be.
    /// - [`StoreError::Io`], [`StoreError::Full`]: the system refuses.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { layout: layout::Layout::open(dir)? })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        self.layout.dir()
    }

    /// Keeps garbage collection away until the lease is dropped.
    pub fn lease(&self) -> Result<Lease, StoreError> {
        Lease::take(&self.layout.transfers_lock())
    }

    /// The store as a place that a registry client reads from and writes to; takes a lease.
    pub fn transfer(&self) -> Result<Transfer, StoreError> {
        Ok(Transfer::new(self.clone(), self.lease()?))
    }

    /// Whether the blob is there with its size; its content is checked when it is read.
    pub fn has(&self, descriptor: &Descriptor) -> Result<bool, StoreError> {
        blob::present(&self.layout, &descriptor.digest, Some(descriptor.size))
    }

    /// Opens a blob for reading; see [`StoredBlob`] for how it is checked.
    ///
    /// # Errors
    /// [`StoreError::BlobMissing`]: it isn't there.
    pub fn blob(&self, digest: &Digest) -> Result<StoredBlob, StoreError> {
        StoredBlob::open(&self.layout, digest, None)
    }

    /// Starts to write a blob; it is in the store only when it was committed.
    pub fn create(&self, lease: &Lease, descriptor: &Descriptor) -> Result<NewBlob, StoreError> {
        NewBlob::named(&self.layout, lease, descriptor.digest, descriptor.size)
    }

    /// Reads the manifest or index that `descriptor` names.
    ///
    /// # Errors
    /// - [`StoreError::BlobMissing`], [`StoreError::BlobCorrupt`]: it has to be fetched (again).
    /// - [`StoreError::Manifest`]: it is none.
    pub fn manifest(&self, descriptor: &Descriptor) -> Result<Manifest, StoreError> {
        graph::manifest(&self.layout, descriptor)
    }

    /// Removes blobs that no image names and that are older than `keep_younger_than`, and what killed processes left.
    ///
    /// # Errors
    /// - [`StoreError::InUse`]: images are being transferred; nothing is removed.
    /// - [`StoreError::BlobCorrupt`], [`StoreError::Manifest`], [`StoreError::Damaged`]: what is named can't be known;
    ///   nothing is removed.
    pub fn collect_garbage(&self, keep_younger_than: Duration) -> Result<Collected, StoreError> {
        gc::collect(&self.layout, keep_younger_than)
    }

    /// Removes only what killed processes left: quick, and worth a try before a transfer.
    ///
    /// # Errors
    /// [`StoreError::InUse`]: images are being transferred; nothing is removed.
    pub fn sweep(&self) -> Result<Collected, StoreError> {
        gc::sweep(&self.layout)
    }
}
