//! What images consist of.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use countersign_core::digest::Digest;

use super::blob::{self, StoredBlob};
use super::error::StoreError;
use super::layout::Layout;
use crate::descriptor::{Descriptor, media_type};
use crate::manifest::{Content, MAX_MANIFEST_BYTES, Manifest};

/// Manifests in one image, indexes within indexes included.
const MANIFEST_LIMIT: usize = 20_000;

/// Everything that hangs on one descriptor and is in the store.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// Every blob that is named, by digest.
    pub(super) blobs: BTreeMap<Digest, Descriptor>,
    /// Images of which everything is in the store, in the order in which the index names them.
    pub(super) complete: Vec<(Descriptor, Manifest)>,
    /// The first blob that is named and not there, other than the manifests that an index may do without.
    pub(super) missing: Option<Digest>,
}

impl Closure {
    /// Walks from `root` down. A manifest that isn't there has nothing below it.
    ///
    /// # Errors
    /// [`StoreError::BlobCorrupt`], [`StoreError::Manifest`]: a manifest is there and can't be relied on.
    pub(super) fn walk(layout: &Layout, root: &Descriptor) -> Result<Self, StoreError> {
        let mut closure = Self::default();
        let mut waiting = vec![root.clone()];
        let mut manifests = BTreeSet::new();
        while let Some(descriptor) = waiting.pop() {
            if !manifests.insert(descriptor.digest) {
                continue;
            }
            if manifests.len() > MANIFEST_LIMIT {
                return Err(StoreError::TooMany { digest: root.digest, limit: MANIFEST_LIMIT });
            }
            let parsed = match manifest(layout, &descriptor) {
                Err(StoreError::BlobMissing { .. }) if descriptor.digest != root.digest => continue,
                Err(StoreError::BlobMissing { digest }) => {
                    closure.missing = Some(digest);
                    continue;
                }
                parsed => parsed?,
            };
            closure.blobs.insert(descriptor.digest, descriptor.clone());
            match parsed.content() {
                Content::Index(index) => waiting.extend(index.manifests.iter().rev().cloned()),
                Content::Image(image) => {
                    let mut whole = true;
                    for named in image.blobs() {
                        closure.blobs.insert(named.digest, named.clone());
                        if !blob::present(layout, &named.digest, Some(named.size))? && !named.is_foreign() {
                            closure.missing.get_or_insert(named.digest);
                            whole = false;
                        }
                    }
                    if whole {
                        closure.complete.push((descriptor, parsed));
                    }
                }
            }
        }
        Ok(closure)
    }
}

/// Reads and parses the manifest or index that `descriptor` names.
pub(super) fn manifest(layout: &Layout, descriptor: &Descriptor) -> Result<Manifest, StoreError> {
    let blob = StoredBlob::open(layout, &descriptor.digest, Some(descriptor.size))?;
    let content = blob.into_bytes(MAX_MANIFEST_BYTES)?;
    Manifest::parse(&descriptor.media_type, Bytes::from(content))
        .map_err(|source| StoreError::Manifest { digest: descriptor.digest, source })
}

/// Whether it is an image or an index of images.
pub(super) fn is_manifest(descriptor: &Descriptor) -> bool {
    media_type::MANIFESTS.contains(&descriptor.media_type.as_str())
}
