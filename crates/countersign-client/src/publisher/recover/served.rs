//! What a server has of a collection that is to be recovered, and what is left of it here.

use countersign_core::metadata::{Envelope, Root};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::TrustError;

use super::super::rotate::take_noted;
use super::super::{Publisher, PublisherError};
use crate::import::{Remains, RemainsError};
use crate::remote::{Fetched, RemoteFile};
use crate::updater::{DelegationFault, Roles, UpdateError};

/// What the server has.
pub(super) enum Served {
    /// Nothing: it was deleted.
    Nothing,
    /// What is to be recovered, and nothing newer.
    Remains,
    /// The root that this recovery has begun with.
    Begun(Box<Root>),
}

/// Files to recover a collection from.
#[derive(Debug)]
pub struct Found {
    /// The files.
    pub remains: Remains,
    /// Where they come from.
    pub source: FoundIn,
}

/// Where files come from.
#[derive(Debug)]
pub enum FoundIn {
    /// They are what is published, verified by every rule.
    Published,
    /// The cache: what is published has expired, and cannot be signed again.
    Expired(Box<UpdateError>),
    /// The cache: the server has nothing of the collection any more.
    Gone,
    /// The cache: this recovery has begun and was cut off.
    Begun,
}

impl Publisher {
    /// The files to recover a collection from: what is published, or what is cached of it where that cannot be used any more.
    ///
    /// # Errors
    /// - [`PublisherError::NoCollection`]: there is none, and never was as far as is known here.
    /// - [`PublisherError::Delegation`]: a delegation cannot be fetched, and would be lost.
    /// - [`PublisherError::Update`]: what is published cannot be had, or is not trusted.
    pub async fn found(&self, now: DateTime) -> Result<Found, PublisherError> {
        let source = match self.updater.refresh(UpdateStart(now), Roles::Publish).await {
            Ok(refreshed) => {
                let unfetched = refreshed
                    .skipped
                    .iter()
                    .find(|skipped| matches!(skipped.source, DelegationFault::Fetch(_)));
                if let Some(skipped) = unfetched {
                    return Err(PublisherError::delegation(skipped));
                }
                let mut files = refreshed.collection.files();
                files.remove(&TopRole::Timestamp.into());
                let remains = Remains::of_files(self.gun().clone(), files);
                return Ok(Found { remains, source: FoundIn::Published });
            }
            Err(UpdateError::NoTrustData { trusted_before: false, .. }) => {
                return Err(PublisherError::NoCollection(self.gun().clone()));
            }
            Err(UpdateError::NoTrustData { .. }) => FoundIn::Gone,
            Err(error) if is_over(&error) => FoundIn::Expired(Box::new(error)),
            Err(_) if self.begun_root().await?.is_some() => FoundIn::Begun,
            Err(error) => return Err(PublisherError::Update(error)),
        };
        let limits = &self.updater.settings().limits;
        let remains = Remains::of_cache(&**self.updater.cache(), self.gun(), limits).await;
        let remains = remains.map_err(|error| match error {
            RemainsError::Cache(error) => error.into(),
            _ => PublisherError::NothingLeft(self.gun().clone()),
        })?;
        Ok(Found { remains, source })
    }

    /// What the server has: nothing, these very files, or the root that was begun with.
    ///
    /// # Errors
    /// [`PublisherError::ChangedMeanwhile`]: something else.
    pub(super) async fn served(&self, remains: &Remains) -> Result<Served, PublisherError> {
        if let Some(root) = self.begun_root().await? {
            return Ok(Served::Begun(Box::new(root)));
        }
        let mut found = 0;
        let tops = [TopRole::Root, TopRole::Snapshot, TopRole::Targets];
        for top in tops {
            match self.current(top).await? {
                None => {}
                Some(bytes) if remains.files.get(&RoleName::from(top)) == Some(&bytes) => found += 1,
                Some(_) => return Err(PublisherError::ChangedMeanwhile(self.gun().clone())),
            }
        }
        match found {
            0 => Ok(Served::Nothing),
            found if found == tops.len() => Ok(Served::Remains),
            _ => Err(PublisherError::ChangedMeanwhile(self.gun().clone())),
        }
    }

    /// The server's root, if a root key signed it that a recovery from here was begun with.
    async fn begun_root(&self) -> Result<Option<Root>, PublisherError> {
        let mut noted = self.updater.cache().begun_rotations(self.gun()).await?;
        let Some(begun) = take_noted(&mut noted, TopRole::Root) else { return Ok(None) };
        let Some(bytes) = self.current(TopRole::Root).await? else { return Ok(None) };
        let Ok(envelope) = Envelope::parse(bytes, &self.updater.settings().limits) else { return Ok(None) };
        let Ok(root) = envelope.claim::<Root>() else { return Ok(None) };
        let keys = root.role_keys(TopRole::Root);
        let is_ours = keys.canonical_ids().iter().all(|id| begun.keys.contains(id));
        Ok((is_ours && keys.verify::<Root>(&envelope).is_ok()).then_some(root))
    }

    async fn current(&self, top: TopRole) -> Result<Option<bytes::Bytes>, PublisherError> {
        let file = RemoteFile::current(top);
        let max_bytes = self.updater.settings().limits.file_bytes(Some(top));
        match self.updater.remote().fetch(&file, max_bytes, None).await {
            Ok(Fetched::Bytes(bytes)) => Ok(Some(bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Ok(Fetched::NotModified) => Err(PublisherError::ChangedMeanwhile(self.gun().clone())),
            Err(source) => Err(PublisherError::Update(UpdateError::Fetch { file, source })),
        }
    }
}

/// Whether time alone ended it: nobody can sign the root again, or the server its timestamp.
fn is_over(error: &UpdateError) -> bool {
    matches!(error, UpdateError::Untrusted(TrustError::Expired { .. } | TrustError::NoLeaf { .. }))
}
