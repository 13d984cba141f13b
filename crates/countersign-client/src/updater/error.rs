//! Why a collection is not up to date.

use countersign_core::name::{Gun, RoleName};
use countersign_core::number::MetaVersion;
use countersign_core::trust::TrustError;
use thiserror::Error;

use crate::cache::CacheError;
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
            | Self::RootRotations { .. } => true,
            Self::Releases { source, .. } => {
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
