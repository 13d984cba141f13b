//! From a draft to the files of one upload.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Draft, Edition};
use crate::author::root::admit_thresholds;
use crate::author::signing::{can_sign, message, sign_further, sign_message};
use crate::author::{AuthorError, KeyRing, Proposal, expiry};
use crate::canonical;
use crate::metadata::{Document, FileMeta, write_file};
use crate::name::{Gun, RoleName, TopRole};
use crate::number::{MetaVersion, Threshold};
use crate::signature::RoleKeys;
use crate::time::DateTime;
use crate::trust::TrustedCollection;

impl Draft {
    /// Signs what is dirty, and the snapshot if `ring` holds its key, into the files of one upload.
    ///
    /// # Errors
    /// - [`AuthorError::MissingKeys`]: a role's threshold cannot be met with `ring`; only the snapshot may be left out, for a
    ///   server that holds its key.
    /// - [`AuthorError::UnknownField`]: a file has a field that would be lost.
    /// - [`AuthorError::Unwritable`]: a document has a control character, so that nobody could read its file.
    /// - [`AuthorError::Threshold`]: a role would have fewer keys than must sign.
    ///
    /// Source: notary `client/client.go` (`publish`), reference behaviour 6.6.
    pub fn sign(mut self, ring: &KeyRing, now: DateTime) -> Result<Edition, AuthorError> {
        let unpurged = self.leave_unpurged(ring)?;
        let mut files = BTreeMap::new();
        if let Some(signed) = self.signed_root.take().filter(|_| !self.dirty.contains(&TopRole::Root.into()))
        {
            files.insert(TopRole::Root.into(), signed);
        }
        for (role, message) in self.write(now)? {
            let mut groups = self.groups(&role);
            if role == TopRole::Root {
                groups.extend(self.older_roots_at_hand(ring));
            }
            let signatures = sign_message(&role, &message, &groups, ring)?;
            files.insert(role, Bytes::from(write_file(&message, &signatures)));
        }
        if let Some(snapshot) = self.sign_snapshot(&files, ring, now)? {
            files.insert(TopRole::Snapshot.into(), snapshot);
        }
        Ok(Edition { files, unpurged })
    }

    /// Writes what is dirty and signs it with whatever keys `ring` holds, be they enough or not: others add their signatures.
    ///
    /// `of` is the collection that the draft was begun from. The snapshot is not part of it: whoever has the last signature makes it. Keys of older roots do not sign.
    ///
    /// # Errors
    /// As [`Draft::sign`], but for missing keys.
    pub fn propose(
        mut self,
        of: &TrustedCollection,
        gun: Gun,
        ring: &KeyRing,
        now: DateTime,
    ) -> Result<Proposal, AuthorError> {
        let mut files = BTreeMap::new();
        for (role, message) in self.write(now)? {
            let mut signatures = Vec::new();
            sign_further(&role, &message, &self.groups(&role), ring, &mut signatures)?;
            files.insert(role, Bytes::from(write_file(&message, &signatures)));
        }
        Ok(Proposal::new(gun, of.root().bytes().clone(), files))
    }

    /// Takes back purges of roles whose keys are not at hand, and says which.
    fn leave_unpurged(&mut self, ring: &KeyRing) -> Result<BTreeSet<RoleName>, AuthorError> {
        let mut unpurged = BTreeSet::new();
        for (role, before) in std::mem::take(&mut self.purged) {
            if !can_sign(&role, &self.groups(&role), ring) {
                self.targets_mut(&role)?.delegations = before;
                self.dirty.remove(&role);
                unpurged.insert(role);
            }
        }
        Ok(unpurged)
    }

    /// Gives what is dirty its next version and expiry; the messages to sign.
    fn write(&mut self, now: DateTime) -> Result<BTreeMap<RoleName, Vec<u8>>, AuthorError> {
        let mut messages = BTreeMap::new();
        for role in self.dirty.clone() {
            if self.groups(&role).is_empty() {
                return Err(AuthorError::UnknownRole(role));
            }
            let message =
                if role == TopRole::Root { self.write_root(now)? } else { self.write_targets(&role, now)? };
            messages.insert(role, message);
        }
        Ok(messages)
    }

    pub(super) fn write_root(&mut self, now: DateTime) -> Result<Vec<u8>, AuthorError> {
        let role = RoleName::from(TopRole::Root);
        admit_known(&role, self.root.unknown_field().map(str::to_owned))?;
        admit_thresholds(&self.root)?;
        self.root.version = self.next_version(&role)?;
        self.root.expires = expiry(&role, now);
        readable(&role, &self.root)
    }

