//! Image manifests and indexes, of OCI and of Docker: read strictly, kept as received.

use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_core::digest::Digest;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::descriptor::{Descriptor, media_type};
use crate::members;

/// Largest manifest or index, in bytes.
///
/// Source: OCI distribution, "Pushing Manifests" (4 MiB is what registries must at least take).
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// A manifest or an index with the bytes it came in.
///
/// ```
/// use countersign_registry::descriptor::media_type::OCI_INDEX;
/// use countersign_registry::manifest::{Content, Manifest};
/// let bytes = br#"{"schemaVersion":2,"manifests":[]}"#;
/// let manifest = Manifest::parse(OCI_INDEX, bytes.as_slice().into())?;
/// assert!(matches!(manifest.content(), Content::Index(index) if index.manifests.is_empty()));
/// # Ok::<(), countersign_registry::manifest::ManifestError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Manifest {
    bytes: Bytes,
    descriptor: Descriptor,
    content: Content,
}

impl Manifest {
    /// Reads `bytes`, which were served or stored as `media_type` (parameters after `;` are ignored).
    ///
    /// # Errors
    /// - [`ManifestError::UnknownType`]: neither manifest nor index, of OCI or of Docker.
    /// - [`ManifestError::TypeMismatch`]: the document calls itself something else.
    /// - [`ManifestError::Ambiguous`]: it has the fields of both a manifest and an index.
    /// - [`ManifestError::Json`]: it is not the JSON of one, or a member's name differs in case only from one that means something,
    ///   so that Go's readers would take it for that.
    /// - [`ManifestError::Large`], [`ManifestError::Schema`]: what they say.
    ///
    /// Source: CVE-2021-41190; OCI image specification, "Image Manifest".
    pub fn parse(media_type: &str, bytes: Bytes) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(ManifestError::Large { found: bytes.len() as u64 });
        }
        let declared = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type::MANIFESTS.contains(&declared) {
            return Err(ManifestError::UnknownType(declared.to_owned()));
        }
        let outline: Outline = serde_json::from_slice(&bytes)?;
        outline.verify(declared)?;
        members::MANIFEST.admit(&bytes)?;
        let content = if media_type::is_index(declared) {
            Content::Index(Box::new(serde_json::from_slice(&bytes)?))
        } else {
            Content::Image(Box::new(serde_json::from_slice(&bytes)?))
        };
        let descriptor = Descriptor::of(declared, &bytes);
        Ok(Self { bytes, descriptor, content })
    }

    /// The bytes as received; their digest is the manifest's name.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        self.descriptor.digest
    }

    /// The media type, without parameters.
    pub fn media_type(&self) -> &str {
        &self.descriptor.media_type
    }

    /// What points to this manifest: its media type, SHA-256 and size.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.content
    }
}

/// What a manifest says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// One image.
    Image(Box<ImageManifest>),
    /// Images for several platforms.
    Index(Box<ImageIndex>),
}

/// One image: its configuration and its layers, lowest first.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    /// Always 2.
    pub schema_version: u32,
    /// The document's own media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// Free notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl ImageManifest {
    /// The blobs that the image consists of: its configuration, then its layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

/// Images for several platforms.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIndex {
    /// Always 2.
    pub schema_version: u32,
    /// The document's own media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// One entry per image.
    pub manifests: Vec<Descriptor>,
    /// Free notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A document that is no manifest to rely on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A media type that is not understood.
    #[error("media type `{}` is neither an image manifest nor an index of OCI or Docker", .0.escape_default())]
    UnknownType(String),
    /// The document names another media type than it was served as.
    #[error("it was served as `{}` and calls itself `{}`", served.escape_default(), named.escape_default())]
    TypeMismatch {
        /// The media type it came with.
        served: String,
        /// The media type it names.
        named: String,
    },
    /// The document could be read as a manifest and as an index.
    #[error("it has the fields of a manifest and of an index, so that two readers could see two images")]
    Ambiguous,
    /// A schema version other than 2.
    #[error("its schema version is {0}, only 2 is supported")]
    Schema(u64),
    /// Too many bytes.
    #[error("it has {found} bytes, at most {MAX_MANIFEST_BYTES} are accepted")]
    Large {
        /// Bytes found.
        found: u64,
    },
    /// Not the JSON of a manifest.
    #[error("it is not the JSON of an image manifest or index")]
    Json(#[from] serde_json::Error),
}

/// The fields whose presence tells the kinds of documents apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    schema_version: u64,
    media_type: Option<String>,
    config: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    #[serde(rename = "fsLayers")]
    fs_layers: Option<IgnoredAny>,
    manifests: Option<IgnoredAny>,
}

