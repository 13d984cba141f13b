//! The face of a plugin of Docker's: `docker-trust` and `docker-countersign`.
//!
//! Docker starts a plugin with all of its own words, global flags first, then the plugin's name. Contexts and credentials are
//! not handed over.
//!
//! Source: docker/cli `cli-plugins/manager`, `cli-plugins/socket`.

use std::ffi::OsString;
use std::path::Path;
use std::thread;

use serde::Serialize;

use super::flags;
use super::line::{Order, parse_bool, read};
use crate::commands::trust::Face;
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::run_own;

/// The word by which Docker asks a plugin what it is.
const METADATA: &str = "docker-cli-plugin-metadata";
/// Names a socket; when it closes, whoever started the plugin is gone.
const SOCKET: &str = "DOCKER_CLI_PLUGIN_SOCKET";

/// A plugin, started.
#[derive(Debug)]
pub(crate) struct Plugin {
    name: &'static str,
    args: Vec<OsString>,
}

/// What a plugin says of itself.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    schema_version: &'static str,
    vendor: &'static str,
    version: &'static str,
    short_description: &'static str,
    #[serde(rename = "URL", skip_serializing_if = "str::is_empty")]
    url: &'static str,
}

/// The plugins that there are, with what they say of themselves.
pub(crate) const PLUGINS: [(&str, &str); 2] =
    [("trust", "Manage trust on Docker images"), ("countersign", "Content trust for container images")];

/// The plugin that the program was started as, by its name.
pub(crate) fn of_name(args: &[OsString]) -> Option<Plugin> {
    let name = Path::new(args.first()?).file_name()?.to_str()?.strip_prefix("docker-")?;
    let (name, _) = PLUGINS.into_iter().find(|(plugin, _)| *plugin == name)?;
    Some(Plugin { name, args: args[1..].to_vec() })
}

/// Does what `docker trust …` says, `args` being all words behind `docker`.
pub(super) fn trust(args: &[OsString]) -> ExitStatus {
    Plugin { name: "trust", args: args.to_vec() }.run()
}

impl Plugin {
    /// Does what Docker, or whoever started it by itself, wants.
    pub(crate) fn run(self) -> ExitStatus {
        if self.args.first().is_some_and(|word| word == METADATA) {
            return self.tell_metadata();
        }
        stop_with_docker();
        // Started by itself, it may have flags that are not Docker's.
        let line = read(&self.args, 0, &flags::DOCKER, Order::FlagsFirst, &mut Vec::new).unwrap_or_default();
        let mut words = line.words.iter().map(|at| self.args[*at].clone());
        let mut rest: Vec<OsString> = match words.next() {
            None => self.args.clone(),
            Some(first) if first == self.name => words.collect(),
            Some(first) if first == "help" => {
                words.filter(|word| word != self.name).chain(["--help".into()]).collect()
            }
            Some(first) => [first].into_iter().chain(words).collect(),
        };
        let mut args: Vec<OsString> = vec!["countersign".into()];
        if let Some(config) = line.last("config").and_then(|flag| flag.value.clone()) {
            args.extend(["--config".into(), config]);
        }
        if self.name == "trust" {
            args.push("trust".into());
        }
        if rest.is_empty() {
            rest.push("--help".into());
        }
        args.extend(if self.name == "trust" { without_values_of_switches(rest) } else { rest });
        let face = if self.name == "trust" { Face::Docker } else { Face::Own };
        match run_own(args, face) {
            // Docker's commands know one code for all that goes wrong.
            ExitStatus::Untrusted | ExitStatus::Usage if self.name == "trust" => ExitStatus::Failure,
            status => status,
        }
    }

    fn tell_metadata(&self) -> ExitStatus {
        let description = PLUGINS.into_iter().find(|(name, _)| *name == self.name);
        let metadata = Metadata {
            schema_version: "0.1.0",
            vendor: "Countersign",
            version: env!("CARGO_PKG_VERSION"),
            short_description: description.map_or("", |(_, description)| description),
            url: env!("CARGO_PKG_REPOSITORY"),
        };
        let printed = serde_json::to_string(&metadata).map(|text| Printer::of_process(false).data(text));
        if matches!(printed, Ok(Ok(()))) { ExitStatus::Success } else { ExitStatus::Failure }
    }
}

/// The switches of `docker trust`.
const SWITCHES: [&str; 6] = ["--pretty", "--yes", "-y", "--force", "-f", "--local"];

/// Words in which switches have no values: `--pretty=true` is `--pretty`, and `--pretty=false` nothing.
///
/// Source: Go `spf13/pflag`.
fn without_values_of_switches(words: Vec<OsString>) -> Vec<OsString> {
    let mut is_over = false;
    let plain = words.into_iter().filter_map(|word| {
        is_over |= word == "--";
        let switch = word.to_str().and_then(|text| text.split_once('=')).filter(|_| !is_over);
        match switch
            .filter(|(name, _)| SWITCHES.contains(name))
            .map(|(name, value)| (name, parse_bool(value)))
        {
            Some((name, Some(true))) => Some(name.into()),
            Some((_, Some(false))) => None,
            _ => Some(word),
        }
    });
    plain.collect()
}

/// Ends when Docker does.
fn stop_with_docker() {
    #[cfg(target_os = "linux")]
    {
        use std::io::Read as _;
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::{SocketAddr, UnixStream};

        use rustix::process::{Signal, getpid, kill_process};

        let Ok(name) = std::env::var(SOCKET) else { return };
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&name),
        };
        let Ok(mut socket) = address.and_then(|address| UnixStream::connect_addr(&address)) else { return };
        let _ = thread::Builder::new().name("docker".to_owned()).spawn(move || {
            let mut byte = [0; 64];
            // What it says is nothing to us; that it says no more is.
            while matches!(socket.read(&mut byte), Ok(1..)) {}
            // As a request to end, so that a terminal is put in order.
            let _ = kill_process(getpid(), Signal::TERM);
        });
    }
}
