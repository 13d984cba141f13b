//! `index.json`: which images there are and what they are called.
//!
//! Entries and fields that other tools wrote are kept as they are. An image may have no name.

use std::collections::BTreeMap;

use countersign_core::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::StoreError;
use super::files;
use super::layout::Layout;
use crate::descriptor::Descriptor;
use crate::reference::ImageReference;

/// The name of an entry, by the specification; here always the full reference.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The full reference of an entry, as containerd and Docker write it.
pub(super) const CONTAINERD_NAME: &str = "io.containerd.image.name";

const LIMIT_BYTES: u64 = 64 << 20;

/// The content of `index.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    manifests: Vec<Entry>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Entry {
    #[serde(flatten)]
    descriptor: Descriptor,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Index {
    /// Reads the index of a layout.
    pub(super) fn load(layout: &Layout) -> Result<Self, StoreError> {
        let path = layout.index();
        let Some(content) = files::read_bounded(&path, LIMIT_BYTES)? else {
            return Err(StoreError::Missing { path });
        };
        serde_json::from_slice(&content).map_err(|source| StoreError::Damaged { path, source })
    }

    /// Replaces the index of a layout; the caller holds the index lock.
    pub(super) fn store(&self, layout: &Layout) -> Result<(), StoreError> {
        let path = layout.index();
        let content =
            serde_json::to_vec(self).map_err(|source| StoreError::Damaged { path: path.clone(), source })?;
        files::replace(&path, &content, &layout.ingest())
    }

    /// Every image with its name.
    pub(super) fn images(&self) -> impl Iterator<Item = (Option<ImageReference>, &Descriptor)> {
        self.manifests.iter().map(|entry| (entry.name(), &entry.descriptor))
    }

    /// The image of that name.
    pub(super) fn find(
        &self,
        layout: &Layout,
        key: &ImageReference,
    ) -> Result<Option<Descriptor>, StoreError> {
        let mut found: Option<&Descriptor> = None;
        for entry in self.manifests.iter().filter(|entry| entry.name().as_ref() == Some(key)) {
            match found {
                Some(first) if first.digest != entry.descriptor.digest => {
                    return Err(StoreError::AmbiguousName {
                        path: layout.index(),
                        name: key.to_string(),
                        first: first.digest,
                        second: entry.descriptor.digest,
                    });
                }
                _ => found = Some(&entry.descriptor),
            }
        }
        Ok(found.map(plain))
    }

    /// An image of that repository and digest, whatever its tag.
    pub(super) fn find_digest(&self, repository: &str, digest: &Digest) -> Option<Descriptor> {
        let of_repository = |entry: &&Entry| entry.name().is_some_and(|name| name.name() == repository);
        let mut entries = self.manifests.iter().filter(|entry| entry.descriptor.digest == *digest);
        entries.find(of_repository).map(|entry| plain(&entry.descriptor))
    }

    /// Lets the name stand for the image; an entry that had no name gets it.
    pub(super) fn name(&mut self, key: &ImageReference, descriptor: &Descriptor) {
        self.unname(key);
        self.manifests.retain(|entry| {
            entry.descriptor.digest != descriptor.digest || !entry.descriptor.annotations.is_empty()
        });
        let mut descriptor = plain(descriptor);
        descriptor.annotations = names(key);
        self.manifests.push(Entry { descriptor, rest: Map::new() });
    }

    /// Keeps the image without a name, unless it is there under any.
    pub(super) fn keep(&mut self, descriptor: &Descriptor) {
        if !self.manifests.iter().any(|entry| entry.descriptor.digest == descriptor.digest) {
            self.manifests.push(Entry { descriptor: plain(descriptor), rest: Map::new() });
        }
    }

    /// Removes the name and its entry; whether it was there.
    pub(super) fn unname(&mut self, key: &ImageReference) -> bool {
        let before = self.manifests.len();
        self.manifests.retain(|entry| entry.name().as_ref() != Some(key));
        self.manifests.len() != before
    }
}

impl Entry {
    fn name(&self) -> Option<ImageReference> {
        let annotations = &self.descriptor.annotations;
        [CONTAINERD_NAME, REF_NAME].iter().find_map(|annotation| full(annotations.get(*annotation)?))
    }
}

/// The annotations that name an image for every tool.
pub(super) fn names(key: &ImageReference) -> BTreeMap<String, String> {
    [CONTAINERD_NAME, REF_NAME].map(|annotation| (annotation.to_owned(), key.to_string())).into()
}

/// A name that is a full reference as it stands: `latest` is none, as nobody says of what.
fn full(name: &str) -> Option<ImageReference> {
    let reference = ImageReference::parse(name).ok()?;
    (!reference.is_name_only() && reference.to_string() == name).then_some(reference)
}

/// A descriptor of the same content without notes.
fn plain(descriptor: &Descriptor) -> Descriptor {
    Descriptor::new(&descriptor.media_type, descriptor.digest, descriptor.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> ImageReference {
        ImageReference::parse(text).expect("a reference")
    }

    fn empty() -> Index {
        serde_json::from_str(r#"{"schemaVersion":2,"manifests":[]}"#).expect("an index")
    }

    #[test]
    fn entries_of_other_tools_survive_a_round_trip() {
        let text = concat!(
            r#"{"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"#,
            r#""sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"#,
            r#""annotations":{"org.opencontainers.image.ref.name":"latest"},"artifactType":"a"}],"subject":{"x":1}}"#
        );
        let index: Index = serde_json::from_str(text).expect("an index");
        assert_eq!(serde_json::to_string(&index).expect("it serialises"), text);
        assert_eq!(index.images().next().expect("one image").0, None);
    }

    #[test]
    fn name_moves_and_names_an_entry_that_had_none() {
        let (old, new) = (Descriptor::of("m", b"old"), Descriptor::of("m", b"new"));
        let key = reference("app:1");
        let mut index = empty();
        index.keep(&old);
        index.name(&key, &old);
        assert_eq!(index.images().count(), 1);
        index.name(&key, &new);
        assert_eq!(index.images().count(), 1);
        assert!(index.unname(&key));
        assert!(!index.unname(&key));
    }

    #[test]
    fn containerd_name_wins_over_a_bare_tag() {
        let mut index = empty();
        index.keep(&Descriptor::of("m", b"x"));
        let notes = &mut index.manifests[0].descriptor.annotations;
        notes.insert(REF_NAME.to_owned(), "1".to_owned());
        notes.insert(CONTAINERD_NAME.to_owned(), "docker.io/library/app:1".to_owned());
        assert_eq!(index.images().next().expect("one image").0, Some(reference("app:1")));
    }
}
