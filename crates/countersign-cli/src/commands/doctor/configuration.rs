//! Whether the configuration can be read: Docker's `config.json`, and the policy.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use countersign_registry::credentials::server_key;
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::finding::Finding;
use crate::app::App;
use crate::context::Context;
use crate::policy::{FirstUse, Policy};
use crate::report::one_line;

/// Largest `config.json` that is looked into, in bytes.
const FILE_BYTES: u64 = 8 << 20;

/// What of `config.json` matters here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerConfig {
    auths: BTreeMap<String, serde_json::Value>,
    #[serde(rename = "credsStore")]
    store: String,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

/// Docker's `config.json`, what it says of registries, and the helpers that it names.
pub(super) async fn docker(app: &App) -> Vec<Finding> {
    let context = app.context().clone();
    let read = spawn_blocking(move || {
        let mut findings = Vec::new();
        let config = docker_config(&context, &mut findings);
        (findings, config)
    });
    let (mut findings, config) = match read.await {
        Ok(read) => read,
        Err(error) => return vec![Finding::fail("config", error.to_string())],
    };
    // What is kept by a helper is the helper's; asking it might ask a person.
    for key in config.auths.keys().filter(|key| config.store.is_empty() && !config.helpers.contains_key(*key))
    {
        if let Err(error) = app.credentials().lookup(server_key(key)).await {
            let finding = Finding::fail("config", one_line(&error));
            findings.push(finding.hint(format!("`countersign login {key}` writes it anew")));
        }
    }
    findings
}

fn docker_config(context: &Context, findings: &mut Vec<Finding>) -> DockerConfig {
    let path = context.docker_config_file();
    let config = match read(&path) {
        Ok(text) => serde_json::from_str::<DockerConfig>(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            findings.push(Finding::ok("config", format!("no `{}`: no credentials are kept", path.display())));
            return DockerConfig::default();
        }
        Err(error) => {
            let text = format!("cannot read `{}`: {error}", path.display());
            findings.push(Finding::fail("config", text));
            return DockerConfig::default();
        }
    };
    match config {
        Ok(config) => {
            let count = config.auths.len();
            let accounts = if count == 1 { "1 registry".to_owned() } else { format!("{count} registries") };
            findings.push(Finding::ok("config", format!("`{}` names {accounts}", path.display())));
            helpers(&config, context, findings);
            config
        }
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            let text = format!("`{}` is not a Docker configuration: {place}", path.display());
            findings
                .push(Finding::fail("config", text).hint("Docker cannot read it either: mend or remove it"));
            DockerConfig::default()
        }
    }
}

/// The programs that keep credentials, where they are named.
fn helpers(config: &DockerConfig, context: &Context, findings: &mut Vec<Finding>) {
    let mut names: Vec<_> =
        config.helpers.values().chain([&config.store]).filter(|name| !name.is_empty()).collect();
    names.sort();
    names.dedup();
    findings.extend(names.into_iter().map(|name| {
        let program = format!("docker-credential-{name}");
        if let Some(path) = on_path(&program, context) {
            return Finding::ok("config", format!("credentials are kept by `{}`", path.display()));
        }
        let finding = Finding::fail(
            "config",
            format!("credential helper `{}` is not on `PATH`", program.escape_default()),
        );
        finding.hint(format!("install it, or take it out of `{}`", context.docker_config_file().display()))
    }));
}

fn on_path(program: &str, context: &Context) -> Option<PathBuf> {
    let path = context.variable("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// The rules, and whose word they take for roots.
pub(super) fn policy(context: &Context) -> Vec<Finding> {
    let policy = match Policy::load(&context.policy_sources()) {
        Ok(policy) => policy,
        Err(error) => {
            let finding = Finding::fail("policy", one_line(&error));
            return vec![finding.hint("every verb but this one refuses to work until that is mended")];
        }
    };
    let files: Vec<_> = policy.files().map(|path| format!("`{}`", path.display())).collect();
    let rules = match &files[..] {
        [] => "no rules: neither the system nor you have a policy".to_owned(),
        files => format!("rules are read from {}", files.join(" and ")),
    };
    let (certificates, authorities) = policy.pin_counts();
    // The name of no collection: what holds where no rule speaks of a name.
    let first_use = match "registry.invalid/any".parse().map(|any| policy.decide(&any).first_use.value) {
        Ok(FirstUse::Refuse) => "is refused",
        _ => "is trusted on first use",
    };
    let pins = format!(
        "pins: {certificates} by certificate, {authorities} by authority; what has no pin {first_use}"
    );
    vec![Finding::ok("policy", rules), Finding::ok("policy", pins)]
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {FILE_BYTES} bytes"),
        ));
    }
    Ok(text)
}