    pub(super) fn write_targets(&mut self, role: &RoleName, now: DateTime) -> Result<Vec<u8>, AuthorError> {
        self.targets_mut(role)?;
        let version = self.next_version(role)?;
        let targets = self.targets_mut(role)?;
        let unknown = targets.unknown_field().map(str::to_owned);
        admit_known(role, unknown.or_else(|| targets.unknown_entry_field()))?;
        targets.version = version;
        targets.expires = expiry(role, now);
        readable(role, targets)
    }

    /// The version that root, or a role of targets that has a document here, is written as.
    pub(super) fn next_version(&self, role: &RoleName) -> Result<MetaVersion, AuthorError> {
        if *role == TopRole::Root {
            // The first root is written once more as long as it is not published.
            return match self.previous_root {
                Some(_) => next(role, self.root.version),
                None => Ok(self.root.version),
            };
        }
        let targets = self.roles.get(role).ok_or_else(|| AuthorError::UnknownRole(role.clone()))?;
        if self.fresh.contains(role) { Ok(MetaVersion::FIRST) } else { next(role, targets.version) }
    }

    /// The snapshot of the roles as they are with `files`; `None` if its key is not in `ring`.
    pub(in crate::author) fn sign_snapshot(
        &mut self,
        files: &BTreeMap<RoleName, Bytes>,
        ring: &KeyRing,
        now: DateTime,
    ) -> Result<Option<Bytes>, AuthorError> {
        let role = RoleName::from(TopRole::Snapshot);
        let groups = self.groups(&role);
        if !groups.iter().flat_map(RoleKeys::canonical_ids).any(|id| ring.find(&id).is_some()) {
            return Ok(None);
        }
        admit_known(&role, self.snapshot.unknown_field().map(str::to_owned))?;
        let mut listed = std::mem::take(&mut self.snapshot.meta);
        listed.retain(|name, _| name.parse().map_or(true, |role| !self.is_undelegated(&role)));
        listed.extend(files.iter().map(|(role, file)| (role.to_string(), FileMeta::of(file))));
        self.snapshot.meta = listed;
        self.snapshot.version = next(&role, self.snapshot.version)?;
        self.snapshot.expires = expiry(&role, now);
        let message = readable(&role, &self.snapshot)?;
        let signatures = sign_message(&role, &message, &groups, ring)?;
        Ok(Some(Bytes::from(write_file(&message, &signatures))))
    }

    /// The keys of older roots that `ring` holds.
    fn older_roots_at_hand(&self, ring: &KeyRing) -> Option<RoleKeys> {
        let mut keys = self.older_roots.clone();
        keys.retain(|_, key| key.canonical_id().is_ok_and(|id| ring.find(&id).is_some()));
        (!keys.is_empty()).then(|| RoleKeys::new(keys, Threshold::ONE))
    }

    /// The key groups that must sign a role: for root those of the version before, then its own.
    pub(in crate::author) fn groups(&self, role: &RoleName) -> Vec<RoleKeys> {
        match role.top() {
            Some(TopRole::Root) => {
                let own = self.counted_root.clone().unwrap_or_else(|| self.root.role_keys(TopRole::Root));
                self.previous_root.clone().into_iter().chain([own]).collect()
            }
            Some(top) => vec![self.root.role_keys(top)],
            None => {
                let parent = role.parent().and_then(|parent| self.roles.get(&parent));
                let keys = parent
                    .and_then(|parent| Some(parent.delegations.role_keys(parent.delegations.role(role)?)));
                keys.into_iter().collect()
            }
        }
    }
}

/// The message of a document, unless a control character in it makes a file that nobody could read.
fn readable<T: Document>(role: &RoleName, document: &T) -> Result<Vec<u8>, AuthorError> {
    let message = message(document);
    match canonical::position(&message, |byte| byte < b' ') {
        Some(_) => Err(AuthorError::Unwritable(role.to_string())),
        None => Ok(message),
    }
}

fn admit_known(role: &RoleName, unknown: Option<String>) -> Result<(), AuthorError> {
    unknown.map_or(Ok(()), |field| Err(AuthorError::UnknownField { role: role.clone(), field }))
}

fn next(role: &RoleName, version: MetaVersion) -> Result<MetaVersion, AuthorError> {
    version.next().map_err(|source| AuthorError::Version { role: role.clone(), source })
}
