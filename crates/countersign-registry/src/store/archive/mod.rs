//! Images to and from archives: OCI image layouts, as a directory or a tar, and what `docker save` writes.
//!
//! An archive is not believed: every blob is compared with the digest that names it, every read has a limit, and names
//! in it are only ever looked up, never written to. The index changes once, after the last blob.

mod docker;
mod error;
mod oci;
mod save;
mod source;
mod tar;

use std::collections::BTreeMap;
use std::path::Path;

use countersign_core::digest::Digest;

pub use self::error::{ArchiveError, EntryProblem};
use self::source::Source;
use super::layout::{INDEX, MARKER};
use super::{Lease, Store, StoreError};
use crate::descriptor::Descriptor;
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::reference::ImageReference;

/// The list of images in what `docker save` writes.
const DOCKER_MANIFEST: &str = "manifest.json";

/// How much of an archive is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Most headers in a tar. Default 100,000.
    pub entries: u64,
    /// Longest path in a tar, in bytes. Default 4096.
    pub path_bytes: u64,
    /// Most bytes that a compressed archive, or a compressed layer of a `docker save` archive, may unpack to.
    /// Default 64 GiB.
    pub unpacked_bytes: u64,
    /// Largest document: manifest, index, configuration, in bytes. Default 4 MiB; manifests are never larger.
    pub document_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 100_000,
            path_bytes: 4096,
            unpacked_bytes: 64 << 30,
            document_bytes: MAX_MANIFEST_BYTES,
        }
    }
}

/// An image that was loaded from an archive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loaded {
    /// Its name; the archive may have none for it.
    pub reference: Option<ImageReference>,
    /// Its manifest or index.
    pub descriptor: Descriptor,
}

impl Store {
    /// Loads every image of an archive: an OCI layout (directory, tar or gzipped tar) or one of `docker save`.
    ///
    /// `name` replaces the archive's own names, if it has exactly one image. An image without any name is kept
    /// without one.
    ///
    /// # Errors
    /// [`ArchiveError`] says which part of the archive is at fault. After an error the store has the images and names
    /// that it had; blobs that nothing names go with the next garbage collection.
    pub fn load(
        &self,
        path: &Path,
        name: Option<&ImageReference>,
        limits: &Limits,
    ) -> Result<Vec<Loaded>, ArchiveError> {
        let lease = self.lease()?;
        let source = Source::open(path, limits, &self.layout.ingest())?;
        let loader = Loader { store: self, source: &source, limits, lease: &lease };
        let loaded = if source.has(MARKER)? && source.has(INDEX)? {
            oci::load(&loader, name)?
        } else if !source.is_directory() && source.has(DOCKER_MANIFEST)? {
            docker::load(&loader, name)?
        } else {
            return Err(ArchiveError::Unknown { path: path.to_owned() });
        };
        refuse_ambiguous(&loaded)?;
        let names: Vec<_> =
            loaded.iter().map(|image| (image.reference.clone(), image.descriptor.clone())).collect();
        self.name_all(&names)?;
        Ok(loaded)
    }
}

/// What both kinds of archives are loaded with.
struct Loader<'load> {
    store: &'load Store,
    source: &'load Source,
    limits: &'load Limits,
    lease: &'load Lease,
}

impl Loader<'_> {
    /// A document that must be there.
    fn document(&self, entry: &str, by: &str) -> Result<Vec<u8>, ArchiveError> {
        let document = self.source.document(entry, self.limits.document_bytes)?;
        document.ok_or_else(|| ArchiveError::Absent { entry: entry.to_owned(), by: by.to_owned() })
    }

    /// Copies one file of the archive into the store, as the blob that `descriptor` names.
    fn copy(&self, entry: &str, by: &str, descriptor: &Descriptor) -> Result<(), ArchiveError> {
        let content = self.source.content(entry)?;
        let (_, content) =
            content.ok_or_else(|| ArchiveError::Absent { entry: entry.to_owned(), by: by.to_owned() })?;
        let mut blob = self.store.create(self.lease, descriptor)?;
        let copied = self.source.copy(content, |piece| blob.append(piece));
        copied.and_then(|()| Ok(blob.commit()?)).map(drop).map_err(|error| match error {
            ArchiveError::Store(StoreError::BlobRefused { expected, damage }) => {
                ArchiveError::Content { entry: entry.to_owned(), expected, damage }
            }
            other => other,
        })
    }
}

fn refuse_ambiguous(loaded: &[Loaded]) -> Result<(), ArchiveError> {
    let mut seen: BTreeMap<String, Digest> = BTreeMap::new();
    for image in loaded {
        let Some(reference) = &image.reference else { continue };
        let (name, second) = (reference.to_string(), image.descriptor.digest);
        match seen.insert(name.clone(), second) {
            Some(first) if first != second => {
                return Err(ArchiveError::AmbiguousName { name, first, second });
            }
            _ => {}
        }
    }
    Ok(())
}
