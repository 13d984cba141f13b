//! From a place to a registry.

use std::sync::Arc;

use countersign_core::digest::Digest;
use tokio::io::AsyncReadExt as _;

use super::error::TransferError;
use super::parallel::all;
use super::pull::{MAX_DEPTH, agree, blobs};
use super::{BlobSource, Progress, State};
use crate::client::{Repository, Uploaded};
use crate::descriptor::Descriptor;
use crate::manifest::{Content, MAX_MANIFEST_BYTES, Manifest};

/// Blobs that are uploaded at once, as Docker.
pub const PARALLEL_UPLOADS: usize = 5;

/// What to push.
pub struct Push {
    /// To where.
    pub repository: Repository,
    /// Under which tag; none for the digest alone.
    pub tag: Option<String>,
    /// What: a manifest or an index, with its media type.
    pub root: Descriptor,
    /// From where.
    pub source: Arc<dyn BlobSource>,
    /// Another repository of the same registry that may have some of the blobs.
    pub mount_from: Option<String>,
    /// Hears how it goes.
    pub progress: Arc<dyn Progress>,
    /// Blobs at once; [`PARALLEL_UPLOADS`] is Docker's number.
    pub parallel: usize,
}

/// What was pushed: what we sent, never what the registry says that the tag is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pushed {
    /// The tag.
    pub tag: Option<String>,
    /// The digest of the manifest or index.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
}

/// Brings an image, or an index with all its images, to a registry.
///
/// Blobs come before the manifests that name them, and the tag comes last. Images of an index that are not in the place
/// must be in the registry already.
///
/// # Errors
/// Every variant of [`TransferError`] but [`TransferError::NoPlatform`].
pub async fn push(push: Push) -> Result<Pushed, TransferError> {
    let missing = || TransferError::Missing { digest: push.root.digest };
    let root = push.read(&push.root).await?.ok_or_else(missing)?;
    let mut inner = Vec::new();
    push.collect(&root, 0, &mut inner).await?;
    let blobs = blobs(inner.iter().chain([&root]))?;
    for descriptor in &blobs {
        push.progress.report(&descriptor.digest, &State::Waiting);
    }
    all(push.parallel, blobs.into_iter().map(|descriptor| push.task(descriptor))).await?;
    for manifest in &inner {
        push.repository.put_manifest(None, manifest).await?;
    }
    push.repository.put_manifest(push.tag.as_deref(), &root).await?;
    let Descriptor { digest, size, media_type, .. } = root.descriptor().clone();
    Ok(Pushed { tag: push.tag, digest, size, media_type })
}

impl Push {
    /// Adds the manifests that an index names, innermost first.
    async fn collect(
        &self,
        manifest: &Manifest,
        depth: usize,
        found: &mut Vec<Manifest>,
    ) -> Result<(), TransferError> {
        let Content::Index(index) = manifest.content() else { return Ok(()) };
        if depth >= MAX_DEPTH {
            return Err(TransferError::Deep { digest: manifest.digest() });
        }
        for entry in &index.manifests {
            match self.read(entry).await? {
                Some(child) => {
                    agree(entry, &child)?;
                    Box::pin(self.collect(&child, depth + 1, found)).await?;
                    if !found.contains(&child) {
                        found.push(child);
                    }
                }
                None if self.repository.has_manifest(&entry.digest).await? => {}
                None => return Err(TransferError::Missing { digest: entry.digest }),
            }
        }
        Ok(())
    }

    /// A manifest of the place, compared with its digest; `None` if it isn't there.
    async fn read(&self, descriptor: &Descriptor) -> Result<Option<Manifest>, TransferError> {
        let digest = descriptor.digest;
        let place = |source| TransferError::Place { verb: "read", digest, source };
        let Some(reader) = self.source.open(&digest, 0).await.map_err(place)? else { return Ok(None) };
        let mut bytes = Vec::new();
        reader.content.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut bytes).await.map_err(place)?;
        if bytes.len() as u64 <= MAX_MANIFEST_BYTES && Digest::of(digest.algorithm(), &bytes) != digest {
            return Err(TransferError::Corrupt { digest });
        }
        let manifest = Manifest::parse(&descriptor.media_type, bytes.into());
        manifest.map(Some).map_err(|source| TransferError::Manifest { digest, source })
    }

    /// The upload of one blob, on its own.
    fn task(&self, descriptor: Descriptor) -> impl Future<Output = Result<(), TransferError>> + Send + use<> {
        let (repository, source) = (self.repository.clone(), Arc::clone(&self.source));
        let (progress, mount_from) = (Arc::clone(&self.progress), self.mount_from.clone());
        async move {
            let digest = descriptor.digest;
            let listener = Arc::clone(&progress);
            let report = Arc::new(move |state: State| listener.report(&digest, &state));
            let uploaded =
                repository.upload_blob(&descriptor, &*source, mount_from.as_deref(), report).await?;
            progress.report(
                &digest,
                &match uploaded {
                    Uploaded::Existed => State::LayerAlreadyExists,
                    Uploaded::Mounted(from) => State::MountedFrom(from),
                    Uploaded::Sent => State::Pushed,
                },
            );
            Ok(())
        }
    }
}
