//! Revoking: taking back what was said of tags, in every role that a key here may sign.
//!
//! Source: docker/cli `cli/command/trust/revoke.go`; reference behaviour 7.5.

use std::collections::BTreeSet;

use countersign_core::author::Change;
use countersign_core::key::KeyId;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::time::DateTime;
use countersign_core::trust::TrustedCollection;

use super::edit::{EditOptions, Found};
use super::tag::signable;
use super::{Published, Publisher, PublisherError};
use crate::lookup::{list_tags, resolve_tag};
use crate::updater::Releases;

impl Publisher {
    /// Revokes one tag, or with `None` every tag that is released. Keys and delegations stay.
    ///
    /// # Errors
    /// - [`PublisherError::Lookup`]: the tag is not signed.
    /// - [`PublisherError::NothingSigned`]: no tag is.
    /// - [`PublisherError::NoSigningKeys`]: no key that may sign the tag is here.
    /// - [`PublisherError::StillSigned`]: a role that pulls look at would go on saying what the tag means.
    ///
    /// Deviation: Docker revokes in the roles whose keys are here, and leaves the tag with the meaning that another role gives
    /// it, mostly an older one; test `revoked_tag_does_not_come_back_with_an_older_meaning`.
    pub async fn revoke(&self, tag: Option<&TargetName>, now: DateTime) -> Result<Published, PublisherError> {
        let plan = |found: &Found<'_>| {
            let Some(collection) = found.base.collection() else { return Ok(Vec::new()) };
            let tags: Vec<TargetName> = if let Some(tag) = tag {
                resolve_tag(collection, tag, Releases::Required)?;
                vec![tag.clone()]
            } else {
                let listed = list_tags(collection, Releases::Required)?;
                listed.into_iter().map(|target| target.name).collect()
            };
            if tags.is_empty() {
                return Err(PublisherError::NothingSigned);
            }
            let changes = tags.iter().map(|tag| changes(found, collection, tag));
            Ok(changes.collect::<Result<Vec<_>, _>>()?.concat())
        };
        self.publish_edit(EditOptions::default(), now, plan).await
    }
}

/// What takes back one tag.
fn changes(
    found: &Found<'_>,
    collection: &TrustedCollection,
    tag: &TargetName,
) -> Result<Vec<Change>, PublisherError> {
    let targets = RoleName::from(TopRole::Targets);
    let mut roles = signable(found.draft, tag, found.present)?;
    let own: BTreeSet<KeyId> = found.draft.root().role_keys(TopRole::Targets).canonical_ids();
    if !roles.contains(&targets) && !own.is_disjoint(found.present) {
        roles.push(targets.clone());
    }
    let speaks = |role: &RoleName| collection.speaks_of(role, tag);
    let left: Vec<_> = [RoleName::releases(), targets]
        .into_iter()
        .filter(|role| speaks(role) && !roles.contains(role))
        .collect();
    if !left.is_empty() {
        return Err(PublisherError::StillSigned { tag: tag.clone(), roles: left });
    }
    let removal = |role| Change::RemoveTarget { role, name: tag.clone() };
    Ok(roles.into_iter().filter(|role| speaks(role)).map(removal).collect())
}
