//! `repo init`: a new collection.

use countersign_client::changelist::ChangeList;
use countersign_client::publisher::RootKey;
use countersign_core::key::KeyId;
use countersign_core::name::Gun;

use crate::app::App;
use crate::exit::ExitStatus;
use crate::policy::SnapshotKey;

/// Initialise a collection: its keys and first files, which `repo publish` uploads
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// The root key to use; without it, the first one there is, else a new one
    #[arg(long, value_name = "KEY ID")]
    root_key: Option<KeyId>,
    /// Who keeps the snapshot key
    #[arg(long, value_enum, value_name = "WHO")]
    snapshot_key: Option<SnapshotKey>,
    /// Publish it at once
    #[arg(long, short)]
    publish: bool,
}

/// Initialises, in Notary's words.
///
/// Source: notary `cmd/notary/tuf.go` (`tufInit`).
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let root_key = args.root_key.map_or(RootKey::FirstOrNew, RootKey::Existing);
    let publisher = app.publisher_with(&args.gun, root_key, args.snapshot_key)?;
    let made = publisher.init(app.context().now()).await?;
    if !made.root_key_is_new {
        app.printer().status(format_args!("Root key found, using: {}", made.root_key))?;
    }
    if args.publish {
        let changes = ChangeList::new(app.context().trust_dir(), args.gun.clone());
        app.printer().status(format_args!("Auto-publishing changes to {}", args.gun))?;
        return super::publish::publish(&publisher, &changes, app).await;
    }
    app.printer()
        .say(format_args!("Nothing is published yet: `countersign repo publish {}` does that", args.gun));
    Ok(ExitStatus::Success)
}
