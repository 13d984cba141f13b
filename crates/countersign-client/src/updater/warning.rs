//! What is not wrong, and still worth saying.

use countersign_core::author::NEAR_EXPIRY;
use countersign_core::certificate::CertificateBundle;
use countersign_core::key::{KeyId, KeyType, PublicKey};
use countersign_core::metadata::Document;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::time::DateTime;
use countersign_core::trust::{TrustedCollection, Unsigned};
use thiserror::Error;

use super::DelegationFault;
use crate::cache::{CacheDamage, CacheError};
use crate::changelist::ChangeListError;
use crate::keystore::KeyStoreError;

/// Something the user should know about a collection that is trusted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Warning {
    /// A file expires within six months; its owner should sign it again.
    #[error("{role} expires at {expires}; its owner should sign it again")]
    NearExpiry {
        /// The role.
        role: RoleName,
        /// When it expires.
        expires: DateTime,
    },
    /// A file has expired; it was loaded only to be signed again.
    #[error("{role} expired at {expires}, and will be signed again only if it changes")]
    Expired {
        /// The role.
        role: RoleName,
        /// When it expired.
        expires: DateTime,
    },
    /// A certificate around a key is over, or root's will be within six months. Only root's are demanded to hold.
    #[error("the certificate of {role} key {key} ends at {ends}")]
    CertificateEnds {
        /// The role.
        role: RoleName,
        /// Canonical id of the key.
        key: KeyId,
        /// When its certificate ends.
        ends: DateTime,
    },
    /// A cached file could not be used and was fetched again.
    #[error("{0}; it was fetched again")]
    CacheDamage(CacheDamage),
    /// Changes were published, and their files are still there: the next publication meets them again, to no effect.
    #[error("the published changes are still staged")]
    StillStaged(#[source] ChangeListError),
    /// Keys were replaced, and one that was could not be deleted.
    #[error("the keys were replaced, and the replaced private key {key} is still here")]
    StillKept {
        /// Canonical id of the key.
        key: KeyId,
        /// Why.
        source: KeyStoreError,
    },
    /// Keys were replaced, and the note of it is still there.
    #[error("the keys were replaced, and the note that this was begun is still there")]
    StillNoted(#[source] CacheError),
    /// `targets/releases` cannot be used, and `targets` alone was asked because a policy allows it.
    #[error("`{role}` is delegated and cannot be used; `targets` alone was asked, as the policy allows")]
    FellBack {
        /// The role.
        role: RoleName,
        /// Why it cannot be used.
        source: DelegationFault,
    },
}

/// A delegated role that was left out, with all below it.
#[derive(Debug, Error)]
#[error("`{role}` was left out")]
pub struct Skipped {
    /// The role.
    pub role: RoleName,
    /// Why.
    pub source: DelegationFault,
    /// What it says, if it only lacks signatures.
    pub unsigned: Option<Box<Unsigned>>,
}

/// The files that expire within six months. The timestamp never lives longer than that.
pub(super) fn near_expiry(collection: &TrustedCollection) -> Vec<Warning> {
    let now = collection.environment().start.0;
    let tops = [
        (RoleName::from(TopRole::Root), collection.root().expires()),
        (RoleName::from(TopRole::Snapshot), collection.snapshot().expires()),
    ];
    let roles = collection.roles().iter().map(|(role, targets)| (role.clone(), targets.expires()));
    tops.into_iter()
        .chain(roles)
        .filter_map(|(role, expires)| match now.seconds_until(expires) {
            ..=0 => Some(Warning::Expired { role, expires }),
            1..NEAR_EXPIRY => Some(Warning::NearExpiry { role, expires }),
            _ => None,
        })
        .collect()
}

/// The certificates that are over, and those of root that end within six months.
///
/// Source: notary `tuf/utils/x509.go`; design decision on certificates.
pub(super) fn certificates(collection: &TrustedCollection) -> Vec<Warning> {
    let now = collection.environment().start.0;
    let of_root = TopRole::ALL.map(|top| (RoleName::from(top), collection.root().role_keys(top)));
    let delegated = collection.roles().values().flat_map(|targets| {
        let delegations = &targets.delegations;
        delegations.roles.iter().map(|role| (role.name.clone(), delegations.role_keys(role)))
    });
    let ends = |role: &RoleName, key: &PublicKey| {
        let bundle = CertificateBundle::parse(key.as_bytes()).ok()?;
        let margin = if *role == TopRole::Root { NEAR_EXPIRY } else { 0 };
        let (ends, key) = (bundle.not_after(), bundle.public_key().id());
        (now.seconds_until(ends) < margin).then(|| Warning::CertificateEnds { role: role.clone(), key, ends })
    };
    let is_certificate = |key: &&PublicKey| key.key_type().is_some_and(KeyType::is_certificate);
    of_root
        .into_iter()
        .chain(delegated)
        .flat_map(|(role, keys)| {
            keys.keys().values().filter(is_certificate).filter_map(|key| ends(&role, key)).collect::<Vec<_>>()
        })
        .collect()
}
