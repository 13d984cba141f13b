//! `repo status`: what is staged, and what waits for signatures.

use countersign_client::changelist::{ChangeList, StagedChange};
use countersign_client::publisher::{Opened, PublisherError};
use countersign_core::author::{Change, DelegationEdit};
use countersign_core::name::{Gun, RoleName, TopRole};

use crate::app::App;
use crate::commands::trust::proposal;
use crate::exit::ExitStatus;
use crate::report;
use crate::table::table;

/// Show the staged changes of a collection, in Notary's table, and what waits for signatures
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// Print JSON, one object for each change
    #[arg(long)]
    json: bool,
}

/// Prints the table.
///
/// Source: notary `cmd/notary/tuf.go` (`tufStatus`).
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let changes = ChangeList::new(app.context().trust_dir(), args.gun.clone()).list().await?;
    let printer = app.printer();
    if args.json {
        let rows = changes.iter().enumerate().map(|(index, change)| row(index, change));
        for [_, action, scope, kind, path] in rows {
            let json = serde_json::json!({ "action": action, "scope": scope, "type": kind, "path": path });
            printer.data(json)?;
        }
    } else {
        printer.data_text(&staged_table(&args.gun, &changes))?;
        if let Some(opened) = proposed(&args.gun, app).await {
            printer.data_text(&format!("\n{}", proposal::summary(args.gun.as_str(), &opened)))?;
        }
    }
    Ok(ExitStatus::Success)
}

/// What waits for signatures. What is staged can be shown without it.
async fn proposed(gun: &Gun, app: &App) -> Option<Opened> {
    let publisher = app.publisher(gun, None).ok()?;
    match publisher.open_proposal(None, app.context().now()).await {
        Ok(opened) => Some(opened),
        Err(PublisherError::NothingProposed { source: None, .. } | PublisherError::NoCollection(_)) => None,
        Err(error) => {
            app.printer()
                .warn(format_args!("what waits for signatures is not known: {}", report::one_line(&error)));
            None
        }
    }
}

/// The changes in Notary's table, or the line that there are none.
pub(crate) fn staged_table(gun: &Gun, changes: &[StagedChange]) -> String {
    if changes.is_empty() {
        return format!("No unpublished changes for {gun}\n");
    }
    let rows: Vec<_> = changes.iter().enumerate().map(|(index, change)| row(index, change)).collect();
    let table = table(["#", "ACTION", "SCOPE", "TYPE", "PATH"], &rows);
    format!("Unpublished changes for {gun}:\n\n{table}")
}

/// Source: notary `client/changelist/change.go`, `client/repo.go` (what each kind of change is called).
fn row(index: usize, staged: &StagedChange) -> [String; 5] {
    let (action, scope, kind, path) = match &staged.change {
        Change::SetTarget { role, name, .. } => ("create", role.to_string(), "target", name.as_str()),
        Change::RemoveTarget { role, name } => ("delete", role.to_string(), "target", name.as_str()),
        Change::EditDelegation { role, edit } => (action(edit), role.to_string(), "delegation", ""),
        Change::RemoveDelegation { role } => ("delete", role.to_string(), "delegation", ""),
        Change::PurgeKeys { below, .. } => ("update", format!("{below}/*"), "delegation", ""),
        Change::Witness { role } => ("update", role.to_string(), "witness", ""),
        Change::SetThreshold { role, .. } => ("update", role.to_string(), "threshold", ""),
        Change::ReplaceKeys { role, .. } => {
            ("create", RoleName::from(TopRole::Root).to_string(), "role", role.name())
        }
        _ => ("", String::new(), "", ""),
    };
    [index.to_string(), action.to_owned(), scope, kind.to_owned(), super::shown(path)]
}

fn action(edit: &DelegationEdit) -> &'static str {
    let adds = edit.threshold.is_some() || !edit.add_keys.is_empty() || !edit.add_paths.is_empty();
    if adds { "create" } else { "update" }
}
