//! `trust signer`: who may sign a repository.

mod add;
mod remove;

use clap::Subcommand;

use super::Face;
use crate::app::App;
use crate::exit::ExitStatus;

/// Manage who may sign a repository
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Add(add::Args),
    Remove(remove::Args),
}

/// Runs a verb.
pub(crate) async fn run(args: Args, app: &App, face: Face) -> anyhow::Result<ExitStatus> {
    match args.verb {
        Verb::Add(args) => add::run(args, app, face).await,
        Verb::Remove(args) => remove::run(args, app, face).await,
    }
}
