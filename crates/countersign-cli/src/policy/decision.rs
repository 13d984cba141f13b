//! What applies to one collection, and which line said so.

use std::fmt;

use countersign_client::trust_server::TrustServer;
use countersign_client::updater::{self, Demands, OfflineUse};
use countersign_core::name::{Gun, RoleName};
use countersign_core::trust::TrustPinning;

use super::pinning::Pin;
use super::rules::{ExpiredCertificates, FirstUse, Mirror, Offline, Place, Releases, Trust};
use super::span::Span;

/// A setting and what decided it.
#[derive(Clone, Debug)]
pub(crate) struct Decided<T> {
    /// The setting.
    pub(crate) value: T,
    /// What decided it.
    pub(crate) by: Origin,
}

/// What decided a setting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// A line of a policy or of pins.
    Line(Place),
    /// A variable.
    Variable(&'static str),
    /// Nobody said anything.
    Default,
}

/// What applies to a collection.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    /// The collection.
    pub(crate) gun: Gun,
    /// Whether it must be signed.
    pub(crate) trust: Decided<Trust>,
    /// The trust server that the system's policy requires.
    pub(crate) required_server: Option<Decided<TrustServer>>,
    /// The trust server of another policy, where no variable names one.
    pub(crate) server: Option<Decided<TrustServer>>,
    /// Whose word counts for its root.
    pub(crate) pin: Option<Decided<Pin>>,
    /// What happens when it is met without a pin.
    pub(crate) first_use: Decided<FirstUse>,
    /// Who must all have signed. Each is named once, with the line that named it first.
    pub(crate) signed_by: Vec<Decided<RoleName>>,
    /// Whether the cache may stand in for the server.
    pub(crate) offline: Decided<Offline>,
    /// What expired certificates of roles other than root mean.
    pub(crate) expired_certificates: Decided<ExpiredCertificates>,
    /// How long ago the server may last have been heard from, when the cache stands in for it.
    pub(crate) max_age: Option<Decided<Span>>,
    /// How far ahead a timestamp may expire.
    pub(crate) max_freeze: Option<Decided<Span>>,
    /// What happens when `targets/releases` cannot be used.
    pub(crate) releases: Decided<Releases>,
    /// Where its images are pulled from, if not from where their name says.
    pub(crate) mirror: Option<Decided<Mirror>>,
}

impl Decision {
    /// The pin as an update takes it. Whether a first use is refused is a demand, and no pin.
    pub(crate) fn pinning(&self) -> TrustPinning {
        let mut pinning = TrustPinning::default();
        match self.pin.as_ref().map(|pin| &pin.value) {
            Some(Pin::Keys { ids, .. }) => drop(pinning.certs.insert(self.gun.to_string(), ids.clone())),
            Some(Pin::Authorities(authorities)) => {
                pinning.ca.insert(self.gun.to_string(), authorities.clone());
            }
            None => {}
        }
        pinning
    }

    /// What an update must meet beside that.
    pub(crate) fn demands(&self) -> Demands {
        let seconds = |span: &Option<Decided<Span>>| span.as_ref().map(|span| span.value.seconds());
        Demands {
            signed_by: self.signed_by.iter().map(|role| role.value.clone()).collect(),
            max_age: seconds(&self.max_age),
            max_freeze: seconds(&self.max_freeze),
            certificates_hold: self.expired_certificates.value == ExpiredCertificates::Refuse,
            first_use: match self.first_use.value {
                FirstUse::Trust | FirstUse::Warn => updater::FirstUse::Allowed,
                FirstUse::Refuse => updater::FirstUse::Refused,
            },
        }
    }

    /// Whether the cache may stand in for the server, as an update takes it.
    pub(crate) fn offline_use(&self) -> OfflineUse {
        match self.offline.value {
            Offline::Allow => OfflineUse::Allowed,
            Offline::Forbid => OfflineUse::Forbidden,
        }
    }

    /// What an update does where `targets/releases` cannot be used.
    pub(crate) fn releases_use(&self) -> updater::Releases {
        match self.releases.value {
            Releases::FallBack => updater::Releases::MayFallBack,
            Releases::Require => updater::Releases::Required,
        }
    }

    /// Whether anything is said of who signs this collection: a pin, roles that must, no first use without a pin. Whoever says that
    /// does not want to be told that nobody signed it.
    pub(crate) fn is_known_to_be_signed(&self) -> bool {
        self.pin.is_some() || !self.signed_by.is_empty() || self.first_use.value == FirstUse::Refuse
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(place) => place.fmt(f),
            Self::Variable(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}
