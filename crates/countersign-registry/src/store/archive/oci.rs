//! Loading OCI image layouts; `docker save` writes one since Docker 25.

use std::collections::BTreeSet;

use bytes::Bytes;
use countersign_core::digest::Digest;

use super::super::error::Damage;
use super::super::index::{CONTAINERD_NAME, REF_NAME};
use super::super::layout::{INDEX, MARKER, Marker, VERSION};
use super::error::ArchiveError;
use super::{Loaded, Loader, docker};
use crate::descriptor::{Descriptor, media_type};
use crate::manifest::{Content, ImageIndex, Manifest};
use crate::members::{self, Shape};
use crate::reference::ImageReference;

/// Copies the images of the layout into the store and says what they are called.
pub(super) fn load(loader: &Loader<'_>, name: Option<&ImageReference>) -> Result<Vec<Loaded>, ArchiveError> {
    let images = listed(loader, name)?;
    let mut walk = Walk { loader, copied: BTreeSet::new(), manifests: 0 };
    for image in &images {
        walk.copy_root(&image.descriptor)?;
    }
    Ok(images)
}

/// The images of `index.json` with their names.
fn listed(loader: &Loader<'_>, name: Option<&ImageReference>) -> Result<Vec<Loaded>, ArchiveError> {
    let marker: Marker = parse(MARKER, &members::LAYOUT, &loader.document(MARKER, "the format")?)?;
    if marker.version != VERSION {
        return Err(ArchiveError::LayoutVersion(marker.version));
    }
    let index: ImageIndex = parse(INDEX, &members::MANIFEST, &loader.document(INDEX, "the format")?)?;
    let stranger =
        index.manifests.iter().find(|entry| !media_type::MANIFESTS.contains(&entry.media_type.as_str()));
    if let Some(stranger) = stranger {
        let (digest, media_type) = (stranger.digest, stranger.media_type.clone());
        return Err(ArchiveError::MediaType { digest, media_type });
    }
    let Some(first) = index.manifests.first() else {
        return Err(ArchiveError::NoImages { path: loader.source.path().to_owned() });
    };
    let Some(name) = name else { return with_own_names(loader, &index.manifests) };
    if index.manifests.iter().any(|entry| entry.digest != first.digest) {
        let shown =
            |entry: &Descriptor| own_name(entry).map_or_else(|| entry.digest.to_string(), str::to_owned);
        return Err(ArchiveError::Several { names: index.manifests.iter().map(shown).collect() });
    }
    Ok(vec![Loaded { reference: Some(name.clone()), descriptor: plain(first) }])
}

/// Names images as the index does, or else as the list for older versions of Docker does.
fn with_own_names(loader: &Loader<'_>, entries: &[Descriptor]) -> Result<Vec<Loaded>, ArchiveError> {
    let parse = |name: &str| {
        let parsed = ImageReference::parse(name).map(ImageReference::or_latest);
        parsed.map_err(|source| ArchiveError::Name { name: name.to_owned(), source })
    };
    let mut tags = docker::names_by_config(loader)?;
    let mut loaded = Vec::new();
    for entry in entries {
        let mut references: Vec<_> = own_name(entry).map(parse).transpose()?.into_iter().collect();
        if references.is_empty() && !tags.is_empty() && media_type::is_image(&entry.media_type) {
            let manifest = read_manifest(loader, &entry_of(&entry.digest), INDEX, entry)?;
            if let Content::Image(image) = manifest.content() {
                references = tags.remove(&entry_of(&image.config.digest)).unwrap_or_default();
            }
        }
        let descriptor = plain(entry);
        if references.is_empty() {
            loaded.push(Loaded { reference: None, descriptor: descriptor.clone() });
        }
        let named = |reference| Loaded { reference: Some(reference), descriptor: descriptor.clone() };
        loaded.extend(references.into_iter().map(named));
    }
    Ok(loaded)
}

