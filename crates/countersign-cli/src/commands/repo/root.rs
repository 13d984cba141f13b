//! `repo root`: ceremonies, for a root whose keys are in different places.

mod certificate;
mod propose;
mod publish;
mod sign;

use std::path::PathBuf;

use clap::Subcommand;
use countersign_core::name::Gun;

use crate::app::App;
use crate::exit::ExitStatus;

/// Change the keys of a collection together with others: propose a root, have it signed, publish it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Propose(propose::Args),
    Sign(sign::Args),
    Publish(publish::Args),
    Certificate(certificate::Args),
}

/// What signing and publishing take.
#[derive(Debug, clap::Args)]
struct Which {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// The file with the proposal; without it, the one that this machine or the trust server keeps
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs a verb.
pub(super) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    match args.verb {
        Verb::Propose(args) => propose::run(args, app).await,
        Verb::Sign(args) => sign::run(args, app).await,
        Verb::Publish(args) => publish::run(args, app).await,
        Verb::Certificate(args) => certificate::run(args, app).await,
    }
}
