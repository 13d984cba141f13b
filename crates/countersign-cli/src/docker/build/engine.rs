//! Who reads the Dockerfile, and the engine's command while it builds.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use countersign_engine::build::Builder;
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::docker::line::parse_bool;
use crate::docker::{Job, Kind};
use crate::exit::ExitStatus;
use crate::variable;

/// Chooses the builder of `docker build`.
const BUILDKIT: &str = "DOCKER_BUILDKIT";
/// The first Docker whose `build` is BuildKit's without a word.
const BUILDX_BY_DEFAULT: u32 = 23;
/// What a shell adds to the number of the signal that ended a program.
const SIGNALLED: i32 = 128;

/// Who reads the Dockerfile of this command.
pub(super) fn builder(job: &Job) -> Builder {
    if job.engine.kind() == Kind::Podman {
        return Builder::Podman;
    }
    if job.found.words.starts_with("buildx") {
        return Builder::BuildKit;
    }
    match variable(BUILDKIT).filter(|value| !value.is_empty()) {
        // What is no boolean Docker refuses by itself.
        Some(value) if value.to_str().and_then(parse_bool) == Some(false) => Builder::Classic,
        Some(_) => Builder::BuildKit,
        None if is_modern(job) && job.engine.has_buildx() => Builder::BuildKit,
        None => Builder::Classic,
    }
}

/// What is said to the engine's command so that it uses the builder that the Dockerfile was read for: before 23, a daemon can
/// choose another one.
pub(super) fn environment(job: &Job, builder: Builder) -> Option<(&'static str, &'static str)> {
    let is_chosen = variable(BUILDKIT).is_some_and(|value| !value.is_empty());
    (builder == Builder::Classic && !is_chosen && !is_modern(job)).then_some((BUILDKIT, "0"))
}

fn is_modern(job: &Job) -> bool {
    job.engine.real().major_version().is_none_or(|version| version >= BUILDX_BY_DEFAULT)
}

/// Runs the engine's command to its end. It gets the signals that this program gets, so that what it reads is there as long as
/// it runs.
pub(super) async fn attend(mut command: Command, stdin: Option<File>) -> anyhow::Result<ExitStatus> {
    command.stdin(stdin.map_or_else(Stdio::null, Stdio::from));
    let program = command.get_program().to_string_lossy().into_owned();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut child =
        tokio::process::Command::from(command).spawn().with_context(|| format!("cannot run `{program}`"))?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let tell = |signal| pid.map(|pid| kill_process(pid, signal));
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // A terminal sends it to both.
            _ = interrupt.recv() => None,
            _ = terminate.recv() => tell(Signal::TERM),
            _ = hang_up.recv() => tell(Signal::HUP),
        };
    };
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNALLED + signal));
    Ok(ExitStatus::Dockers(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
