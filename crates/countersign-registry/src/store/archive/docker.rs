//! Loading what `docker save` wrote before Docker 25: `manifest.json`, configurations and layer tars.
//!
//! Such an archive has no manifest that a registry would take; one is built that depends on nothing but
//! configuration and layers, so that the same image always gets the same digest.
//!
//! Source: moby `image/spec/v1.2.md`, "Combined Image JSON + Filesystem Changeset Format".

use std::collections::BTreeMap;
use std::io::Read;

use countersign_core::digest::{Algorithm, Digest, Hasher};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::super::blob::NewBlob;
use super::super::error::Damage;
use super::error::{ArchiveError, EntryProblem};
use super::source::Compression;
use super::{DOCKER_MANIFEST, Loaded, Loader, tar};
use crate::descriptor::{Descriptor, media_type};
use crate::manifest::ImageManifest;
use crate::members::{self, Shape};
use crate::reference::ImageReference;

/// Copies the images of the archive into the store and says what they are called.
pub(super) fn load(loader: &Loader<'_>, name: Option<&ImageReference>) -> Result<Vec<Loaded>, ArchiveError> {
    let items: Vec<Item> =
        parse(DOCKER_MANIFEST, &members::SAVED, &loader.document(DOCKER_MANIFEST, "the format")?)?;
    let Some(first) = items.first() else {
        return Err(ArchiveError::NoImages { path: loader.source.path().to_owned() });
    };
    if name.is_some() && items.iter().any(|item| !item.is_same_image(first)) {
        let names = items.iter().flat_map(|item| match item.repo_tags.as_deref() {
            None | Some([]) => vec![item.config.clone()],
            Some(tags) => tags.to_vec(),
        });
        return Err(ArchiveError::Several { names: names.collect() });
    }
    let references = items.iter().map(|item| item.references(name)).collect::<Result<Vec<_>, _>>()?;
    let mut layers = BTreeMap::new();
    let mut loaded = Vec::new();
    for (item, references) in items.iter().zip(references) {
        let descriptor = copy_image(loader, item, &mut layers)?;
        if references.is_empty() {
            loaded.push(Loaded { reference: None, descriptor: descriptor.clone() });
        }
        let named = |reference| Loaded { reference: Some(reference), descriptor: descriptor.clone() };
        loaded.extend(references.into_iter().map(named));
    }
    loaded.dedup();
    Ok(loaded)
}

/// The names in `manifest.json`, if there is one, by the configuration's path; for layouts that also have it.
pub(super) fn names_by_config(
    loader: &Loader<'_>,
) -> Result<BTreeMap<String, Vec<ImageReference>>, ArchiveError> {
    let list = loader.source.document(DOCKER_MANIFEST, loader.limits.document_bytes)?;
    let Some(list) = list.filter(|_| !loader.source.is_directory()) else { return Ok(BTreeMap::new()) };
    let items: Vec<Item> = parse(DOCKER_MANIFEST, &members::SAVED, &list)?;
    items.into_iter().map(|item| Ok((inside(&item.config)?, item.references(None)?))).collect()
}

/// One image of `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

impl Item {
    fn is_same_image(&self, other: &Self) -> bool {
        (&self.config, &self.layers) == (&other.config, &other.layers)
    }

    fn references(&self, name: Option<&ImageReference>) -> Result<Vec<ImageReference>, ArchiveError> {
        if let Some(name) = name {
            return Ok(vec![name.clone()]);
        }
        let parse = |name: &String| {
            let parsed = ImageReference::parse(name).map(ImageReference::or_latest);
            parsed.map_err(|source| ArchiveError::Name { name: name.clone(), source })
        };
        self.repo_tags.iter().flatten().map(parse).collect()
    }
}

/// The part of a configuration that names the layers.
#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<Digest>,
}

type Layers = BTreeMap<(String, Digest), Descriptor>;

