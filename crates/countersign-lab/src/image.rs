//! Small real images, made in memory: a configuration, gzip layers, a manifest; several of them make an index.
//!
//! The same input gives the same bytes, and so the same digests.
//!
//! ```
//! use countersign_lab::image::{File, Image};
//! let image = Image::builder().layer([File::new("etc/motd", "hello\n")]).build()?;
//! assert_eq!(image.layers().len(), 1);
//! assert!(image.digest().to_string().starts_with("sha256:"));
//! # Ok::<(), std::io::Error>(())
//! ```

mod archive;
mod layer;

use std::io;

use bytes::Bytes;
use countersign_core::digest::Digest;
use serde_json::{Value, json};

pub use layer::File;
use layer::Layer;

/// Which family of media types an image is written in. The content is the same.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Dialect {
    /// OCI image specification 1.0 and later.
    #[default]
    Oci,
    /// Docker image manifest, version 2, schema 2.
    Docker,
}

impl Dialect {
    fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    fn index(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.index.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }
}

/// Content with the digest that names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Content {
    /// Its media type.
    pub media_type: String,
    /// The SHA-256 of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Bytes,
}

impl Content {
    /// Names `bytes`.
    pub fn new(media_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { media_type: media_type.into(), digest: Digest::sha256(&bytes), bytes }
    }

    /// The descriptor that a manifest or an index lists it by.
    ///
    /// Source: OCI image specification, "Content Descriptors".
    pub fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

/// One image for one platform.
#[derive(Clone, Debug)]
pub struct Image {
    dialect: Dialect,
    os: String,
    architecture: String,
    config: Content,
    layers: Vec<Layer>,
    manifest: Content,
}

impl Image {
    /// Starts an image for `linux/amd64` without layers.
    pub fn builder() -> Builder {
        Builder {
            dialect: Dialect::default(),
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            command: vec!["/bin/sh".to_owned()],
            triggers: Vec::new(),
            layers: Vec::new(),
        }
    }

    /// An image of one layer with one file that holds `text`: when any image will do, and two must differ.
    pub fn of_text(text: &str) -> io::Result<Self> {
        Self::builder().layer([File::new("etc/motd", text.to_owned())]).build()
    }

    /// The manifest.
    pub fn manifest(&self) -> &Content {
        &self.manifest
    }

    /// The manifest's digest, which is the image's name.
    pub fn digest(&self) -> Digest {
        self.manifest.digest
    }

    /// The configuration.
    pub fn config(&self) -> &Content {
        &self.config
    }

    /// The layers as they travel, lowest first.
    pub fn layers(&self) -> Vec<&Content> {
        self.layers.iter().map(|layer| &layer.content).collect()
    }

    /// Everything that makes the image up, what is named before what names it, so the manifest comes last.
    pub fn contents(&self) -> Vec<&Content> {
        let mut contents = self.layers();
        contents.push(&self.config);
        contents.push(&self.manifest);
        contents
    }
}

/// An image being put together.
#[derive(Clone, Debug)]
pub struct Builder {
    dialect: Dialect,
    os: String,
    architecture: String,
    command: Vec<String>,
    triggers: Vec<String>,
    layers: Vec<Vec<File>>,
}

impl Builder {
    /// Writes the image in `dialect`.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Makes the image for a platform, named as Go names it: `linux`, `arm64`.
    #[must_use]
    pub fn platform(mut self, os: &str, architecture: &str) -> Self {
        os.clone_into(&mut self.os);
        architecture.clone_into(&mut self.architecture);
        self
    }

    /// What the image runs when nothing else is asked for.
    #[must_use]
    pub fn command<const N: usize>(mut self, command: [&str; N]) -> Self {
        self.command = command.map(str::to_owned).to_vec();
        self
    }

    /// Adds an instruction that runs in every build which begins with the image.
    #[must_use]
    pub fn trigger(mut self, instruction: &str) -> Self {
        self.triggers.push(instruction.to_owned());
        self
    }

    /// Adds a layer on top of those that are there.
    #[must_use]
    pub fn layer(mut self, files: impl IntoIterator<Item = File>) -> Self {
        self.layers.push(files.into_iter().collect());
        self
    }

    /// Makes the image.
    ///
    /// # Errors
    /// When a file's path cannot stand in a tar archive.
    ///
    /// Source: OCI image specification, "Image Configuration", "Image Manifest".
    pub fn build(self) -> io::Result<Image> {
        let media_type = self.dialect.layer();
        let layers =
            self.layers.iter().map(|files| Layer::of(files, media_type)).collect::<io::Result<Vec<_>>>()?;
        let mut config = json!({
            "architecture": self.architecture,
            "os": self.os,
            "created": "2026-01-01T00:00:00Z",
            "config": { "Cmd": self.command, "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] },
            "rootfs": { "type": "layers", "diff_ids": layers.iter().map(Layer::diff_id).collect::<Vec<_>>() },
            "history": layers.iter().map(|_| json!({ "created": "2026-01-01T00:00:00Z", "created_by": "countersign-lab" })).collect::<Vec<_>>(),
        });
        if !self.triggers.is_empty() {
            config["config"]["OnBuild"] = json!(self.triggers);
        }
        let config = Content::new(self.dialect.config(), config.to_string());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": self.dialect.manifest(),
            "config": config.descriptor(),
            "layers": layers.iter().map(|layer| layer.content.descriptor()).collect::<Vec<_>>(),
        });
        let manifest = Content::new(self.dialect.manifest(), manifest.to_string());
        Ok(Image {
            dialect: self.dialect,
            os: self.os,
            architecture: self.architecture,
            config,
            layers,
            manifest,
        })
    }
}

/// One image for several platforms.
#[derive(Clone, Debug)]
pub struct Index {
    images: Vec<Image>,
    manifest: Content,
}

impl Index {
    /// Lists `images`, in the dialect of the first one.
    ///
    /// Source: OCI image specification, "Image Index".
    pub fn of(images: impl IntoIterator<Item = Image>) -> Self {
        let images: Vec<Image> = images.into_iter().collect();
        let dialect = images.first().map(|image| image.dialect).unwrap_or_default();
        let entries: Vec<Value> = images
            .iter()
            .map(|image| {
                let mut entry = image.manifest.descriptor();
                entry["platform"] = json!({ "os": image.os, "architecture": image.architecture });
                entry
            })
            .collect();
        let index = json!({ "schemaVersion": 2, "mediaType": dialect.index(), "manifests": entries });
        Self { images, manifest: Content::new(dialect.index(), index.to_string()) }
    }

    /// The index itself.
    pub fn manifest(&self) -> &Content {
        &self.manifest
    }

    /// The index's digest, which is its name.
    pub fn digest(&self) -> Digest {
        self.manifest.digest
    }

    /// The images that it lists.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Everything that makes it up, what is named before what names it, so the index comes last.
    pub fn contents(&self) -> Vec<&Content> {
        let mut contents: Vec<&Content> = self.images.iter().flat_map(Image::contents).collect();
        contents.push(&self.manifest);
        contents
    }
}
