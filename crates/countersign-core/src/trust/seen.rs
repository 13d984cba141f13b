//! The versions that were trusted before: floors against rollback.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::key::KeyId;
use crate::metadata::Document;
use crate::name::RoleName;
use crate::number::MetaVersion;
use crate::signature::{RoleKeys, Verified};
use crate::trust::TrustError;

/// The newest file of each role that was ever trusted here.
///
/// A floor holds for as long as the keys that signed it are keys of its role: all of them, or enough for its threshold. Once
/// root (or the delegating role) takes those keys away, the floor is void: that is the way back from a fast-forward by a
/// stolen key. A higher threshold takes no key away.
///
/// Source: TUF 1.0.34 §5.3.11, §5.4.3, §5.5.5, §5.6.4; design decision on seen versions. Deviation: Notary takes its floors from
/// cached files only, and loses them when the cached root changes (13 B2, B3); test `seen_version_outlives_a_new_root`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Seen(BTreeMap<RoleName, SeenFile>);

/// One file that was trusted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SeenFile {
    /// Its version.
    pub version: MetaVersion,
    /// The SHA-256 of the whole file.
    pub sha256: Digest,
    /// The SHA-256 of what was signed, of a timestamp. Nobody vouches for the rest of that file: whoever stands in between may
    /// add a space to it, and the one without the space must not be refused for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Digest>,
    /// Canonical ids of the keys whose signatures were valid; empty once the role was delegated to nobody.
    pub signers: BTreeSet<KeyId>,
}

impl Seen {
    /// A record of versions alone, with the SHA-256 of each file. Nothing of it is a floor: a role of that name goes on from there.
    pub fn versions(files: impl IntoIterator<Item = (RoleName, MetaVersion, Digest)>) -> Self {
        let file = |(role, version, sha256)| {
            (role, SeenFile { version, sha256, message: None, signers: BTreeSet::new() })
        };
        Self(files.into_iter().map(file).collect())
    }

    /// The file of `role` that was trusted last.
    pub fn file(&self, role: &RoleName) -> Option<&SeenFile> {
        self.0.get(role)
    }

    /// Every role with its file.
    pub fn iter(&self) -> impl Iterator<Item = (&RoleName, &SeenFile)> {
        self.0.iter()
    }

    /// Records a trusted file in place of whatever was recorded.
    pub(super) fn record<T: Document>(&mut self, role: RoleName, document: &Verified<T>) {
        let file = SeenFile {
            version: document.version(),
            sha256: document.digest(),
            message: document.message(),
            signers: document.signers().clone(),
        };
        self.0.insert(role, file);
    }

    /// Records a verified but stale file of `role`, whose keys are `keys`, unless a newer one is recorded whose keys still hold.
    pub fn raise<T: Document>(&mut self, role: RoleName, keys: &RoleKeys, document: &Verified<T>) {
        if self.floor(&role, keys).is_none_or(|floor| floor.version < document.version()) {
            self.record(role, document);
        }
    }

    /// Voids the floors of roles that lost every key, because `is_undelegated` says that they are no roles any more. Their
    /// versions stay on record: a role of that name must go on from there.
    pub(super) fn release(&mut self, is_undelegated: impl Fn(&RoleName) -> bool) {
        for (role, file) in &mut self.0 {
            if is_undelegated(role) {
                file.signers.clear();
            }
        }
    }

    /// The recorded file, if the keys that signed it are still the role's.
    pub fn floor(&self, role: &RoleName, keys: &RoleKeys) -> Option<&SeenFile> {
        let floor = self.0.get(role)?;
        let still = floor.signers.intersection(&keys.canonical_ids()).count();
        let holds = still >= keys.threshold().get() || (still > 0 && still == floor.signers.len());
        holds.then_some(floor)
    }

    /// Refuses an older file of `role`, whose keys are `keys`, than the one recorded, and the same version with other content.
    ///
    /// # Errors
    /// [`TrustError::Rollback`], [`TrustError::Equivocation`].
    pub fn admit<T: Document>(
        &self,
        role: &RoleName,
        keys: &RoleKeys,
        document: &Verified<T>,
    ) -> Result<(), TrustError> {
        match self.floor(role, keys) {
            Some(floor) => floor.admit(role, document),
            None => Ok(()),
        }
    }
}

impl SeenFile {
    /// Refuses an older version than this, and the same version with other content.
    pub(super) fn admit<T: Document>(
        &self,
        role: &RoleName,
        document: &Verified<T>,
    ) -> Result<(), TrustError> {
        let is_same = document.digest() == self.sha256
            || (self.message.is_some() && self.message == document.message());
        self.admit_version(role, document.version(), is_same)
    }

    fn admit_version(&self, role: &RoleName, offered: MetaVersion, is_same: bool) -> Result<(), TrustError> {
        if offered < self.version {
            return Err(TrustError::Rollback { role: role.clone(), offered, trusted: self.version });
        }
        if offered == self.version && !is_same {
            return Err(TrustError::Equivocation { role: role.clone(), version: offered });
        }
        Ok(())
    }

    /// As [`SeenFile::admit`], for a file that says this version and whose keys did not sign it.
    pub(super) fn admit_claim(
        &self,
        role: &RoleName,
        offered: MetaVersion,
        sha256: Digest,
    ) -> Result<(), TrustError> {
        self.admit_version(role, offered, sha256 == self.sha256)
    }
}
