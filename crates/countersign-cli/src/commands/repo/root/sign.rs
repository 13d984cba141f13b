//! `repo root sign`: a signature more.

use super::Which;
use crate::app::App;
use crate::commands::trust::approve::agreed;
use crate::commands::trust::proposal;
use crate::exit::ExitStatus;

/// Sign what is proposed with the keys that are here, after showing it; nothing is published
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Do not prompt for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// Signs, and writes the file again.
pub(super) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let Which { gun, file } = args.which;
    let publisher = app.publisher(&gun, None)?;
    let given = file.as_deref().map(proposal::read).transpose()?;
    let opened = publisher.open_proposal(given.as_ref(), app.context().now()).await?;
    if !agreed(gun.as_str(), &opened, args.yes, app) {
        return Ok(ExitStatus::Failure);
    }
    let proposed = publisher.sign_proposal(opened).await?;
    if let Some(path) = &file {
        proposal::write(path, &proposed.proposal)?;
    }
    app.printer().status(format_args!("Signed what is proposed for {gun}"))?;
    proposal::tell(&proposed, file.as_deref(), app);
    Ok(ExitStatus::Success)
}
