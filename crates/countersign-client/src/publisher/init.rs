//! Making a collection: its keys, and the first files, which stay in the cache until they are published.

use std::sync::Arc;

use countersign_core::author::{Draft, KeyRing, RootKeys, expiry, sign};
use countersign_core::certificate::{CertificateBundle, self_signed};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::metadata::{Envelope, FileMeta, Root, Snapshot, Targets};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::sign::SecretKey;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::Seen;

use super::base::Base;
use super::{Initialised, Publisher, PublisherError, RootKey, SnapshotKey};
use crate::cache::CacheUpdate;

/// The private keys of a collection that is being made, and whether its root key is new.
struct NewKeys {
    root: Arc<SecretKey>,
    root_is_new: bool,
    targets: Arc<SecretKey>,
    snapshot: Option<Arc<SecretKey>>,
}

impl Publisher {
    /// Makes the collection: keys and first files. Nothing is published yet.
    ///
    /// # Errors
    /// - [`PublisherError::Exists`]: it is published, or was begun here before.
    /// - [`PublisherError::ServerKey`]: the server gave no key; no key was made here either.
    ///
    /// Deviation: Notary overwrites what is there, and makes keys before it asks the server (13 B14); test
    /// `init_over_what_is_there_changes_nothing`.
    ///
    /// Source: notary `client/client.go` (`Initialize`); reference behaviour 6.8.
    pub async fn init(&self, now: DateTime) -> Result<Initialised, PublisherError> {
        if self.base(now).await?.is_some() {
            return Err(PublisherError::Exists(self.gun().clone()));
        }
        self.initialise(now).await.map(|(_, made)| made)
    }

    /// Makes a collection of which it is known that it isn't there.
    pub(super) async fn initialise(&self, now: DateTime) -> Result<(Base, Initialised), PublisherError> {
        let timestamp = self.server_key(TopRole::Timestamp).await?;
        let snapshot = match self.options.snapshot_key {
            SnapshotKey::Server => Some(self.server_key(TopRole::Snapshot).await?),
            SnapshotKey::Local => None,
        };
        let keys = self.new_keys(snapshot.is_none()).await?;
        let certificate = self.root_certificate(&keys.root, now)?;
        let local = keys.snapshot.as_ref().map(|key| key.public_key().clone());
        let root_keys = RootKeys {
            root: certificate,
            targets: keys.targets.public_key().clone(),
            // One of the two is there: the server's was fetched unless the local one was made.
            snapshot: snapshot.or(local).unwrap_or_else(|| timestamp.clone()),
            timestamp,
        };
        let made = Initialised {
            gun: self.gun().clone(),
            root_key: keys.root.id(),
            root_key_is_new: keys.root_is_new,
            targets_key: keys.targets.id(),
            snapshot_key: self.options.snapshot_key,
        };
        let draft = self.keep_first_files(root_keys, keys, now).await?;
        Ok((Base::Begun(Box::new(draft)), made))
    }

    /// The certificate that was given for the root key, else a new one.
    fn root_certificate(&self, key: &SecretKey, now: DateTime) -> Result<PublicKey, PublisherError> {
        let Some(given) = &self.options.root_certificate else {
            return self_signed(self.gun(), key, now).map_err(PublisherError::Certificate);
        };
        let refused = |reason: String| PublisherError::RootCertificate { gun: self.gun().clone(), reason };
        let bundle =
            CertificateBundle::parse(given.as_bytes()).map_err(|error| refused(error.to_string()))?;
        if bundle.public_key().id() != key.id() {
            return Err(refused(format!("it is of key {}, not of {}", bundle.public_key().id(), key.id())));
        }
        if !bundle.names_gun(self.gun()) {
            return Err(refused(format!("it names `{}`", bundle.common_name().escape_default())));
        }
        bundle.check_leaf(UpdateStart(now)).map_err(|error| refused(error.to_string()))?;
        Ok(given.clone())
    }

    /// The root key in the store that a new collection gets, if it isn't to get a new one.
    pub(super) async fn existing_root_key(&self) -> Result<Option<KeyId>, PublisherError> {
        let choice = self.options.root_key;
        if choice == RootKey::New {
            return Ok(None);
        }
        self.with_keys(move |keys| {
            let list = keys.list()?;
            let roots =
                list.keys.into_iter().filter(|key| key.role == TopRole::Root.name()).map(|key| key.id);
            let found = match choice {
                RootKey::Existing(wanted) => roots.into_iter().find(|id| *id == wanted),
                RootKey::FirstOrNew | RootKey::New => roots.min(),
            };
            match (found, list.unreadable.into_iter().next()) {
                // A new root key in place of one that is here and cannot be read is not what anybody wants.
                (None, Some(unreadable)) => Err(unreadable),
                (found, _) => Ok(found),
            }
        })
        .await
    }

