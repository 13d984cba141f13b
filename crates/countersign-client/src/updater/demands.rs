//! What may be asked for beyond what TUF asks for, and the comparisons that need a whole update to look at.

use countersign_core::metadata::Document as _;
use countersign_core::name::RoleName;
use countersign_core::time::is_expired;
use countersign_core::trust::{PinRule, TrustedCollection};

use super::run::Run;
use super::warning::{self, Warning};
use super::{Roles, UpdateError};

/// What an update must meet, beside its signatures, versions and expiries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Demands {
    /// Roles that must all have signed a name with one digest before it means anything.
    pub signed_by: Vec<RoleName>,
    /// When the server cannot be reached: how long ago it may last have been heard from, in seconds.
    pub max_age: Option<u64>,
    /// How far ahead a timestamp may expire, in seconds: so long can somebody who replays it go unnoticed.
    pub max_freeze: Option<u64>,
    /// Whether the certificates of every role must hold, and not root's alone.
    pub certificates_hold: bool,
    /// Whether a collection without a pin may be met for the first time.
    pub first_use: FirstUse,
}

/// Whether a collection without a pin may be met for the first time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FirstUse {
    /// Its root is trusted from then on.
    #[default]
    Allowed,
    /// Everything is verified, and then the update fails, so that the error can name the keys that a pin would name.
    Refused,
}

impl Run<'_> {
    /// Holds a verified collection against what is demanded beyond that, before any of it is stored.
    ///
    /// Whoever writes the next edition is not held against times: the server takes it or it does not.
    pub(super) fn hold_against_demands(&mut self, collection: &TrustedCollection) -> Result<(), UpdateError> {
        let demands = &self.settings.demands;
        if self.roles != Roles::Publish {
            if let Some(max_age) = demands.max_age {
                self.within_age(max_age)?;
            }
            if let Some(max_freeze) = demands.max_freeze {
                let expires = collection.timestamp().expires();
                let ahead = self.environment.start.0.seconds_until(expires);
                if u64::try_from(ahead).is_ok_and(|ahead| ahead > max_freeze) {
                    return Err(UpdateError::FarExpiry { expires, ahead, max_freeze });
                }
            }
        }
        if self.roles != Roles::Publish && demands.certificates_hold {
            let start = self.environment.start;
            let over = warning::certificates(collection).into_iter().find_map(|warning| match warning {
                Warning::CertificateEnds { role, key, ends } if is_expired(ends, start) => {
                    Some(UpdateError::Certificate { role, key, ended: ends })
                }
                _ => None,
            });
            over.map_or(Ok(()), Err)?;
        }
        let is_unpinned = matches!(self.environment.anchor.pin_rule(), Some(PinRule::FirstUse));
        if self.first_use && is_unpinned && demands.first_use == FirstUse::Refused {
            let root_keys = collection.root().signers().iter().copied().collect();
            return Err(UpdateError::FirstUse { gun: self.settings.gun.clone(), root_keys });
        }
        Ok(())
    }

    /// Where the cache stands in for the server: whether it was confirmed recently enough.
    fn within_age(&mut self, max_age: u64) -> Result<(), UpdateError> {
        let start = self.environment.start.0;
        // A confirmation that is yet to come says nothing of when it was.
        let age =
            self.cached.confirmed.map(|confirmed| confirmed.seconds_until(start)).filter(|age| *age >= 0);
        let is_recent = age.and_then(|age| u64::try_from(age).ok()).is_some_and(|age| age <= max_age);
        match self.offline.take() {
            Some(source) if !is_recent => Err(UpdateError::Stale { age, max_age, source }),
            offline => {
                self.offline = offline;
                Ok(())
            }
        }
    }
}
