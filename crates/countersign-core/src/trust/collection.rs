//! The end of an update: a collection that can be asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::digest::{Digest, Hashes};
use crate::metadata::{Document, Root, Snapshot, Targets, Timestamp, is_undelegated};
use crate::name::{RoleName, TargetName, TopRole};
use crate::signature::Verified;
use crate::time::DateTime;
use crate::trust::{Base, Environment, Seen};

/// A collection whose every check was met.
#[derive(Clone, Debug)]
pub struct TrustedCollection {
    environment: Arc<Environment>,
    root: Verified<Root>,
    timestamp: Verified<Timestamp>,
    snapshot: Verified<Snapshot>,
    roles: BTreeMap<RoleName, Verified<Targets>>,
    seen: Seen,
}

/// What a name means, and by whose word.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedTarget {
    /// The name: for images, the tag.
    pub name: TargetName,
    /// The role that says so.
    pub role: RoleName,
    /// Every digest that it names.
    pub hashes: Hashes,
    /// The SHA-256: for images, the manifest's digest.
    pub digest: Digest,
    /// The length in bytes: for images, the manifest's size.
    pub length: u64,
    /// The author's note.
    pub custom: Option<serde_json::Value>,
}

impl TrustedCollection {
    pub(super) fn new(
        base: Base,
        timestamp: Verified<Timestamp>,
        snapshot: Verified<Snapshot>,
        roles: BTreeMap<RoleName, Verified<Targets>>,
    ) -> Self {
        let Base { environment, root, mut seen, .. } = base;
        seen.record(TopRole::Timestamp.into(), &timestamp);
        seen.record(TopRole::Snapshot.into(), &snapshot);
        for (role, targets) in &roles {
            seen.record(role.clone(), targets);
        }
        let delegations = |role: &RoleName| roles.get(role).map(|targets| &targets.delegations);
        seen.release(|role| is_undelegated(role, &delegations));
        Self { environment, root, timestamp, snapshot, roles, seen }
    }

    /// What the update was held against.
    pub fn environment(&self) -> &Arc<Environment> {
        &self.environment
    }

    /// The trusted root.
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// The trusted timestamp.
    pub fn timestamp(&self) -> &Verified<Timestamp> {
        &self.timestamp
    }

    /// The trusted snapshot.
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        &self.snapshot
    }

    /// The trusted targets file of `role`: `targets` itself or a loaded delegation.
    pub fn targets(&self, role: &RoleName) -> Option<&Verified<Targets>> {
        self.roles.get(role)
    }

    /// Every loaded targets file, by role.
    pub fn roles(&self) -> &BTreeMap<RoleName, Verified<Targets>> {
        &self.roles
    }

    /// The versions that are trusted from now on.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Until when this knowledge is fresh: the first expiry among the files.
    pub fn fresh_until(&self) -> DateTime {
        let tops = [self.root.expires(), self.timestamp.expires(), self.snapshot.expires()];
        let roles = self.roles.values().map(|targets| targets.expires());
        tops.into_iter().chain(roles).min().unwrap_or(self.timestamp.expires())
    }

    /// Every file as received, by role: what a cache keeps.
    pub fn files(&self) -> BTreeMap<RoleName, Bytes> {
        let tops = [
            (TopRole::Root.into(), self.root.bytes()),
            (TopRole::Timestamp.into(), self.timestamp.bytes()),
            (TopRole::Snapshot.into(), self.snapshot.bytes()),
        ];
        let roles = self.roles.iter().map(|(role, targets)| (role.clone(), targets.bytes()));
        tops.into_iter().chain(roles).map(|(role, bytes)| (role, bytes.clone())).collect()
    }
}
