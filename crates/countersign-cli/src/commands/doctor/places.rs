//! Files and directories: configuration, pins, keys, images.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use countersign_client::keystore::{KeyEntry, KeyStore as _};
use serde_json::Value;

use super::Finding;
use crate::app::App;
use crate::engine::EngineArgs;
use crate::report;

/// Largest `config.json` that is looked into, in bytes.
const CONFIG_BYTES: u64 = 16 << 20;

/// `config.json`, its credential helpers, and the policy files.
pub(super) fn configuration(app: &App) -> Vec<Finding> {
    let context = app.context();
    let mut findings = vec![docker_config(&context.docker_config_file(), app)];
    let policies: Vec<_> = context.policy().files().map(|path| path.display().to_string()).collect();
    findings.push(Finding::ok(
        "policy",
        if policies.is_empty() { "no policy file".to_owned() } else { policies.join(", ") },
    ));
    findings
}

fn docker_config(path: &Path, app: &App) -> Finding {
    let shown = path.display();
    let config = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::ok("config", format!("no `{shown}`: nobody is logged in"));
        }
        Err(error) => return Finding::fail("config", format!("cannot read `{shown}`: {error}"), None),
        Ok(found) if found.len() > CONFIG_BYTES => {
            return Finding::fail("config", format!("`{shown}` has more than {CONFIG_BYTES} bytes"), None);
        }
        Ok(_) => match fs::read(path).map(|bytes| serde_json::from_slice::<Value>(&bytes)) {
            Ok(Ok(config)) => config,
            Ok(Err(error)) => {
                return Finding::fail("config", format!("`{shown}` is not JSON: {error}"), None);
            }
            Err(error) => return Finding::fail("config", format!("cannot read `{shown}`: {error}"), None),
        },
    };
    let of_registries = config["credHelpers"].as_object().into_iter().flat_map(|helpers| helpers.values());
    let helpers = of_registries.chain(config.get("credsStore")).filter_map(Value::as_str);
    let missing: Vec<_> = helpers
        .map(|helper| format!("docker-credential-{}", helper.escape_default()))
        .filter(|program| !is_on_path(program, app))
        .collect();
    if missing.is_empty() {
        Finding::ok("config", shown.to_string())
    } else {
        let hint = "install it, or remove it from `credsStore` and `credHelpers`".to_owned();
        Finding::fail(
            "config",
            format!("`{shown}` names {}, which is not installed", missing.join(", ")),
            Some(hint),
        )
    }
}

fn is_on_path(program: &str, app: &App) -> bool {
    let path = app.context().variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// How collections are pinned.
pub(super) fn pins(app: &App) -> Finding {
    let policy = app.context().policy();
    let (certificates, authorities) = policy.pin_counts();
    let first_use = if policy.allows_first_use() { "is trusted on first use" } else { "is refused" };
    Finding::ok(
        "pins",
        format!("{certificates} by certificate, {authorities} by authority; what has no pin {first_use}"),
    )
}

/// The private keys: whether they can be read, by nobody else, and are encrypted.
pub(super) fn keys(app: &App) -> Vec<Finding> {
    let store = match app.key_store() {
        Ok(store) => store,
        Err(error) => return vec![Finding::fail("keys", format!("{error:#}"), None)],
    };
    let list = match store.list() {
        Ok(list) => list,
        Err(error) => return vec![Finding::fail("keys", report::one_line(&error), None)],
    };
    let mut findings = vec![Finding::ok("keys", counted(&list.keys))];
    let places = list.keys.iter().map(|key| key.location.as_path()).chain([store.path()]);
    let open: Vec<_> = places.filter(|path| is_open_to_others(path)).collect();
    if let Some(first) = open.first() {
        let text = format!("`{}` can be read by others{}", first.display(), and_others(open.len() - 1));
        findings.push(Finding::warn("keys", text, format!("chmod -R go= '{}'", store.path().display())));
    }
    let bare: Vec<_> = list.keys.iter().filter(|key| !key.encrypted).collect();
    if let Some(first) = bare.first() {
        let text = format!("key {} is not encrypted{}", first.id.short(), and_others(bare.len() - 1));
        findings.push(Finding::warn("keys", text, "whoever copies the file can sign with it"));
    }
    let unreadable = list.unreadable.iter();
    findings.extend(unreadable.map(|error| Finding::fail("keys", report::one_line(error), None)));
    findings
}

fn counted(keys: &[KeyEntry]) -> String {
    let roots = keys.iter().filter(|key| key.role == "root").count();
    match (roots, keys.len() - roots) {
        (0, 0) => "none yet; the first push makes them".to_owned(),
        (roots, others) => format!("{roots} root, {others} others"),
    }
}

fn and_others(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", and {count} more") }
}

fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

/// The images.
pub(super) async fn engine(args: EngineArgs, app: &App) -> Finding {
    let engine = match app.engine(args) {
        Ok(engine) => engine,
        Err(error) => return Finding::fail("engine", format!("{error:#}"), None),
    };
    match engine.images().await {
        Ok(images) => Finding::ok("engine", format!("{}, {} images", engine.name(), images.len())),
        Err(error) => Finding::fail("engine", report::one_line(&error), None),
    }
}
