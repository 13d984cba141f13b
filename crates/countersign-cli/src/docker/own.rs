//! `countersign run`, `create` and `build`: Docker's and podman's commands with trust on.

use std::ffi::OsString;

use clap::{ArgAction, ValueEnum};

use super::line::{Learned, Line, Shape, read};
use super::real::Real;
use super::verbs::Covered;
use super::{Call, Kind, reading};
use crate::args::Global;

/// The flag that chooses an engine; it is ours and is not handed on.
pub(super) const ENGINE: &str = "engine";
/// The variable that does.
const ENGINE_VARIABLE: &str = "COUNTERSIGN_ENGINE";

/// Run a container from an image that its publisher signed
///
/// The image is looked up in the signed trust data of its repository, and the container is started from the digest found there, by
/// the engine's own command line: every flag of `docker run` or `podman run` is handed on. Exit codes are the engine's; 125 says
/// that no container was started.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    override_usage = "countersign run [--engine ENGINE] [OPTIONS OF THE ENGINE] IMAGE [COMMAND] [ARG...]"
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    args: Args,
}

/// Create a container from an image that its publisher signed
///
/// As `countersign run`, without starting it: prints the container's id.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    override_usage = "countersign create [--engine ENGINE] [OPTIONS OF THE ENGINE] IMAGE [COMMAND] [ARG...]"
)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    args: Args,
}

/// Build an image from images that their publishers signed
///
/// Every image that the Dockerfile or a flag names is looked up in the signed trust data of its repository and written as its digest,
/// before anything is sent to the engine, whose own command builds: every flag of `docker build` or `podman build` is handed on.
/// What cannot be known before the build is refused, with its line.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    override_usage = "countersign build [--engine ENGINE] [OPTIONS OF THE ENGINE] PATH | -"
)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    args: Args,
}

#[derive(Debug, clap::Args)]
struct Args {
    /// Who runs containers: without it, docker, or podman where there is no docker
    #[arg(long, value_enum, value_name = "ENGINE")]
    engine: Option<Runtime>,
    /// Print help
    // Without a short form, which is the engine's `--hostname`.
    #[arg(long = "help", action = ArgAction::HelpLong)]
    print_help: Option<bool>,
    /// What the engine's own command takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "ARG")]
    words: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Runtime {
    Docker,
    Podman,
}

impl RunArgs {
    /// The call that it stands for.
    pub(crate) fn call(self, global: &Global) -> Call {
        self.args.call("run", Covered::Run, global)
    }
}

impl CreateArgs {
    /// The call that it stands for.
    pub(crate) fn call(self, global: &Global) -> Call {
        self.args.call("create", Covered::Create, global)
    }
}

impl BuildArgs {
    /// The call that it stands for.
    pub(crate) fn call(self, global: &Global) -> Call {
        self.args.call("build", Covered::Build, global)
    }
}

impl Args {
    fn call(self, verb: &str, covered: Covered, global: &Global) -> Call {
        let among = || {
            let (flags, order) = reading(Kind::Docker, covered);
            let line = read(&self.words, 0, &flags, order, &mut || vec![engine_flag()]).ok()?;
            line.last(ENGINE)?.text().map(str::to_owned)
        };
        let variable = || std::env::var(ENGINE_VARIABLE).ok();
        let named = match self.engine {
            Some(Runtime::Docker) => Some("docker".to_owned()),
            Some(Runtime::Podman) => Some("podman".to_owned()),
            None => among().or_else(variable),
        };
        let kind = match named.as_deref() {
            Some("podman") => Kind::Podman,
            Some("docker") => Kind::Docker,
            _ if Real::find("docker").is_err() && Real::find("podman").is_ok() => Kind::Podman,
            _ => Kind::Docker,
        };
        let mut args = Vec::new();
        if let Some(config) = global.config.as_ref().filter(|_| kind == Kind::Docker) {
            args.extend(["--config".into(), config.clone().into_os_string()]);
        }
        args.push(verb.into());
        args.extend(self.words);
        let (name, config) = (kind.name().into(), global.config.clone());
        Call { kind, name, args, own: true, config, quiet: global.quiet }
    }
}

/// How [`ENGINE`] is read.
pub(super) fn engine_flag() -> Learned {
    Learned { short: None, long: ENGINE.to_owned(), shape: Shape::Takes }
}

/// The command line without these flags, none of which has a short form.
pub(super) fn without(args: &[OsString], line: &Line, names: &[&str]) -> Vec<OsString> {
    let gone: Vec<_> = line
        .flags
        .iter()
        .filter(|flag| names.contains(&flag.name.as_str()))
        .flat_map(super::line::Given::words)
        .collect();
    let kept = args.iter().enumerate().filter(|(index, _)| !gone.contains(index));
    kept.map(|(_, arg)| arg.clone()).collect()
}
