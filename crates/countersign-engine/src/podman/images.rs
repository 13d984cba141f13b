//! What podman says of its images.

use std::collections::BTreeSet;

use countersign_core::digest::Digest;
use countersign_registry::reference::ImageReference;
use jiff::Timestamp;
use serde::Deserialize;

use crate::engine::{EngineImage, LocalImage};

/// An image, alone (`podman image inspect`) or in a list (`podman images --format json`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    /// Digits without the algorithm.
    id: String,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    /// In a list: tags and digests.
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    created: serde_json::Value,
    #[serde(default)]
    size: u64,
}

impl Inspected {
    /// The image under the name of `reference`; `None` if its id is none.
    pub(super) fn as_named(&self, reference: &ImageReference) -> Option<LocalImage> {
        Some(LocalImage { id: self.id()?, digests: self.digests_in(reference) })
    }

    pub(super) fn id(&self) -> Option<Digest> {
        format!("sha256:{}", self.id.trim_start_matches("sha256:")).parse().ok()
    }

    /// One entry for each name.
    pub(super) fn entries(&self) -> Option<Vec<EngineImage>> {
        let id = self.id()?;
        let created = self.created.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let entry = |reference: Option<ImageReference>| {
            let digests = reference.as_ref().map(|reference| self.digests_in(reference));
            let own = reference.as_ref().and_then(|reference| reference.digest().copied());
            let digest = own.or_else(|| digests.and_then(|digests| digests.first().copied())).unwrap_or(id);
            EngineImage { reference, digest, created, size: self.size }
        };
        let names = self.names.iter().flatten().filter_map(|name| ImageReference::parse(name).ok());
        let entries: Vec<_> = names.map(|name| entry(Some(name))).collect();
        Some(if entries.is_empty() { vec![entry(None)] } else { entries })
    }

    fn digests_in(&self, reference: &ImageReference) -> Vec<Digest> {
        let names = self.repo_digests.iter().flatten().filter_map(|name| ImageReference::parse(name).ok());
        let here = names.filter(|name| name.name() == reference.name());
        here.filter_map(|name| name.digest().copied()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}
