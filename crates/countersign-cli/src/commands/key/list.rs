//! `key list`: what keys there are, as their files say, and what they are used for, as the cache says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_client::keystore::KeyEntry;
use countersign_client::keystore_dir::DirKeyStore;
use countersign_core::key::KeyId;
use countersign_core::time::DateTime;

use super::uses::{self, Use};
use crate::app::App;
use crate::exit::ExitStatus;
use crate::report;
use crate::table::{keep_end, table};
use crate::time::{ago, minute};

/// Widest GUN in the table.
const GUN_WIDTH: usize = 25;
/// Widest location in the table.
const LOCATION_WIDTH: usize = 40;
/// Most collections that are named in one row.
const COLLECTIONS: usize = 3;

/// List the keys, in Notary's table
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// List also what each key signs, when it was last used and when that expires
    ///
    /// Collections, roles and expiries are those of the trust data that is cached here; a key is used when it is opened for signing.
    #[arg(long, short)]
    long: bool,
    /// Print JSON, one object for each key
    #[arg(long)]
    json: bool,
}

/// Prints the table; with `--quiet` the ids alone. Files that can't be read are told of.
///
/// Source: notary `cmd/notary/prettyprint.go` (`prettyPrintKeys`).
pub(crate) async fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let printer = app.printer();
    let store = app.key_store()?;
    let mut list = app.signing_keys()?.list()?;
    list.keys.sort_by(|left, right| order(left).cmp(&order(right)));
    for problem in &list.unreadable {
        printer.warn(report::one_line(problem));
    }
    let uses = if args.json || args.long { uses::all(app).await } else { BTreeMap::new() };
    let uses_of = |id: KeyId| uses.get(&id).map_or(&[][..], Vec::as_slice);
    if args.json {
        for key in &list.keys {
            printer.data(json(key, uses_of(key.id), last_used(&store, key.id)))?;
        }
    } else if printer.is_quiet() {
        for key in &list.keys {
            printer.data(key.id)?;
        }
    } else if list.keys.is_empty() {
        printer.data_text("\nNo signing keys found.\n\n")?;
    } else if args.long {
        let row = |key: &KeyEntry| long_row(key, uses_of(key.id), last_used(&store, key.id), app);
        let rows: Vec<_> = list.keys.iter().map(row).collect();
        let headings = ["NAME", "ROLES", "KEY ID", "LOCATION", "LAST USED", "EXPIRES", "COLLECTIONS"];
        printer.data_text(&format!("\n{}\n", table(headings, &rows)))?;
    } else {
        let files = keep_end(&store.path().display().to_string(), LOCATION_WIDTH);
        let location = |key: &KeyEntry| match key.location.strip_prefix(store.path()) {
            Ok(_) => files.clone(),
            Err(_) => {
                keep_end(&key.location.display().to_string(), LOCATION_WIDTH).escape_debug().to_string()
            }
        };
        let rows: Vec<_> = list.keys.iter().map(|key| row(key, &location(key))).collect();
        printer.data_text(&format!("\n{}\n", table(["ROLE", "GUN", "KEY ID", "LOCATION"], &rows)))?;
    }
    Ok(if list.unreadable.is_empty() { ExitStatus::Success } else { ExitStatus::Failure })
}

/// Roots first, then by collection, role and id.
fn order(key: &KeyEntry) -> (bool, Option<&str>, &str, String) {
    (key.role != "root", key.gun.as_deref(), &key.role, key.id.to_string())
}

fn last_used(store: &DirKeyStore, id: KeyId) -> Option<DateTime> {
    time(store.last_used(id)?)
}

fn time(at: SystemTime) -> Option<DateTime> {
    DateTime::from_unix(i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?)
}

fn row(key: &KeyEntry, location: &str) -> [String; 4] {
    let gun = keep_end(key.gun.as_deref().unwrap_or_default(), GUN_WIDTH);
    [
        key.role.escape_debug().to_string(),
        gun.escape_debug().to_string(),
        key.id.to_string(),
        location.to_owned(),
    ]
}

fn long_row(key: &KeyEntry, uses: &[Use], last_used: Option<DateTime>, app: &App) -> [String; 7] {
    let now = app.context().now();
    let roles: BTreeSet<_> = uses.iter().map(|used| used.role.to_string()).collect();
    let mut guns: BTreeSet<_> = uses.iter().map(|used| used.gun.to_string()).collect();
    guns.extend(key.gun.as_ref().map(|gun| gun.escape_debug().to_string()));
    let more = guns.len().saturating_sub(COLLECTIONS);
    let mut collections = guns.into_iter().take(COLLECTIONS).collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(collections, " and {more} more");
    }
    let expires = uses.iter().filter_map(|used| used.expires).min();
    [
        key.role.escape_debug().to_string(),
        roles.into_iter().collect::<Vec<_>>().join(", "),
        key.id.to_string(),
        location(&key.location),
        last_used.map(|at| ago(at, now)).unwrap_or_default(),
        expires.map(minute).unwrap_or_default(),
        collections,
    ]
}

/// The directory of a file; a token as it is.
fn location(path: &Path) -> String {
    let place = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(path);
    keep_end(&place.display().to_string(), LOCATION_WIDTH).escape_debug().to_string()
}

fn json(key: &KeyEntry, uses: &[Use], last_used: Option<DateTime>) -> serde_json::Value {
    let uses: Vec<_> = uses
        .iter()
        .map(|used| {
            serde_json::json!({
                "gun": used.gun.to_string(),
                "role": used.role.to_string(),
                "expires": used.expires.map(|at| at.to_string()),
            })
        })
        .collect();
    serde_json::json!({
        "id": key.id.to_string(),
        "role": key.role,
        "gun": key.gun,
        "location": key.location.display().to_string(),
        "encrypted": key.encrypted,
        "last_used": last_used.map(|at| at.to_string()),
        "uses": uses,
    })
}
