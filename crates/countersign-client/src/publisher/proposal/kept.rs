//! Where proposals wait: here and, if it keeps them, on the trust server.

use bytes::Bytes;
use countersign_core::author::{OpenProposal, Proposal, ProposalError};
use countersign_core::trust::TrustedCollection;

use super::super::{Publisher, PublisherError};
use super::{Proposed, Shared};

/// What waits for signatures.
#[derive(Default)]
pub(super) struct Pending {
    /// The proposal with the signatures that are here and on the server.
    pub(super) open: Option<OpenProposal>,
    /// Why the one that is kept here is for nothing, if it is.
    pub(super) overtaken: Option<ProposalError>,
}

impl Publisher {
    /// The proposal that waits. The server's goes before one that is kept here and says something else: others sign that.
    pub(super) async fn pending(&self, collection: &TrustedCollection) -> Result<Pending, PublisherError> {
        let kept = self.updater.cache().proposal(self.gun(), Proposal::MAX_BYTES).await?;
        let served = self.updater.remote().proposal(Proposal::MAX_BYTES).await;
        let served = served.map_err(PublisherError::ServersProposal)?;
        let (kept, overtaken) = opened(kept, collection);
        let (served, useless) = opened(served, collection);
        if let Some(error) = useless {
            tracing::warn!(gun = %self.gun(), %error, "the server's proposal is not for signing");
        }
        let open = match (served, kept) {
            (Some(mut served), Some(kept)) => {
                served.merge(&kept).ok();
                Some(served)
            }
            (served, kept) => served.or(kept),
        };
        Ok(Pending { open, overtaken })
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
