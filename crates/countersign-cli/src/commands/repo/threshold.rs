//! `repo threshold`: how many of a role's keys must sign.

use countersign_core::name::{Gun, RoleName};
use countersign_core::number::Threshold;

use crate::app::App;
use crate::commands::trust::tell_published;
use crate::exit::ExitStatus;

/// Say how many of a role's keys must sign for it, and publish that
///
/// For root, targets or a delegation. What the role says is signed anew if it needs more signatures than it has; if those keys are
/// not all here, a proposal waits for the others (`trust approve`), and until it is complete everything stays as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// The role: root, targets, or a delegation such as targets/releases
    #[arg(value_name = "ROLE")]
    role: RoleName,
    /// How many must sign, at most as many as the role has keys
    #[arg(value_name = "NUMBER", value_parser = threshold)]
    number: Threshold,
}

/// Sets it.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let publisher = app.publisher(&args.gun, None)?;
    let published = publisher.set_threshold(&args.role, args.number, app.context().now()).await?;
    tell_published(&published, app);
    app.printer().status(format_args!(
        "{} of {} needs {} of its keys",
        args.role,
        args.gun,
        args.number.get()
    ))?;
    Ok(ExitStatus::Success)
}

/// Reads a threshold.
pub(super) fn threshold(text: &str) -> Result<Threshold, String> {
    let number = text.parse().ok().and_then(|number| Threshold::new(number).ok());
    number.ok_or_else(|| "a number, 1 or more".to_owned())
}
