//! What came of a publication, and what is asked for.

use countersign_core::author::Change;
use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::metadata::FileMeta;
use countersign_core::name::{Gun, RoleName, TargetName};
use countersign_core::trust::TrustedCollection;

use super::SnapshotKey;
use crate::updater::{UpdateError, Warning};

/// A tag and what it is to mean.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TagToSign {
    /// The tag.
    pub tag: TargetName,
    /// The digest of the manifest.
    pub digest: Digest,
    /// The size of the manifest, in bytes.
    pub size: u64,
}

/// A publication.
#[derive(Debug)]
pub struct Published {
    /// The collection.
    pub gun: Gun,
    /// The collection was made on the way.
    pub initialised: Option<Initialised>,
    /// What was signed.
    pub outcome: SignedOutcome,
    /// Root was signed again: it changed, or would have expired within six months.
    pub root_renewed: bool,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Whether the server shows what was published. An error here does not undo it.
    pub confirmed: Result<(), UpdateError>,
}

/// A collection that was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Initialised {
    /// The collection.
    pub gun: Gun,
    /// Canonical id of its root key.
    pub root_key: KeyId,
    /// Whether the root key is new.
    pub root_key_is_new: bool,
    /// Canonical id of its targets key.
    pub targets_key: KeyId,
    /// Who keeps its snapshot key.
    pub snapshot_key: SnapshotKey,
}

/// What was signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignedOutcome {
    /// These roles were.
    Signed {
        /// The roles.
        roles: Vec<RoleName>,
    },
    /// Nothing had to be: the tag means just that already.
    AlreadySigned {
        /// The roles that say so.
        signers: Vec<RoleName>,
    },
    /// Nothing had to be: no change is staged, or none changes anything.
    NothingToPublish,
}

impl TagToSign {
    /// The change of `role` that says so.
    pub(super) fn change(&self, role: &RoleName) -> Change {
        let meta = FileMeta::new(self.digest.into(), self.size);
        Change::SetTarget { role: role.clone(), name: self.tag.clone(), meta }
    }

    /// The roles that say so already, if all of `roles` are among them.
    pub(super) fn signers(
        &self,
        collection: &TrustedCollection,
        roles: &[RoleName],
    ) -> Option<Vec<RoleName>> {
        let says_so = |role: &&RoleName| {
            let found = collection.find(role, &self.tag);
            found.is_some_and(|target| target.digest == self.digest && target.length == self.size)
        };
        let signers: Vec<_> = collection.roles().keys().filter(says_so).cloned().collect();
        roles.iter().all(|role| signers.contains(role)).then_some(signers)
    }
}
