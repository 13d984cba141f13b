//! `trust`: what `docker trust` does, in its words.

mod inspect;

use std::ffi::OsString;

use clap::Subcommand;
use thiserror::Error;

use crate::app::App;
use crate::exit::ExitStatus;

/// Manage trust on images, as `docker trust` does
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Inspect(inspect::Args),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// A command of `docker trust` that this program does not have.
#[derive(Debug, Error)]
#[error("`trust {}` is not there yet; nothing was done", .0.escape_default())]
pub(crate) struct NotThere(String);

/// Runs a verb.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    match args.verb {
        Verb::Inspect(args) => inspect::run(args, app).await,
        Verb::Other(words) => {
            let word = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
            Err(NotThere(word).into())
        }
    }
}
