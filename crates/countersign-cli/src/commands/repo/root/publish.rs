//! `repo root publish`: what enough have signed.

use countersign_client::publisher::Approval;

use super::Which;
use crate::app::App;
use crate::commands::trust::{proposal, tell_published};
use crate::exit::ExitStatus;

/// Publish what is proposed, once enough have signed it
///
/// The snapshot is made here if its key is, else by the trust server.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
}

/// Publishes. Nothing is signed that is proposed.
pub(super) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let Which { gun, file } = args.which;
    let (publisher, now) = (app.publisher(&gun, None)?, app.context().now());
    let given = file.as_deref().map(proposal::read).transpose()?;
    let mut opened = publisher.open_proposal(given.as_ref(), now).await?;
    for line in proposal::summary(gun.as_str(), &opened).lines() {
        app.printer().say(line);
    }
    if !opened.is_complete() {
        anyhow::bail!("what is proposed for `{gun}` lacks signatures; nothing was published");
    }
    // What is signed is enough: no further key is opened for it.
    opened.here.clear();
    if let Approval::Published(published) = publisher.approve(opened, now).await? {
        app.printer().status(format_args!("Successfully published changes for repository {gun}"))?;
        tell_published(&published, app);
    }
    Ok(ExitStatus::Success)
}
