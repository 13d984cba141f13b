//! `key`: the private keys of this user.

mod generate;
mod list;

use clap::Subcommand;

use crate::app::App;
use crate::exit::ExitStatus;

/// Manage signing keys
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::Args),
    Generate(generate::Args),
}

/// Runs a verb.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    match &args.verb {
        Verb::List(args) => list::run(args, app),
        Verb::Generate(args) => generate::run(args, app),
    }
}
