//! `key`: the private keys of this user.

mod chosen;
mod export;
mod files;
mod generate;
mod import;
mod list;
mod passwd;
mod refusal;
mod remove;
mod rename;
mod role;
mod rotate;
mod uses;

use clap::Subcommand;

pub(crate) use self::refusal::KeyRefusal;
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
    Rotate(rotate::Args),
    Import(import::Args),
    Export(export::Args),
    Remove(remove::Args),
    Passwd(passwd::Args),
    Rename(rename::Args),
}

/// Runs a verb.
pub(crate) async fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    match &args.verb {
        Verb::List(args) => list::run(args, app).await,
        Verb::Generate(args) => generate::run(args, app),
        Verb::Rotate(args) => rotate::run(args, app).await,
        Verb::Import(args) => import::run(args, app),
        Verb::Export(args) => export::run(args, app),
        Verb::Remove(args) => remove::run(args, app),
        Verb::Passwd(args) => passwd::run(args, app),
        Verb::Rename(args) => rename::run(args, app),
    }
}
