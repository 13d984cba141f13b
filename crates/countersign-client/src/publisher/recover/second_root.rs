//! One more root key beside those that there are, so that losing one is not the end.

use std::collections::BTreeSet;

use countersign_core::author::{Change, Draft};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::TopRole;
use countersign_core::time::DateTime;

use super::super::{Published, Publisher, PublisherError};

impl Publisher {
    /// Checks that the root can be changed from here: it is published, and enough of its keys are here and open. Gives the
    /// canonical ids of all its keys.
    ///
    /// # Errors
    /// [`PublisherError`]: it cannot.
    pub async fn admit_root_change(&self, now: DateTime) -> Result<BTreeSet<KeyId>, PublisherError> {
        let base = self.base_to_rotate(now).await?;
        self.admit_root_keys(&base).await?;
        Ok(base.draft().root().role_keys(TopRole::Root).canonical_ids())
    }

    /// Gives the collection one more root key, and publishes that at once. How many must sign stays as it is. The key's private
    /// half need not be here.
    ///
    /// # Errors
    /// [`PublisherError`]: nothing was published, unless [`PublisherError::Upload`] says that the connection broke.
    pub async fn add_root_key(
        &self,
        certificate: PublicKey,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        let base = self.base_to_rotate(now).await?;
        self.admit_root_keys(&base).await?;
        let edit = |draft: &mut Draft| {
            let present = draft.root().keys_of(TopRole::Root).map(|(_, key)| key.clone());
            let keys = present.chain([certificate.clone()]).collect();
            draft.apply(&Change::ReplaceKeys { role: TopRole::Root, keys })
        };
        self.publish_edited(base, edit, now).await
    }
}
