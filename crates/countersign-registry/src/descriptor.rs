//! Descriptors: what a piece of content is called, how long it is and what it is for.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use countersign_core::digest::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Media types of images.
///
/// Source: OCI image specification, "Media Types"; distribution `docs/spec/manifest-v2-2.md`.
pub mod media_type {
    /// An image manifest of OCI.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An image index of OCI.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// An image configuration of OCI.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// An uncompressed layer of OCI.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// A layer of OCI, compressed with gzip.
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// An image manifest of Docker, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// A manifest list of Docker.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// An image configuration of Docker.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// A layer of Docker, compressed with gzip.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    /// The manifests and indexes that are understood, in the order in which they are asked for.
    pub const MANIFESTS: [&str; 4] = [DOCKER_MANIFEST, DOCKER_LIST, OCI_INDEX, OCI_MANIFEST];

    /// Whether it is an image manifest.
    pub fn is_image(media_type: &str) -> bool {
        matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST)
    }

    /// Whether it is an index of manifests.
    pub fn is_index(media_type: &str) -> bool {
        matches!(media_type, OCI_INDEX | DOCKER_LIST)
    }

    /// Whether it is a layer that registries do not hold.
    pub fn is_foreign(media_type: &str) -> bool {
        media_type.contains(".layer.nondistributable.") || media_type.contains(".rootfs.foreign.")
    }
}

/// A pointer to content: its digest and its exact size, and what it is.
///
/// Source: OCI image specification, "OCI Content Descriptors".
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The content's media type.
    pub media_type: String,
    /// The content's digest.
    pub digest: Digest,
    /// The content's size in bytes.
    pub size: u64,
    /// Other places to get it from. Never followed: content with such places is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Free notes, such as `org.opencontainers.image.ref.name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The platform that an index entry is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Descriptor {
    /// Describes `content` itself.
    pub fn of(media_type: &str, content: &[u8]) -> Self {
        Self::new(media_type, Digest::sha256(content), content.len() as u64)
    }

    /// Describes content by its digest and size.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        let media_type = media_type.to_owned();
        Self { media_type, digest, size, urls: Vec::new(), annotations: BTreeMap::new(), platform: None }
    }

    /// Whether the content lies elsewhere than in the registry: a layer that may not be distributed.
    pub fn is_foreign(&self) -> bool {
        !self.urls.is_empty() || media_type::is_foreign(&self.media_type)
    }
}

/// The machine that an image is for, written `os/architecture[/variant]`.
///
/// Source: OCI image specification, "Image Index"; containerd `platforms`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Platform {
    /// The processor, in Go's words: `amd64`, `arm64`.
    pub architecture: String,
    /// The operating system: `linux`.
    pub os: String,
    /// The operating system's version, used by Windows.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Features that the operating system must have.
    #[serde(default, rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The processor's variant: `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// The platform of `os`, `architecture` and perhaps a variant, with other spellings made one.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let (architecture, variant) = normalised(architecture, variant.filter(|variant| !variant.is_empty()));
        Self { architecture, os: os.to_lowercase(), os_version: None, os_features: Vec::new(), variant }
    }

    /// The platform whose images run here: Linux on this processor.
    pub fn host() -> Self {
        Self::new("linux", std::env::consts::ARCH, None)
    }

    /// How well an image for `other` runs on this platform: `None` not at all, otherwise smaller is better.
    ///
    /// An `arm` of variant v7 also runs v6 and v5.
    pub fn distance(&self, other: &Self) -> Option<u8> {
        let other = Self::new(&other.os, &other.architecture, other.variant.as_deref());
        let wanted = Self::new(&self.os, &self.architecture, self.variant.as_deref());
        if (&wanted.os, &wanted.architecture) != (&other.os, &other.architecture) {
            return None;
        }
        if wanted.variant == other.variant {
            return Some(0);
        }
        let level = |platform: &Self| platform.variant.as_deref()?.strip_prefix('v')?.parse::<u8>().ok();
        match wanted.architecture.as_str() {
            "arm" => level(&wanted)?.checked_sub(level(&other)?),
            _ => None,
        }
    }

    /// The entry of `manifests` that fits this platform best; of equals the first.
    pub fn select<'a>(&self, manifests: &'a [Descriptor]) -> Option<&'a Descriptor> {
        manifests
            .iter()
            .filter_map(|entry| Some((self.distance(entry.platform.as_ref()?)?, entry)))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, entry)| entry)
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let legal = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        };
        match parts.as_slice() {
            [os, architecture, rest @ ..] if rest.len() <= 1 && parts.iter().all(legal) => {
                Ok(Self::new(os, architecture, rest.first().copied()))
            }
            _ => Err(PlatformError(text.to_owned())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os.escape_default(), self.architecture.escape_default())?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{}", variant.escape_default()))
    }
}

