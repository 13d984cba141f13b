//! Cached trust data: whether it still stands, and what expires when.

use std::fs;
use std::path::Path;

use countersign_client::why::{Verdict, Why, explain};
use countersign_core::name::{Gun, TopRole};
use countersign_core::time::UpdateStart;

use super::Finding;
use crate::app::App;
use crate::time::minute;

/// Most collections that are looked at.
const LIMIT: usize = 200;
/// Deepest name of a collection, in segments.
const DEPTH: usize = 16;

/// The collections that there is cached trust data of, as far as they are looked at.
pub(super) fn cached(app: &App) -> Vec<Gun> {
    let base = app.context().trust_dir().join("tuf");
    let mut found = Vec::new();
    walk(&base, &base, 0, &mut found);
    found.sort();
    found
}

fn walk(base: &Path, dir: &Path, depth: usize, found: &mut Vec<Gun>) {
    if depth > DEPTH || found.len() >= LIMIT {
        return;
    }
    if dir.join("metadata/root.json").is_file() {
        let name = dir.strip_prefix(base).ok().and_then(|name| name.to_str());
        found.extend(name.and_then(|name| name.parse().ok()));
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries {
        // Symbolic links are no directories here, and are not followed.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(base, &entry.path(), depth + 1, found);
        }
    }
}

/// Verifies what is cached of each collection, without asking any server.
pub(super) async fn examine(guns: &[Gun], app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    for gun in guns {
        match app.offline_updater(gun) {
            Ok(updater) => {
                let why = explain(&updater, UpdateStart(app.context().now()), None).await;
                findings.extend(judge(&why));
            }
            Err(error) => findings.push(Finding::fail("trust data", format!("{gun}: {error:#}"), None)),
        }
    }
    findings
}

fn judge(why: &Why) -> Vec<Finding> {
    let gun = &why.gun;
    if why.verdict == Verdict::Trusted {
        let fresh = why.fresh_until.map(minute).unwrap_or_default();
        let text = format!("{gun}: cached, fresh until {fresh}");
        let mut findings = vec![Finding::ok("trust data", text)];
        let warnings = why.warnings.iter();
        findings.extend(warnings.map(|text| {
            Finding::warn("trust data", format!("{gun}: {text}"), "tell its publisher before it expires")
        }));
        return findings;
    }
    let failure = why.failure.as_ref();
    let causes = failure.map(|failure| failure.causes.join(": ")).unwrap_or_default();
    let is_stale =
        failure.and_then(|failure| failure.role.as_ref()).is_some_and(|role| *role == TopRole::Timestamp);
    vec![if is_stale {
        Finding::ok("trust data", format!("{gun}: cached, and due for a refresh, which the next pull makes"))
    } else {
        let hint = format!("`countersign why {gun}` asks its trust server");
        Finding::fail("trust data", format!("{gun}: {causes}"), Some(hint))
    }]
}
