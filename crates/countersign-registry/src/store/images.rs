//! The names of images.

use countersign_core::digest::Digest;
use jiff::Timestamp;
use serde::Deserialize;

use super::blob::{self, StoredBlob};
use super::error::StoreError;
use super::graph::{Closure, is_manifest};
use super::index::Index;
use super::layout::Layout;
use super::lock::{Exclusive, PATIENCE};
use super::{Lease, Store};
use crate::descriptor::Descriptor;
use crate::manifest::Content;
use crate::reference::ImageReference;

/// Largest image configuration that is looked into, in bytes.
pub(super) const CONFIG_LIMIT_BYTES: u64 = 8 << 20;

/// An image in the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredImage {
    /// Its full reference, with tag or digest; an archive may hold images without one.
    pub reference: Option<ImageReference>,
    /// Its manifest or index.
    pub descriptor: Descriptor,
    /// When it was built, as its configuration says; of an index, the first image that is there.
    pub created: Option<Timestamp>,
    /// The bytes of everything that belongs to it and is in the store, each blob once.
    pub size: u64,
}

impl Store {
    /// Lets `reference` (`latest` if it has neither tag nor digest) stand for the image, and no longer for another.
    ///
    /// With a digest, the image keeps that name beside its tags.
    ///
    /// # Errors
    /// - [`StoreError::BlobMissing`]: the manifest isn't in the store.
    /// - [`StoreError::OtherDigest`]: the reference has another digest than the image.
    /// - [`StoreError::Damaged`], [`StoreError::Io`], [`StoreError::Full`]: the index can't be read or replaced.
    ///
    /// After an error the name stands for what it stood for.
    pub fn tag(&self, reference: &ImageReference, descriptor: &Descriptor) -> Result<(), StoreError> {
        self.name_all(&[(Some(reference.clone()), descriptor.clone())])
    }

    /// Removes a name; whether it was there. Blobs go with the next garbage collection.
    pub fn untag(&self, reference: &ImageReference) -> Result<bool, StoreError> {
        let _lock = Exclusive::take(&self.layout.index_lock(), PATIENCE)?;
        let mut index = Index::load(&self.layout)?;
        let removed = index.unname(&key(reference));
        if removed {
            index.store(&self.layout)?;
        }
        Ok(removed)
    }

    /// What `reference` stands for. One with a digest is found under any tag of its repository.
    ///
    /// # Errors
    /// - [`StoreError::AmbiguousName`]: another tool gave the name to two images.
    /// - [`StoreError::Damaged`], [`StoreError::Missing`], [`StoreError::Io`]: the index can't be read.
    pub fn resolve(&self, reference: &ImageReference) -> Result<Option<Descriptor>, StoreError> {
        let index = Index::load(&self.layout)?;
        let found = match reference.digest() {
            Some(digest) => index.find_digest(reference.name(), digest),
            None => index.find(&self.layout, &key(reference))?,
        };
        Ok(found)
    }

    /// Every name of the image with that digest.
    pub fn names_of(&self, digest: &Digest) -> Result<Vec<ImageReference>, StoreError> {
        let index = Index::load(&self.layout)?;
        let named = index.images().filter(|(_, descriptor)| descriptor.digest == *digest);
        Ok(named.filter_map(|(name, _)| name).collect())
    }

    /// Every image, by name. What can't be read of an image is left out of its size, and its age unknown.
    pub fn list(&self) -> Result<Vec<StoredImage>, StoreError> {
        let index = Index::load(&self.layout)?;
        let mut images: Vec<_> = index
            .images()
            .map(|(reference, descriptor)| {
                let (created, size) = weigh(&self.layout, descriptor);
                StoredImage { reference, descriptor: descriptor.clone(), created, size }
            })
            .collect();
        images.sort_by(|left, right| {
            (&left.reference, left.descriptor.digest).cmp(&(&right.reference, right.descriptor.digest))
        });
        Ok(images)
    }

    /// Names several images in one change of the index: all or none.
    pub(super) fn name_all(&self, named: &[(Option<ImageReference>, Descriptor)]) -> Result<(), StoreError> {
        let _lock = Exclusive::take(&self.layout.index_lock(), PATIENCE)?;
        let mut index = Index::load(&self.layout)?;
        for (reference, descriptor) in named {
            if !self.has(descriptor)? {
                return Err(StoreError::BlobMissing { digest: descriptor.digest });
            }
            match reference {
                Some(reference) => {
                    if reference.digest().is_some_and(|digest| *digest != descriptor.digest) {
                        let (reference, found) = (reference.clone(), descriptor.digest);
                        return Err(StoreError::OtherDigest { reference, found });
                    }
                    index.name(&key(reference), descriptor);
                }
                None => index.keep(descriptor),
            }
        }
        index.store(&self.layout)
    }

    /// Writes a small blob that was made here.
    pub(super) fn put(
        &self,
        lease: &Lease,
        descriptor: &Descriptor,
        content: &[u8],
    ) -> Result<(), StoreError> {
        let mut blob = self.create(lease, descriptor)?;
        blob.append(content)?;
        blob.commit().map(drop)
    }
}

/// The name that an entry of the index has: `name:tag` or `name@digest`.
fn key(reference: &ImageReference) -> ImageReference {
    match reference.digest() {
        Some(digest) => reference.without_suffix().with_digest(*digest),
        None => reference.clone().or_latest(),
    }
}

#[derive(Deserialize)]
struct Age {
    created: Option<Timestamp>,
}

fn weigh(layout: &Layout, descriptor: &Descriptor) -> (Option<Timestamp>, u64) {
    let closure = match is_manifest(descriptor).then(|| Closure::walk(layout, descriptor)) {
        Some(Ok(closure)) => closure,
        Some(Err(error)) => {
            tracing::warn!(digest = %descriptor.digest, %error, "an image in the store can't be read");
            return (None, 0);
        }
        None => return (None, 0),
    };
    let there = |named: &&Descriptor| blob::present(layout, &named.digest, Some(named.size)).unwrap_or(false);
    let size = closure.blobs.values().filter(there).map(|named| named.size).sum();
    let created = closure.complete.first().and_then(|(_, manifest)| match manifest.content() {
        Content::Image(image) => created(layout, &image.config),
        Content::Index(_) => None,
    });
    (created, size)
}

fn created(layout: &Layout, config: &Descriptor) -> Option<Timestamp> {
    let blob = StoredBlob::open(layout, &config.digest, Some(config.size)).ok()?;
    let content = blob.into_bytes(CONFIG_LIMIT_BYTES).ok()?;
    serde_json::from_slice::<Age>(&content).ok()?.created
}
