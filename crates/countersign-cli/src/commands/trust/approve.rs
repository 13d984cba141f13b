//! `trust approve`: a signature more for what somebody proposed.

use std::path::PathBuf;

use countersign_client::publisher::{Approval, Opened, PublisherError};
use countersign_registry::reference::ImageReference;

use super::error::of_publisher;
use super::{confirmed, proposal, tell_published};
use crate::app::App;
use crate::exit::ExitStatus;

/// Add your signature to what somebody proposed for a repository, and publish it if it was the last one needed
///
/// The proposal is the one that this machine or the trust server keeps, or the one in a file. It is held against what is published,
/// and shown before anything is signed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository
    #[arg(value_name = "REF")]
    repository: ImageReference,
    /// The file with the proposal; it is written again with your signature
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Do not prompt for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// Approves.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let gun = args.repository.gun();
    let (publisher, now) = (app.publisher(&gun, None)?, app.context().now());
    let given = args.file.as_deref().map(proposal::read).transpose()?;
    let opened = publisher.open_proposal(given.as_ref(), now).await.map_err(of_publisher)?;
    if !agreed(gun.as_str(), &opened, args.yes, app)? {
        return Ok(ExitStatus::Failure);
    }
    match publisher.approve(opened, now).await.map_err(of_publisher)? {
        Approval::Published(published) => {
            app.printer().status(format_args!("Successfully published changes for repository {gun}"))?;
            tell_published(&published, app);
        }
        Approval::Waiting(proposed) => {
            if let Some(path) = &args.file {
                proposal::write(path, &proposed.proposal)?;
            }
            app.printer().status(format_args!("Signed what is proposed for {gun}"))?;
            proposal::tell(&proposed, args.file.as_deref(), app);
        }
    }
    Ok(ExitStatus::Success)
}

/// Shows a proposal, and asks whether to sign it, unless that is clear or there is nothing to sign.
///
/// # Errors
/// It cannot be signed without losing another one.
pub(crate) fn agreed(gun: &str, opened: &Opened, yes: bool, app: &App) -> Result<bool, PublisherError> {
    let printer = app.printer();
    for line in proposal::summary(gun, opened).lines() {
        printer.say(line);
    }
    opened.admit()?;
    if yes || opened.here.is_empty() || confirmed(app, "Sign this?") {
        return Ok(true);
    }
    printer.tell("Nothing was signed");
    Ok(false)
}
