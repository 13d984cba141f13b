#![doc = include_str!("../README.md")]

mod app;
mod args;
mod commands;
mod context;
mod docker;
mod engine;
mod exit;
mod hint;
mod log;
mod no_server;
mod notary;
mod output;
mod policy;
mod progress;
mod refusal;
mod report;
mod status;
mod table;
mod terminal;
mod time;
mod trust;
mod unsigned;
mod unwritten;
mod verdict;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::runtime::{Builder, Runtime};

pub use crate::exit::ExitStatus;

use crate::app::App;
use crate::args::{Cli, Command};
use crate::commands::trust::Face;
use crate::context::Context;
use crate::docker::DockerTerminal;
use crate::output::Printer;
use crate::terminal::{Person, Terminal};

/// The policy that whoever runs this machine sets for everybody on it.
const SYSTEM_POLICY: &str = "/etc/countersign/policy.toml";

/// Runs the program with this command line, its first word being the program's name.
///
/// The name decides which face the program shows: `docker` and `podman` are the shim, `docker-trust` and `docker-countersign`
/// plugins of Docker's, and `notary` takes Notary's command line.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(words) = notary::words_of(&args) {
        return notary::run_blocking(words);
    }
    if let Some(call) = docker::Call::of_shim(&args) {
        return call.run();
    }
    if let Some(words) = notary::words_of(&args) {
        return notary::run_blocking(words);
    }
    match docker::plugin::of_name(&args) {
        Some(plugin) => plugin.run(),
        None => run_own(args, Face::Own),
    }
}

/// Runs the program by its own name.
fn run_own(args: Vec<OsString>, face: Face) -> ExitStatus {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(refusal) => {
            // Nobody is left to tell if this can't be written.
            let _ = refusal.print();
            return if refusal.use_stderr() { ExitStatus::Usage } else { ExitStatus::Success };
        }
    };
    let command = match cli.command {
        Command::Run(args) => return args.call(&cli.global).run(),
        Command::Create(args) => return args.call(&cli.global).run(),
        Command::Build(args) => return args.call(&cli.global).run(),
        command => command,
    };
    let cli = Cli { command, ..cli };
    let printer = Arc::new(Printer::of_process(cli.global.quiet));
    log::start(matches!(cli.command, Command::Server(_)));
    let outcome = runtime(&cli.command).and_then(|runtime| {
        let context = context(&cli)?;
        let person: Arc<dyn Person> = match face {
            Face::Own => Arc::new(Terminal),
            Face::Docker => Arc::new(DockerTerminal),
        };
        let app = App::new(context, Arc::clone(&printer), person);
        let outcome = runtime.block_on(commands::run(cli.command, &app, face));
        // A thread that still waits for the terminal keeps nobody.
        runtime.shutdown_background();
        outcome
    });
    outcome.unwrap_or_else(|error| face.report(&error, &printer))
}

/// Where everything is. A policy that cannot be followed stops every verb but the one that says what is wrong with it.
fn context(cli: &Cli) -> anyhow::Result<Context> {
    let system_policy = Path::new(SYSTEM_POLICY);
    match Context::load(variable, &cli.global, system_policy) {
        Err(_) if matches!(cli.command, Command::Doctor(_)) => {
            Context::without_policy(variable, &cli.global, system_policy)
        }
        context => context,
    }
}

/// One thread starts faster; several move layers and serve.
fn runtime(command: &Command) -> anyhow::Result<Runtime> {
    let mut builder =
        if command.is_heavy() { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder.enable_all().build().context("no threads can be started")
}

/// An environment variable. Without `HOME`, the home directory is the one that the system's users file has, as with Docker.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
        .or_else(|| std::env::home_dir().filter(|_| name == "HOME").map(PathBuf::into_os_string))
}
