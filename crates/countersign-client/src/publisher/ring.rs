//! Opening the keys that an edition needs, and signing it. Both may take long or wait for a person: off the async threads.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_core::author::{AuthorError, Draft, KeyRing};
use countersign_core::key::KeyId;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::sign::SecretKey;
use countersign_core::time::DateTime;

use super::{Publisher, PublisherError};
use crate::keystore::{KeyStore, KeyStoreError};
use crate::parallel::in_parallel;

impl Publisher {
    /// Runs work with the key store where it may wait.
    pub(super) async fn with_keys<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn KeyStore) -> Result<T, KeyStoreError> + Send + 'static,
    ) -> Result<T, PublisherError> {
        let keys = Arc::clone(&self.keys);
        match tokio::task::spawn_blocking(move || work(&*keys)).await {
            Ok(outcome) => Ok(outcome?),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Canonical ids of the keys that are here.
    pub(super) async fn present(&self) -> Result<BTreeSet<KeyId>, PublisherError> {
        self.with_keys(|keys| Ok(keys.list()?.keys.into_iter().map(|key| key.id).collect())).await
    }

    /// Opens keys as far as nobody has to be asked.
    pub(super) async fn load_unasked(&self, ids: Vec<KeyId>) -> Result<(), PublisherError> {
        self.with_keys(move |keys| open_unasked(keys, &ids)).await
    }

    /// Has a root that expires within six months signed anew, if its keys are here.
    pub(super) async fn renew_root_if_possible(
        &self,
        draft: &mut Draft,
        now: DateTime,
    ) -> Result<(), PublisherError> {
        if draft.dirty().contains(&TopRole::Root.into()) || !draft.root_is_near_expiry(now) {
            return Ok(());
        }
        let keys = draft.root().role_keys(TopRole::Root);
        let at_hand = keys.canonical_ids().intersection(&self.present().await?).count();
        if at_hand >= keys.threshold().get() {
            draft.renew_root();
        }
        Ok(())
    }

    /// Opens those of `wanted` that are here, in that order.
    pub(super) async fn open_keys(&self, wanted: Vec<KeyId>) -> Result<KeyRing, PublisherError> {
        let opened = self
            .with_keys(move |keys| {
                let present: BTreeSet<KeyId> = keys.list()?.keys.into_iter().map(|key| key.id).collect();
                let at_hand: Vec<_> = wanted.into_iter().filter(|id| present.contains(id)).collect();
                open_unasked(keys, &at_hand)?;
                at_hand.into_iter().map(|id| keys.load(id)).collect::<Result<Vec<Arc<SecretKey>>, _>>()
            })
            .await?;
        let mut ring = KeyRing::default();
        for key in opened {
            ring.insert(key);
        }
        Ok(ring)
    }
}

/// Signs where that may take long.
pub(super) async fn sign_apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AuthorError> + Send + 'static,
) -> Result<T, PublisherError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(signed) => signed.map_err(PublisherError::Sign),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Opens keys as far as nobody has to be asked, all at once: each takes its time on purpose.
fn open_unasked(keys: &dyn KeyStore, ids: &[KeyId]) -> Result<(), KeyStoreError> {
    in_parallel(ids, |ids| ids.iter().try_for_each(|id| keys.load_unasked(*id).map(drop)))
}

/// The keys that a draft could use: root's before the others, as Docker asks for them.
pub(super) fn in_order_of_asking(draft: &Draft) -> Vec<KeyId> {
    let mut wanted: Vec<(RoleName, BTreeSet<KeyId>)> = draft.wanted_keys().into_iter().collect();
    wanted.sort_by_key(|(role, _)| match role.top() {
        Some(TopRole::Root) => 0,
        Some(TopRole::Targets) => 1,
        None => 2,
        Some(TopRole::Snapshot | TopRole::Timestamp) => 3,
    });
    let mut met = BTreeSet::new();
    wanted.into_iter().flat_map(|(_, keys)| keys).filter(|key| met.insert(*key)).collect()
}
