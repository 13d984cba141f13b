//! The local store: alone, with neighbours, killed, on a full disk, and beside other tools.

mod archive;
mod blobs;
mod damage;
mod processes;
mod tools;
mod transfer;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use countersign_registry::descriptor::{Descriptor, media_type};
use countersign_registry::manifest::Content;
use countersign_registry::reference::ImageReference;
use countersign_registry::store::{Store, StoreError};
use countersign_testkit::image::{File, Image};

/// A store in a temporary directory.
struct Place {
    dir: tempfile::TempDir,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(&dir.path().join("images")).expect("a store");
        Self { dir, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The file that a blob is in.
    fn blob_path(&self, descriptor: &Descriptor) -> PathBuf {
        self.store.dir().join("blobs/sha256").join(descriptor.digest.hex())
    }
}

fn reference(text: &str) -> ImageReference {
    ImageReference::parse(text).expect("a reference")
}

fn image(text: &str) -> Image {
    let layers = [File::new("etc/one", "the same in all"), File::new("etc/motd", text.to_owned())];
    let mut builder = Image::builder();
    for layer in layers {
        builder = builder.layer([layer]);
    }
    builder.build().expect("an image")
}

/// Puts an image into the store, blob by blob, and names it.
fn put(store: &Store, image: &Image, name: &str) -> Result<Descriptor, StoreError> {
    let lease = store.lease()?;
    for content in image.contents() {
        let descriptor = Descriptor::of(&content.media_type, &content.bytes);
        let mut blob = store.create(&lease, &descriptor)?;
        blob.append(&content.bytes)?;
        blob.commit()?;
    }
    let manifest = Descriptor::of(media_type::OCI_MANIFEST, &image.manifest().bytes);
    store.tag(&reference(name), &manifest)?;
    Ok(manifest)
}

/// Reads every blob of an image to its end.
fn read_all(store: &Store, descriptor: &Descriptor) {
    let manifest = store.manifest(descriptor).expect("the manifest is there and whole");
    let named: Vec<_> = match manifest.content() {
        Content::Image(image) => image.blobs().cloned().collect(),
        Content::Index(index) => return index.manifests.iter().for_each(|child| read_all(store, child)),
    };
    for blob in named {
        let mut content = Vec::new();
        let mut reader = store.blob(&blob.digest).expect("the blob is there");
        reader.read_to_end(&mut content).expect("the blob is whole");
        assert_eq!(content.len() as u64, blob.size);
    }
}

fn names(store: &Store) -> Vec<String> {
    let images = store.list().expect("the store can be listed");
    images.into_iter().map(|image| image.reference.map_or_else(String::new, |name| name.familiar())).collect()
}

fn files_in(dir: &Path) -> usize {
    fs::read_dir(dir).expect("a directory").count()
}
