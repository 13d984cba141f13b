//! What came of taking a key out.

use std::collections::BTreeSet;

use countersign_core::metadata::Delegation;
use countersign_core::name::RoleName;

use super::super::PublisherError;
use super::super::base::Base;
use super::{Taking, may_sign};
use crate::updater::{Skipped, UpdateError, Warning};

/// What came of taking a key out of a collection.
#[derive(Debug)]
pub struct TakenOut {
    /// The roles that it may no longer sign.
    pub taken: Vec<RoleName>,
    /// Those that it still may.
    pub left: Vec<StillSigns>,
    /// The delegations that lack signatures since, so that nobody uses what they say before it is signed again.
    pub unsigned: Vec<RoleName>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Whether the server shows what was published. An error here does not undo it.
    pub confirmed: Result<(), UpdateError>,
}

/// Roles that a key may still sign.
#[derive(Debug)]
pub struct StillSigns {
    /// The roles.
    pub roles: Vec<RoleName>,
    /// Why it was not taken out of them.
    pub why: PublisherError,
}

impl Taking<'_> {
    /// What came of it: by what is published at the end or, where that cannot be seen, by what the server took.
    pub(super) fn outcome(
        mut self,
        before: Vec<RoleName>,
        last: Result<Base, UpdateError>,
        skipped: &[Skipped],
    ) -> TakenOut {
        let (mut confirmed, mut unsigned) = (Ok(()), Vec::new());
        let still: Vec<_> = match last {
            Ok(base) => {
                let still = base.collection().map(|collection| may_sign(collection, self.key));
                let mut still: Vec<_> = still.into_iter().flatten().map(|may| may.role).collect();
                still.extend(self.hidden(&base, &before));
                let was_skipped = |role: &RoleName| skipped.iter().any(|skipped| skipped.role == *role);
                let lacking = base.skipped().iter().filter(|skipped| skipped.unsigned.is_some());
                unsigned
                    .extend(lacking.map(|skipped| skipped.role.clone()).filter(|role| !was_skipped(role)));
                still
            }
            Err(error) => {
                confirmed = Err(error);
                before.iter().filter(|role| !self.is_gone(role)).cloned().collect()
            }
        };
        for left in &mut self.left {
            left.roles.retain(|role| still.contains(role));
            left.roles.sort();
            left.roles.dedup();
        }
        self.left.retain(|left| !left.roles.is_empty());
        let mut unknown = Vec::new();
        for role in &still {
            let covers = |left: &&mut StillSigns| left.roles.iter().any(|of| of == role || role.is_below(of));
            match self.left.iter_mut().find(covers) {
                Some(left) if left.roles.contains(role) => {}
                Some(left) => left.roles.push(role.clone()),
                None => unknown.push(role.clone()),
            }
        }
        match confirmed {
            Err(error) if !unknown.is_empty() => {
                confirmed = Ok(());
                self.leave(unknown, PublisherError::Update(error));
            }
            _ => {
                for role in unknown {
                    self.leave([role.clone()], PublisherError::PutBack { role });
                }
            }
        }
        let taken = before.into_iter().filter(|role| !still.contains(role)).collect();
        TakenOut { taken, left: self.left, unsigned, warnings: self.warnings, confirmed }
    }

    /// The roles that it may sign again once somebody makes usable what stands above them: each is noted with its reason.
    fn hidden(&mut self, base: &Base, before: &[RoleName]) -> Vec<RoleName> {
        let mut hidden = Vec::new();
        for skipped in base.skipped() {
            let known = before.iter().filter(|role| role.is_below(&skipped.role) && !self.is_gone(role));
            let mut roles: BTreeSet<_> = known.cloned().collect();
            match &skipped.unsigned {
                Some(unsigned) => {
                    let delegations = &unsigned.says.delegations;
                    let has =
                        |role: &&Delegation| delegations.role_keys(role).canonical_ids().contains(&self.key);
                    roles.extend(delegations.roles.iter().filter(has).map(|role| role.name.clone()));
                }
                None if roles.is_empty() => roles.extend([skipped.role.clone()]),
                None => {}
            }
            let is_left = |role: &RoleName| self.left.iter().any(|left| left.roles.contains(role));
            let unexplained: Vec<_> = roles.iter().filter(|role| !is_left(role)).cloned().collect();
            if !unexplained.is_empty() {
                self.leave(unexplained, PublisherError::delegation(skipped));
            }
            hidden.extend(roles);
        }
        hidden
    }

    /// Whether the server took an edition in which the key may not sign a role, or in which that is gone with one above it.
    fn is_gone(&self, role: &RoleName) -> bool {
        let is_left = || self.left.iter().flat_map(|left| &left.roles).any(|left| role == left);
        self.taken.contains(role) || (!is_left() && self.taken.iter().any(|above| role.is_below(above)))
    }
}
