//! Why a collection is not up to date.

use countersign_core::key::KeyId;
use countersign_core::name::{Gun, RoleName};
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;
use countersign_core::trust::TrustError;
use thiserror::Error;

use crate::cache::{CacheDamage, CacheError};
use crate::remote::{FetchError, RemoteFile};

/// An update that did not end in trust. Whatever was trusted before is still in the cache, unchanged.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// The server has no trust data for the collection.
    #[error("`{server}` does not have trust data for `{gun}`{}", if *.trusted_before { ", which was trusted before" } else { "" })]
    NoTrustData {
        /// The server.
        server: String,
        /// The collection.
        gun: Gun,
        /// Whether there was trust data before.
        trusted_before: bool,
    },
    /// The server cannot be reached, and no cached timestamp may stand in.
    #[error("the trust server cannot be asked{}", .cached.as_ref().map(|why| format!(", and the cached trust data cannot stand in: {why}")).unwrap_or_default())]
    Unreachable {
        /// Why the server cannot be reached.
        source: FetchError,
        /// Why what is cached cannot stand in; absent when nothing is cached or a policy forbids it.
        cached: Option<Box<UpdateError>>,
    },
    /// The server did not give a file.
    #[error("`{file}` cannot be fetched")]
    Fetch {
        /// The file.
        file: RemoteFile,
        /// Why.
        source: FetchError,
    },
    /// A file was checked and is not trusted.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// `targets/releases` is delegated and cannot be used.
    #[error("`{role}` is delegated and cannot be used; `targets` was not asked in its place")]
    Releases {
        /// The role.
        role: RoleName,
        /// Why.
        source: DelegationFault,
    },
    /// A role that must have signed cannot be used.
    #[error("`{role}` must have signed, and cannot be used")]
    SignedBy {
        /// The role.
        role: RoleName,
        /// Why.
        source: DelegationFault,
    },
    /// The server cannot be reached, and was last heard from longer ago than is allowed, or nobody knows when.
    #[error("the trust server cannot be asked, and {}, while no more than {max_age} s are allowed", last_heard(*.age))]
    Stale {
        /// How long ago a server confirmed what is cached, in seconds; absent if that isn't known.
        age: Option<i64>,
        /// The longest time that is allowed, in seconds.
        max_age: u64,
        /// Why the server cannot be reached.
        source: FetchError,
    },
    /// The timestamp expires further ahead than is allowed: whoever replays it would go unnoticed for as long.
    #[error(
        "the timestamp expires at {expires}, {ahead} s ahead, while no more than {max_freeze} s are allowed"
    )]
    FarExpiry {
        /// When it expires.
        expires: DateTime,
        /// How far ahead that is, in seconds.
        ahead: i64,
        /// The furthest that is allowed, in seconds.
        max_freeze: u64,
    },
    /// The certificate around a key is over, and those of every role must hold.
    #[error("the certificate of {role} key {key} ended at {ended}, and expired certificates are refused")]
    Certificate {
        /// The role.
        role: RoleName,
        /// Canonical id of the key.
        key: KeyId,
        /// When its certificate ended.
        ended: DateTime,
    },
    /// Everything was verified, and the collection is met for the first time without a pin, which is not allowed.
    #[error(
        "`{gun}` is met for the first time, and no pin says which root key is right; nothing of it was kept"
    )]
    FirstUse {
        /// The collection.
        gun: Gun,
        /// Canonical ids of the keys that signed its root.
        root_keys: Vec<KeyId>,
    },
    /// The cache lost the trusted root, and the server does not have that version any more.
    #[error("the cache lost root version {version}, and it cannot be fetched again")]
    LostRoot {
        /// The version that was trusted.
        version: MetaVersion,
        /// Why it cannot be fetched.
        source: FetchError,
    },
    /// The cached root cannot be used, nothing else remembers which root was trusted, and no pin names one.
    #[error("the cached root cannot be used, and nothing else says which root was trusted")]
    CachedRoot(#[source] TrustError),
    /// What remembers which root was trusted is there and cannot be read, and no pin names one.
    #[error("{0}, and nothing else says which root was trusted; no other one was asked for")]
    Forgotten(CacheDamage),
    /// There are more root versions than are followed.
    #[error("more than {limit} root versions follow the trusted one")]
    RootRotations {
        /// Most that are followed in one update.
        limit: usize,
    },
    /// The server said that it took an upload, and shows an older edition.
    #[error("`{server}` shows an older {role} than the one that it took")]
    NotShown {
        /// The server.
        server: String,
        /// The role.
        role: RoleName,
    },
    /// The cache cannot be read or written.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Other processes stored updates each time.
    #[error("other processes updated the collection at the same time, again and again")]
    Overtaken,
}

impl UpdateError {
    /// Whether something was checked and is not trusted, as opposed to what could not be checked.
    ///
    /// A server without trust data is an answer, too: the collection is not signed.
    pub fn is_untrusted(&self) -> bool {
        match self {
            Self::NoTrustData { .. }
            | Self::Untrusted(_)
            | Self::CachedRoot(_)
            | Self::Forgotten(_)
            | Self::RootRotations { .. }
            | Self::FarExpiry { .. }
            | Self::Certificate { .. }
            | Self::FirstUse { .. } => true,
            Self::Releases { source, .. } | Self::SignedBy { source, .. } => {
                !matches!(source, DelegationFault::Fetch(fault) if fault.is_unreachable())
            }
            _ => false,
        }
    }

    /// Whether a newer root, if there is one, could set this right.
    pub(super) fn may_end_with_a_newer_root(&self) -> bool {
        use countersign_core::name::TopRole::{Root, Snapshot, Timestamp};
        match self {
            Self::Untrusted(TrustError::Signature { role, .. }) => {
                *role == Timestamp || *role == Snapshot || *role == Root
            }
            Self::Untrusted(TrustError::Expired { role, .. }) => *role == Root,
            Self::Untrusted(
                TrustError::OtherRoot { .. } | TrustError::NoLeaf { .. } | TrustError::Pin { .. },
            ) => true,
            _ => false,
        }
    }
}

fn last_heard(age: Option<i64>) -> String {
    age.map_or_else(
        || "nobody knows when it was last heard from".to_owned(),
        |age| format!("it was last heard from {age} s ago"),
    )
}

/// Why a delegated role cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DelegationFault {
    /// It is delegated, and nobody signed anything for it yet.
    #[error("nothing of it was ever published")]
    Unpublished,
    /// Its file was checked and is not trusted.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// Its file cannot be fetched.
    #[error("its file cannot be fetched")]
    Fetch(#[source] FetchError),
}
