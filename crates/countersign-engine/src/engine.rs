//! What the commands ask of an engine.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_registry::descriptor::Platform;
use countersign_registry::reference::ImageReference;
use countersign_registry::transfer::Progress;
use jiff::Timestamp;

use crate::error::EngineError;
use crate::pinned::Pinned;

/// Somebody who keeps images: a daemon, or the local store.
///
/// After an error, every name stands for what it stood for before the call.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The engine's name, as `--engine` takes it.
    fn name(&self) -> &'static str;

    /// Sends the image that `reference` stands for to its registry, under its tag.
    ///
    /// Returns what *was sent*, whatever the registry says that the tag is now.
    ///
    /// # Errors
    /// - [`EngineError::NoSuchImage`]: the engine has no such image.
    /// - [`EngineError::NoTag`]: the reference has a digest and no tag to push to.
    async fn push(
        &self,
        reference: &ImageReference,
        progress: Arc<dyn Progress>,
    ) -> Result<Pushed, EngineError>;

    /// Fetches an image by its digest, for one platform of an index. No tag is looked up and none is set.
    ///
    /// The image keeps its pinned name.
    async fn pull(
        &self,
        image: &Pinned,
        platform: &Platform,
        progress: Arc<dyn Progress>,
    ) -> Result<Pulled, EngineError>;

    /// Lets `target` stand for an image that the engine has, and no longer for another.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`]: the engine has no image of that digest in that repository.
    async fn tag(&self, image: &Pinned, target: &ImageReference) -> Result<(), EngineError>;

    /// The digest of the image that `reference` stands for here; `None` when it stands for none.
    async fn resolve(&self, reference: &ImageReference) -> Result<Option<Digest>, EngineError>;

    /// Every image, by name.
    async fn images(&self) -> Result<Vec<EngineImage>, EngineError>;

    /// Loads the images of an archive. `name` replaces the archive's own names, if it has exactly one image.
    async fn load(
        &self,
        archive: &Path,
        name: Option<&ImageReference>,
    ) -> Result<Vec<LoadedImage>, EngineError>;

    /// Saves images to an archive at `path`, which is there whole or not at all.
    async fn save(&self, references: &[ImageReference], path: &Path) -> Result<(), EngineError>;
}

/// An image that was sent to a registry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pushed {
    /// The tag that it was sent to.
    pub tag: String,
    /// The digest of the manifest or index that was sent.
    pub digest: Digest,
    /// Its length in bytes.
    pub length: u64,
}

/// An image that was fetched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pulled {
    /// Its digest, which is the one that was asked for.
    pub digest: Digest,
    /// Whether the engine had it already, under the same repository.
    pub was_here: bool,
}

/// An image that an engine has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EngineImage {
    /// Its name, with tag or digest; an image may have none.
    pub reference: Option<ImageReference>,
    /// The digest of its manifest or index.
    pub digest: Digest,
    /// When it was built.
    pub created: Option<Timestamp>,
    /// Its size on disk in bytes, parts that it shares with others included.
    pub size: u64,
}

/// An image that was loaded from an archive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoadedImage {
    /// Its name, if the archive or the caller had one for it.
    pub reference: Option<ImageReference>,
    /// The digest of its manifest or index.
    pub digest: Digest,
}
