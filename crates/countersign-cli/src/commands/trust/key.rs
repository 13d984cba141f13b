//! `trust key`: the keys of signers.

mod generate;
mod load;

use clap::Subcommand;

use super::Face;
use crate::app::App;
use crate::exit::ExitStatus;

/// Manage the keys of signers
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Generate(generate::Args),
    Load(load::Args),
}

/// Runs a verb.
pub(crate) fn run(args: &Args, app: &App, face: Face) -> anyhow::Result<ExitStatus> {
    match &args.verb {
        Verb::Generate(args) => generate::run(args, app),
        Verb::Load(args) => load::run(args, app, face),
    }
}
