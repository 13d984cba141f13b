//! `trust revoke`: takes back what was signed.

use anyhow::Context as _;
use countersign_core::name::TargetName;

use super::error::of_publisher;
use super::{Face, confirmed, tell_published, without_digest};
use crate::app::App;
use crate::exit::ExitStatus;

/// Remove the signatures of a tag, or of every tag of a repository
///
/// The image itself stays in the registry, and so do keys and signers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image: NAME[:TAG]
    #[arg(value_name = "REF")]
    image: String,
    /// Do not prompt for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// Revokes.
pub(crate) async fn run(args: Args, app: &App, face: Face) -> anyhow::Result<ExitStatus> {
    let image = without_digest(&args.image)?;
    let typed = &args.image;
    let tag = image.tag().map(|tag| TargetName::from(tag.to_owned()));
    if tag.is_none() && !args.yes {
        let question = format!("Confirm you would like to delete all signature data for {typed}?");
        if !confirmed(app, &question) {
            return Ok(face.cancelled());
        }
    }
    let publisher = app.publisher(&image.gun(), None)?;
    let revoked = publisher.revoke(tag.as_ref(), app.context().now()).await.map_err(of_publisher);
    let revoked = revoked.with_context(|| format!("could not remove signature for {typed}"))?;
    app.printer().status(format_args!("Successfully deleted signature for {typed}"))?;
    tell_published(&revoked, app);
    Ok(ExitStatus::Success)
}
