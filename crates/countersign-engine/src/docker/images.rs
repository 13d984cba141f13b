//! The images that a daemon has: by name, by id, and all of them; and their names.
//!
//! Source: Engine API, "Image".

use std::collections::BTreeSet;

use countersign_core::digest::{Algorithm, Digest};
use countersign_registry::reference::ImageReference;
use jiff::Timestamp;
use serde::Deserialize;

use super::DockerEngine;
use super::daemon::Call;
use super::error::DaemonError;
use crate::engine::{EngineImage, LocalImage, is_id};
use crate::error::EngineError;
use crate::pinned::Pinned;

impl DockerEngine {
    /// The image that a reference stands for here.
    pub(super) async fn inspect(
        &self,
        reference: &ImageReference,
    ) -> Result<Option<LocalImage>, DaemonError> {
        let name = reference.to_string();
        let Some(found) = self.inspect_text(&name).await? else { return Ok(None) };
        let digests = found.digests_in(reference);
        Ok(Some(LocalImage { id: self.id(&found.id)?, digests }))
    }

    async fn inspect_text(&self, name: &str) -> Result<Option<Inspected>, DaemonError> {
        self.daemon.ask(Call::get(&["images", name, "json"])).await
    }

    /// The image, if the daemon has it by that digest in that repository.
    pub(super) async fn confirm(&self, image: &Pinned) -> Result<Option<LocalImage>, DaemonError> {
        let found = self.inspect(image.reference()).await?;
        Ok(found.filter(|found| found.digests.contains(image.digest())))
    }

    pub(super) async fn tag_confirmed(
        &self,
        image: &Pinned,
        target: &ImageReference,
    ) -> Result<(), EngineError> {
        let Some(found) = self.confirm(image).await? else {
            return Err(EngineError::NoSuchImage(image.reference().clone()));
        };
        let target = target.clone().or_latest();
        let Some(tag) = target.tag() else { return Err(EngineError::NoTag(target)) };
        self.name(&found.id, &target, tag).await
    }

    /// Lets a name stand for the image of that id.
    pub(super) async fn name(
        &self,
        id: &Digest,
        target: &ImageReference,
        tag: &str,
    ) -> Result<(), EngineError> {
        let id = id.to_string();
        let call = Call::post(&["images", &id, "tag"]).with("repo", target.name()).with("tag", tag);
        Ok(self.daemon.order(call).await?)
    }

    /// The whole id of an image that `text` is the id of, or the beginning of it.
    ///
    /// A daemon takes names and ids alike; only an id that begins with the text is an answer.
    pub(super) async fn confirm_id(&self, text: &str) -> Result<Option<Digest>, DaemonError> {
        let Some(beginning) = is_id(text) else { return Ok(None) };
        let Some(found) = self.inspect_text(text).await? else { return Ok(None) };
        let id = self.id(&found.id)?;
        Ok(Some(id).filter(|id| id.hex().starts_with(beginning)))
    }

    pub(super) async fn list(&self) -> Result<Vec<EngineImage>, DaemonError> {
        let listed: Option<Vec<Inspected>> = self.daemon.ask(Call::get(&["images", "json"])).await?;
        let mut images = Vec::new();
        for image in listed.ok_or_else(|| self.daemon.garbage("it has no list of images"))? {
            let id = self.id(&image.id)?;
            let (created, size) = (image.created(), u64::try_from(image.size).unwrap_or(0));
            for reference in image.names() {
                let digests = reference.as_ref().map(|reference| image.digests_in(reference));
                let digest = digests.and_then(|digests| digests.first().copied()).unwrap_or(id);
                images.push(EngineImage { reference, digest, created, size });
            }
        }
        images.sort_by(|one, other| one.reference.cmp(&other.reference));
        Ok(images)
    }

    /// A daemon's id of an image. Podman leaves the algorithm out in places.
    fn id(&self, text: &str) -> Result<Digest, DaemonError> {
        let id = if text.contains(':') { text.parse() } else { format!("sha256:{text}").parse() };
        let id: Digest = id.map_err(|_| self.daemon.garbage("the id of an image is none"))?;
        if id.algorithm() == Algorithm::Sha256 {
            Ok(id)
        } else {
            Err(self.daemon.garbage("the id of an image is none"))
        }
    }
}

/// What a daemon says of an image, alone or in a list.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    #[serde(default)]
    created: serde_json::Value,
    #[serde(default)]
    size: i64,
}

impl Inspected {
    /// The digests that the image has in the repository of `reference`, without what can't be read.
    fn digests_in(&self, reference: &ImageReference) -> Vec<Digest> {
        let names = self.repo_digests.iter().flatten().filter_map(|name| ImageReference::parse(name).ok());
        let here = names.filter(|name| name.name() == reference.name());
        here.filter_map(|name| name.digest().copied()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Its names with tags; those with digests if it has none; one that is no name if it has neither.
    fn names(&self) -> Vec<Option<ImageReference>> {
        let parsed = |names: &Option<Vec<String>>| -> Vec<_> {
            names.iter().flatten().filter_map(|name| ImageReference::parse(name).ok()).map(Some).collect()
        };
        let tags = parsed(&self.repo_tags);
        let names = if tags.is_empty() { parsed(&self.repo_digests) } else { tags };
        if names.is_empty() { vec![None] } else { names }
    }

    /// Seconds in a list.
    fn created(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.created.as_i64()?).ok()
    }
}
