//! `key list`: what keys there are, as their files say.

use countersign_client::keystore::{KeyEntry, KeyStore as _};

use crate::app::App;
use crate::exit::ExitStatus;
use crate::report;
use crate::table::{keep_end, table};

/// Widest GUN in the table.
const GUN_WIDTH: usize = 25;
/// Widest location in the table.
const LOCATION_WIDTH: usize = 40;

/// List the keys, in Notary's table
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON, one object for each key
    #[arg(long)]
    json: bool,
}

/// Prints the table; with `--quiet` the ids alone. Files that can't be read are told of.
///
/// Source: notary `cmd/notary/prettyprint.go` (`prettyPrintKeys`).
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let printer = app.printer();
    let store = app.key_store()?;
    let mut list = store.list()?;
    list.keys.sort_by(|left, right| order(left).cmp(&order(right)));
    for problem in &list.unreadable {
        printer.warn(report::one_line(problem));
    }
    if args.json {
        for key in &list.keys {
            printer.data(json(key))?;
        }
    } else if printer.is_quiet() {
        for key in &list.keys {
            printer.data(key.id)?;
        }
    } else if list.keys.is_empty() {
        printer.data_text("\nNo signing keys found.\n\n")?;
    } else {
        let location = keep_end(&store.path().display().to_string(), LOCATION_WIDTH);
        let rows: Vec<_> = list.keys.iter().map(|key| row(key, &location)).collect();
        printer.data_text(&format!("\n{}\n", table(["ROLE", "GUN", "KEY ID", "LOCATION"], &rows)))?;
    }
    Ok(if list.unreadable.is_empty() { ExitStatus::Success } else { ExitStatus::Failure })
}

/// Roots first, then by collection, role and id.
fn order(key: &KeyEntry) -> (bool, Option<&str>, &str, String) {
    (key.role != "root", key.gun.as_deref(), &key.role, key.id.to_string())
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

fn json(key: &KeyEntry) -> serde_json::Value {
    serde_json::json!({
        "id": key.id.to_string(),
        "role": key.role,
        "gun": key.gun,
        "location": key.location.display().to_string(),
        "encrypted": key.encrypted,
    })
}
