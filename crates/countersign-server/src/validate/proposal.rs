//! What is decided about a proposal: is it the next edition of what is published, and did anybody of the collection sign it?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::author::{OpenProposal, Proposal, ProposalError};
use countersign_core::key::KeyId;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::signature::RoleKeys;
use countersign_core::trust::{Environment, Offered, RootPhase, Seen, TrustedCollection};

use super::Rejection;
use crate::service::ProposeError;

/// What is published of a collection, as far as a proposal builds on it.
pub(crate) struct Published {
    /// What it is held against.
    pub(crate) environment: Arc<Environment>,
    /// The newest version of every delegation that was ever stored.
    pub(crate) seen: Seen,
    /// The current files of the top-level roles.
    pub(crate) root: Bytes,
    pub(crate) timestamp: Bytes,
    pub(crate) snapshot: Bytes,
    pub(crate) targets: Bytes,
    /// The current files of delegations, every one above them included.
    pub(crate) delegations: BTreeMap<RoleName, Bytes>,
}

impl Published {
    /// Runs a client's update over it. A delegation that does not hold is left out: nothing can be built on it.
    ///
    /// # Errors
    /// [`Rejection`]: nobody would trust it, because root expired, say.
    pub(crate) fn trusted(self) -> Result<TrustedCollection, Rejection> {
        let phase = RootPhase::trust_cached(self.environment, self.root, self.seen)?.finish_root()?;
        let phase = phase.accept_timestamp(Offered::stored(self.timestamp))?;
        let phase = phase.accept_snapshot(Offered::stored(self.snapshot))?;
        let mut phase = phase.accept_targets(Offered::stored(self.targets))?;
        // In this order a parent stands before its children.
        for (role, file) in self.delegations {
            drop(phase.accept_delegation(&role, Offered::stored(file)));
        }
        Ok(phase.finish())
    }
}

/// Opens a proposal that somebody of the collection signed.
///
/// # Errors
/// - [`ProposeError::Refused`]: it is not for signing.
/// - [`ProposeError::Unsigned`]: no key that the collection has now signed any of it. The keys that it proposes do not
///   count, or anybody could propose their own.
pub(crate) fn open(
    proposal: &Proposal,
    collection: &TrustedCollection,
) -> Result<OpenProposal, ProposeError> {
    let open = proposal.open(collection)?;
    if is_signed(&open, &open.roles(), collection) { Ok(open) } else { Err(ProposeError::Unsigned) }
}

/// What is to be kept of `offered` where `kept` is kept already, if that is still open: both, when one proposes what the other
/// does, or that and more which somebody signed.
///
/// # Errors
/// - [`ProposeError::Another`]: neither does, and `offered` is not to replace it.
/// - As [`open`], of `offered`.
pub(crate) fn joined(
    offered: &Proposal,
    kept: Option<&Proposal>,
    replace: bool,
    collection: &TrustedCollection,
) -> Result<OpenProposal, ProposeError> {
    let mut offered = open(offered, collection)?;
    let Some(mut kept) = kept.and_then(|kept| open(kept, collection).ok()) else { return Ok(offered) };
    let other = match kept.adopt(&offered) {
        Ok(()) => return Ok(kept),
        Err(ProposalError::Another { role }) => role,
        Err(error) => return Err(error.into()),
    };
    let more = offered.roles().difference(&kept.roles()).cloned().collect();
    let goes_on = is_signed(&offered, &more, collection) && offered.adopt(&kept).is_ok();
    if goes_on || replace { Ok(offered) } else { Err(ProposeError::Another(other)) }
}

/// Whether a key of the collection signed a file of `roles`.
fn is_signed(open: &OpenProposal, roles: &BTreeSet<RoleName>, collection: &TrustedCollection) -> bool {
    let (known, standing) = (keys(collection), open.standing());
    let standing = standing.iter().filter(|standing| roles.contains(&standing.role));
    let mut signed = standing.flat_map(|role| &role.groups).flat_map(|group| &group.signed);
    signed.any(|key| known.contains(key))
}

/// Canonical ids of the keys that speak for the collection: root's, those of targets, and of the delegations of loaded roles.
fn keys(collection: &TrustedCollection) -> BTreeSet<KeyId> {
    let top = [TopRole::Root, TopRole::Targets].map(|role| collection.root().role_keys(role));
    let delegated = collection.roles().values().flat_map(|targets| {
        targets.delegations.roles.iter().filter_map(|role| targets.delegations.keys_of(&role.name))
    });
    top.into_iter().chain(delegated).flat_map(|keys: RoleKeys| keys.canonical_ids()).collect()
}
