//! Trust decisions: what may be believed, in which order, at which time.
//!
//! An update is a chain of phases. Each takes `self` and gives the next, so a step out of order does not compile:
//!
//! ```text
//! RootPhase ─finish_root→ TimestampPhase ─accept_timestamp→ SnapshotPhase ─accept_snapshot→ TargetsPhase
//!           ─accept_targets→ DelegationsPhase ─finish→ TrustedCollection
//! ```
//!
//! ```compile_fail
//! use countersign_core::trust::{Offered, RootPhase, SnapshotPhase};
//! fn skip(root: RootPhase, file: Offered) -> SnapshotPhase {
//!     root.accept_timestamp(file).unwrap() // no such step: root must be finished first
//! }
//! ```
//!
//! Bytes and a time go in, decisions come out. The client that checks a download and the server that checks an upload
//! both run these phases. A phase is cheap to clone, so a caller can try again from it after a refusal.
//!
//! Source: TUF 1.0.34 §5. In which form files are written is known where they are read (`metadata`), and not here.

mod anchor;
mod collection;
mod delegations;
mod error;
mod file;
mod floors;
mod pin;
mod root;
mod search;
mod seen;
mod snapshot;
mod target_search;
mod targets;
mod timestamp;
mod unsigned;

use std::sync::Arc;

pub use anchor::Anchor;
pub use collection::{TrustedCollection, TrustedTarget};
pub use delegations::{DelegationsPhase, Standing};
pub use error::{LeafError, TrustError};
pub use file::{Offered, Origin};
pub use pin::{PinRule, TrustPinning};
pub use root::RootPhase;
pub use seen::{Seen, SeenFile};
pub use snapshot::SnapshotPhase;
pub use target_search::{SearchStep, TargetSearch};
pub use targets::TargetsPhase;
pub use timestamp::TimestampPhase;
pub use unsigned::Unsigned;

use self::floors::ListedFloors;
use crate::limits::Limits;
use crate::metadata::{Dialect, Root};
use crate::name::{Gun, RoleName};
use crate::signature::Verified;
use crate::time::UpdateStart;

/// What one update is held against.
#[derive(Clone, Debug)]
pub struct Environment {
    /// In which form its files are written.
    pub dialect: Dialect,
    /// Where trust begins.
    pub anchor: Anchor,
    /// Bounds on sizes and counts.
    pub limits: Limits,
    /// When the update began; every expiry is compared with this one instant (TUF 1.0.34 §5.1).
    pub start: UpdateStart,
    /// The roles that must all say the same of a name; empty where the usual order of roles decides.
    pub signed_by: Vec<RoleName>,
}

impl Environment {
    /// An update of a collection on a Notary server.
    pub fn notary(gun: Gun, pinning: TrustPinning, limits: Limits, start: UpdateStart) -> Self {
        let anchor = Anchor::Certificates { gun, pinning };
        Self { dialect: Dialect::Notary, anchor, limits, start, signed_by: Vec::new() }
    }

    /// An update of a TUF repository whose root was given.
    pub fn tuf1(limits: Limits, start: UpdateStart) -> Self {
        Self { dialect: Dialect::Tuf1, anchor: Anchor::GivenRoot, limits, start, signed_by: Vec::new() }
    }

    /// The same, where all of these roles must say the same of a name.
    #[must_use]
    pub fn with_signed_by(self, signed_by: Vec<RoleName>) -> Self {
        Self { signed_by, ..self }
    }
}

/// What every phase carries on.
#[derive(Clone, Debug)]
struct Base {
    environment: Arc<Environment>,
    root: Verified<Root>,
    seen: Seen,
    floors: ListedFloors,
}
