//! Which engine keeps the images.

use clap::ValueEnum;

/// The choice of an engine.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct EngineArgs {
    /// Who keeps the images
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE")]
    engine: EngineName,
}

/// The engines there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum EngineName {
    /// The store of this program, which needs no daemon
    #[default]
    Local,
}

impl EngineArgs {
    /// The engine's name.
    pub(crate) fn name(self) -> EngineName {
        self.engine
    }
}
