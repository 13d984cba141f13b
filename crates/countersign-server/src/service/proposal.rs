//! Keeping the open proposal of a collection, between the people who sign it.
//!
//! The server adds nothing to it and believes nothing of it: everybody who signs, and everybody who trusts the outcome, checks
//! it for themselves. What is refused here is what nobody could sign, and what nobody of the collection has signed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use countersign_core::author::{Proposal, ProposalError};
use countersign_core::digest::Digest;
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::trust::Seen;
use thiserror::Error;
use tokio::task::spawn_blocking;
use tracing::{debug, info};

use super::publish::ATTEMPTS;
use super::state::State;
use super::{ServiceError, TrustService};
use crate::chain::chain;
use crate::storage::{NewProposal, StorageError};
use crate::validate::proposal::{Published, joined, open};
use crate::validate::{Rejection, ancestors};

impl TrustService {
    /// The proposal that is kept for `gun`, with the signatures that count. One that is no longer for signing is dropped; one
    /// for a collection that nobody can trust as it stands is not shown.
    pub async fn proposal(&self, gun: &Gun) -> Result<Option<Bytes>, ServiceError> {
        let mut attempt = 1;
        loop {
            match self.proposal_once(gun).await {
                Err(ServiceError::Storage(StorageError::BaseChanged)) if attempt < ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    async fn proposal_once(&self, gun: &Gun) -> Result<Option<Bytes>, ServiceError> {
        let Some(kept) = self.storage.proposal(gun).await? else { return Ok(None) };
        let sha256 = Digest::sha256(&kept);
        let opened = match parse(kept).await? {
            Ok(proposal) => self.opened(gun, proposal).await,
            Err(error) => Err(error.into()),
        };
        match opened {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ProposeError::Service(error)) => Err(error),
            Err(why @ ProposeError::Published(_)) => {
                debug!(%gun, why = chain(&why), "the proposal for {gun} is not shown");
                Ok(None)
            }
            Err(why) => {
                info!(%gun, why = chain(&why), "dropped the proposal for {gun}");
                self.storage.drop_proposal(gun, Some(sha256)).await?;
                Ok(None)
            }
        }
    }

    async fn opened(&self, gun: &Gun, proposal: Proposal) -> Result<Bytes, ProposeError> {
        let state = self.state(gun).await?;
        let published = self.published(&state, proposal.roles().cloned().collect()).await?;
        let opened = spawn_blocking(move || {
            let collection = published.trusted()?;
            Ok(open(&proposal, &collection)?.to_proposal().to_bytes().into())
        });
        opened.await.map_err(ServiceError::from)?
    }

    /// Keeps a proposal, at most `max_bytes` long, and gives it with the signatures of all who proposed the same. One that
    /// proposes something else is kept instead of an open one only if it is to `replace` it.
    ///
    /// # Errors
    /// [`ProposeError`]: nothing was stored.
    pub async fn propose(
        &self,
        gun: &Gun,
        bytes: Bytes,
        replace: bool,
        max_bytes: u64,
    ) -> Result<Bytes, ProposeError> {
        let offered = parse(bytes).await??;
        let mut attempt = 1;
        loop {
            match self.propose_once(gun, &offered, replace, max_bytes).await {
                Err(ProposeError::Service(ServiceError::Storage(StorageError::BaseChanged)))
                    if attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn propose_once(
        &self,
        gun: &Gun,
        offered: &Proposal,
        replace: bool,
        max_bytes: u64,
    ) -> Result<Bytes, ProposeError> {
        let state = self.state(gun).await?;
        let kept = self.storage.proposal(gun).await.map_err(ServiceError::from)?;
        let before = kept.as_deref().map(Digest::sha256);
        // What cannot be read any more is not open.
        let kept = match kept {
            Some(kept) => parse(kept).await?.ok(),
            None => None,
        };
        let roles = offered.roles().chain(kept.iter().flat_map(Proposal::roles)).cloned().collect();
        let published = self.published(&state, roles).await?;
        let base = Digest::sha256(&published.timestamp);
        let offered = offered.clone();
        let joined = spawn_blocking(move || {
            let collection = published.trusted()?;
            let open = joined(&offered, kept.as_ref(), replace, &collection)?;
            Ok::<_, ProposeError>(Bytes::from(open.to_proposal().to_bytes()))
        });
        let bytes = joined.await.map_err(ServiceError::from)??;
        if bytes.len() as u64 > max_bytes {
            return Err(ProposeError::Large(max_bytes));
        }
        let proposal = NewProposal { base, before, bytes: bytes.clone(), at: state.now };
        self.storage.keep_proposal(gun, &proposal).await.map_err(ServiceError::from)?;
        info!(%gun, "keeps a proposal for {gun}");
        Ok(bytes)
    }

    /// Drops the proposal of a collection, if there is one.
    pub async fn drop_proposal(&self, gun: &Gun) -> Result<(), ServiceError> {
        Ok(self.storage.drop_proposal(gun, None).await?)
    }

    /// What is published, as far as proposals for `roles` build on it.
    async fn published(&self, state: &State, roles: BTreeSet<RoleName>) -> Result<Published, ProposeError> {
        let top = async |role: TopRole| -> Result<Bytes, ProposeError> {
            state.stored(&role.into()).await?.ok_or(ProposeError::NoCollection)
        };
        let mut delegations = BTreeMap::new();
        for role in ancestors(roles.iter()).into_iter().chain(roles) {
            if role.is_delegation()
                && state.listed.contains_key(role.as_str())
                && let Some(file) = state.stored(&role).await?
            {
                delegations.insert(role, file);
            }
        }
        let heads = state.heads.values().filter(|head| head.role.is_delegation());
        Ok(Published {
            environment: self.environment(&state.gun),
            seen: Seen::versions(heads.map(|head| (head.role.clone(), head.version, head.sha256))),
            root: top(TopRole::Root).await?,
            timestamp: top(TopRole::Timestamp).await?,
            snapshot: top(TopRole::Snapshot).await?,
            targets: top(TopRole::Targets).await?,
            delegations,
        })
    }
}

/// Reads a proposal, away from the tasks that answer requests.
async fn parse(bytes: Bytes) -> Result<Result<Proposal, ProposalError>, ServiceError> {
    Ok(spawn_blocking(move || Proposal::parse(&bytes)).await?)
}

/// A proposal that is not kept. Nothing was stored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// There is nothing that it could be the next edition of.
    #[error("nothing is published here under this name")]
    NoCollection,
    /// Nobody would trust what is published as it stands.
    #[error("nothing can be built on what is published")]
    Published(#[from] Rejection),
    /// It is not for signing.
    #[error(transparent)]
    Refused(#[from] ProposalError),
    /// No key of the collection signed any of it.
    #[error("nobody signed it whose key the collection has")]
    Unsigned,
    /// Another proposal is open.
    #[error("another proposal is open, which says something else for `{0}`")]
    Another(RoleName),
    /// With every signature it is larger than what is kept, in bytes.
    #[error("it has more than {0} bytes, its signatures included")]
    Large(u64),
    /// The server failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
}