fn copy_image(loader: &Loader<'_>, item: &Item, layers: &mut Layers) -> Result<Descriptor, ArchiveError> {
    let entry = inside(&item.config)?;
    let content = loader.document(&entry, DOCKER_MANIFEST)?;
    let config = Descriptor::of(media_type::OCI_CONFIG, &content);
    if let Some(expected) = digest_in(&entry).filter(|expected| *expected != config.digest) {
        return Err(ArchiveError::Content {
            entry,
            expected,
            damage: Damage::Digest { found: config.digest },
        });
    }
    let Config { rootfs: RootFs { diff_ids } } = parse(&entry, &members::CONFIG, &content)?;
    let paths = item.layers.as_deref().unwrap_or_default();
    if paths.len() != diff_ids.len() {
        return Err(ArchiveError::LayerCount {
            config: entry,
            diff_ids: diff_ids.len(),
            layers: paths.len(),
        });
    }
    let mut descriptors = Vec::with_capacity(paths.len());
    for (path, diff_id) in paths.iter().zip(diff_ids) {
        let path = inside(path)?;
        let descriptor = match layers.get(&(path.clone(), diff_id)) {
            Some(copied) => copied.clone(),
            None => copy_layer(loader, &path, diff_id)?,
        };
        layers.insert((path, diff_id), descriptor.clone());
        descriptors.push(descriptor);
    }
    loader.store.put(loader.lease, &config, &content)?;
    let manifest = ImageManifest {
        schema_version: 2,
        media_type: Some(media_type::OCI_MANIFEST.to_owned()),
        config,
        layers: descriptors,
        annotations: BTreeMap::new(),
    };
    let bytes = serde_json::to_vec(&manifest)
        .map_err(|source| ArchiveError::Document { entry: DOCKER_MANIFEST.to_owned(), source })?;
    let descriptor = Descriptor::of(media_type::OCI_MANIFEST, &bytes);
    loader.store.put(loader.lease, &descriptor, &bytes)?;
    Ok(descriptor)
}

/// Copies a layer as it is; its uncompressed content must have the digest `diff_id`.
fn copy_layer(loader: &Loader<'_>, entry: &str, diff_id: Digest) -> Result<Descriptor, ArchiveError> {
    let absent = || ArchiveError::Absent { entry: entry.to_owned(), by: DOCKER_MANIFEST.to_owned() };
    let (size, mut content) = loader.source.content(entry)?.ok_or_else(absent)?;
    let mut start = [0; 6];
    let read = content.read(&mut start);
    let count =
        read.map_err(|source| ArchiveError::Read { path: loader.source.path().to_owned(), source })?;
    match Compression::of(&start[..count]) {
        Compression::None => {
            let descriptor = Descriptor::new(media_type::OCI_LAYER, diff_id, size);
            loader.copy(entry, DOCKER_MANIFEST, &descriptor)?;
            Ok(descriptor)
        }
        Compression::Gzip => {
            verify_unpacked(loader, entry, diff_id)?;
            let (_, content) = loader.source.content(entry)?.ok_or_else(absent)?;
            let mut blob = NewBlob::unnamed(&loader.store.layout, loader.lease, size)?;
            loader.source.copy(content, |piece| blob.append(piece))?;
            let (digest, size) = blob.commit()?;
            Ok(Descriptor::new(media_type::OCI_LAYER_GZIP, digest, size))
        }
        Compression::Other(method) => Err(ArchiveError::Compression { name: entry.to_owned(), method }),
    }
}

fn verify_unpacked(loader: &Loader<'_>, entry: &str, diff_id: Digest) -> Result<(), ArchiveError> {
    let Some((_, content)) = loader.source.content(entry)? else { return Ok(()) };
    let limit = loader.limits.unpacked_bytes;
    let mut hasher = Hasher::new(diff_id.algorithm());
    let mut total: u64 = 0;
    loader.source.copy(MultiGzDecoder::new(content), |piece| {
        total += piece.len() as u64;
        hasher.update(piece);
        if total > limit { Err(ArchiveError::Limit { what: "bytes when unpacked", limit }) } else { Ok(()) }
    })?;
    let found = hasher.finish();
    if found == diff_id {
        return Ok(());
    }
    let damage = Damage::Digest { found };
    Err(ArchiveError::Content { entry: entry.to_owned(), expected: diff_id, damage })
}

/// The digest that a configuration's file name is: `<hex>.json`, `<hex>` or `blobs/sha256/<hex>`.
fn digest_in(entry: &str) -> Option<Digest> {
    let name = entry.rsplit('/').next()?;
    let digits = name.strip_suffix(".json").unwrap_or(name);
    Digest::from_bytes(Algorithm::Sha256, &hex::decode(digits).ok()?).ok()
}

fn inside(path: &str) -> Result<String, ArchiveError> {
    let refuse = |problem| ArchiveError::Entry { entry: path.to_owned(), problem };
    if path.split('/').any(|segment| segment == "..") {
        return Err(refuse(EntryProblem::Escapes));
    }
    tar::join("", path).map_err(refuse)
}

fn parse<'document, T: Deserialize<'document>>(
    entry: &str,
    shape: &'static Shape,
    document: &'document [u8],
) -> Result<T, ArchiveError> {
    shape
        .admit(document)
        .and_then(|()| serde_json::from_slice(document))
        .map_err(|source| ArchiveError::Document { entry: entry.to_owned(), source })
}