    async fn new_keys(&self, with_snapshot: bool) -> Result<NewKeys, PublisherError> {
        let existing = self.existing_root_key().await?;
        if let (RootKey::Existing(key), None) = (self.options.root_key, existing) {
            return Err(PublisherError::NotARootKey { key });
        }
        let gun = self.gun().clone();
        let [begun_targets, begun_snapshot] = self.begun_keys().await?;
        self.with_keys(move |keys| {
            let root = match existing {
                Some(id) => keys.load(id)?,
                None => keys.generate(TopRole::Root.name(), None)?,
            };
            let pair = |role: TopRole, begun: Option<KeyId>| match begun {
                Some(id) => keys.load(id),
                None => keys.generate(role.name(), Some(&gun)),
            };
            let targets = pair(TopRole::Targets, begun_targets)?;
            let snapshot = with_snapshot.then(|| pair(TopRole::Snapshot, begun_snapshot));
            Ok(NewKeys { root, root_is_new: existing.is_none(), targets, snapshot: snapshot.transpose()? })
        })
        .await
    }

    /// Canonical ids of the targets and snapshot keys that are here of a collection which was begun and has to be begun anew.
    async fn begun_keys(&self) -> Result<[Option<KeyId>; 2], PublisherError> {
        let settings = self.updater.settings();
        let cached =
            self.updater.cache().load(&settings.gun, &[TopRole::Root.into()], &settings.limits).await?;
        let root = cached.files.get(&TopRole::Root.into()).cloned();
        let root: Option<Root> = root
            .and_then(|bytes| Envelope::parse(bytes, &settings.limits).ok())
            .and_then(|envelope| envelope.claim().ok());
        let present = self.present().await?;
        Ok([TopRole::Targets, TopRole::Snapshot].map(|role| {
            let ids = root.as_ref().map(|root| root.role_keys(role).canonical_ids()).unwrap_or_default();
            ids.into_iter().find(|id| present.contains(id))
        }))
    }

    pub(super) async fn server_key(&self, role: TopRole) -> Result<PublicKey, PublisherError> {
        let key = self.updater.remote().public_key(role).await;
        key.map_err(|source| PublisherError::ServerKey { role, source })
    }

    /// Signs version 1 of root, targets and snapshot into the cache, where Notary's `init` leaves them.
    async fn keep_first_files(
        &self,
        root_keys: RootKeys,
        keys: NewKeys,
        now: DateTime,
    ) -> Result<Draft, PublisherError> {
        let [root_role, targets_role, snapshot_role] =
            [TopRole::Root, TopRole::Targets, TopRole::Snapshot].map(RoleName::from);
        let root = root_keys.first_root(expiry(&root_role, now));
        let targets = Targets::new(MetaVersion::FIRST, expiry(&targets_role, now));
        let mut snapshot = Snapshot::new(MetaVersion::FIRST, expiry(&snapshot_role, now));
        let mut ring = KeyRing::default();
        let holds_snapshot = keys.snapshot.is_some();
        for key in [keys.root, keys.targets].into_iter().chain(keys.snapshot) {
            ring.insert(key);
        }
        let of = |role| [root.role_keys(role)];
        let mut files = Vec::new();
        let signed = sign(&root_role, &root, &of(TopRole::Root), &ring).and_then(|root_file| {
            let targets_file = sign(&targets_role, &targets, &of(TopRole::Targets), &ring)?;
            if holds_snapshot {
                snapshot.meta.insert(root_role.to_string(), FileMeta::of(&root_file));
                snapshot.meta.insert(targets_role.to_string(), FileMeta::of(&targets_file));
                let file = sign(&snapshot_role, &snapshot, &of(TopRole::Snapshot), &ring)?;
                files.push((snapshot_role.clone(), file));
            }
            files.insert(0, (targets_role.clone(), targets_file));
            files.push((root_role.clone(), root_file.clone()));
            Ok(root_file)
        });
        let root_file = signed.map_err(PublisherError::Sign)?;
        let update = CacheUpdate { files, basis: Seen::default(), seen: Seen::default(), confirmed: None };
        self.updater.cache().store(self.gun(), update).await?;
        Ok(Draft::begun(root_file, root, targets, snapshot))
    }
}
