//! `repo recover`: a collection whose keys are lost.

mod error;
mod lost_root;
mod pair;
mod pinned;

use std::path::PathBuf;

use countersign_client::publisher::Published;
use countersign_core::key::KeyId;
use countersign_registry::reference::ImageReference;

pub(crate) use self::error::RecoverError;

use crate::app::App;
use crate::exit::ExitStatus;
use crate::policy::SnapshotKey;
use crate::report;

/// Recover a collection whose keys are lost
///
/// A lost tagging pair (targets, and the snapshot key if it was kept here): new keys take its place, by the word of the root key, which
/// must be here. Everybody who trusts the collection follows; delegations and signers stay as they are. What will be done is said
/// before it is asked for. A recovery that was cut off goes on when it is run again.
///
/// A lost root key, with `--lost-root`: nobody can sign a root that leads on from it. The collection is deleted at its server, after a
/// copy was written, and published anew with everything that was signed, under a new root key. Consumers are refused until they trust
/// that key: `countersign trust repin` shows them what has changed. Where a recovery key was made (`countersign key recovery`), none
/// of this is needed: restore it and rotate the root key.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Args {
    /// The repository
    #[arg(value_name = "REF")]
    repository: ImageReference,
    /// Recover from the loss of the root key: delete the collection at its server, and publish it anew
    #[arg(long)]
    lost_root: bool,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Replace the tagging pair even if it is here
    #[arg(long, conflicts_with = "lost_root")]
    force: bool,
    /// Who keeps the snapshot key, if it has to be replaced
    #[arg(long, value_enum, value_name = "WHO", conflicts_with = "lost_root")]
    snapshot_key: Option<SnapshotKey>,
    /// With `--lost-root`: the root key of the key store that takes the place of the lost one; without it, one is made
    #[arg(long, value_name = "KEY ID", requires = "lost_root")]
    root_key: Option<KeyId>,
    /// With `--lost-root`: recover from what `repo export` wrote, or from the copy that an earlier run wrote
    #[arg(long, value_name = "FILE", requires = "lost_root")]
    from: Option<PathBuf>,
    /// With `--lost-root`: go on without delegations whose files are missing or have expired; their signers sign again afterwards
    #[arg(long, requires = "lost_root")]
    leave_out: bool,
}

/// Recovers.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    if args.lost_root { lost_root::run(args, app).await } else { pair::run(args, app).await }
}

/// Says what else is worth knowing of a publication.
fn tell_published(published: &Published, app: &App) {
    for warning in &published.warnings {
        app.printer().warn(report::one_line(warning));
    }
    if let Err(error) = &published.confirmed {
        app.printer().warn(format_args!(
            "published, but the server does not show it yet: {}",
            report::one_line(error)
        ));
    }
}
