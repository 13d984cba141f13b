//! Search for one target through roles whose names say nothing: depth first, each delegator's order, until somebody speaks.

use std::collections::BTreeSet;

use crate::metadata::FileMeta;
use crate::name::{RoleName, TargetName, TopRole};
use crate::trust::{DelegationsPhase, Offered, TrustError};

/// A search for what one name means, while the roles that must be asked are still to be loaded.
///
/// A role is asked once, by the first delegation that leads to it; a terminating delegation ends everything beside and
/// before it. Each role is accepted under the very delegation that led to it, however often it was accepted under another.
///
/// Source: TUF 1.0.34 §5.6.7.
#[derive(Clone, Debug)]
pub struct TargetSearch {
    name: TargetName,
    /// The role that was accepted and not asked yet.
    accepted: Option<RoleName>,
    /// What is still to be asked, the next one last.
    waiting: Vec<Edge>,
    visited: BTreeSet<RoleName>,
}

/// A delegation.
#[derive(Clone, Debug)]
struct Edge {
    delegator: RoleName,
    role: RoleName,
}

/// What a search needs or found.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchStep {
    /// The file of this role is needed: [`TargetSearch::accept`].
    Needs(RoleName),
    /// This role says what the name means.
    Found {
        /// The role that says so.
        role: RoleName,
        /// What it says.
        meta: FileMeta,
    },
    /// Nobody who may speak of the name does.
    NotFound,
}

impl TargetSearch {
    /// Begins a search for `name` at `targets`.
    pub fn new(name: TargetName) -> Self {
        let accepted = Some(TopRole::Targets.into());
        Self { name, accepted, waiting: Vec::new(), visited: BTreeSet::new() }
    }

    /// Asks the role that was accepted last, and says what comes next.
    ///
    /// # Errors
    /// [`TrustError::NotInSnapshot`]: the next role to ask is delegated and the snapshot does not list it. No other is asked
    /// in its place.
    pub fn step(&mut self, phase: &DelegationsPhase) -> Result<SearchStep, TrustError> {
        if let Some(role) = self.accepted.take() {
            let targets = phase.targets(&role).ok_or_else(|| TrustError::NotDelegated(role.clone()))?;
            if let Some(meta) = targets.targets.find(&self.name) {
                return Ok(SearchStep::Found { role, meta: meta.into_owned() });
            }
            self.follow(&role, targets.delegations.roles_for(self.name.as_str()));
            self.visited.insert(role);
        }
        while self.waiting.last().is_some_and(|edge| self.visited.contains(&edge.role)) {
            self.waiting.pop();
        }
        match self.waiting.last() {
            Some(Edge { role, .. }) if phase.wanted(role).is_some() => Ok(SearchStep::Needs(role.clone())),
            Some(Edge { role, .. }) => Err(TrustError::NotInSnapshot(role.clone())),
            None => Ok(SearchStep::NotFound),
        }
    }

    /// Accepts the file of the role that is needed. After a refusal another file of the role may be tried.
    ///
    /// # Errors
    /// As [`DelegationsPhase::accept_by`].
    pub fn accept(&mut self, phase: &mut DelegationsPhase, offered: Offered) -> Result<(), TrustError> {
        let Some(Edge { delegator, role }) = self.waiting.last() else { return Ok(()) };
        phase.accept_by(delegator, role, offered)?;
        self.accepted = self.waiting.pop().map(|edge| edge.role);
        Ok(())
    }

    /// Puts the roles that `delegator` delegates to before whatever waits.
    fn follow(&mut self, delegator: &RoleName, roles: Vec<(RoleName, bool)>) {
        let mut edges = Vec::new();
        for (role, is_terminating) in roles {
            edges.push(Edge { delegator: delegator.clone(), role });
            if is_terminating {
                self.waiting.clear();
                break;
            }
        }
        self.waiting.extend(edges.into_iter().rev());
    }
}
