//! Whether the trust directory and the keys in it are ours alone, and can be read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use countersign_client::backup::BackupRecord;
use countersign_client::keystore::{KeyEntry, KeyStore as _};
use countersign_client::keystore_dir::DirKeyStore;
use countersign_client::passphrase::{PassphraseVariables, Passphrases, Tries};
use countersign_client::prompt::Nobody;

use super::finding::Finding;
use crate::context::Context;
use crate::report::one_line;
use crate::time::minute;

const BACK_UP: &str = "a lost key cannot be made again: `countersign key backup FILE`";
const OTHERS_WRITE: u32 = 0o022;
const OTHERS_DO_ANYTHING: u32 = 0o077;

pub(super) fn check(context: &Context) -> Vec<Finding> {
    let dir = context.trust_dir();
    let mut findings = Vec::new();
    match fs::symlink_metadata(&dir) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec![Finding::ok(
                "keys",
                format!("no keys and no trust data yet: `{}` is not there", dir.display()),
            )];
        }
        Err(error) => {
            return vec![Finding::fail("keys", format!("cannot read `{}`: {error}", dir.display()))];
        }
    }
    for below in ["", "tuf"] {
        let path = if below.is_empty() { dir.clone() } else { dir.join(below) };
        if let Some(mode) = mode(&path).filter(|mode| mode & OTHERS_WRITE != 0) {
            let text = format!(
                "others may write to `{}` (mode {mode:04o}), and so change what is trusted here",
                path.display()
            );
            findings.push(Finding::fail("keys", text).hint(format!("chmod 700 {}", quoted(&path))));
        }
    }
    let variables = match PassphraseVariables::from_lookup(|name| context.variable(name)) {
        Ok(variables) => variables,
        Err(error) => {
            findings.push(Finding::fail("keys", one_line(&error)));
            PassphraseVariables::default()
        }
    };
    let keys =
        DirKeyStore::new(&dir, Arc::new(Passphrases::new(variables, Arc::new(Nobody), Tries::default())));
    if let Some(mode) = mode(keys.path()).filter(|mode| mode & OTHERS_DO_ANYTHING != 0) {
        let text = format!("others may look into `{}` (mode {mode:04o})", keys.path().display());
        findings.push(Finding::warn("keys", text).hint(format!("chmod 700 {}", quoted(keys.path()))));
    }
    match keys.list() {
        Ok(list) => {
            findings.insert(0, count(&list.keys, keys.path()));
            findings.extend(list.keys.iter().flat_map(key));
            findings.extend(backup(&list.keys, &dir));
            findings.extend(list.unreadable.iter().map(|error| {
                let finding = Finding::fail("keys", one_line(error));
                finding.hint("restore it from a backup, or remove it if nothing needs it")
            }));
        }
        Err(error) => findings.push(Finding::fail("keys", one_line(&error))),
    }
    findings
}

/// How many keys there are, by role.
fn count(keys: &[KeyEntry], dir: &Path) -> Finding {
    let mut roles: BTreeMap<&str, usize> = BTreeMap::new();
    for key in keys {
        *roles.entry(if key.role.is_empty() { "(no role)" } else { &key.role }).or_default() += 1;
    }
    let roles: Vec<_> =
        roles.iter().map(|(role, count)| format!("{count} {}", role.escape_default())).collect();
    let text = match keys.len() {
        0 => format!("no keys in `{}`", dir.display()),
        1 => format!("1 key in `{}`: {}", dir.display(), roles.join(", ")),
        count => format!("{count} keys in `{}`: {}", dir.display(), roles.join(", ")),
    };
    Finding::ok("keys", text)
}

/// What is wrong with how a key is kept.
fn key(key: &KeyEntry) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = key.location.display();
    if let Some(mode) = mode(&key.location).filter(|mode| mode & OTHERS_DO_ANYTHING != 0) {
        let text = format!("others may read `{path}` (mode {mode:04o})");
        findings.push(Finding::warn("keys", text).hint(format!("chmod 600 {}", quoted(&key.location))));
    }
    if !key.encrypted {
        findings.push(Finding::warn(
            "keys",
            format!("`{path}` is not encrypted: whoever reads it can sign with it"),
        ));
    }
    findings
}

/// Whether keys came after the last backup.
fn backup(keys: &[KeyEntry], trust_dir: &Path) -> Option<Finding> {
    let record = match BackupRecord::load(trust_dir) {
        Ok(record) => record,
        Err(error) => return Some(Finding::warn("keys", one_line(&error)).hint(BACK_UP)),
    };
    let missing = keys.iter().filter(|key| record.of(key.id).is_none()).count();
    let last = record.backups.last().map(|backup| minute(backup.time));
    let text = match (missing, last) {
        (0, _) => return None,
        // There may be one that was made otherwise, so nothing is wrong with that.
        (_, None) => return Some(Finding::ok("keys", "no backup of the keys was made here").hint(BACK_UP)),
        (1, Some(last)) => format!("1 key is newer than the last backup, of {last}"),
        (count, Some(last)) => format!("{count} keys are newer than the last backup, of {last}"),
    };
    Some(Finding::warn("keys", text).hint(BACK_UP))
}

fn mode(path: &Path) -> Option<u32> {
    Some(fs::metadata(path).ok()?.mode() & 0o7777)
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if path.bytes().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
