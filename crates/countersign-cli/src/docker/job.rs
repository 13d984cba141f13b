//! A covered command under trust: what it needs, and how it ends.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use countersign_client::passphrase::Tries;
use countersign_engine::docker::DockerEngine;
use countersign_registry::reference::ReferenceError;
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};

use super::line::Line;
use super::program::EngineCli;
use super::prompt::DockerTerminal;
use super::required::Required;
use super::verbs::{Covered, Found};
use super::{Kind, build, container, daemon, publish, pull, swarm};
use crate::app::App;
use crate::args::Global;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::terminal::watch_signals;
use crate::{SYSTEM_POLICY, log, variable};

/// A covered command under trust.
pub(super) struct Job {
    pub(super) engine: EngineCli,
    pub(super) name: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) found: Found,
    pub(super) line: Line,
    pub(super) app: App,
    pub(super) runtime: Runtime,
    /// The system's policy, where trust is on for no other reason.
    pub(super) required: Option<Required>,
    /// The daemon, once it was looked for.
    pub(super) daemon: OnceCell<Option<DockerEngine>>,
}

impl Job {
    pub(super) fn start(config: Option<PathBuf>, printer: &Arc<Printer>) -> anyhow::Result<(App, Runtime)> {
        log::start(false);
        let runtime =
            Builder::new_current_thread().enable_all().build().context("no threads can be started")?;
        let context = Context::load(variable, &Global { config, quiet: false }, Path::new(SYSTEM_POLICY))?;
        let app = App::new(context, Arc::clone(printer), Arc::new(DockerTerminal));
        Ok((app.with_tries(Tries::docker()), runtime))
    }

    pub(super) fn run(self, covered: Covered) -> anyhow::Result<ExitStatus> {
        // The others become the engine's program, which is to find signals as they were, or wait for it to end.
        if matches!(covered, Covered::Pull | Covered::Push | Covered::PluginPush) {
            watch_signals();
        }
        match covered {
            Covered::Pull => pull::run(&self),
            Covered::Push => publish::push(&self),
            Covered::Run | Covered::Create => container::run(self),
            Covered::Build => build::run(self),
            Covered::ServiceCreate => swarm::create(self),
            Covered::ServiceUpdate => swarm::update(self),
            Covered::PluginInstall => swarm::install(self),
            Covered::PluginUpgrade => swarm::upgrade(self),
            Covered::PluginPush => publish::push_plugin(&self),
        }
    }

    /// The daemon, if it may be asked itself. Without one the engine's program is run.
    pub(super) fn daemon(&self) -> Option<&DockerEngine> {
        self.daemon.get_or_init(|| daemon::of(self)).as_ref()
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(super) fn printer(&self) -> &Arc<Printer> {
        self.app.printer()
    }

    /// A word that is no flag, as text.
    pub(super) fn word(&self, index: usize) -> anyhow::Result<&str> {
        let missing = || self.wrong_count("requires at least 1 argument");
        let at = self.line.words.get(index).ok_or_else(missing)?;
        // What is no UTF-8 is no reference.
        Ok(self.args[*at].to_str().ok_or(ReferenceError::Format)?)
    }

    /// The only word that is no flag.
    pub(super) fn only_word(&self) -> anyhow::Result<&str> {
        if self.line.words.len() == 1 {
            self.word(0)
        } else {
            Err(self.wrong_count("requires 1 argument").into())
        }
    }

    pub(super) fn wrong_count(&self, text: &'static str) -> UsageError {
        UsageError { words: self.found.words.clone(), text }
    }

    /// Becomes the real program, with trust enforced and therefore off. Returns if that can't be.
    pub(super) fn hand_over(self) -> anyhow::Result<ExitStatus> {
        let real = self.engine.real().clone();
        drop(self.runtime);
        let error = real.become_it_untrusting(&self.name, &self.args);
        Err(anyhow::Error::new(error).context(format!("cannot run `{}`", real.path().display())))
    }
}

/// A command line with too few or too many words.
#[derive(Debug, Error)]
#[error("'{words}' {text}")]
pub(super) struct UsageError {
    words: String,
    text: &'static str,
}

impl UsageError {
    /// Source: docker/cli `cli/required.go`.
    pub(super) fn tell(&self, kind: Kind, printer: &Printer) -> ExitStatus {
        let (name, words) = (kind.name(), &self.words);
        printer.tell(format_args!("{name}: '{name} {words}' {}\n", self.text));
        printer.tell(format_args!("Usage:  {name} {words} {}\n", usage_of(words)));
        printer.tell(format_args!("Run '{name} {words} --help' for more information"));
        ExitStatus::Failure
    }
}

/// What follows a command in its usage line.
pub(super) fn usage_of(words: &str) -> &'static str {
    match words.rsplit(' ').next().unwrap_or_default() {
        _ if words == "service update" => "[OPTIONS] SERVICE",
        _ if words == "service create" => "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        _ if words == "plugin push" => "[OPTIONS] PLUGIN[:TAG]",
        "pull" => "[OPTIONS] NAME[:TAG|@DIGEST]",
        "push" => "[OPTIONS] NAME[:TAG]",
        "run" | "create" => "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        "install" => "[OPTIONS] PLUGIN [KEY=VALUE...]",
        "upgrade" => "[OPTIONS] PLUGIN [REMOTE]",
        "build" => "[OPTIONS] PATH | URL | -",
        _ => "",
    }
}
