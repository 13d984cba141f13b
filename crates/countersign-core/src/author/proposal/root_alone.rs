//! The next root of a proposal, looked at where nothing is known of the collection but what came along: for keys that are kept away
//! from every network.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::open::{document, pending};
use super::{OpenProposal, Proposal, ProposalError};
use crate::author::Draft;
use crate::metadata::Envelope;
use crate::name::{RoleName, TopRole};
use crate::trust::{Anchor, Environment, RootPhase, Seen, TrustError};

impl Proposal {
    /// Holds the proposed root against the published root that came along; every other file is passed on as it is.
    ///
    /// The published root is trusted as far as its own keys, the pins and `seen` go. Whoever lies about it gains a signature of a
    /// root that names the lie's keys, under a version number of the liar's choice: what is shown before signing is what is
    /// signed.
    ///
    /// # Errors
    /// - [`ProposalError::Base`]: the root that came along is not trusted.
    /// - [`ProposalError::NoRoot`]: no root is proposed.
    /// - As [`Proposal::open`].
    pub fn open_root(
        &self,
        environment: &Arc<Environment>,
        seen: Seen,
    ) -> Result<OpenProposal, ProposalError> {
        if !matches!(&environment.anchor, Anchor::Certificates { gun, .. } if *gun == self.gun) {
            return Err(ProposalError::OtherCollection(self.gun.clone()));
        }
        let role = RoleName::from(TopRole::Root);
        let file = self.files.get(&role).ok_or(ProposalError::NoRoot)?;
        let phase = RootPhase::trust_cached(Arc::clone(environment), self.root.clone(), seen);
        let phase = phase.map_err(ProposalError::Base)?;
        match phase.clone().finish_root() {
            // A root that is over may still be followed by another.
            Ok(_) | Err(TrustError::Expired { .. }) => {}
            Err(error) => return Err(ProposalError::Base(error)),
        }
        let before = Draft::of_root(phase.root());
        let mut draft = before.clone();
        let unusable = |source| ProposalError::Metadata { role: role.clone(), source };
        let envelope = Envelope::parse(file.clone(), &environment.limits).map_err(unusable)?;
        draft.take_root(document(&role, &envelope, environment.start)?, environment)?;
        let files = BTreeMap::from([pending(&draft, role.clone(), &envelope)?]);
        let mut carried = self.files.clone();
        carried.remove(&role);
        Ok(OpenProposal { gun: self.gun.clone(), root: self.root.clone(), before, draft, files, carried })
    }
}
