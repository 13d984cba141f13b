//! What a tag means in a trusted collection.

mod agreement;

use countersign_core::digest::Digest;
use countersign_core::metadata::Document as _;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::time::DateTime;
use countersign_core::trust::{TrustedCollection, TrustedTarget};
use thiserror::Error;

pub use agreement::{Word, agreed};

use crate::updater::Releases;
use crate::why::signed_about;

/// What `tag` means, in Docker's order: `targets/releases`, then `targets`, and no other role.
///
/// Where the collection's environment names roles that must have signed, what all of them say ([`agreed`]); Docker's order
/// need not speak of the tag then, and may not contradict them.
///
/// # Errors
/// - [`LookupError::SignerMissing`], [`LookupError::SignersDisagree`]: roles that must have signed did not, or not the same.
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
    if !collection.environment().signed_by.is_empty() {
        return signed_by_all(collection, tag, releases);
    }
    in_order(collection, tag, releases)
}

/// What `tag` means to all the roles that must have signed it.
fn signed_by_all(
    collection: &TrustedCollection,
    tag: &TargetName,
    releases: Releases,
) -> Result<TrustedTarget, LookupError> {
    let speaks = order(collection, releases)?.iter().any(|role| collection.speaks_of(role, tag));
    // Who must have signed is asked for by name, wherever Docker would look.
    let usual = if speaks { Some(in_order(collection, tag, releases)?) } else { None };
    let required = collection.environment().signed_by.iter();
    let words: Vec<_> = required.map(|role| (role.clone(), collection.find(role, tag))).collect();
    agreed(tag, &words, usual.as_ref())
}

fn in_order(
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
    let required = &collection.environment().signed_by;
    let Some(first) = required.first() else {
        let mut targets = collection.list(&order);
        targets.retain(|target| order.contains(&target.role));
        return Ok(targets);
    };
    // What they all signed is among what the first of them signed.
    let mut targets = collection.list(std::slice::from_ref(first));
    targets.retain(|target| target.role == *first);
    Ok(targets
        .into_iter()
        .filter_map(|target| signed_by_all(collection, &target.name, releases).ok())
        .collect())
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
    /// A role that must have signed says nothing of it.
    #[error("`{}` is not signed by `{role}`, which must have signed it", tag.as_str().escape_default())]
    SignerMissing {
        /// The tag.
        tag: TargetName,
        /// The role.
        role: RoleName,
    },
    /// Roles that must agree on it do not.
    #[error("`{}` is {} to `{}` and {} to `{}`", tag.as_str().escape_default(), .one.1, .one.0, .other.1, .other.0)]
    SignersDisagree {
        /// The tag.
        tag: TargetName,
        /// A role, and what it signed.
        one: Box<(RoleName, Digest)>,
        /// Another role, and what that one signed.
        other: Box<(RoleName, Digest)>,
    },
    /// `targets/releases` is delegated and was left out.
    #[error("`targets/releases` is delegated and cannot be used; `targets` was not asked in its place")]
    ReleasesNotLoaded,
}
