//! Authoring: the next version of each role, signed and written as Notary writes it.
//!
//! A [`Draft`] starts from a trusted collection (or from nothing), takes [`Change`]s, and is signed into the files of one
//! upload. Whoever holds the keys passes them in; nothing here asks or stores.

mod change;
mod draft;
mod error;
mod proposal;
mod root;
mod signing;

pub use change::{Change, DelegationEdit};
pub use draft::{Draft, Edition};
pub use error::AuthorError;
pub use proposal::{OpenProposal, Proposal, ProposalError, RoleStanding, Signatures};
pub use root::RootKeys;
pub use signing::{KeyRing, encode, sign};

use crate::name::{RoleName, TopRole};
use crate::time::DateTime;

const DAY: i64 = 24 * 60 * 60;

/// A file that expires within this many seconds is worth renewing: six months.
///
/// Source: notary `tuf/data/types.go`, reference behaviour 6.6.
pub const NEAR_EXPIRY: i64 = 183 * DAY;

/// When a file of `role` that is signed at `now` expires: root in 3,650 days, targets, delegations and snapshot in 1,095,
/// timestamp in 14.
///
/// Source: notary `const.go`, reference behaviour 3.2.
pub fn expiry(role: &RoleName, now: DateTime) -> DateTime {
    let days = match role.top() {
        Some(TopRole::Root) => 3650,
        Some(TopRole::Targets | TopRole::Snapshot) | None => 1095,
        Some(TopRole::Timestamp) => 14,
    };
    now.plus_seconds(days * DAY)
}
