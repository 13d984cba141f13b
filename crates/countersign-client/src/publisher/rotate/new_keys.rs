//! The keys that take the place of others: the publisher's, kept before anything is uploaded, or the server's.

use std::sync::Arc;

use countersign_core::certificate::self_signed;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::TopRole;
use countersign_core::sign::SecretKey;
use countersign_core::time::DateTime;

use super::super::base::Base;
use super::super::{Publisher, PublisherError};
use super::Rotation;
use crate::cache::BegunRotation;

/// Keys that take the place of others.
pub(super) struct NewKeys {
    /// The keys as root lists them.
    pub(super) public: Vec<PublicKey>,
    /// Canonical ids of those whose private keys are here, sorted.
    pub(super) private: Vec<KeyId>,
}

impl Publisher {
    /// The keys of a rotation: the ones named, the ones of a run that was interrupted, else new ones.
    pub(super) async fn keys_of(
        &self,
        rotation: &Rotation,
        begun: Option<&BegunRotation>,
        base: &Base,
        now: DateTime,
    ) -> Result<NewKeys, PublisherError> {
        let (role, named) = match rotation {
            Rotation::Root { keys, .. } => (TopRole::Root, keys),
            Rotation::Targets { keys } => (TopRole::Targets, keys),
            Rotation::Snapshot { keys } => (TopRole::Snapshot, keys),
            Rotation::ServerSnapshot => return self.servers_key(TopRole::Snapshot, base).await,
            Rotation::Timestamp | Rotation::Delegation { .. } => {
                return self.servers_key(TopRole::Timestamp, base).await;
            }
        };
        let begun = begun.map(|begun| begun.keys.clone()).unwrap_or_default();
        let keys = self.own_keys(role, named.clone(), begun).await?;
        let listed = |key: &Arc<SecretKey>| match role {
            TopRole::Root => self_signed(self.gun(), key, now).map_err(PublisherError::Certificate),
            _ => Ok(key.public_key().clone()),
        };
        let public = keys.iter().map(listed).collect::<Result<_, _>>()?;
        let mut private: Vec<_> = keys.iter().map(|key| key.id()).collect();
        private.sort();
        Ok(NewKeys { public, private })
    }

    /// Opens the named keys, else those that were begun with, else makes one.
    pub(in super::super) async fn own_keys(
        &self,
        role: TopRole,
        named: Vec<KeyId>,
        begun: Vec<KeyId>,
    ) -> Result<Vec<Arc<SecretKey>>, PublisherError> {
        let listed = self.with_keys(|keys| Ok(keys.list()?.keys)).await?;
        let of_role = |id: &KeyId| listed.iter().find(|entry| entry.id == *id).map(|entry| &entry.role);
        let other = named.iter().find_map(|id| Some((*id, of_role(id).filter(|of| *of != role.name())?)));
        if let Some((key, found)) = other {
            return Err(PublisherError::OtherRole { key, role, found: found.clone() });
        }
        let is_here =
            !begun.is_empty() && begun.iter().all(|id| of_role(id).is_some_and(|found| found == role.name()));
        let gun = self.gun().clone();
        self.with_keys(move |keys| {
            let chosen = match () {
                () if !named.is_empty() => named,
                () if is_here => begun,
                () => return Ok(vec![keys.generate(role.name(), Some(&gun))?]),
            };
            chosen.into_iter().map(|id| keys.load(id)).collect()
        })
        .await
    }

    /// The server's key in place of the present one: the one that it holds, unless that is the present one.
    async fn servers_key(&self, role: TopRole, base: &Base) -> Result<NewKeys, PublisherError> {
        let present = base.draft().root().role_keys(role);
        let held = match role {
            TopRole::Timestamp => None,
            _ => Some(self.server_key(role).await?),
        };
        if let Some(key) = held.filter(|key| !present.keys().contains_key(&key.id())) {
            return Ok(NewKeys { public: vec![key], private: Vec::new() });
        }
        let made = self.updater.remote().rotate_key(role).await;
        let key = made.map_err(|source| PublisherError::ServerKey { role, source })?;
        Ok(NewKeys { public: vec![key], private: Vec::new() })
    }
}
