//! Signers: people with a delegation of their own, whose keys sign what is released.
//!
//! As Docker has it, a signer NAME is the role `targets/NAME`, and his keys are keys of `targets/releases`, too.
//!
//! Source: docker/cli `cli/command/trust/signer_add.go`, `signer_remove.go`; reference behaviour 7.6, 7.7.

use std::collections::BTreeSet;

use countersign_core::author::{Change, DelegationEdit, Draft};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::Threshold;
use countersign_core::time::DateTime;

use super::edit::{EditOptions, Found};
use super::{Published, Publisher, PublisherError};

/// Whether a collection may be left without anybody whose signature its released tags have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unpullable {
    /// No: [`PublisherError::LastSigner`] says so.
    Refused,
    /// Somebody has agreed to it.
    Accepted,
}

impl Publisher {
    /// Adds a signer, or keys to a signer; makes the collection if it is not there, and hands its snapshot key to the
    /// server, because nobody else could sign otherwise. All in one upload.
    ///
    /// Where a key of `targets/releases` is here and that role was never published, it is published, too: until it is, nobody
    /// pulls.
    ///
    /// # Errors
    /// [`PublisherError::HandOver`]: the server does not hold the snapshot key, and the root key is not here. Nothing was
    /// changed then, nor with any other [`PublisherError`].
    pub async fn add_signer(
        &self,
        signer: &RoleName,
        keys: &[PublicKey],
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        let options = EditOptions { makes_collection: true, hands_over_snapshot: true };
        self.publish_edit(options, now, |found| Ok(additions(found, signer, keys))).await
    }

    /// Adds a first signer with a key of his own, which is the one of his name in the key store, or a new one.
    ///
    /// # Errors
    /// As [`Publisher::add_signer`].
    pub async fn add_own_signer(
        &self,
        signer: &RoleName,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        // The questions for root and repository keys come first, as with Docker.
        let mut initialised = None;
        self.base_or_init(now, &mut initialised).await?;
        let name = signer.as_str().trim_start_matches("targets/").to_owned();
        let key = self
            .with_keys(move |keys| {
                let own = keys.list()?.keys.into_iter().filter(|key| key.role == name).map(|key| key.id);
                match own.min() {
                    Some(id) => keys.load(id),
                    None => keys.generate(&name, None),
                }
            })
            .await?;
        let mut published = self.add_signer(signer, &[key.public_key().clone()], now).await?;
        published.initialised = published.initialised.or(initialised);
        Ok(published)
    }

    /// Removes a signer: his delegation, and his keys from `targets/releases`.
    ///
    /// What only he had signed there is signed again with another key of `targets/releases`, if one is here.
    ///
    /// # Errors
    /// - [`PublisherError::NoSuchSigner`].
    /// - [`PublisherError::LastSigner`]: nothing would be pullable afterwards, and `unpullable` does not accept that.
    pub async fn remove_signer(
        &self,
        signer: &RoleName,
        unpullable: Unpullable,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        let plan = |found: &Found<'_>| removals(found, signer, unpullable);
        self.publish_edit(EditOptions::default(), now, plan).await
    }
}

/// What is missing to make `signer` one with these keys.
fn additions(found: &Found<'_>, signer: &RoleName, keys: &[PublicKey]) -> Vec<Change> {
    let releases = RoleName::releases();
    let mut changes: Vec<_> =
        [signer, &releases].into_iter().filter_map(|role| addition(found.draft, role, keys)).collect();
    let declared = found.draft.targets(&TopRole::Targets.into());
    let listed = declared.and_then(|targets| targets.delegations.keys_of(&releases));
    let of_releases = listed.map(|keys| keys.canonical_ids()).unwrap_or_default();
    let may_sign = of_releases.iter().chain(&canonical(keys)).any(|id| found.present.contains(id));
    let is_published = found.base.has_file(&releases);
    if may_sign && !is_published {
        changes.push(Change::Witness { role: releases });
    }
    changes
}

/// What is missing of one delegation.
fn addition(draft: &Draft, role: &RoleName, keys: &[PublicKey]) -> Option<Change> {
    let delegations = &draft.targets(&TopRole::Targets.into())?.delegations;
    let is_complete = delegations.role(role).is_some_and(|declared| {
        keys.iter().all(|key| declared.keyids.contains(&key.id()))
            && declared.paths.iter().any(String::is_empty)
    });
    let edit = DelegationEdit {
        threshold: Some(Threshold::ONE),
        add_keys: keys.to_vec(),
        add_paths: vec![String::new()],
        ..DelegationEdit::default()
    };
    (!is_complete).then(|| Change::EditDelegation { role: role.clone(), edit })
}

fn removals(
    found: &Found<'_>,
    signer: &RoleName,
    unpullable: Unpullable,
) -> Result<Vec<Change>, PublisherError> {
    let releases = RoleName::releases();
    let delegations = found.draft.targets(&TopRole::Targets.into()).map(|targets| &targets.delegations);
    let Some((delegations, declared)) =
        delegations.and_then(|delegations| Some((delegations, delegations.role(signer)?)))
    else {
        return Err(PublisherError::NoSuchSigner(signer.clone()));
    };
    let his = delegations.role_keys(declared).canonical_ids();
    let mut changes = Vec::new();
    if let Some(of_releases) = delegations.keys_of(&releases) {
        let edit = DelegationEdit { remove_keys: his.iter().copied().collect(), ..DelegationEdit::default() };
        changes.push(Change::EditDelegation { role: releases.clone(), edit });
        let published = found.base.collection().and_then(|collection| collection.targets(&releases));
        let remain = published.map(|file| file.signers().difference(&his).count());
        if remain.is_some_and(|remain| remain < of_releases.threshold().get()) {
            let staying: BTreeSet<_> = of_releases.canonical_ids().difference(&his).copied().collect();
            let can_sign = staying.intersection(found.present).count() >= of_releases.threshold().get();
            match (can_sign, unpullable) {
                (true, _) => changes.push(Change::Witness { role: releases }),
                (false, Unpullable::Accepted) => {}
                (false, Unpullable::Refused) => return Err(PublisherError::LastSigner(signer.clone())),
            }
        }
    }
    changes.push(Change::RemoveDelegation { role: signer.clone() });
    Ok(changes)
}

fn canonical(keys: &[PublicKey]) -> BTreeSet<KeyId> {
    keys.iter().filter_map(|key| key.canonical_id().ok()).collect()
}
