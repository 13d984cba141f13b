//! `repo publish`: what is staged.

use countersign_client::changelist::ChangeList;
use countersign_client::publisher::{Publisher, SignedOutcome};
use countersign_core::name::Gun;

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
    printer.status(format_args!("Successfully published changes for repository {}", published.gun))?;
    Ok(ExitStatus::Success)
}
