//! The verbs, one module each: its `Args`, and `run`.

pub(crate) mod generate;
pub(crate) mod images;
pub(crate) mod key;
pub(crate) mod load;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod save;

use crate::app::App;
use crate::args::Command;
use crate::exit::ExitStatus;

/// Runs a verb.
pub(crate) async fn run(command: Command, app: &App) -> anyhow::Result<ExitStatus> {
    match command {
        Command::Load(args) => load::run(args, app),
        Command::Save(args) => save::run(&args, app),
        Command::Images(args) => images::run(&args, app),
        Command::Login(args) => login::run(args, app).await,
        Command::Logout(args) => logout::run(&args, app).await,
        Command::Key(args) => key::run(&args, app),
        Command::Generate(args) => generate::run(&args, app.printer()),
    }
}
