//! The files that an update accepted, as it went.

use countersign_core::author::expiry;
use countersign_core::metadata::Document;
use countersign_core::name::RoleName;
use countersign_core::signature::{RoleKeys, Verified};
use countersign_core::time::DateTime;
use countersign_core::trust::Origin;

use crate::why::Link;

/// What was accepted in the last attempt.
#[derive(Debug, Default)]
pub(crate) struct Trace(Vec<Link>);

impl Trace {
    /// Forgets the last attempt.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Records a file that was accepted for `role`, whose keys are `keys`.
    pub(crate) fn accepted<T: Document>(
        &mut self,
        role: RoleName,
        document: &Verified<T>,
        keys: &RoleKeys,
        origin: Origin,
    ) {
        self.0.push(Link {
            version: document.version(),
            sha256: document.digest(),
            expires: document.expires(),
            signed_about: signed_about(&role, document.expires()),
            keys: keys.canonical_ids().into_iter().collect(),
            threshold: keys.threshold().get(),
            signers: document.signers().iter().copied().collect(),
            cached: origin == Origin::Cached,
            role,
        });
    }

    /// The links, in the order of their checks.
    pub(crate) fn into_links(self) -> Vec<Link> {
        self.0
    }
}

/// When a file was signed, if it lives as long as Notary's tools have it.
pub(crate) fn signed_about(role: &RoleName, expires: DateTime) -> Option<DateTime> {
    let epoch = DateTime::from_unix(0)?;
    let lifetime = epoch.seconds_until(expiry(role, epoch));
    Some(expires.plus_seconds(-lifetime))
}
