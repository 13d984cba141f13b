//! `repo lookup`: what one name means.

use countersign_client::lookup::resolve_tag;
use countersign_core::name::{Gun, TargetName, TopRole};

use crate::app::App;
use crate::exit::ExitStatus;
use crate::refusal::Refusal;

/// Look up a signed target: prints `NAME sha256:HEX LENGTH`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// The target: for images, the tag
    #[arg(value_name = "TARGET")]
    target: String,
}

/// Prints Notary's line.
///
/// Source: notary `cmd/notary/tuf.go` (`tufLookup`).
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let refreshed = super::refresh(&args.gun, app).await?;
    let name = TargetName::from(args.target.clone());
    let decision = app.context().policy().decide(&args.gun);
    let target = if decision.signed_by.is_empty() {
        let found = refreshed.collection.search(&[TopRole::Targets.into()], &name);
        found.ok_or(Refusal::Unsigned { tag: args.target })?
    } else {
        resolve_tag(&refreshed.collection, &name, decision.releases_use())?
    };
    app.printer().data(format_args!("{} {} {}", target.name.as_str(), target.digest, target.length))?;
    Ok(ExitStatus::Success)
}
