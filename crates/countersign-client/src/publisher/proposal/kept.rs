//! Where proposals wait: here and, if it keeps them, on the trust server.

use std::collections::BTreeSet;

use bytes::Bytes;
use countersign_core::author::{OpenProposal, Proposal, ProposalError};
use countersign_core::name::{Gun, RoleName};
use countersign_core::trust::TrustedCollection;

use super::super::{Publisher, PublisherError};
use super::{Proposed, Shared};

/// What waits for signatures.
pub(super) struct Pending {
    served: Option<OpenProposal>,
    kept: Option<OpenProposal>,
    /// Why the one that is kept here is for nothing, if it is.
    pub(super) overtaken: Option<ProposalError>,
}

/// The proposal to go on with, with the signatures that are here and on the server.
pub(super) struct Waiting {
    pub(super) open: OpenProposal,
    /// One that is kept here and says something else, or more: signing this one would lose it.
    pub(super) displaces: Option<Displaced>,
}

/// A proposal that is kept here, and that another would take the place of.
#[derive(Debug)]
pub(super) struct Displaced {
    roles: BTreeSet<RoleName>,
    by: BTreeSet<RoleName>,
    /// What of it is not in the other.
    differs: RoleName,
}

impl Pending {
    /// The one that waits. The server's goes before one that is kept here and says something else: others sign that.
    pub(super) fn waiting(self) -> Option<Waiting> {
        match (self.served, self.kept) {
            (Some(served), Some(mut kept)) => match kept.adopt(&served) {
                Ok(()) => Some(Waiting { open: kept, displaces: None }),
                Err(_) => Some(Waiting::instead_of(Some(kept), served)),
            },
            (served, kept) => served.or(kept).map(|open| Waiting { open, displaces: None }),
        }
    }

    /// One that was given, and nothing beyond what that proposes.
    pub(super) fn given(self, mut open: OpenProposal) -> Waiting {
        if let Some(served) = &self.served {
            // Where the server has another one, this one is not for the server.
            open.adopt(served).ok();
        }
        Waiting::instead_of(self.kept, open)
    }
}

impl Waiting {
    fn instead_of(kept: Option<OpenProposal>, mut open: OpenProposal) -> Self {
        let displaced = |kept: OpenProposal| match open.adopt(&kept) {
            Err(ProposalError::Another { role: differs }) => {
                Some(Displaced { roles: kept.roles(), by: open.roles(), differs })
            }
            _ => None,
        };
        let displaces = kept.and_then(displaced);
        Self { open, displaces }
    }
}

impl Displaced {
    pub(super) fn refusal(&self, gun: &Gun) -> PublisherError {
        let roles = |roles: &BTreeSet<RoleName>| roles.iter().cloned().collect();
        PublisherError::KeptProposal {
            gun: gun.clone(),
            kept: roles(&self.roles),
            other: roles(&self.by),
            differs: self.differs.clone(),
        }
    }
}

impl Publisher {
    /// The proposals that are kept here and on the server.
    pub(super) async fn pending(&self, collection: &TrustedCollection) -> Result<Pending, PublisherError> {
        let kept = self.updater.cache().proposal(self.gun(), Proposal::MAX_BYTES).await?;
        let served = self.updater.remote().proposal(Proposal::MAX_BYTES).await;
        let served = served.map_err(PublisherError::ServersProposal)?;
        let (kept, overtaken) = opened(kept, collection);
        // With other pins, or another clock, it is for something again: nothing may take its place.
        let overtaken = match overtaken {
            Some(error) if error.is_of_this_machine() => return Err(error.into()),
            overtaken => overtaken,
        };
        let (served, useless) = opened(served, collection);
        if let Some(error) = useless {
            tracing::warn!(gun = %self.gun(), %error, "the server's proposal is not for signing");
        }
        Ok(Pending { served, kept, overtaken })
    }

    /// Keeps a proposal here, then has the server keep it; with every signature that the server knew besides.
    pub(super) async fn leave(
        &self,
        collection: &TrustedCollection,
        mut open: OpenProposal,
    ) -> Result<Proposed, PublisherError> {
        let bytes = Bytes::from(open.to_proposal().to_bytes());
        self.updater.cache().keep_proposal(self.gun(), Some(bytes.clone())).await?;
        let shared = match self.updater.remote().propose(bytes, false).await {
            Ok(Some(known)) => {
                if let (Some(known), _) = opened(Some(known), collection) {
                    open.merge(&known).ok();
                }
                Shared::OnServer
            }
            Ok(None) => Shared::HereAlone(None),
            Err(error) => Shared::HereAlone(Some(error)),
        };
        let (gun, proposal, standing) = (self.gun().clone(), open.to_proposal(), open.standing());
        Ok(Proposed { gun, proposal, standing, shared })
    }
}

fn opened(
    bytes: Option<Bytes>,
    collection: &TrustedCollection,
) -> (Option<OpenProposal>, Option<ProposalError>) {
    let Some(bytes) = bytes else { return (None, None) };
    match Proposal::parse(&bytes).and_then(|proposal| proposal.open(collection)) {
        Ok(open) => (Some(open), None),
        Err(error) => (None, Some(error)),
    }
}
