//! `repo root sign`: a signature more.

use super::Which;
use crate::app::App;
use crate::commands::trust::approve::agreed;
use crate::commands::trust::proposal;
use crate::exit::ExitStatus;

/// Sign what is proposed with the keys that are here, after showing it; nothing is published
///
/// With `--offline` no trust server is asked: the file brings the published root along, and only the next root is shown and signed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Ask nobody: sign the proposed root in the file where the key never meets a network
    #[arg(long, requires = "file")]
    offline: bool,
    /// Do not prompt for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// Signs, and writes the file again.
pub(super) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let Which { gun, file } = args.which;
    let publisher = app.publisher(&gun, None)?;
    let given = file.as_deref().map(proposal::read).transpose()?;
    let now = app.context().now();
    let opened = match &given {
        Some(given) if args.offline => publisher.open_root_alone(given, now).await?,
        given => publisher.open_proposal(given.as_ref(), now).await?,
    };
    if !agreed(gun.as_str(), &opened, args.yes, app)? {
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