/// Text that names no platform.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{}` is not a platform such as `linux/amd64` or `linux/arm/v7`", .0.escape_default())]
pub struct PlatformError(String);

/// Source: containerd `platforms/database.go`.
fn normalised(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let architecture = architecture.to_lowercase();
    let variant = variant.map(str::to_lowercase);
    let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
        ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64", None),
        ("x86_64" | "x86-64" | "amd64", other) => ("amd64", other),
        ("i386" | "x86" | "386", _) => ("386", None),
        ("aarch64" | "arm64", None | Some("8" | "v8")) => ("arm64", None),
        ("aarch64" | "arm64", other) => ("arm64", other),
        ("armhf", _) | ("arm", None | Some("7")) => ("arm", Some("v7")),
        ("armel", _) | ("arm", Some("6")) => ("arm", Some("v6")),
        ("arm", Some("5")) => ("arm", Some("v5")),
        ("powerpc64le", other) => ("ppc64le", other),
        (architecture, other) => (architecture, other),
    };
    (architecture.to_owned(), variant.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn platforms_are_read_in_every_spelling() {
        assert_eq!(platform("linux/x86_64"), platform("linux/amd64"));
        assert_eq!(platform("linux/arm64/v8").to_string(), "linux/arm64");
        assert_eq!(platform("linux/arm").to_string(), "linux/arm/v7");
        for bad in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/a b"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn selection_prefers_the_nearest_variant() {
        let entry = |text: &str| {
            let mut descriptor = Descriptor::of(media_type::OCI_MANIFEST, text.as_bytes());
            descriptor.platform = Some(platform(text));
            descriptor
        };
        let entries: Vec<_> =
            ["linux/arm/v5", "linux/arm/v6", "linux/amd64", "linux/arm64/v8"].map(entry).into();
        assert_eq!(platform("linux/arm/v7").select(&entries), Some(&entries[1]));
        assert_eq!(platform("linux/arm/v5").select(&entries), Some(&entries[0]));
        assert_eq!(platform("linux/aarch64").select(&entries), Some(&entries[3]));
        assert_eq!(platform("linux/s390x").select(&entries), None);
        assert_eq!(platform("windows/amd64").select(&entries), None);
    }

    #[test]
    fn descriptor_survives_a_round_trip() {
        let text = r#"{"mediaType":"m","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"platform":{"architecture":"arm","os":"linux","variant":"v7"}}"#;
        let descriptor: Descriptor = serde_json::from_str(text).expect("a descriptor");
        assert_eq!(serde_json::to_string(&descriptor).expect("it serialises"), text);
        assert!(serde_json::from_str::<Descriptor>(&text.replace("\"size\":0", "\"size\":-1")).is_err());
    }

    #[test]
    fn foreign_layers_are_recognised() {
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        assert!(Descriptor::of(foreign, b"").is_foreign());
        assert!(Descriptor::of("application/vnd.oci.image.layer.nondistributable.v1.tar", b"").is_foreign());
        let mut elsewhere = Descriptor::of(media_type::OCI_LAYER, b"");
        assert!(!elsewhere.is_foreign());
        elsewhere.urls.push("https://elsewhere.example/layer".to_owned());
        assert!(elsewhere.is_foreign());
    }
}
