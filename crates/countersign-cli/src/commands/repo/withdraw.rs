//! `repo withdraw`: a proposal that nobody should sign.

use countersign_core::name::Gun;

use crate::app::App;
use crate::exit::ExitStatus;

/// Drop what is proposed for a collection, here and on the trust server
///
/// Staged changes stay staged. Files with the proposal that were given to others are not reached: what they hold can still be
/// signed and published as long as nothing else is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
}

/// Drops it.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    app.publisher(&args.gun, None)?.withdraw_proposal().await?;
    app.printer().status(format_args!("Nothing is proposed for {}", args.gun))?;
    Ok(ExitStatus::Success)
}
