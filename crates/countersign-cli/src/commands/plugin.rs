//! `plugin`: `docker trust` and `docker countersign`, as plugins of Docker's command line.

use std::path::PathBuf;

use clap::Subcommand;

use super::link::{self, Placed};
use crate::app::App;
use crate::docker::plugin::PLUGINS;
use crate::exit::ExitStatus;

/// Where Docker looks for plugins for everybody on a machine.
const SYSTEM_DIR: &str = "/usr/local/lib/docker/cli-plugins";

/// Give Docker the commands `docker trust` and `docker countersign`
///
/// Docker 29 and later have no `docker trust` of their own. Up to 28 Docker's own comes first; the shim leads it here.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Put both plugins where Docker looks for them
    Install(Place),
    /// Take both away
    Uninstall(Place),
}

#[derive(Debug, clap::Args)]
struct Place {
    /// For everybody on this machine, in /usr/local/lib/docker/cli-plugins
    #[arg(long, conflicts_with = "dir")]
    system: bool,
    /// Where to; without it, `cli-plugins` in Docker's configuration directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Installs or uninstalls.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let (place, is_install) = match &args.verb {
        Verb::Install(place) => (place, true),
        Verb::Uninstall(place) => (place, false),
    };
    let dir = match (&place.dir, place.system) {
        (Some(dir), _) => dir.clone(),
        (None, true) => PathBuf::from(SYSTEM_DIR),
        (None, false) => app.context().config_dir().join("cli-plugins"),
    };
    for (name, _) in PLUGINS {
        let file = dir.join(format!("docker-{name}"));
        let done = if is_install {
            match link::place(&file)? {
                Placed::Made => "installed",
                Placed::WasHere => "was installed already:",
            }
        } else if link::remove(&file)? {
            "removed"
        } else {
            "not there:"
        };
        app.printer().status(format_args!("{done} `{}`", file.display()))?;
    }
    Ok(ExitStatus::Success)
}
