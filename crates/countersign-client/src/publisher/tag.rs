//! Which roles sign a tag, and whether a push will be able to.

use std::collections::BTreeSet;

use countersign_core::author::Draft;
use countersign_core::key::KeyId;
use countersign_core::metadata::Delegations;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::time::DateTime;

use super::base::Base;
use super::{Publisher, PublisherError, RootKey, TagToSign};

impl Publisher {
    /// Tries, before an image is pushed, what can be tried without asking anyone: whether the keys are here that will sign
    /// the tag, and whether the passphrase variables open them.
    ///
    /// # Errors
    /// [`PublisherError`]: signing would fail, so that the push is better not begun.
    pub async fn check_keys_before(&self, tag: &TagToSign, now: DateTime) -> Result<(), PublisherError> {
        let Some(base) = self.base(now).await? else {
            if let Some(root) = self.existing_root_key().await? {
                self.load_unasked(vec![root]).await?;
            } else if let RootKey::Existing(key) = self.options.root_key {
                return Err(PublisherError::NotARootKey { key });
            }
            return Ok(());
        };
        let mut draft = base.draft();
        let roles = self.roles_to_sign(&base, &draft, tag).await?;
        if base.collection().and_then(|collection| tag.signers(collection, &roles)).is_some() {
            return Ok(());
        }
        for role in &roles {
            draft.apply(&tag.change(role)).map_err(|source| PublisherError::Change { file: None, source })?;
        }
        let present = self.present().await?;
        let wanted = draft.wanted_keys();
        for (role, keys) in &wanted {
            if *role != TopRole::Snapshot && keys.is_disjoint(&present) {
                return Err(no_keys(&tag.tag, vec![(role.clone(), keys.iter().copied().collect())]));
            }
        }
        let keys: BTreeSet<KeyId> =
            wanted.into_values().flatten().filter(|id| present.contains(id)).collect();
        self.load_unasked(keys.into_iter().collect()).await
    }

    /// The roles that sign a tag: `targets` alone without delegations, else each of its delegations that may speak of the
    /// tag and has a key here.
    ///
    /// Source: docker/cli `cli/trust/trust.go` (`AddToAllSignableRoles`, `GetSignableRoles`); reference behaviour 5.5.
    pub(super) async fn roles_to_sign(
        &self,
        base: &Base,
        draft: &Draft,
        tag: &TagToSign,
    ) -> Result<Vec<RoleName>, PublisherError> {
        let roles = signable(draft, &tag.tag, &self.present().await?)?;
        roles.iter().try_for_each(|role| base.admit_role(draft, role))?;
        Ok(roles)
    }
}

/// As [`Publisher::roles_to_sign`], with the keys that are `present`.
pub(super) fn signable(
    draft: &Draft,
    tag: &TargetName,
    present: &BTreeSet<KeyId>,
) -> Result<Vec<RoleName>, PublisherError> {
    let targets = RoleName::from(TopRole::Targets);
    let none = Delegations::default();
    let delegations = draft.targets(&targets).map_or(&none, |targets| &targets.delegations);
    if delegations.roles.is_empty() {
        return Ok(vec![targets]);
    }
    let (mut roles, mut without_key) = (Vec::new(), Vec::new());
    for role in &delegations.roles {
        if !role.paths.iter().any(|path| tag.as_str().starts_with(path)) {
            continue;
        }
        let keys = delegations.role_keys(role).canonical_ids();
        if keys.is_disjoint(present) {
            without_key.push((role.name.clone(), keys.into_iter().collect()));
        } else {
            roles.push(role.name.clone());
        }
    }
    if roles.is_empty() { Err(no_keys(tag, without_key)) } else { Ok(roles) }
}

fn no_keys(tag: &TargetName, roles: Vec<(RoleName, Vec<KeyId>)>) -> PublisherError {
    PublisherError::NoSigningKeys { tag: tag.clone(), roles }
}
