//! What is cached of collections: whether it can be used, whether pins still hold, when it expires, and what is staged.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use countersign_client::cache::{Cache as _, Cached};
use countersign_client::cache_dir::DirectoryCache;
use countersign_client::changelist::{ChangeList, StagedBy};
use countersign_core::author::NEAR_EXPIRY;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, MetadataError, Root, Snapshot, Targets, Timestamp};
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::{Environment, RootPhase, TrustError};
use tokio::task::spawn_blocking;

use super::finding::Finding;
use super::subject::Subject;
use crate::app::App;
use crate::report::one_line;
use crate::time::{minute, span};

/// Most directories that are looked into, and how deep.
const DIRECTORIES: usize = 10_000;
const DEPTH: usize = 16;

/// A collection of which something is on disk.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    pub(crate) gun: Gun,
    pub(crate) roles: Vec<RoleName>,
}

/// Looks at every collection, or only at the one in question.
pub(super) async fn check(subject: Option<&Subject>, app: &App) -> Vec<Finding> {
    let trust_dir = app.context().trust_dir();
    let cache = DirectoryCache::new(&trust_dir);
    let found = match spawn_blocking(move || collections(&trust_dir)).await {
        Ok(found) => found,
        Err(error) => return vec![Finding::fail("trust", error.to_string())],
    };
    let mut findings = Vec::new();
    let mut well = 0;
    for collection in found.iter().filter(|found| subject.is_none_or(|subject| subject.gun == found.gun)) {
        let limits = Limits::default();
        let problems = match cache.load(&collection.gun, &collection.roles, &limits).await {
            Ok(cached) => examine(collection, &cached, &limits, app),
            Err(error) => vec![Finding::fail("trust", one_line(&error))],
        };
        well += usize::from(problems.is_empty() && !collection.roles.is_empty());
        findings.extend(problems);
        findings.extend(staged(&collection.gun, cache.trust_dir()).await);
    }
    let text = match (well, subject) {
        (0, None) if found.is_empty() => "no collection is cached".to_owned(),
        (0, _) => return findings,
        (_, Some(subject)) => format!("`{}` is cached, and nothing of it expires soon", subject.gun),
        (1, None) => "1 cached collection, of which nothing expires soon".to_owned(),
        (count, None) => format!("{count} cached collections, of which nothing expires soon"),
    };
    findings.insert(0, Finding::ok("trust", text));
    findings
}

/// What is wrong with what is cached of a collection.
fn examine(collection: &Collection, cached: &Cached, limits: &Limits, app: &App) -> Vec<Finding> {
    let gun = &collection.gun;
    let now = app.context().now();
    let mut findings: Vec<_> = cached
        .damage
        .iter()
        .map(|damage| {
            let finding = Finding::warn("trust", format!("`{gun}`: {damage}"));
            finding.hint("the next pull fetches it again")
        })
        .collect();
    if let Some(bytes) = cached.files.get(&RoleName::from(TopRole::Root)) {
        findings.extend(root(gun, bytes, cached, limits, app));
    }
    for (role, bytes) in &cached.files {
        match expires(role, bytes.clone(), limits) {
            // Timestamps are short-lived, and fetched with every pull.
            Ok(_) if *role == TopRole::Timestamp => {}
            Ok(at) => findings.extend(expiry(gun, role, at, now)),
            Err(_) if *role == TopRole::Root => {}
            Err(error) => {
                let finding = Finding::warn(
                    "trust",
                    format!("`{gun}`: cached {role} cannot be used: {}", one_line(&error)),
                );
                findings.push(finding.hint("the next pull fetches it again"));
            }
        }
    }
    findings
}

/// Whether the cached root is sound and satisfies the pins.
fn root(gun: &Gun, bytes: &Bytes, cached: &Cached, limits: &Limits, app: &App) -> Option<Finding> {
    let (pinning, start) = (app.context().policy().pinning(gun), UpdateStart(app.context().now()));
    let environment = Environment::notary(gun.clone(), pinning, limits.clone(), start);
    let phase = RootPhase::trust_cached(Arc::new(environment), bytes.clone(), cached.seen.clone());
    match phase.and_then(RootPhase::finish_root) {
        // Expiry is told with that of the other files.
        Ok(_) | Err(TrustError::Expired { .. }) => None,
        Err(error) => Some(Finding::error(
            "trust",
            &anyhow::Error::new(error).context(format!("the cached root of `{gun}` cannot be used")),
        )),
    }
}

