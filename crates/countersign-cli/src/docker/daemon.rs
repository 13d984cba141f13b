//! The daemon that the real docker would talk to, talked to without starting docker.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use countersign_engine::EngineError;
use countersign_engine::docker::{Address, DaemonError, DockerEngine, EndpointInputs, Parts};
use countersign_registry::credentials::CredentialStore;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::line::{Given, Line, Order, parse_bool, read};
use super::{Job, Kind, flags};

/// Headers that docker sends to its daemon.
const HEADERS: &str = "DOCKER_CUSTOM_HEADERS";
/// Largest `config.json` that is read, in bytes.
const CONFIG_BYTES: u64 = 8 << 20;

/// The daemon, if it is certain which one docker would talk to, and how.
///
/// Flags before the command, variables, contexts and the configuration are read as docker reads them. Whatever only docker can
/// know, or do, or say, is left to its program: scripts before it, podman behind it, ssh, headers of its own, and daemons that
/// do not answer.
///
/// Source: docker/cli `cli/command/cli.go` (`newAPIClientFromEndpoint`).
pub(super) fn of(job: &Job) -> Option<DockerEngine> {
    let context = job.app.context();
    if job.engine.kind() != Kind::Docker
        || !job.engine.real().is_docker_itself()
        || context.variable(HEADERS).is_some()
        || has_headers(&context.docker_config_file())
    {
        return None;
    }
    let line = read(job.engine.globals(), 0, &flags::DOCKER, Order::FlagsFirst, &mut Vec::new).ok()?;
    let hosts = line.flags.iter().filter(|flag| flag.name == "host").map(text);
    let hosts: Vec<String> = hosts.collect::<Option<_>>()?;
    let named = match line.last("context") {
        Some(flag) => Some(text(flag)?),
        None => None,
    };
    let file = |name: &str| line.last(name).and_then(|flag| flag.value.as_ref()).map(PathBuf::from);
    let (ca, certificate, key) = (file("tlscacert"), file("tlscert"), file("tlskey"));
    let variable = |name: &str| context.variable(name);
    let endpoint = EndpointInputs {
        hosts: &hosts,
        context: named.as_deref(),
        tls: switched(&line, "tls").ok()?,
        tls_verify: switched(&line, "tlsverify").ok()?,
        tls_ca: ca.as_deref(),
        tls_cert: certificate.as_deref(),
        tls_key: key.as_deref(),
        ..EndpointInputs::new(&variable, context.config_dir())
    };
    let endpoint = endpoint.resolve().ok()?;
    if matches!(endpoint.address, Address::Ssh(_)) {
        return None;
    }
    let version = context.variable("DOCKER_API_VERSION");
    let parts = Parts {
        // Docker has no others.
        credentials: CredentialStore::new(context.config_dir()),
        http: context.http_config().ok()?,
        api_version: version.map(|version| version.to_string_lossy().into_owned()),
        ..Parts::new(endpoint, context.config_dir(), job.app.registries().ok()?)
    };
    let daemon = DockerEngine::new(parts).ok()?;
    let greeting = job.block_on(daemon.greet()).ok()?;
    (!greeting.is_podman).then_some(daemon)
}

/// Whether docker itself would have gone on: asked its user to log in, or sent or left out credentials that we don't.
pub(super) fn is_for_docker(error: &EngineError) -> bool {
    let EngineError::Daemon(error) = error else { return false };
    matches!(
        error,
        DaemonError::Refused { status: 401, .. }
            | DaemonError::PlainCredentials { .. }
            | DaemonError::Credentials(_)
    )
}

fn text(flag: &Given) -> Option<String> {
    flag.text().map(str::to_owned)
}

/// Whether a flag that stands alone is on; `None` if it was not given. The error is a value that is no boolean.
fn switched(line: &Line, name: &str) -> Result<Option<bool>, ()> {
    let Some(flag) = line.last(name) else { return Ok(None) };
    let Some(value) = &flag.value else { return Ok(Some(true)) };
    value.to_str().and_then(parse_bool).map(Some).ok_or(())
}

/// Whether docker's configuration has headers for its daemon. What cannot be read may have some.
fn has_headers(config: &Path) -> bool {
    #[derive(Default, Deserialize)]
    struct Config {
        #[serde(default, rename = "HttpHeaders")]
        headers: Option<Map<String, Value>>,
    }
    let mut text = Vec::new();
    match File::open(config).and_then(|file| file.take(CONFIG_BYTES).read_to_end(&mut text)) {
        Ok(_) if text.trim_ascii().is_empty() => false,
        Ok(_) => {
            let config: Result<Config, _> = serde_json::from_slice(&text);
            config.map_or(true, |config| config.headers.is_some_and(|headers| !headers.is_empty()))
        }
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}
