//! What is worth knowing of a collection, as Notary's log has it.

use countersign_client::publisher::Published;
use countersign_client::updater::{Freshness, Refreshed, Warning};
use countersign_core::name::TopRole;

use super::log;
use crate::report::one_line;

/// Says what there is to say of an update.
pub(super) fn refreshed(refreshed: &Refreshed) {
    if let Freshness::Offline { reason, .. } = &refreshed.freshness {
        log::error(&one_line(reason));
        log::warning(
            "Error while downloading remote metadata, using cached timestamp - this might not be the latest version available \
             remotely",
        );
    }
    for skipped in &refreshed.skipped {
        log::warning(&format!("Error getting {}: {}", skipped.role, one_line(&skipped.source)));
    }
    warnings(&refreshed.warnings);
}

/// Says what there is to say of a publication.
pub(super) fn published(published: &Published) {
    warnings(&published.warnings);
    if let Err(error) = &published.confirmed {
        log::warning(&format!("published, but the server does not show it yet: {}", one_line(error)));
    }
}

fn warnings(warnings: &[Warning]) {
    for warning in warnings {
        match warning {
            Warning::NearExpiry { role, .. } => {
                let metadata =
                    if *role == TopRole::Root || *role == TopRole::Snapshot { "" } else { " metadata" };
                log::warning(&format!(
                    "{role}{metadata} is nearing expiry, you should re-sign the role metadata"
                ));
            }
            warning => log::warning(&one_line(warning)),
        }
    }
}
