//! `policy`: what the rules say of an image.

mod check;
mod pin;

use clap::Subcommand;

use crate::app::App;
use crate::exit::ExitStatus;

/// Show what the policy says of an image, and which line says it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(check::Args),
    Pin(pin::Args),
}

/// Runs a verb.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    match args.verb {
        Verb::Check(args) => check::run(&args, app),
        Verb::Pin(args) => pin::run(args, app).await,
    }
}
