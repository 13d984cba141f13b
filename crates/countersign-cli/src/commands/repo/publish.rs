//! `repo publish`: what is staged.

use std::collections::BTreeSet;

use countersign_client::changelist::{ChangeList, StagedChange};
use countersign_client::publisher::{Publisher, SignedOutcome};
use countersign_client::remote_http::Access;
use countersign_client::updater::{Refreshed, Roles};
use countersign_core::author::Change;
use countersign_core::name::Gun;
use countersign_core::time::UpdateStart;

use super::shown;
use crate::app::App;
use crate::exit::ExitStatus;
use crate::report;

/// Publish the staged changes of a collection
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
}

/// Publishes, in Notary's words.
///
/// Source: notary `cmd/notary/tuf.go` (`tufPublish`).
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let publisher = app.publisher(&args.gun, None)?;
    let changes = ChangeList::new(app.context().trust_dir(), args.gun.clone());
    app.printer().status(format_args!("Pushing changes to {}", args.gun))?;
    publish(&publisher, &changes, app).await
}

pub(super) async fn publish(
    publisher: &Publisher,
    changes: &ChangeList,
    app: &App,
) -> anyhow::Result<ExitStatus> {
    let staged = changes.list().await?;
    let published = publisher.publish_changes(changes, app.context().now()).await?;
    let printer = app.printer();
    for warning in &published.warnings {
        printer.warn(report::one_line(warning));
    }
    if let Err(error) = &published.confirmed {
        printer.warn(format_args!(
            "published, but the server does not show it yet: {}",
            report::one_line(error)
        ));
    }
    if published.outcome == SignedOutcome::NothingToPublish {
        printer.say("Nothing had changed");
    }
    if published.confirmed.is_ok() {
        warn_of_excluded_paths(&published.gun, &staged, app).await?;
    }
    printer.status(format_args!("Successfully published changes for repository {}", published.gun))?;
    Ok(ExitStatus::Success)
}

/// Says which paths of the delegations that were changed are of no use: nobody would say so otherwise.
async fn warn_of_excluded_paths(gun: &Gun, staged: &[StagedChange], app: &App) -> anyhow::Result<()> {
    let mut edited = BTreeSet::new();
    for change in staged {
        if let Change::EditDelegation { role, .. } = &change.change {
            edited.insert(role);
        }
    }
    if edited.is_empty() {
        return Ok(());
    }
    let updater = app.updater(gun, Access::Push)?;
    let Ok(Refreshed { collection, .. }) =
        updater.refresh(UpdateStart(app.context().now()), Roles::All).await
    else {
        return Ok(());
    };
    let excluded = collection.excluded_paths().into_iter().filter(|(role, _)| edited.contains(role));
    for (role, paths) in excluded {
        let paths: Vec<_> = paths.into_iter().map(|path| format!("`{}`", shown(path))).collect();
        app.printer().warn(format_args!(
            "nobody finds what `{role}` signs below {}: the role that declares it may not speak of that",
            paths.join(" and ")
        ));
    }
    Ok(())
}
