//! What came of taking a key out.

use countersign_core::name::RoleName;

use super::super::PublisherError;
use super::super::base::Base;
use super::{Taking, may_sign};
use crate::updater::{UpdateError, Warning};

/// What came of taking a key out of a collection.
#[derive(Debug)]
pub struct TakenOut {
    /// The roles that it may no longer sign.
    pub taken: Vec<RoleName>,
    /// Those that it still may.
    pub left: Vec<StillSigns>,
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
    pub(super) fn outcome(mut self, before: Vec<RoleName>, last: Result<Base, UpdateError>) -> TakenOut {
        let mut confirmed = Ok(());
        let still: Vec<_> = match last {
            Ok(base) => {
                let still = base.collection().map(|collection| may_sign(collection, self.key));
                still.into_iter().flatten().map(|may| may.role).collect()
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
        TakenOut { taken, left: self.left, warnings: self.warnings, confirmed }
    }

    /// Whether the server took an edition in which the key may not sign a role, or in which that is gone with one above it.
    fn is_gone(&self, role: &RoleName) -> bool {
        let is_left = || self.left.iter().flat_map(|left| &left.roles).any(|left| role == left);
        self.taken.contains(role) || (!is_left() && self.taken.iter().any(|above| role.is_below(above)))
    }
}
