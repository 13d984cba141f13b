//! The verbs, one module each: its `Args`, and `run`.

pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod generate;
pub(crate) mod images;
pub(crate) mod key;
mod link;
pub(crate) mod load;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod plugin;
pub(crate) mod policy;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod repo;
pub(crate) mod save;
pub(crate) mod server;
pub(crate) mod shim;
pub(crate) mod status;
pub(crate) mod trust;
pub(crate) mod tuf;
pub(crate) mod why;

use tokio::task::spawn_blocking;

use crate::app::App;
use crate::args::{Command, Global};
use crate::docker::Call;
use crate::exit::ExitStatus;

/// Runs a verb.
pub(crate) async fn run(command: Command, app: &App, face: trust::Face) -> anyhow::Result<ExitStatus> {
    match command {
        Command::Pull(args) => pull::run(args, app).await,
        Command::Push(args) => push::run(args, app).await,
        Command::Run(args) => become_engine(args.call(&Global::default())).await,
        Command::Create(args) => become_engine(args.call(&Global::default())).await,
        Command::Build(args) => become_engine(args.call(&Global::default())).await,
        Command::Load(args) => load::run(args, app).await,
        Command::Save(args) => save::run(&args, app).await,
        Command::Images(args) => images::run(&args, app).await,
        Command::Login(args) => login::run(args, app).await,
        Command::Logout(args) => logout::run(&args, app).await,
        Command::Policy(args) => policy::run(args, app).await,
        Command::Why(args) => why::run(args, app).await,
        Command::Repo(args) => repo::run(args, app).await,
        Command::Key(args) => key::run(&args, app).await,
        Command::Status(args) => status::run(args, app).await,
        Command::Trust(args) => trust::run(args, app, face).await,
        Command::Shim(args) => shim::run(&args, app),
        Command::Plugin(args) => plugin::run(&args, app),
        Command::Tuf(args) => tuf::run(args, app).await,
        Command::Server(args) => server::run(args, app).await,
        Command::Doctor(args) => doctor::run(args, app).await,
        Command::Notary(args) => Ok(crate::notary::run(args.words).await),
        Command::Demo(args) => demo::run(args, app).await,
        Command::Generate(args) => generate::run(&args, app.printer()),
    }
}

/// On a thread of its own, for the face of Docker waits for nobody else.
async fn become_engine(call: Call) -> anyhow::Result<ExitStatus> {
    Ok(spawn_blocking(move || call.run()).await?)
}
