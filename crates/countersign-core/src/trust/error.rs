//! Why something is not trusted.

use thiserror::Error;

use crate::certificate::CertificateError;
use crate::digest::HashError;
use crate::metadata::MetadataError;
use crate::name::{Gun, RoleName};
use crate::number::MetaVersion;
use crate::signature::SignatureError;
use crate::time::DateTime;

/// A file that was checked and is not trusted. Whatever was trusted before still is.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file is not the metadata it should be.
    #[error("{role} is not metadata that can be used")]
    Metadata {
        /// The role.
        role: RoleName,
        /// What is wrong with it.
        source: MetadataError,
    },
    /// Too few of the right keys signed the file.
    #[error("{role} is not signed as it must be")]
    Signature {
        /// The role.
        role: RoleName,
        /// What is missing.
        source: SignatureError,
    },
    /// The file's time is over.
    #[error("{role} expired at {expires}, before this update began at {start}")]
    Expired {
        /// The role.
        role: RoleName,
        /// When it stopped being valid.
        expires: DateTime,
        /// When this update began.
        start: DateTime,
    },
    /// An older version than one that was trusted before.
    #[error("{role} version {offered} is older than trusted version {trusted}")]
    Rollback {
        /// The role.
        role: RoleName,
        /// The version offered.
        offered: MetaVersion,
        /// The version trusted before.
        trusted: MetaVersion,
    },
    /// Not the version that was named.
    #[error("{role} has version {offered}, its {listed_by} names version {listed}")]
    Version {
        /// The role.
        role: RoleName,
        /// The role whose file names it.
        listed_by: &'static str,
        /// The version offered.
        offered: MetaVersion,
        /// The version named.
        listed: MetaVersion,
    },
    /// A listing that goes back on what an earlier one said.
    #[error("{lister} names {} `{}`, and version {trusted} was named before", offered.map_or_else(|| "no file of".to_owned(), |offered| format!("version {offered} of")), role.escape_default())]
    ListedRollback {
        /// The role whose file it is: timestamp or snapshot.
        lister: RoleName,
        /// The role that is named.
        role: String,
        /// The version that is named now, if any.
        offered: Option<MetaVersion>,
        /// The version that was named before.
        trusted: MetaVersion,
    },
    /// The version that was trusted before, with other content.
    #[error("{role} version {version} differs from the {role} version {version} that was trusted before")]
    Equivocation {
        /// The role.
        role: RoleName,
        /// The version of both.
        version: MetaVersion,
    },
    /// A root that is not exactly the next one.
    #[error("root version {offered} was offered where version {expected} must follow")]
    VersionGap {
        /// The version offered.
        offered: MetaVersion,
        /// The only version that may follow.
        expected: MetaVersion,
    },
    /// The file is not the one that was named.
    #[error("{role} is not the file that its {listed_by} names")]
    Hash {
        /// The role.
        role: RoleName,
        /// The role whose file names it.
        listed_by: &'static str,
        /// The difference.
        source: HashError,
    },
    /// The file is longer than was named.
    #[error("{role} has {found} bytes, its {listed_by} names {length}")]
    Length {
        /// The role.
        role: RoleName,
        /// The role whose file names it.
        listed_by: &'static str,
        /// Bytes found.
        found: u64,
        /// Bytes named.
        length: u64,
    },
    /// The snapshot belongs to another root than the trusted one: there is a newer root, or files are mixed.
    #[error("the snapshot names another root than the trusted version {trusted}")]
    OtherRoot {
        /// The trusted root's version.
        trusted: MetaVersion,
    },
    /// A role that the snapshot must list and does not.
    #[error("the snapshot does not list `{0}`")]
    NotInSnapshot(RoleName),
    /// A role that was trusted before, is still delegated, and disappeared from the snapshot.
    #[error(
        "`{role}` was trusted at version {trusted}, is still delegated, and the snapshot no longer lists it"
    )]
    RoleRemoved {
        /// The role.
        role: RoleName,
        /// The version trusted before.
        trusted: MetaVersion,
    },
    /// A role that no trusted role delegates to.
    #[error("`{0}` is not delegated")]
    NotDelegated(RoleName),
    /// More delegated roles than the limit.
    #[error("more than {0} delegated roles")]
    TooManyDelegations(usize),
    /// No root key has a certificate that can be used for this collection.
    #[error("root has no usable certificate for `{gun}`")]
    NoLeaf {
        /// The collection.
        gun: Gun,
        /// Why the first certificate cannot be used; `None` when there is no certificate.
        source: Option<LeafError>,
    },
    /// The new root is not signed by the keys of the root before it.
    #[error("root version {offered} is not signed by the keys of trusted root version {trusted}")]
    Rotation {
        /// The version offered.
        offered: MetaVersion,
        /// The trusted version.
        trusted: MetaVersion,
        /// What is missing.
        source: SignatureError,
    },
    /// No root certificate matches the pin for this collection.
    #[error("no root certificate of `{gun}` matches its pin in `trust_pinning`; root has {}", found.join(", "))]
    Pin {
        /// The collection.
        gun: Gun,
        /// Canonical ids of the root keys that were offered.
        found: Vec<String>,
    },
    /// There is no pin, and trust on first use is switched off.
    #[error("`{0}` has no pin in `trust_pinning`, and `disable_tofu` forbids trust on first use")]
    NoPin(Gun),
}

impl TrustError {
    /// Says of which role a verification failed.
    pub(super) fn unverified(role: &RoleName, source: SignatureError) -> Self {
        match source {
            SignatureError::Metadata(source) => Self::Metadata { role: role.clone(), source },
            source => Self::Signature { role: role.clone(), source },
        }
    }

    /// The role whose file was refused, where there is one.
    pub fn role(&self) -> Option<&RoleName> {
        match self {
            Self::Metadata { role, .. }
            | Self::Signature { role, .. }
            | Self::Expired { role, .. }
            | Self::Rollback { role, .. }
            | Self::Equivocation { role, .. }
            | Self::Version { role, .. }
            | Self::ListedRollback { lister: role, .. }
            | Self::Hash { role, .. }
            | Self::Length { role, .. }
            | Self::RoleRemoved { role, .. }
            | Self::NotInSnapshot(role)
            | Self::NotDelegated(role) => Some(role),
            _ => None,
        }
    }
}

/// Why a root key is no usable leaf.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LeafError {
    /// A key without a certificate.
    #[error("a root key of type `{}` has no certificate", .0.escape_default())]
    Bare(String),
    /// A certificate for something else.
    #[error("the certificate names `{}`", .0.escape_default())]
    Name(String),
    /// Not the exact text that Notary would write of these certificates, so that Notary would compute another key id.
    #[error(
        "the certificate is not written as Notary writes it: 64 columns, a newline at the end, nothing else"
    )]
    Form,
    /// Not valid, or not strong enough.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}