/// The full name; `ref.name` alone is one only if it says more than a tag.
fn own_name(entry: &Descriptor) -> Option<&str> {
    let note = |annotation: &str| entry.annotations.get(annotation).map(String::as_str);
    note(CONTAINERD_NAME).or_else(|| note(REF_NAME).filter(|name| name.contains(['/', ':'])))
}

fn plain(entry: &Descriptor) -> Descriptor {
    Descriptor::new(&entry.media_type, entry.digest, entry.size)
}

struct Walk<'walk, 'load> {
    loader: &'walk Loader<'load>,
    copied: BTreeSet<Digest>,
    manifests: u64,
}

impl Walk<'_, '_> {
    fn copy_root(&mut self, root: &Descriptor) -> Result<(), ArchiveError> {
        let mut images = 0;
        let mut seen = BTreeSet::new();
        let mut waiting = vec![(root.clone(), INDEX.to_owned())];
        while let Some((descriptor, by)) = waiting.pop() {
            let entry = entry_of(&descriptor.digest);
            // An index may name images of platforms that the archive leaves out.
            let left_out = descriptor.digest != root.digest && !self.loader.source.has(&entry)?;
            if left_out || !seen.insert(descriptor.digest) {
                continue;
            }
            self.count_manifest()?;
            let manifest = read_manifest(self.loader, &entry, &by, &descriptor)?;
            match manifest.content() {
                Content::Index(index) => {
                    waiting.extend(index.manifests.iter().map(|child| (child.clone(), entry.clone())));
                }
                Content::Image(image) => {
                    images += 1;
                    for named in image.blobs() {
                        self.copy(named, &entry)?;
                    }
                }
            }
            if self.copied.insert(descriptor.digest) {
                self.loader.store.put(self.loader.lease, &descriptor, manifest.bytes())?;
            }
        }
        if images == 0 { Err(ArchiveError::Empty { digest: root.digest }) } else { Ok(()) }
    }

    /// Many images may share many manifests; there is an end to reading them again and again.
    fn count_manifest(&mut self) -> Result<(), ArchiveError> {
        let limit = self.loader.limits.entries;
        self.manifests += 1;
        if self.manifests > limit { Err(ArchiveError::Limit { what: "manifests", limit }) } else { Ok(()) }
    }

    fn copy(&mut self, descriptor: &Descriptor, by: &str) -> Result<(), ArchiveError> {
        let entry = entry_of(&descriptor.digest);
        let elsewhere = descriptor.is_foreign() && !self.loader.source.has(&entry)?;
        if elsewhere || !self.copied.insert(descriptor.digest) {
            return Ok(());
        }
        self.loader.copy(&entry, by, descriptor)
    }
}

fn read_manifest(
    loader: &Loader<'_>,
    entry: &str,
    by: &str,
    descriptor: &Descriptor,
) -> Result<Manifest, ArchiveError> {
    let document = loader.document(entry, by)?;
    let found = Digest::of(descriptor.digest.algorithm(), &document);
    let size = document.len() as u64;
    let damage = if size != descriptor.size {
        Some(Damage::Length { expected: descriptor.size, found: size })
    } else if found != descriptor.digest {
        Some(Damage::Digest { found })
    } else {
        None
    };
    if let Some(damage) = damage {
        return Err(ArchiveError::Content { entry: entry.to_owned(), expected: descriptor.digest, damage });
    }
    Manifest::parse(&descriptor.media_type, Bytes::from(document))
        .map_err(|source| ArchiveError::Manifest { entry: entry.to_owned(), source })
}

/// Where a layout keeps a blob.
pub(super) fn entry_of(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

fn parse<'document, T: serde::Deserialize<'document>>(
    entry: &str,
    shape: &'static Shape,
    document: &'document [u8],
) -> Result<T, ArchiveError> {
    shape
        .admit(document)
        .and_then(|()| serde_json::from_slice(document))
        .map_err(|source| ArchiveError::Document { entry: entry.to_owned(), source })
}
