//! Metrics in a file, for the text file collector of Prometheus' node exporter.
//!
//! Source: Prometheus, "Text-based format".

use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use countersign_core::time::DateTime;
use tempfile::NamedTempFile;

use super::report::{CollectionReport, RoleReport, Verdict};

/// Everybody may read: the exporter runs as somebody else.
const MODE: u32 = 0o644;

/// The metrics.
pub(super) fn text(reports: &[CollectionReport], now: DateTime) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, samples: Vec<(String, i64)>| {
        let _ = write!(text, "# HELP countersign_{name} {help}\n# TYPE countersign_{name} gauge\n");
        for (labels, value) in samples {
            let _ = writeln!(text, "countersign_{name}{{{labels}}} {value}");
        }
    };
    let collections = |value: &dyn Fn(&CollectionReport) -> i64| {
        reports.iter().map(|report| (labels(report, None), value(report))).collect()
    };
    let roles = |value: &dyn Fn(&RoleReport) -> i64| {
        let of = |report: &CollectionReport| -> Vec<_> {
            report.roles.iter().map(|role| (labels(report, Some(role)), value(role))).collect()
        };
        reports.iter().flat_map(of).collect()
    };
    family(
        "collection_trusted",
        "Whether every check of the collection was met.",
        collections(&|report| i64::from(report.verdict == Verdict::Trusted)),
    );
    family(
        "collection_checked",
        "Whether the collection could be checked.",
        collections(&|report| i64::from(report.verdict != Verdict::Unknown)),
    );
    family(
        "collection_checked_timestamp_seconds",
        "When the collection was looked at.",
        collections(&|_| now.unix_seconds()),
    );
    family("role_version", "The version of the role's file.", roles(&|role| count(role.version.get())));
    family(
        "role_expires_timestamp_seconds",
        "When the role's file expires.",
        roles(&|role| role.expires.unix_seconds()),
    );
    family(
        "role_threshold",
        "How many keys must sign the role.",
        roles(&|role| count(role.threshold as u64)),
    );
    family("role_keys", "How many keys may sign the role.", roles(&|role| count(role.keys.len() as u64)));
    family(
        "role_keys_here",
        "How many of the role's keys are on this machine.",
        roles(&|role| count(role.keys_here.len() as u64)),
    );
    text
}

/// Replaces the file at once, or not at all.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::with_prefix_in(".countersign-metrics-", dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(MODE))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn labels(report: &CollectionReport, role: Option<&RoleReport>) -> String {
    let role = role.map(|role| format!(",role=\"{}\"", escaped(role.role.as_str()))).unwrap_or_default();
    format!("gun=\"{}\",server=\"{}\"{role}", escaped(report.gun.as_str()), escaped(&report.server))
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