impl Outline {
    fn verify(&self, served: &str) -> Result<(), ManifestError> {
        if self.schema_version != 2 {
            return Err(ManifestError::Schema(self.schema_version));
        }
        if let Some(named) = self.media_type.as_deref().filter(|named| *named != served) {
            return Err(ManifestError::TypeMismatch { served: served.to_owned(), named: named.to_owned() });
        }
        let image = self.config.is_some() || self.layers.is_some();
        if self.fs_layers.is_some() || (image && self.manifests.is_some()) {
            return Err(ManifestError::Ambiguous);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#"{"mediaType":"x","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}"#;

    fn parse(media_type: &str, text: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(media_type, Bytes::from(text.to_owned()))
    }

    #[test]
    fn manifest_keeps_its_bytes() {
        let text =
            format!(r#"{{ "schemaVersion": 2, "unknown": [1], "config": {EMPTY}, "layers": [{EMPTY}] }}"#);
        let manifest = parse(media_type::OCI_MANIFEST, &text).expect("a manifest");
        assert_eq!(manifest.bytes(), text.as_bytes());
        assert_eq!(manifest.digest(), Digest::sha256(text.as_bytes()));
        assert!(matches!(manifest.content(), Content::Image(image) if image.blobs().count() == 2));
    }

    #[test]
    fn document_with_fields_of_both_kinds_is_refused() {
        for text in [
            format!(r#"{{"schemaVersion":2,"config":{EMPTY},"layers":[],"manifests":[]}}"#),
            r#"{"schemaVersion":2,"layers":[],"manifests":[]}"#.to_owned(),
            r#"{"schemaVersion":2,"fsLayers":[],"manifests":[]}"#.to_owned(),
        ] {
            for kind in media_type::MANIFESTS {
                assert!(matches!(parse(kind, &text), Err(ManifestError::Ambiguous)), "{kind} {text}");
            }
        }
    }

    #[test]
    fn document_of_another_media_type_is_refused() {
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#, media_type::OCI_INDEX);
        assert!(parse(media_type::OCI_INDEX, &text).is_ok());
        assert!(parse(&format!("{}; charset=utf-8", media_type::OCI_INDEX), &text).is_ok());
        for kind in [media_type::DOCKER_LIST, media_type::OCI_MANIFEST] {
            assert!(matches!(parse(kind, &text), Err(ManifestError::TypeMismatch { .. })), "{kind}");
        }
    }

    #[test]
    fn other_documents_are_refused() {
        let html = "<html></html>";
        assert!(matches!(parse("text/html", html), Err(ManifestError::UnknownType(_))));
        assert!(matches!(parse(media_type::OCI_INDEX, html), Err(ManifestError::Json(_))));
        let old = r#"{"schemaVersion":1,"fsLayers":[]}"#;
        assert!(matches!(parse(media_type::DOCKER_MANIFEST, old), Err(ManifestError::Schema(1))));
        let twice = r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#;
        assert!(matches!(parse(media_type::OCI_INDEX, twice), Err(ManifestError::Json(_))));
        let no_config = r#"{"schemaVersion":2,"layers":[]}"#;
        assert!(matches!(parse(media_type::OCI_MANIFEST, no_config), Err(ManifestError::Json(_))));
    }

    /// Go takes a member in any case for the field, and the last of two for the one that counts.
    #[test]
    fn member_in_another_case_is_refused_at_every_depth() {
        let item = format!(r#"{{"platform":{{"os":"linux","architecture":"arm"}},{}"#, &EMPTY[1..]);
        let image = format!(
            r#"{{"schemaVersion":2,"config":{EMPTY},"layers":[{EMPTY}],"annotations":{{"Layers":"x"}},"Unknown":1}}"#
        );
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{item}],"data":[1.5,null,true]}}"#);
        assert!(parse(media_type::OCI_MANIFEST, &image).is_ok());
        assert!(parse(media_type::OCI_INDEX, &index).is_ok());
        for (kind, text, of, added) in [
            (media_type::OCI_MANIFEST, &image, r#"{"schemaVersion""#, r#""Layers":[],"#),
            (media_type::OCI_MANIFEST, &image, r#"{"schemaVersion""#, r#""layer\u017f":[],"#),
            (media_type::OCI_MANIFEST, &image, r#"{"schemaVersion""#, r#""Manifests":[],"#),
            (media_type::OCI_MANIFEST, &image, r#"{"schemaVersion""#, r#""SchemaVersion":1,"#),
            (media_type::OCI_MANIFEST, &image, r#"{"mediaType""#, r#""Digest":"sha256:00","#),
            (media_type::OCI_MANIFEST, &image, r#"{"mediaType""#, r#""data":"eA==","data":"eQ==","#),
            (media_type::OCI_INDEX, &index, r#"{"schemaVersion""#, r#""MANIFESTS":[],"#),
            (media_type::OCI_INDEX, &index, r#"{"schemaVersion""#, r#""Config":{},"#),
            (media_type::OCI_INDEX, &index, r#"{"platform""#, r#""SIZE":1,"#),
            (media_type::OCI_INDEX, &index, r#"{"os""#, r#""Architecture":"amd64","#),
            (media_type::OCI_INDEX, &index, r#"{"os""#, r#""OS":"windows","#),
        ] {
            let changed = text.replacen(of, &format!("{{{added}{}", &of[1..]), 1);
            assert_ne!(changed, *text);
            let outcome = parse(kind, &changed);
            assert!(matches!(outcome, Err(ManifestError::Json(_))), "{added}: {outcome:?}");
        }
    }

    #[test]
    fn manifest_size_is_bounded_on_both_sides() {
        let text = r#"{"schemaVersion":2,"manifests":[]}"#;
        let fitting = format!("{text}{}", " ".repeat((4 << 20) - text.len()));
        assert!(parse(media_type::OCI_INDEX, &fitting).is_ok());
        assert!(matches!(
            parse(media_type::OCI_INDEX, &format!("{fitting} ")),
            Err(ManifestError::Large { .. })
        ));
    }
}
