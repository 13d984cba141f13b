//! What a registry holds: blobs, manifests and tags of each repository, and uploads under way.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use countersign_core::digest::Digest;

use crate::image::Content;

/// Everything that a registry holds. Content is kept once, and named by the repositories that have it.
#[derive(Debug, Default)]
pub(super) struct Store {
    contents: HashMap<Digest, Bytes>,
    repositories: BTreeMap<String, Repository>,
    uploads: HashMap<String, Vec<u8>>,
    uploads_begun: u64,
}

#[derive(Debug, Default)]
struct Repository {
    blobs: BTreeSet<Digest>,
    /// The media type of each.
    manifests: BTreeMap<Digest, String>,
    tags: BTreeMap<String, Digest>,
}

impl Store {
    pub(super) fn names(&self) -> Vec<String> {
        self.repositories.keys().cloned().collect()
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.repositories.contains_key(name)
    }

    pub(super) fn put_blob(&mut self, name: &str, content: Content) {
        self.repository(name).blobs.insert(content.digest);
        self.contents.insert(content.digest, content.bytes);
    }

    pub(super) fn blob(&self, name: &str, digest: Digest) -> Option<Content> {
        self.repositories.get(name)?.blobs.get(&digest)?;
        let bytes = self.contents.get(&digest)?.clone();
        Some(Content { media_type: "application/octet-stream".to_owned(), digest, bytes })
    }

    /// Lets the repository `name` have a blob of the repository `from`. Says whether that has it.
    pub(super) fn mount(&mut self, name: &str, digest: Digest, from: Option<&str>) -> bool {
        let there = match from {
            Some(from) => self.blob(from, digest).is_some(),
            None => false,
        };
        if there {
            self.repository(name).blobs.insert(digest);
        }
        there
    }

    pub(super) fn delete_blob(&mut self, name: &str, digest: Digest) -> bool {
        self.repositories.get_mut(name).is_some_and(|repository| repository.blobs.remove(&digest))
    }

    pub(super) fn put_manifest(&mut self, name: &str, content: Content) {
        self.repository(name).manifests.insert(content.digest, content.media_type);
        self.contents.insert(content.digest, content.bytes);
    }

    pub(super) fn manifest(&self, name: &str, digest: Digest) -> Option<Content> {
        let media_type = self.repositories.get(name)?.manifests.get(&digest)?.clone();
        let bytes = self.contents.get(&digest)?.clone();
        Some(Content { media_type, digest, bytes })
    }

    pub(super) fn manifests(&self, name: &str) -> Vec<Content> {
        let digests =
            self.repositories.get(name).into_iter().flat_map(|repository| repository.manifests.keys());
        digests.filter_map(|&digest| self.manifest(name, digest)).collect()
    }

    /// Takes a manifest away, and the tags that name it.
    pub(super) fn delete_manifest(&mut self, name: &str, digest: Digest) -> bool {
        self.repositories.get_mut(name).is_some_and(|repository| {
            repository.tags.retain(|_, tagged| *tagged != digest);
            repository.manifests.remove(&digest).is_some()
        })
    }

    pub(super) fn tag(&mut self, name: &str, tag: &str, digest: Digest) {
        self.repository(name).tags.insert(tag.to_owned(), digest);
    }

    pub(super) fn tagged(&self, name: &str, tag: &str) -> Option<Digest> {
        self.repositories.get(name)?.tags.get(tag).copied()
    }

    pub(super) fn tags(&self, name: &str) -> Option<Vec<String>> {
        Some(self.repositories.get(name)?.tags.keys().cloned().collect())
    }

    pub(super) fn untag(&mut self, name: &str, tag: &str) -> bool {
        self.repositories.get_mut(name).is_some_and(|repository| repository.tags.remove(tag).is_some())
    }

    pub(super) fn begin_upload(&mut self) -> String {
        self.uploads_begun += 1;
        let id = format!("upload-{}", self.uploads_begun);
        self.uploads.insert(id.clone(), Vec::new());
        id
    }

    pub(super) fn upload(&mut self, id: &str) -> Option<&mut Vec<u8>> {
        self.uploads.get_mut(id)
    }

    pub(super) fn end_upload(&mut self, id: &str) -> Option<Vec<u8>> {
        self.uploads.remove(id)
    }

    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }
}
