//! What the commands ask of an engine.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_registry::descriptor::{Descriptor, Platform};
use countersign_registry::reference::ImageReference;
use jiff::Timestamp;

use crate::error::EngineError;
use crate::output::Output;
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
    async fn push(&self, reference: &ImageReference, output: Arc<dyn Output>) -> Result<Pushed, EngineError>;

    /// Fetches an image by its digest, of an index for one platform, by default that of the engine. No tag is looked up and
    /// none is set.
    ///
    /// The image keeps its pinned name.
    async fn pull(
        &self,
        image: &Pinned,
        platform: Option<&Platform>,
        output: Arc<dyn Output>,
    ) -> Result<Pulled, EngineError>;

    /// Lets `target` stand for an image that the engine has, and no longer for another.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`]: the engine has no image of that digest in that repository.
    async fn tag(&self, image: &Pinned, target: &ImageReference) -> Result<(), EngineError>;

    /// The image that `reference` stands for here; `None` when it stands for none.
    async fn resolve(&self, reference: &ImageReference) -> Result<Option<LocalImage>, EngineError>;

    /// The whole id of the image here whose id is `id` or begins so; `None` when there is none.
    ///
    /// Taken are 12 to 64 digits, with or without `sha256:`, because fewer could be the name of a repository that somebody
    /// wants to be taken for an image.
    async fn image_id(&self, id: &str) -> Result<Option<Digest>, EngineError>;

    /// What a push of `reference` would send, if the engine can tell before it does so.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`]: the engine has no such image.
    async fn planned_push(&self, reference: &ImageReference) -> Result<Option<Descriptor>, EngineError>;

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

/// An image that an engine has under some name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalImage {
    /// The engine's id for it.
    pub id: Digest,
    /// The digests that it has in that repository; none if it was never pulled from there nor pushed to it.
    pub digests: Vec<Digest>,
}

impl LocalImage {
    /// Whether it is the image with this digest.
    pub fn is(&self, digest: &Digest) -> bool {
        self.digests.contains(digest)
    }
}

/// The digits of what may be the id of an image or its beginning.
pub(crate) fn is_id(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let legal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    ((12..=64).contains(&digits.len()) && digits.bytes().all(legal)).then_some(digits)
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
    /// The digest of its manifest or index; the engine's id for it, if it has none in that repository.
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
    /// The digest of its manifest or index; the engine's id for it, if it has none in that repository.
    pub digest: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_long() {
        let whole = "0123456789abcdef".repeat(4);
        for (text, digits) in [
            ("0123456789ab", Some("0123456789ab")),
            (whole.as_str(), Some(whole.as_str())),
            ("sha256:0123456789ab", Some("0123456789ab")),
            ("sha256:cafe", None),
            ("cafe", None),
            ("0123456789a", None),
            ("0123456789aB", None),
            ("0123456789ag", None),
            ("sha256:", None),
            ("sha512:cafe", None),
        ] {
            assert_eq!(is_id(text), digits, "{text}");
        }
        assert_eq!(is_id(&format!("{whole}0")), None);
    }
}
