//! From references to what they mean by the word of their publishers: one update for each collection, all at the same time.

use std::collections::BTreeMap;

use countersign_client::lookup::{list_tags, resolve_tag};
use countersign_client::remote_http::Access;
use countersign_client::updater::{Refreshed, Releases, Roles};
use countersign_core::name::{Gun, TargetName};
use countersign_core::time::UpdateStart;
use countersign_core::trust::TrustedTarget;
use countersign_engine::Pinned;
use countersign_registry::reference::{DEFAULT_TAG, ImageReference};
use futures_util::future::try_join_all;

use crate::app::App;
use crate::refusal::{self, Refusal};
use crate::verdict;

/// A tag and the image that it means.
#[derive(Clone, Debug)]
pub(crate) struct Trusted {
    /// The reference with its tag and without a digest.
    pub(crate) tagged: ImageReference,
    /// What it means.
    pub(crate) target: TrustedTarget,
}

impl Trusted {
    /// The image by its digest.
    pub(crate) fn pinned(&self) -> Pinned {
        Pinned::new(&self.tagged, self.target.digest)
    }
}

/// What each reference means, in their order; a reference without a tag has `latest`. A tag with a digest must be signed as
/// that digest.
///
/// # Errors
/// The first that is not trusted or could not be checked; then nothing is to be done about any.
pub(crate) async fn resolve(images: &[ImageReference], app: &App) -> anyhow::Result<Vec<Trusted>> {
    let mut first_of: BTreeMap<Gun, &ImageReference> = BTreeMap::new();
    for image in images {
        first_of.entry(image.gun()).or_insert(image);
    }
    let updates = first_of.into_iter().map(|(gun, image)| async move {
        let refreshed = refresh(image, app).await?;
        Ok::<_, anyhow::Error>((gun, refreshed))
    });
    let collections: BTreeMap<_, _> = try_join_all(updates).await?.into_iter().collect();
    images.iter().map(|image| look_up(image, &collections)).collect()
}

/// Every tag of the repository of `image` that its publisher signed, sorted.
pub(crate) async fn resolve_all(image: &ImageReference, app: &App) -> anyhow::Result<Vec<Trusted>> {
    let (refreshed, releases) = refresh(image, app).await?;
    let targets = list_tags(&refreshed.collection, releases)?;
    if targets.is_empty() {
        return Err(Refusal::NoTrustedTags { gun: image.gun() }.into());
    }
    let trusted = targets.into_iter().map(|target| {
        let tagged = image.without_suffix().with_tag(target.name.as_str())?;
        Ok(Trusted { tagged, target })
    });
    trusted.collect()
}

type Collections = BTreeMap<Gun, (Refreshed, Releases)>;

fn look_up(image: &ImageReference, collections: &Collections) -> anyhow::Result<Trusted> {
    let tag = image.tag().unwrap_or(DEFAULT_TAG);
    let gun = image.gun();
    let unsigned = || Refusal::Unsigned { tag: tag.to_owned() };
    let (refreshed, releases) = collections.get(&gun).ok_or_else(unsigned)?;
    let name = TargetName::from(tag.to_owned());
    let target = resolve_tag(&refreshed.collection, &name, *releases)
        .map_err(|error| refusal::of_lookup(error, tag))?;
    if let Some(found) = image.digest().filter(|digest| **digest != target.digest) {
        let (tag, signed, found) = (tag.to_owned(), target.digest, *found);
        return Err(Refusal::OtherDigest { tag, signed, found }.into());
    }
    Ok(Trusted { tagged: image.without_suffix().with_tag(tag)?, target })
}

async fn refresh(image: &ImageReference, app: &App) -> anyhow::Result<(Refreshed, Releases)> {
    let updater = app.updater(&image.gun(), Access::Pull)?;
    let start = UpdateStart(app.context().now());
    let refreshed = updater.refresh(start, Roles::Pull).await;
    let refreshed = refreshed.map_err(|error| refusal::of_update(error, image))?;
    verdict::tell(&refreshed, updater.remote().server(), app);
    Ok((refreshed, updater.settings().releases))
}
