//! `trust adopt`: signs an image of somebody else, once it was looked at, into a collection of one's own.

use countersign_client::lookup::resolve_tag;
use countersign_client::publisher::{TagStanding, TagToSign};
use countersign_client::remote_http::Access;
use countersign_client::updater::{Roles, UpdateError};
use countersign_core::digest::Digest;
use countersign_core::name::TargetName;
use countersign_core::time::UpdateStart;
use countersign_registry::reference::ImageReference;
use thiserror::Error;

use super::error::of_publisher;
use super::{Face, SigningError, confirmed, offered, sign, without_digest};
use crate::app::App;
use crate::exit::ExitStatus;
use crate::refusal::{self, Refusal};

/// Sign an upstream image that you have vetted into a collection of your own, on your own trust server
///
/// The collection has the name of the repository, so that whoever uses your trust server gets, under the upstream's own name, what
/// you have vetted and nothing else. Nothing is pulled or pushed: the registry has to have the image already.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is signed: NAME:TAG, such as alpine:3.20
    #[arg(value_name = "REF")]
    image: String,
    /// Where the image was vetted: NAME[:TAG][@DIGEST]; without it, what the tag means in its own registry
    #[arg(long, value_name = "UPSTREAM")]
    from: Option<ImageReference>,
    /// Do not prompt for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// Signs what was vetted.
pub(crate) async fn run(args: Args, app: &App, face: Face) -> anyhow::Result<ExitStatus> {
    let image = without_digest(&args.image)?;
    let Some(tag) = image.tag() else { return Err(SigningError::NoTag(args.image).into()) };
    let tag = TargetName::from(tag.to_owned());
    let upstream = args.from.clone().unwrap_or_else(|| image.clone()).or_latest();
    let found = offered::resolve(&upstream, app).await?;
    let digest = found.manifest.digest();
    if upstream.gun() != image.gun() {
        admit_upstream(&upstream, digest, app).await?;
        let own = app.registry(image.domain())?.repository(image.path());
        if !own.has_manifest(&digest).await? {
            return Err(AdoptError::Elsewhere { digest, repository: image.name().to_owned() }.into());
        }
    }
    let publisher = app.publisher(&image.gun(), None)?;
    let before = match publisher.standing(&tag, app.context().now()).await.map_err(of_publisher)? {
        TagStanding::Signed { target, .. } => Some(target.digest),
        _ => None,
    };
    app.printer().tell(offered::description(&upstream.familiar(), &found, before));
    if !args.yes && !confirmed(app, &format!("Sign this as {}?", args.image)) {
        return Ok(face.cancelled());
    }
    let tag = TagToSign { tag, digest, size: found.manifest.descriptor().size };
    sign::publish(&tag, &args.image, &publisher, app).await?;
    Ok(ExitStatus::Success)
}

/// Where somebody signs the upstream image, it must be what they signed.
async fn admit_upstream(upstream: &ImageReference, found: Digest, app: &App) -> anyhow::Result<()> {
    let Some(tag) = upstream.tag() else { return Ok(()) };
    let updater = app.updater(&upstream.gun(), Access::Pull)?;
    let refreshed = match updater.refresh(UpdateStart(app.context().now()), Roles::Pull).await {
        Err(UpdateError::NoTrustData { trusted_before: false, .. }) => {
            app.printer().say(format_args!("Nobody has signed {} on the trust server", upstream.familiar()));
            return Ok(());
        }
        refreshed => refreshed.map_err(|error| refusal::of_update(error, upstream))?,
    };
    let name = TargetName::from(tag.to_owned());
    let target = resolve_tag(&refreshed.collection, &name, updater.settings().releases)
        .map_err(|error| refusal::of_lookup(error, tag))?;
    if target.digest != found {
        return Err(Refusal::OtherDigest { tag: tag.to_owned(), signed: target.digest, found }.into());
    }
    Ok(())
}

/// An image that cannot be adopted; nothing was signed.
#[derive(Debug, Error)]
pub(crate) enum AdoptError {
    /// Those who pull would not find it.
    #[error("{digest} is not in {repository}, where it would be pulled from; nothing was signed")]
    Elsewhere {
        /// The digest.
        digest: Digest,
        /// The repository.
        repository: String,
    },
}
