//! `shim`: a `docker` or `podman` that is this program, before the real one.

mod status;

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use super::link::{self, Placed};
use crate::app::App;
use crate::docker::Kind;
use crate::docker::real::{self, Real, is_ours};
use crate::exit::ExitStatus;

pub(crate) use self::status::RETIRED;

/// Put a `docker` or `podman` that enforces trust before the real one
///
/// With trust off (`DOCKER_CONTENT_TRUST` unset) the shim becomes the real program at once. With trust on, what is pulled, pushed,
/// run and created is verified or signed, and what could start an unverified image otherwise is refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Put the shim first in PATH
    Install(Place),
    /// Say which program comes first, which is the real one, and what trust does
    Status(Place),
    /// Take the shim away
    Uninstall(Place),
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The program that it stands before
    #[arg(long = "for", value_enum, default_value_t, value_name = "PROGRAM")]
    kind: Program,
    /// Where it is; without it, a directory of PATH before that of the real program
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Program {
    #[default]
    Docker,
    Podman,
}

/// Installs, tells, or uninstalls.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    match &args.verb {
        Verb::Install(place) => install(place, app),
        Verb::Status(place) => status::run(place.kind(), app),
        Verb::Uninstall(place) => uninstall(place, app),
    }
}

impl Place {
    fn kind(&self) -> Kind {
        match self.kind {
            Program::Docker => Kind::Docker,
            Program::Podman => Kind::Podman,
        }
    }
}

fn install(place: &Place, app: &App) -> anyhow::Result<ExitStatus> {
    let (printer, name) = (app.printer(), place.kind().name());
    let real = Real::find(name).ok();
    let dir = place.dir.clone().or_else(|| usual_dir(real.as_ref(), app));
    let dir = dir.ok_or_else(|| {
        anyhow::anyhow!("no directory of PATH comes before the real `{name}`; name one with `--dir`")
    })?;
    let dir = std::path::absolute(&dir)?;
    let file = dir.join(name);
    match link::place(&file)? {
        Placed::Made => printer.status(format_args!("installed `{}`", file.display()))?,
        Placed::WasHere => printer.status(format_args!("was installed already: `{}`", file.display()))?,
    }
    if real::all(name).first().is_none_or(|first| !is_ours(first)) {
        printer.warn(format_args!(
            "PATH does not find it first: `export PATH=\"{}:$PATH\"` in your shell's profile",
            dir.display()
        ));
    }
    match real {
        Some(real) => printer.say(format_args!("The real {name} is `{}`", real.path().display())),
        None => printer.warn(format_args!("no real `{name}` is in PATH yet")),
    }
    printer.say("Trust is enforced where `DOCKER_CONTENT_TRUST=1` is set");
    Ok(ExitStatus::Success)
}

/// The first usual directory of PATH that comes before the real program; else the first usual one.
fn usual_dir(real: Option<&Real>, app: &App) -> Option<PathBuf> {
    let home = app.context().variable("HOME").map(PathBuf::from);
    let usual: Vec<PathBuf> = if rustix::process::geteuid().is_root() {
        vec!["/usr/local/bin".into(), "/usr/local/sbin".into()]
    } else {
        let home = home?;
        vec![home.join(".local/bin"), home.join("bin")]
    };
    let path = app.context().variable("PATH")?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let place = |dir: &Path| dirs.iter().position(|other| other == dir);
    let real = real.and_then(|real| place(real.path().parent()?)).unwrap_or(usize::MAX);
    let before = usual.iter().find(|dir| place(dir).is_some_and(|place| place < real));
    before.or_else(|| usual.first().filter(|dir| place(dir) != Some(real))).cloned()
}

fn uninstall(place: &Place, app: &App) -> anyhow::Result<ExitStatus> {
    let name = place.kind().name();
    let files = match &place.dir {
        Some(dir) => vec![dir.join(name)],
        None => real::all(name),
    };
    let mut removed = 0;
    for file in files {
        if link::remove(&file)? {
            removed += 1;
            app.printer().status(format_args!("removed `{}`", file.display()))?;
        }
    }
    if removed == 0 {
        app.printer().say(format_args!("no shim for {name} was found"));
    }
    Ok(ExitStatus::Success)
}
