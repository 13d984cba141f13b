//! `key`: the private keys of this user.

mod backup;
mod chosen;
mod export;
pub(crate) mod files;
mod generate;
mod import;
mod keyring;
mod list;
mod passwd;
mod recovery;
mod refusal;
mod remove;
mod rename;
mod restore;
mod role;
mod rotate;
mod token;
mod uses;

use clap::Subcommand;

pub(crate) use self::refusal::KeyRefusal;
pub(crate) use self::restore::OpenBackupError;
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
    Remember(keyring::RememberArgs),
    Forget(keyring::ForgetArgs),
    Backup(backup::Args),
    Restore(restore::Args),
    Recovery(recovery::Args),
    Tokens(token::ListArgs),
    Copy(token::CopyArgs),
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
        Verb::Remember(args) => keyring::remember(args, app),
        Verb::Forget(args) => keyring::forget(args, app),
        Verb::Backup(args) => backup::run(args, app),
        Verb::Restore(args) => restore::run(args, app),
        Verb::Recovery(args) => recovery::run(args, app).await,
        Verb::Tokens(args) => token::list(args, app),
        Verb::Copy(args) => token::copy(args, app),
    }
}
