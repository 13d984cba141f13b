//! The face of Notary: started as `notary`, or as `countersign notary`, the program takes Notary's command line.
//!
//! Commands, flags, variables, configuration, output and exit codes are those of Notary 0.7, so that scripts run unchanged.
//! What is done behind them is what our own verbs do. Departures are marked, and listed in `docs/guide/notary.md`.
//!
//! Source: notary `cmd/notary/`, reference behaviour 11; observed on Debian's `notary`.

mod delegations;
mod face;
mod fatal;
mod key_files;
mod keys;
mod line;
mod log;
mod prompt;
mod publish;
mod read;
mod settings;
mod targets;
mod tell;
mod usage;
mod verbs;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;

use tokio::runtime::Builder;

use crate::exit::ExitStatus;

use self::face::Face;
use self::fatal::{Fatal, Outcome};
use self::line::Line;
use self::verbs::NOTARY;

/// The version of Notary whose command line this is.
const VERSION: &str = concat!("0.7.0+countersign.", env!("CARGO_PKG_VERSION"));

/// Take the command line of Notary, to the letter
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// What would follow `notary`; `countersign notary --help` explains it
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<OsString>,
}

/// The words after `notary`, if that is what the program was started as.
pub(crate) fn words_of(args: &[OsString]) -> Option<Vec<OsString>> {
    let name = Path::new(args.first()?).file_name()?;
    (name == "notary").then(|| args[1..].to_vec())
}

/// As [`run`], on a runtime of its own.
pub(crate) fn run_blocking(words: Vec<OsString>) -> ExitStatus {
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(run(words));
            // A thread that still waits for the terminal keeps nobody.
            runtime.shutdown_background();
            ended
        }
        Err(error) => end(&Fatal::new(format!("no threads can be started: {error}")), &NOTARY),
    }
}

/// Runs one command.
pub(crate) async fn run(words: Vec<OsString>) -> ExitStatus {
    let words = words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let line = match Line::read(&NOTARY, words) {
        Ok(line) => line,
        Err(fatal) => return end(&fatal, &NOTARY),
    };
    log::show_more(line.is_on("verbose"), line.is_on("debug"));
    let command = line.command;
    match command_of(line).await {
        Ok(()) => ExitStatus::Success,
        Err(fatal) => end(&fatal, command),
    }
}

async fn command_of(line: Line) -> Outcome {
    let command = line.command;
    if line.is_on("version") {
        return say(format_args!("notary Version: {VERSION}, Git commit: , Go version: none"));
    }
    if command.name == NOTARY.name && !line.is_on("help") {
        return match line.words.split_first() {
            Some((_, words)) => help(words),
            None => say_text(usage::usage(command).as_bytes()),
        };
    }
    if line.is_on("help") || !command.commands.is_empty() {
        return say_text(usage::help(command).as_bytes());
    }
    // The path of a command is how it is called, up to its arguments.
    let path = command.usage.split(['[', '<']).next().unwrap_or_default();
    let path = path.trim().strip_prefix("notary ").unwrap_or_default().trim_end_matches(" pemfile");
    if path == "version" {
        return say(format_args!("notary\n Version:    {VERSION}\n Git commit: \n Go version: none"));
    }
    let face = Face::load(line)?;
    match path {
        "add" => targets::add(&face).await,
        "addhash" => targets::addhash(&face).await,
        "remove" => targets::remove(&face).await,
        "witness" => targets::witness(&face).await,
        "list" => read::list(&face).await,
        "lookup" => read::lookup(&face).await,
        "verify" => read::verify(&face).await,
        "publish" => publish::publish(&face).await,
        "status" => publish::status(&face).await,
        "reset" => publish::reset(&face).await,
        "init" => publish::init(&face).await,
        "delete" => publish::delete(&face).await,
        "delegation list" => delegations::list(&face).await,
        "delegation add" => delegations::add(&face).await,
        "delegation remove" => delegations::remove(&face).await,
        "delegation purge" => delegations::purge(&face).await,
        "key list" => keys::list(&face),
        "key generate" => keys::generate(&face),
        "key rotate" => keys::rotate(&face).await,
        "key import" => keys::import(&face),
        "key export" => keys::export(&face),
        "key remove" => keys::remove(&face),
        "key passwd" => keys::passwd(&face),
        other => Err(Fatal::new(format!("unknown command \"{other}\" for \"notary\""))),
    }
}

/// `help`, with the words of a command.
fn help(words: &[String]) -> Outcome {
    let mut command = &NOTARY;
    for word in words {
        let Some(found) = command.commands.iter().find(|found| found.name == word) else {
            let topic: Vec<_> = words.iter().map(|word| format!("`{}`", word.escape_debug())).collect();
            say(format_args!("Unknown help topic [{}]", topic.join(" ")))?;
            return say_text(usage::of_unknown_topic().as_bytes());
        };
        command = found;
    }
    say_text(usage::help(command).as_bytes())
}

/// Says why it ends, on stdout as Notary does.
fn end(fatal: &Fatal, command: &verbs::Command) -> ExitStatus {
    let usage = if fatal.with_usage { usage::usage(command) } else { String::new() };
    // Nobody is left to tell if this can't be written.
    let _ = say(format_args!("{usage}\n* fatal: {}", fatal.text));
    ExitStatus::Failure
}

/// Writes a line to stdout.
fn say(line: impl Display) -> Outcome {
    say_text(format!("{line}\n").as_bytes())
}

/// Writes to stdout.
fn say_text(text: &[u8]) -> Outcome {
    let mut stdout = io::stdout().lock();
    Ok(stdout.write_all(text).and_then(|()| stdout.flush())?)
}
