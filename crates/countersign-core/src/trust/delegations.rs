//! The delegations phase: what names mean, by the keys of others.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::metadata::{FileMeta, MetadataError, Root, Snapshot, Targets, Timestamp};
use crate::name::{RoleName, TopRole};
use crate::signature::{RoleKeys, Verified};
use crate::trust::file::{Expected, Listed};
use crate::trust::{Base, Environment, Offered, Seen, TrustError, TrustedCollection};

/// A trusted targets file. Delegated roles may be loaded, parents before children.
#[derive(Clone, Debug)]
pub struct DelegationsPhase {
    base: Base,
    timestamp: Verified<Timestamp>,
    snapshot: Verified<Snapshot>,
    roles: BTreeMap<RoleName, Verified<Targets>>,
}

/// How a delegated role stands, by the roles loaded so far and the snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing<'a> {
    /// No loaded role delegates to it.
    NotDelegated,
    /// It is delegated, and nothing of it was ever published.
    Unpublished,
    /// It is delegated, and this is its file.
    Published(&'a FileMeta),
}

impl DelegationsPhase {
    pub(super) fn new(
        base: Base,
        timestamp: Verified<Timestamp>,
        snapshot: Verified<Snapshot>,
        targets: Verified<Targets>,
    ) -> Self {
        let roles = BTreeMap::from([(TopRole::Targets.into(), targets)]);
        Self { base, timestamp, snapshot, roles }
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.base.environment
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.base.seen
    }

    /// The trusted root.
    pub fn root(&self) -> &Verified<Root> {
        &self.base.root
    }

    /// The trusted timestamp.
    pub fn timestamp(&self) -> &Verified<Timestamp> {
        &self.timestamp
    }

    /// The trusted snapshot.
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        &self.snapshot
    }

    /// The trusted targets file of `role`: `targets` itself or a delegation loaded so far.
    pub fn targets(&self, role: &RoleName) -> Option<&Verified<Targets>> {
        self.roles.get(role)
    }

    /// The keys of a delegated role, if its parent is loaded and delegates to it.
    pub fn role_keys(&self, role: &RoleName) -> Option<RoleKeys> {
        self.keys_by(&role.parent()?, role)
    }

    /// The keys that `delegator` gives `role`, if it is loaded and delegates to it.
    pub fn keys_by(&self, delegator: &RoleName, role: &RoleName) -> Option<RoleKeys> {
        self.roles.get(delegator)?.delegations.keys_of(role)
    }

    /// The file of `role` that the snapshot names.
    pub fn wanted(&self, role: &RoleName) -> Option<&FileMeta> {
        self.snapshot.file(role)
    }

    /// How `role` stands.
    ///
    /// # Errors
    /// [`TrustError::RoleRemoved`]: it was trusted before, is still delegated, and the snapshot dropped it.
    ///
    /// Source: TUF 1.0.34 §5.5.5.
    pub fn standing(&self, role: &RoleName) -> Result<Standing<'_>, TrustError> {
        let Some(keys) = self.role_keys(role) else { return Ok(Standing::NotDelegated) };
        match (self.snapshot.file(role), self.base.seen.floor(role, &keys)) {
            (Some(meta), _) => Ok(Standing::Published(meta)),
            (None, Some(floor)) => {
                Err(TrustError::RoleRemoved { role: role.clone(), trusted: floor.version })
            }
            (None, None) => Ok(Standing::Unpublished),
        }
    }

    /// The delegations of the loaded roles that were not loaded yet, sorted by name.
    pub fn unloaded(&self) -> Vec<RoleName> {
        let declared = self.roles.values().flat_map(|targets| &targets.delegations.roles);
        let names: BTreeSet<_> = declared.map(|role| role.name.clone()).collect();
        names.into_iter().filter(|name| !self.roles.contains_key(name)).collect()
    }

    /// Takes a stale file of a delegated role as a floor against rollback, and says whether it could serve as one.
    pub fn remember(&mut self, role: &RoleName, bytes: Bytes) -> bool {
        let Some(keys) = self.role_keys(role) else { return false };
        let expected = Expected { role, keys: &keys, listed: None };
        let stale = expected.verify_stale::<Targets>(bytes, &self.base.environment);
        stale.is_ok_and(|stale| {
            self.base.seen.raise(role.clone(), &keys, &stale);
            true
        })
    }

    /// Accepts the file of a delegated role, under the parent that its name says. On a refusal the phase is as it was.
    ///
    /// The checks are those of every other file.
    ///
    /// # Errors
    /// - [`TrustError::NotDelegated`], [`TrustError::NotInSnapshot`]: it is not one that may be loaded.
    /// - [`TrustError::TooManyDelegations`]: it declares, or there are already, more roles than the limit.
    /// - [`TrustError::Hash`], [`TrustError::Length`], [`TrustError::Signature`], [`TrustError::Rollback`],
    ///   [`TrustError::Equivocation`], [`TrustError::Expired`].
    ///
    /// Source: TUF 1.0.34 §5.6.
    pub fn accept_delegation(&mut self, role: &RoleName, offered: Offered) -> Result<(), TrustError> {
        let parent = role.parent().ok_or_else(|| TrustError::NotDelegated(role.clone()))?;
        self.accept_by(&parent, role, offered)
    }

    /// As [`accept_delegation`](Self::accept_delegation), under the delegation by `delegator`.
    ///
    /// What `role` may say depends on who delegates to it: a file that was accepted under one delegator must be accepted again
    /// under another.
    pub fn accept_by(
        &mut self,
        delegator: &RoleName,
        role: &RoleName,
        offered: Offered,
    ) -> Result<(), TrustError> {
        let limit = self.base.environment.limits.delegations;
        if self.roles.len() > limit {
            return Err(TrustError::TooManyDelegations(limit));
        }
        let keys = self.keys_by(delegator, role).ok_or_else(|| TrustError::NotDelegated(role.clone()))?;
        let listed = self.snapshot.file(role).ok_or_else(|| TrustError::NotInSnapshot(role.clone()))?;
        let expected = Expected { role, keys: &keys, listed: Some(Listed { meta: listed, by: "snapshot" }) };
        let targets: Verified<Targets> = expected.accept(offered, &self.base)?;
        admit_children(role, &targets, limit)?;
        self.roles.insert(role.clone(), targets);
        Ok(())
    }

    /// Ends the update: what was accepted is trusted.
    pub fn finish(self) -> TrustedCollection {
        let Self { base, timestamp, snapshot, roles } = self;
        TrustedCollection::new(base, timestamp, snapshot, roles)
    }
}

/// Refuses a document that declares roles whose names say another parent, or more than `limit`.
pub(super) fn admit_children(role: &RoleName, targets: &Targets, limit: usize) -> Result<(), TrustError> {
    if targets.delegations.roles.len() > limit {
        return Err(TrustError::TooManyDelegations(limit));
    }
    match targets
        .delegations
        .roles
        .iter()
        .find(|child| child.name.parent().is_some_and(|parent| parent != *role))
    {
        Some(foreign) => {
            let source = MetadataError::ForeignDelegation(foreign.name.to_string());
            Err(TrustError::Metadata { role: role.clone(), source })
        }
        None => Ok(()),
    }
}
