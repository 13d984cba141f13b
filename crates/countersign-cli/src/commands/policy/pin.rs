//! `policy pin`: the line that pins a collection to the keys that its root is signed with now.

use std::sync::Arc;

use countersign_client::remote_http::Access;
use countersign_client::updater::{OfflineUse, Roles, UpdateError, UpdateSettings, Updater};
use countersign_core::key::KeyId;
use countersign_core::time::UpdateStart;
use countersign_core::trust::PinRule;
use countersign_registry::reference::ImageReference;

use crate::app::App;
use crate::exit::ExitStatus;
use crate::policy::pin_line;
use crate::refusal;
use crate::unwritten::Unwritten;

/// Print the line that pins the root key of a repository, to be committed
///
/// Asks the trust server, verifies what it says by every rule, and keeps nothing. Compare the key id with the publisher: a pin
/// is worth what is known of the key that it names.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image: NAME[:TAG]
    #[arg(value_name = "REF")]
    image: ImageReference,
}

/// Prints a line for each key.
pub(super) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let gun = args.image.gun();
    let updater = app.updater(&gun, Access::Pull)?;
    let settings = UpdateSettings { offline: OfflineUse::Forbidden, ..updater.settings().clone() };
    let is_pinned = !matches!(settings.pinning.rule(&gun), PinRule::FirstUse);
    let cache = Arc::new(Unwritten(Arc::clone(updater.cache())));
    let updater = Updater::new(Arc::clone(updater.remote()), cache, settings);
    let (keys, is_first): (Vec<KeyId>, bool) =
        match updater.refresh(UpdateStart(app.context().now()), Roles::Pull).await {
            Ok(refreshed) => {
                let signers = refreshed.collection.root().signers();
                (signers.iter().copied().collect(), refreshed.first_use)
            }
            // Everything was verified, and a pin is what is missing.
            Err(UpdateError::FirstUse { root_keys, .. }) => (root_keys, true),
            Err(error) => return Err(refusal::of_update(error, &args.image)),
        };
    for key in &keys {
        app.printer().data(pin_line(&gun, key))?;
    }
    if is_first && !is_pinned {
        app.printer().warn(format_args!(
            "nothing was known of {gun} here: compare the key id with its publisher before you rely on the line"
        ));
    }
    Ok(ExitStatus::Success)
}
