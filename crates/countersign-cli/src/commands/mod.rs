//! The verbs, one module each: its `Args`, and `run`.

pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod generate;
pub(crate) mod images;
pub(crate) mod key;
pub(crate) mod load;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod policy;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod repo;
pub(crate) mod save;
pub(crate) mod server;
pub(crate) mod tuf;
pub(crate) mod why;

use crate::app::App;
use crate::args::Command;
use crate::exit::ExitStatus;

/// Runs a verb.
pub(crate) async fn run(command: Command, app: &App) -> anyhow::Result<ExitStatus> {
    match command {
        Command::Pull(args) => pull::run(args, app).await,
        Command::Push(args) => push::run(args, app).await,
        Command::Load(args) => load::run(args, app).await,
        Command::Save(args) => save::run(&args, app).await,
        Command::Images(args) => images::run(&args, app).await,
        Command::Login(args) => login::run(args, app).await,
        Command::Logout(args) => logout::run(&args, app).await,
        Command::Policy(args) => policy::run(args, app).await,
        Command::Why(args) => why::run(args, app).await,
        Command::Repo(args) => repo::run(args, app).await,
        Command::Key(args) => key::run(&args, app),
        Command::Tuf(args) => tuf::run(args, app).await,
        Command::Server(args) => server::run(args, app).await,
        Command::Doctor(args) => doctor::run(args, app).await,
        Command::Demo(args) => demo::run(args, app).await,
        Command::Generate(args) => generate::run(&args, app.printer()),
    }
}
