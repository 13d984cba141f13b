//! Taking a key out of top-level roles.

use countersign_core::author::Change;
use countersign_core::certificate::self_signed;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::time::DateTime;
use countersign_core::trust::TrustedCollection;

use super::super::base::Base;
use super::super::edit::{EditOptions, Found};
use super::super::{Publisher, PublisherError};
use super::{Taking, admit_shown};

impl Taking<'_> {
    /// Takes the key out of the top-level roles, in one upload.
    pub(super) async fn out_of_top_level(&mut self, base: &Base) {
        let Some(collection) = base.collection() else { return };
        let roles: Vec<_> =
            TopRole::ALL.into_iter().filter(|role| others(collection, *role, self.key).is_some()).collect();
        if roles.is_empty() {
            return;
        }
        if let Err(why) = self.publisher.admit_root_keys(base).await {
            return self.leave(roles.into_iter().map(RoleName::from), why);
        }
        let mut replaced = Vec::new();
        for role in roles {
            match self.make(collection, role).await {
                Ok(()) => replaced.push(role),
                Err(why) => self.leave([role.into()], why),
            }
        }
        if replaced.is_empty() {
            return;
        }
        let (made, shown, key) = (&self.made, &self.shown, self.key);
        // Of what is there by then: others may have changed its keys, too.
        let plan = |found: &Found<'_>| {
            let Some(collection) = found.base.collection() else { return Ok(Vec::new()) };
            admit_shown(collection, shown, &TopRole::Root.into())?;
            if replaced.contains(&TopRole::Targets) {
                admit_shown(collection, shown, &TopRole::Targets.into())?;
            }
            let change = |role: &TopRole| {
                let mut keys = others(collection, *role, key)?;
                keys.extend(made.get(role).cloned().flatten());
                Some(Change::ReplaceKeys { role: *role, keys })
            };
            Ok(replaced.iter().filter_map(change).collect())
        };
        let outcome = self.publisher.edit(EditOptions::default(), self.now, plan).await;
        self.note(outcome, replaced.into_iter().map(RoleName::from).collect());
    }

    /// Has what a role gets in place of the key, if it can be replaced.
    async fn make(&mut self, collection: &TrustedCollection, role: TopRole) -> Result<(), PublisherError> {
        admit_shown(collection, &self.shown, &TopRole::Root.into())?;
        if role == TopRole::Targets {
            admit_shown(collection, &self.shown, &role.into())?;
        }
        if !self.made.contains_key(&role) {
            let made = self.publisher.key_in_place_of(collection, role, self.key, self.now).await?;
            self.made.insert(role, made);
        }
        Ok(())
    }
}

impl Publisher {
    /// The key that a top-level role gets in place of `key`; none, if it has enough others.
    async fn key_in_place_of(
        &self,
        collection: &TrustedCollection,
        role: TopRole,
        key: KeyId,
        now: DateTime,
    ) -> Result<Option<PublicKey>, PublisherError> {
        let threshold = collection.root().role_keys(role).threshold().get();
        if others(collection, role, key).is_none_or(|others| others.len() >= threshold) {
            return Ok(None);
        }
        let is_here = self.present().await?.contains(&key);
        if role == TopRole::Timestamp || (role == TopRole::Snapshot && !is_here) {
            let made = self.updater.remote().rotate_key(role).await;
            return made.map(Some).map_err(|source| PublisherError::ServerKey { role, source });
        }
        let gun = self.gun().clone();
        let made = self.with_keys(move |keys| keys.generate(role.name(), Some(&gun))).await?;
        Ok(Some(match role {
            TopRole::Root => self_signed(self.gun(), &made, now).map_err(PublisherError::Certificate)?,
            _ => made.public_key().clone(),
        }))
    }
}

/// The keys of a top-level role besides `key`; `None` if it does not have that.
fn others(collection: &TrustedCollection, role: TopRole, key: KeyId) -> Option<Vec<PublicKey>> {
    let all: Vec<_> = collection.root().keys_of(role).map(|(_, key)| key.clone()).collect();
    let others: Vec<_> =
        all.iter().filter(|listed| listed.canonical_id().ok() != Some(key)).cloned().collect();
    (others.len() < all.len()).then_some(others)
}
