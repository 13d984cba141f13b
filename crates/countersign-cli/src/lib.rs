#![doc = include_str!("../README.md")]

mod app;
mod args;
mod commands;
mod context;
mod engine;
mod exit;
mod hint;
mod log;
mod no_server;
mod output;
mod policy;
mod progress;
mod refusal;
mod report;
mod status;
mod table;
mod terminal;
mod time;
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
use crate::context::Context;
use crate::output::Printer;
use crate::terminal::Terminal;

/// The policy that whoever runs this machine sets for everybody on it.
const SYSTEM_POLICY: &str = "/etc/countersign/policy.toml";

/// Runs the program with this command line, its first word being the program's name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(refusal) => {
            // Nobody is left to tell if this can't be written.
            let _ = refusal.print();
            return if refusal.use_stderr() { ExitStatus::Usage } else { ExitStatus::Success };
        }
    };
    let printer = Arc::new(Printer::of_process(cli.global.quiet));
    log::start(&cli.command);
    let outcome = runtime(&cli.command).and_then(|runtime| {
        let context = context(&cli)?;
        let app = App::new(context, Arc::clone(&printer), Arc::new(Terminal));
        let outcome = runtime.block_on(commands::run(cli.command, &app));
        // A thread that still waits for the terminal keeps nobody.
        runtime.shutdown_background();
        outcome
    });
    outcome.unwrap_or_else(|error| report::report(&error, &printer))
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
