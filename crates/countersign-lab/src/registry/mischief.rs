//! Where a registry misbehaves, and how.

use countersign_core::digest::Digest;

use crate::fault::Fault;
use crate::registry::route::Route;

/// What a registry may be asked for, as far as it matters for misbehaving.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum At {
    /// Whatever is asked.
    Everything,
    /// `/v2/`.
    Ping,
    /// The token service.
    Tokens,
    /// Manifests and indexes.
    Manifests,
    /// The manifest or index that is asked for by this tag or digest.
    Manifest(String),
    /// Blobs.
    Blobs,
    /// The blob that is asked for by this digest.
    Blob(Digest),
    /// Uploads of blobs.
    Uploads,
    /// Lists of tags, repositories and referrers.
    Lists,
}

impl At {
    fn covers(&self, route: &Route) -> bool {
        match (self, route) {
            (Self::Everything, _)
            | (Self::Ping, Route::Ping)
            | (Self::Tokens, Route::Token)
            | (Self::Manifests, Route::Manifest { .. })
            | (Self::Blobs, Route::Blob { .. })
            | (Self::Uploads, Route::Uploads { .. } | Route::Upload { .. })
            | (Self::Lists, Route::Tags { .. } | Route::Catalog | Route::Referrers { .. }) => true,
            (Self::Manifest(asked), Route::Manifest { reference, .. }) => *asked == reference.to_string(),
            (Self::Blob(asked), Route::Blob { digest, .. }) => asked == digest,
            _ => false,
        }
    }
}

/// All that a registry was told to do badly.
#[derive(Debug, Default)]
pub(super) struct Mischief(Vec<(At, Fault)>);

impl Mischief {
    pub(super) fn add(&mut self, at: At, fault: Fault) {
        self.0.push((at, fault));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn at(&self, route: &Route) -> Option<Fault> {
        self.0.iter().rev().find(|(at, _)| at.covers(route)).map(|(_, fault)| fault.clone())
    }
}
