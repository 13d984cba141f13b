//! `repo list`: every signed name.

use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::trust::TrustedTarget;

use crate::app::App;
use crate::exit::ExitStatus;
use crate::table::table;

/// List the signed targets of a collection, in Notary's table
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// Ask these roles, in this order, instead of targets and all its delegations
    #[arg(long, short, value_delimiter = ',', value_name = "ROLE")]
    roles: Vec<RoleName>,
    /// Print JSON, one object for each target
    #[arg(long)]
    json: bool,
}

/// Prints the table; with `--quiet` the names alone.
///
/// Source: notary `cmd/notary/prettyprint.go` (`prettyPrintTargets`).
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let refreshed = super::refresh(&args.gun, app).await?;
    let order = if args.roles.is_empty() { vec![TopRole::Targets.into()] } else { args.roles };
    let targets = refreshed.collection.list(&order);
    let printer = app.printer();
    if args.json {
        let lines: Vec<_> = targets.iter().map(|target| format!("{}\n", json(target))).collect();
        printer.data_text(&lines.concat())?;
    } else if printer.is_quiet() {
        let lines: Vec<_> =
            targets.iter().map(|target| format!("{}\n", super::shown(target.name.as_str()))).collect();
        printer.data_text(&lines.concat())?;
    } else {
        printer.data_text(&target_table(&targets))?;
    }
    Ok(ExitStatus::Success)
}

/// The targets in Notary's table, or the lines that there are none.
pub(crate) fn target_table(targets: &[TrustedTarget]) -> String {
    if targets.is_empty() {
        return "\nNo targets present in this repository.\n\n".to_owned();
    }
    let rows: Vec<_> = targets.iter().map(row).collect();
    table(["NAME", "DIGEST", "SIZE (BYTES)", "ROLE"], &rows)
}

fn row(target: &TrustedTarget) -> [String; 4] {
    [
        super::shown(target.name.as_str()),
        target.digest.hex(),
        target.length.to_string(),
        target.role.to_string(),
    ]
}

fn json(target: &TrustedTarget) -> serde_json::Value {
    serde_json::json!({
        "name": target.name.as_str(),
        "digest": target.digest.to_string(),
        "length": target.length,
        "role": target.role.to_string(),
        "custom": target.custom,
    })
}
