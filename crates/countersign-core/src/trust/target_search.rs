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
    ///
    /// # Errors
    /// [`TrustError::NotInSnapshot`]: the first role to ask is delegated and the snapshot does not list it.
    pub fn begin(name: TargetName, phase: &DelegationsPhase) -> Result<(Self, SearchStep), TrustError> {
        let mut search = Self { name, waiting: Vec::new(), visited: BTreeSet::new() };
        let step = search.ask(phase, &TopRole::Targets.into())?;
        Ok((search, step))
    }

    /// Accepts the file of the role that is needed, asks it, and says what comes next. After a refusal another file of the role
    /// may be tried.
    ///
    /// # Errors
    /// As [`DelegationsPhase::accept_by`] and [`TargetSearch::begin`].
    pub fn accept(
        &mut self,
        phase: &mut DelegationsPhase,
        offered: Offered,
    ) -> Result<SearchStep, TrustError> {
        let Some(Edge { delegator, role }) = self.waiting.last().cloned() else {
            return Ok(SearchStep::NotFound);
        };
        phase.accept_by(&delegator, &role, offered)?;
        self.waiting.pop();
        self.ask(phase, &role)
    }

    fn ask(&mut self, phase: &DelegationsPhase, role: &RoleName) -> Result<SearchStep, TrustError> {
        let targets = phase.targets(role).ok_or_else(|| TrustError::NotDelegated(role.clone()))?;
        self.visited.insert(role.clone());
        if let Some(meta) = targets.targets.find(&self.name) {
            return Ok(SearchStep::Found { role: role.clone(), meta: meta.into_owned() });
        }
        let mut edges = Vec::new();
        for (child, is_terminating) in targets.delegations.roles_for(self.name.as_str()) {
            edges.push(Edge { delegator: role.clone(), role: child });
            if is_terminating {
                self.waiting.clear();
                break;
            }
        }
        self.waiting.extend(edges.into_iter().rev());
        self.waiting_role(phase)
    }

    fn waiting_role(&mut self, phase: &DelegationsPhase) -> Result<SearchStep, TrustError> {
        while let Some(Edge { role, .. }) = self.waiting.last() {
            if !self.visited.contains(role) {
                let role = role.clone();
                return match phase.wanted(&role) {
                    Some(_) => Ok(SearchStep::Needs(role)),
                    None => Err(TrustError::NotInSnapshot(role)),
                };
            }
            self.waiting.pop();
        }
        Ok(SearchStep::NotFound)
    }
}
