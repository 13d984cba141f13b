//! From references to what they mean by the word of their publishers: one update for each collection, all at the same time.

use std::collections::BTreeMap;

use countersign_client::lookup::{list_tags, resolve_tag};
use countersign_client::remote_http::Access;
use countersign_client::updater::{Refreshed, Releases, Roles};
use countersign_core::digest::Digest;
use countersign_core::name::{Gun, TargetName};
use countersign_core::time::UpdateStart;
use countersign_engine::Pinned;
use countersign_registry::reference::{DEFAULT_TAG, ImageReference};
use futures_util::future::try_join_all;

use crate::app::App;
use crate::policy::Decision;
use crate::refusal::{self, Refusal};
use crate::unsigned;
use crate::verdict;

/// A tag and the image that it means.
#[derive(Clone, Debug)]
pub(crate) struct Trusted {
    /// The reference with its tag and without a digest.
    pub(crate) tagged: ImageReference,
    /// What it means.
    pub(crate) digest: Digest,
    /// The image by its digest, at the place that it is pulled from: the repository itself, or a mirror of the policy's.
    pub(crate) pinned: Pinned,
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
        let collection = match refresh(image, app).await {
            Ok((refreshed, releases)) => Collection::Signed(Box::new(refreshed), releases),
            Err(refusal) => Collection::Unsigned(Box::new(unsigned::admit(refusal, image, app)?)),
        };
        Ok::<_, anyhow::Error>((gun, collection))
    });
    let collections: BTreeMap<_, _> = try_join_all(updates).await?.into_iter().collect();
    try_join_all(images.iter().map(|image| look_up(image, &collections, app))).await
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
        Ok(Trusted { pinned: unsigned::pinned(&tagged, target.digest, app)?, tagged, digest: target.digest })
    });
    trusted.collect()
}

/// A repository, as far as it is known what its tags mean.
enum Collection {
    /// By its trust data.
    Signed(Box<Refreshed>, Releases),
    /// By the registry's word alone, as this says.
    Unsigned(Box<Decision>),
}

async fn look_up(
    image: &ImageReference,
    collections: &BTreeMap<Gun, Collection>,
    app: &App,
) -> anyhow::Result<Trusted> {
    let tag = image.tag().unwrap_or(DEFAULT_TAG);
    let tagged = image.without_suffix().with_tag(tag)?;
    let digest = match collections.get(&image.gun()) {
        Some(Collection::Signed(refreshed, releases)) => signed(image, tag, refreshed, *releases)?,
        Some(Collection::Unsigned(decision)) => unsigned::digest(decision, image, app).await?,
        None => return Err(Refusal::Unsigned { tag: tag.to_owned() }.into()),
    };
    Ok(Trusted { pinned: unsigned::pinned(&tagged, digest, app)?, tagged, digest })
}

/// The signed digest of a tag, which is that of the reference, if it has one.
fn signed(
    image: &ImageReference,
    tag: &str,
    refreshed: &Refreshed,
    releases: Releases,
) -> anyhow::Result<Digest> {
    let name = TargetName::from(tag.to_owned());
    let target = resolve_tag(&refreshed.collection, &name, releases)
        .map_err(|error| refusal::of_lookup(error, tag))?;
    match image.digest() {
        Some(found) if *found != target.digest => {
            Err(Refusal::OtherDigest { tag: tag.to_owned(), signed: target.digest, found: *found }.into())
        }
        _ => Ok(target.digest),
    }
}

async fn refresh(image: &ImageReference, app: &App) -> anyhow::Result<(Refreshed, Releases)> {
    let updater = app.updater(&image.gun(), Access::Pull)?;
    let start = UpdateStart(app.context().now());
    let refreshed = updater.refresh(start, Roles::Pull).await;
    let refreshed = refreshed.map_err(|error| refusal::of_update(error, image))?;
    verdict::tell(&refreshed, updater.remote().server(), app);
    Ok((refreshed, updater.settings().releases))
}
