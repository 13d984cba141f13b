//! Saving images as an OCI archive that `docker load` reads too.
//!
//! The same images under the same names always give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;

use countersign_core::digest::Digest;
use serde::Serialize;
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;

use super::super::graph::Closure;
use super::super::index::names;
use super::super::layout::{INDEX, MARKER, Marker, VERSION};
use super::super::{Store, StoreError, files};
use super::DOCKER_MANIFEST;
use super::error::ArchiveError;
use super::oci::entry_of;
use crate::descriptor::{Descriptor, media_type};
use crate::manifest::{Content, ImageIndex, Manifest};
use crate::reference::ImageReference;

impl Store {
    /// Saves images to an archive at `path`: an uncompressed tar (0600) that replaces what was there only when whole.
    ///
    /// # Errors
    /// - [`ArchiveError::NoSuchImage`]: a name stands for nothing.
    /// - [`ArchiveError::Store`]: a blob is missing or damaged.
    /// - [`ArchiveError::Write`]: the archive can't be written.
    pub fn save(&self, references: &[ImageReference], path: &Path) -> Result<(), ArchiveError> {
        let write = |source| ArchiveError::Write { path: path.to_owned(), source };
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = NamedTempFile::with_prefix_in(".countersign-save-", dir).map_err(write)?;
        self.write_archive(references, path, &mut file)?;
        file.as_file().sync_all().map_err(write)?;
        file.persist(path).map_err(|refused| write(refused.error))?;
        files::sync_dir(dir)?;
        Ok(())
    }

    /// Writes the archive of [`save`](Self::save) to `out`, which errors call `path`.
    pub fn write_archive(
        &self,
        references: &[ImageReference],
        path: &Path,
        out: &mut dyn Write,
    ) -> Result<(), ArchiveError> {
        let _lease = self.lease()?;
        let contents = Contents::collect(self, references)?;
        let mut archive = Archive { tar: Builder::new(out), path };
        archive.document(MARKER, &Marker { version: VERSION.to_owned() })?;
        archive.directory("blobs/")?;
        let algorithms: BTreeSet<_> = contents.blobs.keys().map(Digest::algorithm).collect();
        for algorithm in algorithms {
            archive.directory(&format!("blobs/{}/", algorithm.name()))?;
        }
        for digest in contents.blobs.keys() {
            let blob = self.blob(digest)?;
            archive.file(&entry_of(digest), blob.remaining(), blob)?;
        }
        archive.document(INDEX, &contents.index)?;
        archive.document(DOCKER_MANIFEST, &contents.items)?;
        archive
            .tar
            .into_inner()
            .map(drop)
            .map_err(|source| ArchiveError::Write { path: path.to_owned(), source })
    }
}

/// What goes into the archive.
struct Contents {
    blobs: BTreeMap<Digest, Descriptor>,
    index: ImageIndex,
    items: Vec<Item>,
}

/// One image of `manifest.json`, as `docker load` has it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl Contents {
    fn collect(store: &Store, references: &[ImageReference]) -> Result<Self, ArchiveError> {
        let sorted: BTreeSet<_> = references.iter().map(|reference| reference.clone().or_latest()).collect();
        let mut blobs = BTreeMap::new();
        let mut manifests = Vec::new();
        let mut items: BTreeMap<Digest, Item> = BTreeMap::new();
        for reference in sorted {
            let named = store.resolve(&reference)?;
            let descriptor = named.ok_or_else(|| ArchiveError::NoSuchImage(reference.clone()))?;
            let closure = Closure::walk(&store.layout, &descriptor)?;
            let missing =
                closure.missing.or_else(|| closure.complete.is_empty().then_some(descriptor.digest));
            if let Some(digest) = missing {
                return Err(StoreError::BlobMissing { digest }.into());
            }
            for (digest, blob) in closure.blobs {
                if store.has(&blob)? {
                    blobs.insert(digest, blob);
                }
            }
            // Docker's own list has one platform per image: the first that is whole.
            if let Some((image, manifest)) = closure.complete.first() {
                let item = items.entry(image.digest).or_insert_with(|| Item::of(manifest));
                item.repo_tags.extend(reference.digest().is_none().then(|| reference.to_string()));
            }
            manifests.push(Descriptor { annotations: names(&reference), ..descriptor });
        }
        let index = ImageIndex {
            schema_version: 2,
            media_type: Some(media_type::OCI_INDEX.to_owned()),
            manifests,
            annotations: BTreeMap::new(),
        };
        Ok(Self { blobs, index, items: items.into_values().collect() })
    }
}

impl Item {
    fn of(manifest: &Manifest) -> Self {
        match manifest.content() {
            Content::Image(image) => Self {
                config: entry_of(&image.config.digest),
                repo_tags: Vec::new(),
                layers: image.layers.iter().map(|layer| entry_of(&layer.digest)).collect(),
            },
            Content::Index(_) => Self { config: String::new(), repo_tags: Vec::new(), layers: Vec::new() },
        }
    }
}

struct Archive<'archive> {
    tar: Builder<&'archive mut dyn Write>,
    path: &'archive Path,
}

impl Archive<'_> {
    fn document(&mut self, name: &str, document: &impl Serialize) -> Result<(), ArchiveError> {
        let content = serde_json::to_vec(document)
            .map_err(|source| ArchiveError::Document { entry: name.to_owned(), source })?;
        self.file(name, content.len() as u64, content.as_slice())
    }

    fn directory(&mut self, name: &str) -> Result<(), ArchiveError> {
        self.append(header(EntryType::Directory, 0o755, 0), name, io::empty())
    }

    fn file(&mut self, name: &str, size: u64, content: impl Read) -> Result<(), ArchiveError> {
        self.append(header(EntryType::Regular, 0o644, size), name, content)
    }

    fn append(&mut self, mut header: Header, name: &str, content: impl Read) -> Result<(), ArchiveError> {
        self.tar.append_data(&mut header, name, content).map_err(|error| {
            match error.downcast::<StoreError>() {
                Ok(damaged) => damaged.into(),
                Err(source) => ArchiveError::Write { path: self.path.to_owned(), source },
            }
        })
    }
}

/// A header that says nothing of when, where and by whom.
fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
