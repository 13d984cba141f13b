//! Changes of root that are proposed, so that its keys can stay in different places.

use countersign_core::author::{Change, Draft};
use countersign_core::certificate::{CertificateBundle, self_signed};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::Threshold;
use countersign_core::time::DateTime;

use super::edit::{EditOptions, Found};
use super::{Proposed, Published, Publisher, PublisherError};

/// A change of the keys of a top-level role. Without any, root is signed anew as it is.
#[derive(Clone, Debug)]
pub struct RootChange {
    /// The role.
    pub role: TopRole,
    /// Keys that it gets: for root, certificates that name the collection.
    pub add: Vec<PublicKey>,
    /// Canonical ids of keys in the key store that it gets.
    pub add_own: Vec<KeyId>,
    /// Canonical ids of keys that it loses.
    pub remove: Vec<KeyId>,
    /// How many of its keys must sign from then on.
    pub threshold: Option<Threshold>,
    /// Whether the server makes and keeps the key: for snapshot and timestamp.
    pub by_server: bool,
}

impl RootChange {
    /// Root signed anew as it is.
    pub fn renewal() -> Self {
        Self {
            role: TopRole::Root,
            add: Vec::new(),
            add_own: Vec::new(),
            remove: Vec::new(),
            threshold: None,
            by_server: false,
        }
    }
}

impl Publisher {
    /// Proposes a next root, signed with those of its keys that are here. Nothing is published.
    ///
    /// # Errors
    /// - [`PublisherError::OtherProposal`]: something else waits for signatures already.
    /// - [`PublisherError`]: it cannot be written. Nothing was proposed.
    pub async fn propose_root(&self, change: &RootChange, now: DateTime) -> Result<Proposed, PublisherError> {
        let base = self.base(now).await?;
        let base = base.ok_or_else(|| PublisherError::NoCollection(self.gun().clone()))?;
        let mut draft = base.draft();
        draft.renew_root();
        for change in self.changes(change, &draft, now).await? {
            draft.apply(&change).map_err(|source| PublisherError::Change { file: None, source })?;
        }
        self.propose(draft, base, now).await
    }

    /// Says how many of a role's keys must sign, and publishes that; with what the role says signed anew, if that needs more
    /// signatures.
    ///
    /// # Errors
    /// [`PublisherError::Proposed`]: it waits for the signatures of others.
    pub async fn set_threshold(
        &self,
        role: &RoleName,
        threshold: Threshold,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        let plan = |_: &Found<'_>| Ok(vec![Change::SetThreshold { role: role.clone(), threshold }]);
        self.publish_edit(EditOptions::default(), now, plan).await
    }

    async fn changes(
        &self,
        change: &RootChange,
        draft: &Draft,
        now: DateTime,
    ) -> Result<Vec<Change>, PublisherError> {
        let role = change.role;
        let mut changes = Vec::new();
        if change.by_server {
            let made = self.updater.remote().rotate_key(role).await;
            let key = made.map_err(|source| PublisherError::ServerKey { role, source })?;
            changes.push(Change::ReplaceKeys { role, keys: vec![key] });
        } else if !(change.add.is_empty() && change.add_own.is_empty() && change.remove.is_empty()) {
            let mut keys = staying(change, draft)?;
            for key in &change.add {
                keys.push(self.admitted(role, key)?);
            }
            for id in &change.add_own {
                keys.push(self.own(role, *id, now).await?);
            }
            changes.push(Change::ReplaceKeys { role, keys });
        }
        if let Some(threshold) = change.threshold {
            changes.push(Change::SetThreshold { role: role.into(), threshold });
        }
        Ok(changes)
    }

    /// A public key that somebody else gave for a role: for root a certificate that names the collection, as clients demand.
    fn admitted(&self, role: TopRole, key: &PublicKey) -> Result<PublicKey, PublisherError> {
        if role != TopRole::Root {
            return Ok(key.clone());
        }
        let refused = |reason: String| PublisherError::RootCertificate { gun: self.gun().clone(), reason };
        let bundle = CertificateBundle::parse(key.as_bytes()).map_err(|error| refused(error.to_string()))?;
        if !bundle.names_gun(self.gun()) {
            return Err(refused(format!("it names `{}`", bundle.common_name().escape_default())));
        }
        Ok(key.clone())
    }

    /// A key of the key store, for root inside a certificate for the collection.
    async fn own(&self, role: TopRole, id: KeyId, now: DateTime) -> Result<PublicKey, PublisherError> {
        let listed = self.with_keys(|keys| Ok(keys.list()?.keys)).await?;
        let found = listed.iter().find(|entry| entry.id == id).map(|entry| entry.role.clone());
        match found {
            Some(found) if found != role.name() => {
                return Err(PublisherError::OtherRole { key: id, role, found });
            }
            _ => {}
        }
        let key = self.with_keys(move |keys| keys.load(id)).await?;
        match role {
            TopRole::Root => self_signed(self.gun(), &key, now).map_err(PublisherError::Certificate),
            _ => Ok(key.public_key().clone()),
        }
    }

    /// The certificate of a root key that is here, for somebody else's proposal of a root.
    ///
    /// # Errors
    /// [`PublisherError::OtherRole`]: the key is here for something else.
    pub async fn root_certificate_of(&self, id: KeyId, now: DateTime) -> Result<PublicKey, PublisherError> {
        self.own(TopRole::Root, id, now).await
    }
}

/// The keys that the role keeps.
fn staying(change: &RootChange, draft: &Draft) -> Result<Vec<PublicKey>, PublisherError> {
    let role = change.role;
    let mut keys: Vec<_> = draft.root().keys_of(role).map(|(_, key)| key.clone()).collect();
    for removed in &change.remove {
        let is_it = |key: &PublicKey| key.id() == *removed || key.canonical_id().ok() == Some(*removed);
        let before = keys.len();
        keys.retain(|key| !is_it(key));
        if keys.len() == before {
            return Err(PublisherError::NotAKeyOf { key: *removed, role });
        }
    }
    Ok(keys)
}
