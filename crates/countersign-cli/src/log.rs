//! What the libraries report on the way, on stderr.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::args::Command;

/// Says how much is reported, in the words of `tracing`: `debug`, `countersign_server=trace,info`.
const VARIABLE: &str = "COUNTERSIGN_LOG";

/// Starts reporting: what a server does; of other verbs, warnings.
pub(crate) fn start(command: &Command) {
    let asked = std::env::var(VARIABLE).ok().filter(|asked| !asked.is_empty());
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(colours);
    match (asked, command) {
        (Some(asked), _) => log.with_env_filter(EnvFilter::new(asked)).init(),
        (None, Command::Server(_)) => log.with_max_level(LevelFilter::INFO).init(),
        (None, _) => log.with_max_level(LevelFilter::WARN).without_time().with_target(false).init(),
    }
}
