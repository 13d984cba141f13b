//! Which engine keeps the images.

mod choice;
mod find;

use clap::ValueEnum;

pub(crate) use self::choice::{Choice, choose};

/// The variable that chooses where no flag does.
pub(crate) const VARIABLE: &str = "COUNTERSIGN_ENGINE";

/// The choice of an engine.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct EngineArgs {
    /// Who keeps the images
    ///
    /// Without it: the variable `COUNTERSIGN_ENGINE`; else a Docker daemon that is configured or answers; else podman; else
    /// the store of this program.
    #[arg(long, value_enum, value_name = "ENGINE")]
    engine: Option<EngineName>,
    /// The Docker context that names the daemon
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The Docker daemon: `unix://PATH`, `tcp://HOST:PORT` or `ssh://USER@HOST`
    #[arg(long, short = 'H', value_name = "HOST")]
    host: Vec<String>,
}

impl EngineArgs {
    /// Whether a daemon of Docker's is named.
    fn names_daemon(&self) -> bool {
        self.context.is_some() || !self.host.is_empty()
    }
}

/// The engines there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum EngineName {
    /// A daemon that speaks Docker's Engine API
    Docker,
    /// Podman: its service where that answers, else its program
    Podman,
    /// The store of this program, which needs no daemon
    Local,
}
