//! What a tag means in a trusted collection.

use countersign_core::metadata::Document as _;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::time::DateTime;
use countersign_core::trust::{TrustedCollection, TrustedTarget};
use thiserror::Error;

use crate::updater::Releases;
use crate::why::signed_about;

/// What `tag` means, in Docker's order: `targets/releases`, then `targets`, and no other role.
///
/// # Errors
/// - [`LookupError::ReleasesNotLoaded`]: `targets/releases` is delegated, was not loaded, and `releases` requires it.
/// - [`LookupError::OnlyElsewhere`]: only another delegation signs the tag.
/// - [`LookupError::NotSigned`]: nothing does.
///
/// Source: docker/cli `cli/command/image/trust.go` (`GetTargetByName` with `targets/releases` and `targets`).
pub fn resolve_tag(
    collection: &TrustedCollection,
    tag: &TargetName,
    releases: Releases,
) -> Result<TrustedTarget, LookupError> {
    let order = order(collection, releases)?;
    if let Some(role) = order.iter().find(|role| collection.speaks_of(role, tag)) {
        // What the first of them says cannot be checked, and no other makes up for it.
        return collection.find(role, tag).ok_or_else(|| LookupError::NotSigned { tag: tag.clone() });
    }
    match collection.search(&[TopRole::Targets.into()], tag) {
        Some(elsewhere) => Err(LookupError::OnlyElsewhere { tag: tag.clone(), role: elsewhere.role }),
        None => Err(LookupError::NotSigned { tag: tag.clone() }),
    }
}

/// Every tag that [`resolve_tag`] would resolve, with what it means, sorted by name.
///
/// # Errors
/// [`LookupError::ReleasesNotLoaded`].
pub fn list_tags(
    collection: &TrustedCollection,
    releases: Releases,
) -> Result<Vec<TrustedTarget>, LookupError> {
    let order = order(collection, releases)?;
    let mut targets = collection.list(&order);
    targets.retain(|target| order.contains(&target.role));
    Ok(targets)
}

/// The roles other than `targets/releases` that say of `target`'s name what it says: who signed it.
///
/// Empty when `targets/releases` alone does.
///
/// Source: docker/cli `cli/command/trust/common.go` (signers of a tag).
pub fn signers(collection: &TrustedCollection, target: &TrustedTarget) -> Vec<RoleName> {
    let agrees = |role: &RoleName| {
        collection
            .find(role, &target.name)
            .is_some_and(|other| other.digest == target.digest && other.length == target.length)
    };
    collection.roles().keys().filter(|role| **role != RoleName::releases() && agrees(role)).cloned().collect()
}

/// When `target`'s role was signed, if its file lives as long as the usual tools have it; files carry no such date.
pub fn signed_about_when(collection: &TrustedCollection, target: &TrustedTarget) -> Option<DateTime> {
    signed_about(&target.role, collection.targets(&target.role)?.expires())
}

fn order(collection: &TrustedCollection, releases: Releases) -> Result<Vec<RoleName>, LookupError> {
    let (role, targets) = (RoleName::releases(), RoleName::from(TopRole::Targets));
    let is_delegated =
        collection.targets(&targets).is_some_and(|targets| targets.delegations.role(&role).is_some());
    match (is_delegated, collection.targets(&role)) {
        (true, None) if releases == Releases::Required => Err(LookupError::ReleasesNotLoaded),
        (true, Some(_)) => Ok(vec![role, targets]),
        _ => Ok(vec![targets]),
    }
}

/// A tag that the collection does not resolve.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LookupError {
    /// No role signs it.
    #[error("no trust data for `{}`", tag.as_str().escape_default())]
    NotSigned {
        /// The tag.
        tag: TargetName,
    },
    /// Only a role signs it that images are not taken from.
    #[error("`{}` is signed by `{role}` only, not by `targets/releases` or `targets`", tag.as_str().escape_default())]
    OnlyElsewhere {
        /// The tag.
        tag: TargetName,
        /// The role that signs it.
        role: RoleName,
    },
    /// `targets/releases` is delegated and was left out.
    #[error("`targets/releases` is delegated and cannot be used; `targets` was not asked in its place")]
    ReleasesNotLoaded,
}
