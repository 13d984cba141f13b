//! Replacing the keys of a delegation.

use std::collections::BTreeSet;

use countersign_core::author::{AuthorError, Change, DelegationEdit, Draft};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::name::RoleName;
use countersign_core::signature::RoleKeys;
use countersign_core::time::DateTime;

use super::super::base::Base;
use super::super::{Published, Publisher, PublisherError};

impl Publisher {
    /// Gives a delegation keys and takes others away. What its lost keys signed is signed again if enough of the others are
    /// here; else it cannot be used before somebody does that.
    pub(super) async fn rotate_delegation(
        &self,
        base: Base,
        role: &RoleName,
        add: Vec<PublicKey>,
        remove: Vec<KeyId>,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        let parent = role.parent().ok_or_else(|| unknown(role))?;
        let draft = base.draft();
        base.admit_role(&draft, &parent)?;
        let keys = keys_of(&draft, role).ok_or_else(|| unknown(role))?;
        let added = add.iter().filter_map(|key| key.canonical_id().ok());
        let left: BTreeSet<_> =
            keys.canonical_ids().into_iter().filter(|id| !remove.contains(id)).chain(added).collect();
        let threshold = keys.threshold().get();
        if left.len() < threshold {
            return Err(PublisherError::TooFewKeys { role: role.clone(), keys: left.len(), threshold });
        }
        let at_hand = left.intersection(&self.present().await?).count();
        // One that could not be loaded is left to those who can.
        let signs_again = at_hand >= threshold && base.admit_role(&draft, role).is_ok();
        let edit = DelegationEdit { add_keys: add, remove_keys: remove, ..DelegationEdit::default() };
        let change = Change::EditDelegation { role: role.clone(), edit };
        let edit = |draft: &mut Draft| {
            if keys_of(draft, role).is_none() {
                return Err(AuthorError::UnknownRole(role.clone()));
            }
            draft.apply(&change)?;
            match draft.targets(role) {
                Some(_) if signs_again => draft.apply(&Change::Witness { role: role.clone() }),
                _ => Ok(()),
            }
        };
        self.publish_edited(base, edit, now).await
    }
}

/// The keys of a delegation, as its parent has them.
fn keys_of(draft: &Draft, role: &RoleName) -> Option<RoleKeys> {
    let delegations = &draft.targets(&role.parent()?)?.delegations;
    Some(delegations.role_keys(delegations.role(role)?))
}

fn unknown(role: &RoleName) -> PublisherError {
    PublisherError::Change { file: None, source: AuthorError::UnknownRole(role.clone()) }
}