/// A word on a file that expired or soon will.
pub(super) fn expiry(gun: &Gun, role: &RoleName, at: DateTime, now: DateTime) -> Option<Finding> {
    let left = now.seconds_until(at);
    let text = match left {
        ..=0 => format!("`{gun}`: {role} expired {} ago, at {}", span(-left), minute(at)),
        1..NEAR_EXPIRY => format!("`{gun}`: {role} expires in {}, at {}", span(left), minute(at)),
        _ => return None,
    };
    Some(Finding::warn("trust", text).hint("its owner has to sign it again"))
}

fn expires(role: &RoleName, bytes: Bytes, limits: &Limits) -> Result<DateTime, MetadataError> {
    fn of<T: Document>(envelope: &Envelope) -> Result<DateTime, MetadataError> {
        envelope.claim::<T>().map(|document| document.expires())
    }
    let envelope = Envelope::parse(bytes, limits)?;
    match role.top() {
        Some(TopRole::Root) => of::<Root>(&envelope),
        Some(TopRole::Snapshot) => of::<Snapshot>(&envelope),
        Some(TopRole::Timestamp) => of::<Timestamp>(&envelope),
        Some(TopRole::Targets) | None => of::<Targets>(&envelope),
    }
}

/// Changes that were staged and not published.
async fn staged(gun: &Gun, trust_dir: &Path) -> Option<Finding> {
    let changes = match ChangeList::new(trust_dir, gun.clone()).list().await {
        Ok(changes) => changes,
        Err(error) => {
            let finding = Finding::fail("trust", format!("`{gun}`: {}", one_line(&error)));
            return Some(
                finding.hint(format!("`countersign repo reset {gun} --all` drops every staged change")),
            );
        }
    };
    // What a push has staged is the push's, or is dropped by the next one.
    let count = changes.iter().filter(|change| change.staged_by == StagedBy::Author).count();
    let changes = match count {
        0 => return None,
        1 => "1 staged change is",
        _ => &format!("{count} staged changes are"),
    };
    let finding = Finding::warn("trust", format!("`{gun}`: {changes} not published"));
    Some(finding.hint(format!(
        "`countersign repo status {gun}` lists, `repo publish` publishes, `repo reset` drops them"
    )))
}

/// Every collection below a trust directory, by name. Links are not followed.
pub(crate) fn collections(trust_dir: &Path) -> Vec<Collection> {
    let mut found = Vec::new();
    let mut left = DIRECTORIES;
    walk(&trust_dir.join("tuf"), "", DEPTH, &mut left, &mut |path, name| {
        let roles = roles(&path.join("metadata"));
        let has_changes = !files(&path.join("changelist"), ".change").is_empty();
        if let (true, Ok(gun)) = (!roles.is_empty() || has_changes, name.parse()) {
            found.push(Collection { gun, roles });
        }
    });
    found.sort_by(|a, b| a.gun.cmp(&b.gun));
    found
}

/// The roles of which there are files.
fn roles(metadata: &Path) -> Vec<RoleName> {
    let mut roles = Vec::new();
    let mut left = DIRECTORIES;
    walk(metadata, "", DEPTH, &mut left, &mut |path, name| {
        let prefix = if name.is_empty() { String::new() } else { format!("{name}/") };
        let stems = files(path, ".json").into_iter();
        roles.extend(stems.filter_map(|stem| format!("{prefix}{stem}").parse::<RoleName>().ok()));
    });
    roles
}

/// Visits a directory and those below it, with their names relative to where it began.
fn walk(dir: &Path, name: &str, depth: usize, left: &mut usize, visit: &mut dyn FnMut(&Path, &str)) {
    if *left == 0 || depth == 0 {
        return;
    }
    *left -= 1;
    let Ok(entries) = fs::read_dir(dir) else { return };
    visit(dir, name);
    let directories = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    for entry in directories {
        let Ok(child) = entry.file_name().into_string() else { continue };
        let below = if name.is_empty() { child } else { format!("{name}/{child}") };
        walk(&entry.path(), &below, depth - 1, left, visit);
    }
}

/// The names of regular files in a directory that end so, without that end.
fn files(dir: &Path, end: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let regular = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let names = regular.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| name.strip_suffix(end).map(str::to_owned)).collect()
}
