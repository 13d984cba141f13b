//! From a registry to a place.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::digest::Digest;

use super::error::TransferError;
use super::parallel::all;
use super::{BlobSink, Progress, State};
use crate::client::Repository;
use crate::descriptor::{Descriptor, Platform, media_type};
use crate::manifest::{Content, Manifest};

/// Blobs that are downloaded at once, as Docker.
pub const PARALLEL_DOWNLOADS: usize = 3;
/// Indexes within indexes that are followed.
pub(super) const MAX_DEPTH: usize = 4;

/// What to pull.
pub struct Pull {
    /// From where.
    pub repository: Repository,
    /// Which manifest or index.
    pub digest: Digest,
    /// Which images of an index.
    pub platforms: Platforms,
    /// To where.
    pub sink: Arc<dyn BlobSink>,
    /// Hears how it goes.
    pub progress: Arc<dyn Progress>,
    /// Blobs at once; [`PARALLEL_DOWNLOADS`] is Docker's number.
    pub parallel: usize,
}

/// Which images of an index.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Platforms {
    /// All of them.
    All,
    /// The one that fits this platform best.
    Only(Platform),
}

/// What was pulled.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// What the digest names: an image or an index.
    pub root: Manifest,
    /// The images: the root itself, or those chosen from the index.
    pub images: Vec<Manifest>,
}

/// Brings an image and everything that it needs to a place.
///
/// Every manifest and every blob is compared with its digest and its size. Blobs come before the manifests that name them,
/// so that a manifest in the place is complete. Of an index with one platform chosen, the index itself and that image.
///
/// # Errors
/// Every variant of [`TransferError`] but [`TransferError::Missing`] and [`TransferError::Corrupt`].
pub async fn pull(pull: Pull) -> Result<Pulled, TransferError> {
    let root = pull.repository.manifest(&pull.digest).await?;
    let mut found = Found::default();
    pull.collect(root.clone(), 0, &mut found).await?;
    let blobs = blobs(found.manifests.iter().chain(&found.images))?;
    for descriptor in &blobs {
        pull.progress.report(&descriptor.digest, &State::Waiting);
    }
    all(pull.parallel, blobs.into_iter().map(|descriptor| pull.task(descriptor))).await?;
    for manifest in found.images.iter().chain(&found.manifests) {
        pull.keep(manifest).await?;
    }
    Ok(Pulled { root, images: found.images })
}

/// Manifests, innermost first.
#[derive(Default)]
struct Found {
    images: Vec<Manifest>,
    manifests: Vec<Manifest>,
}

impl Pull {
    async fn collect(
        &self,
        manifest: Manifest,
        depth: usize,
        found: &mut Found,
    ) -> Result<(), TransferError> {
        let Content::Index(index) = manifest.content() else {
            if !found.images.contains(&manifest) {
                found.images.push(manifest);
            }
            return Ok(());
        };
        if depth >= MAX_DEPTH {
            return Err(TransferError::Deep { digest: manifest.digest() });
        }
        let chosen: Vec<&Descriptor> = match &self.platforms {
            Platforms::All => index.manifests.iter().collect(),
            Platforms::Only(platform) => match platform.select(&index.manifests) {
                Some(entry) => vec![entry],
                None => return Err(no_platform(&manifest, platform, &index.manifests)),
            },
        };
        for entry in chosen {
            if entry.is_foreign() {
                return Err(TransferError::Foreign { digest: entry.digest });
            }
            let child = self.repository.manifest(&entry.digest).await?;
            agree(entry, &child)?;
            Box::pin(self.collect(child, depth + 1, found)).await?;
        }
        found.manifests.push(manifest);
        Ok(())
    }

    /// The download of one blob, on its own.
    fn task(&self, descriptor: Descriptor) -> impl Future<Output = Result<(), TransferError>> + Send + use<> {
        let (repository, sink) = (self.repository.clone(), Arc::clone(&self.sink));
        let progress = Arc::clone(&self.progress);
        async move {
            let digest = descriptor.digest;
            let place = |source| TransferError::Place { verb: "write", digest, source };
            if sink.has_blob(&descriptor).await.map_err(place)? {
                progress.report(&digest, &State::AlreadyExists);
                return Ok(());
            }
            let mut writer = sink.create(&descriptor).await.map_err(place)?;
            let report = |state: State| progress.report(&digest, &state);
            repository.fetch_blob(&descriptor, &mut *writer, &report).await?;
            progress.report(&digest, &State::Verifying);
            writer.commit().await.map_err(place)?;
            progress.report(&digest, &State::Complete);
            Ok(())
        }
    }

    async fn keep(&self, manifest: &Manifest) -> Result<(), TransferError> {
        let descriptor = manifest.descriptor();
        let place = |source| TransferError::Place { verb: "write", digest: descriptor.digest, source };
        if self.sink.has_blob(descriptor).await.map_err(place)? {
            return Ok(());
        }
        let mut writer = self.sink.create(descriptor).await.map_err(place)?;
        writer.write(Bytes::clone(manifest.bytes())).await.map_err(place)?;
        writer.commit().await.map_err(place)
    }
}

/// Refuses a manifest that is not what its index says.
pub(super) fn agree(entry: &Descriptor, manifest: &Manifest) -> Result<(), TransferError> {
    let contradiction = |what| Err(TransferError::Contradiction { digest: entry.digest, what });
    if entry.size != manifest.descriptor().size {
        return contradiction("its index names another size");
    }
    if entry.media_type != manifest.media_type() {
        return contradiction("its index names another media type");
    }
    Ok(())
}

/// Every blob of some images once.
pub(super) fn blobs<'a>(
    manifests: impl Iterator<Item = &'a Manifest>,
) -> Result<Vec<Descriptor>, TransferError> {
    let mut order = Vec::new();
    let mut sizes = BTreeMap::new();
    for manifest in manifests {
        let Content::Image(image) = manifest.content() else { continue };
        for descriptor in image.blobs() {
            let digest = descriptor.digest;
            if descriptor.is_foreign() {
                return Err(TransferError::Foreign { digest });
            }
            if media_type::MANIFESTS.contains(&descriptor.media_type.as_str()) {
                return Err(TransferError::Contradiction {
                    digest,
                    what: "a manifest is no part of an image",
                });
            }
            match sizes.insert(digest, descriptor.size) {
                None => order.push(descriptor.clone()),
                Some(size) if size == descriptor.size => {}
                Some(_) => {
                    return Err(TransferError::Contradiction { digest, what: "two sizes are named for it" });
                }
            }
        }
    }
    Ok(order)
}

fn no_platform(index: &Manifest, wanted: &Platform, entries: &[Descriptor]) -> TransferError {
    let available =
        entries.iter().filter_map(|entry| entry.platform.clone()).filter(|one| one.os != "unknown").collect();
    TransferError::NoPlatform { digest: index.digest(), wanted: Box::new(wanted.clone()), available }
}
