//! What the libraries report on the way, on stderr.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Says how much is reported, in the words of `tracing`: `debug`, `countersign_server=trace,info`.
const VARIABLE: &str = "COUNTERSIGN_LOG";

/// Starts reporting: of a server, what it does; of all else, warnings.
pub(crate) fn start(is_server: bool) {
    let asked = std::env::var(VARIABLE).ok().filter(|asked| !asked.is_empty());
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(colours);
    // Who reports already goes on.
    let _ = match (asked, is_server) {
        (Some(asked), _) => log.with_env_filter(EnvFilter::new(asked)).try_init(),
        (None, true) => log.with_max_level(LevelFilter::INFO).try_init(),
        (None, false) => log.with_max_level(LevelFilter::WARN).without_time().with_target(false).try_init(),
    };
}
