//! References that can mean one thing only.

use std::fmt;

use countersign_core::digest::Digest;
use countersign_registry::reference::ImageReference;

/// A repository and the digest of an image in it, written `docker.io/library/app@sha256:…`. There is no tag in it.
///
/// ```
/// use countersign_core::digest::Digest;
/// use countersign_engine::Pinned;
/// use countersign_registry::reference::ImageReference;
/// let digest = Digest::sha256(b"a manifest");
/// let pinned = Pinned::new(&ImageReference::parse("app:1.4")?, digest);
/// assert_eq!(pinned.to_string(), format!("docker.io/library/app@{digest}"));
/// # Ok::<(), countersign_registry::reference::ReferenceError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Pinned {
    reference: ImageReference,
    digest: Digest,
}

impl Pinned {
    /// Names the image `digest` in the repository of `reference`, whose own tag and digest don't matter.
    pub fn new(reference: &ImageReference, digest: Digest) -> Self {
        Self { reference: reference.without_suffix().with_digest(digest), digest }
    }

    /// The image's digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The same as a reference without a tag.
    pub fn reference(&self) -> &ImageReference {
        &self.reference
    }

    /// Docker's last line about a pull of it.
    pub(crate) fn status_line(&self, was_here: bool) -> String {
        let status = if was_here { "Image is up to date" } else { "Downloaded newer image" };
        format!("Status: {status} for {}", self.familiar())
    }

    /// As a person writes it: `app@sha256:…`.
    pub fn familiar(&self) -> String {
        self.reference.familiar()
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}
