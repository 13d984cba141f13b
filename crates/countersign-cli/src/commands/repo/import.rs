//! `repo import`: a collection whose trust server is gone, on another one.

use std::path::PathBuf;

use anyhow::Context as _;
use countersign_client::cache_dir::DirectoryCache;
use countersign_client::import::{Remains, RemainsLimits};
use countersign_client::publisher::{Expired, SnapshotKey};
use countersign_core::limits::Limits;
use countersign_core::name::{Gun, RoleName};
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::exit::ExitStatus;
use crate::report;

/// Publish an exported collection, or what is left of one in this machine's cache, on the trust server that is named now
///
/// Everybody who trusts the collection follows, because its root is signed on with its root keys, which must be here. Whoever
/// signs it goes on with the keys that they have.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file that `repo export` wrote
    #[arg(value_name = "FILE", required_unless_present = "from_cache", conflicts_with = "from_cache")]
    file: Option<PathBuf>,
    /// Take what this machine's cache has of this collection
    #[arg(long, value_name = "GUN")]
    from_cache: Option<Gun>,
    /// Sign expired files anew, with what they say; be sure that they were the newest
    #[arg(long)]
    renew_expired: bool,
    /// Go on without what this delegation says, and without those below it; its signer begins it anew afterwards (`repo witness --empty`)
    #[arg(long, value_name = "ROLE")]
    leave_out: Vec<RoleName>,
}

/// Imports.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let mut remains = match (args.file, args.from_cache) {
        (Some(path), _) => {
            let unread = format!("cannot import `{}`; nothing was published", path.display());
            spawn_blocking(move || Remains::of_export(&path, &RemainsLimits::default()))
                .await?
                .context(unread)?
        }
        (None, Some(gun)) => {
            let cache = DirectoryCache::new(app.context().trust_dir());
            let unread = format!("cannot import `{gun}`; nothing was published");
            Remains::of_cache(&cache, &gun, &Limits::default()).await.context(unread)?
        }
        (None, None) => return Ok(ExitStatus::Usage),
    };
    args.leave_out.into_iter().for_each(|role| remains.leave_out(role));
    let publisher = app.publisher(&remains.gun, None)?;
    let expired = if args.renew_expired { Expired::Renewed } else { Expired::Refused };
    let imported = publisher.import(&remains, expired, app.context().now()).await?;
    let printer = app.printer();
    for left_out in &imported.left_out {
        printer.warn(left_out);
    }
    if let Err(error) = &imported.confirmed {
        printer.warn(format_args!(
            "published, but the server does not show it yet: {}",
            report::one_line(error)
        ));
    }
    if imported.snapshot_key == SnapshotKey::Server {
        printer.say("The trust server keeps the snapshot key from now on, for the one before is not here");
    }
    let server = app.context().trust_server(&remains.gun)?;
    printer.status(format_args!("Successfully imported {} to {server}", remains.gun))?;
    Ok(ExitStatus::Success)
}
