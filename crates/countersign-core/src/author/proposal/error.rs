//! Why a proposal cannot be opened.

use thiserror::Error;

use crate::author::AuthorError;
use crate::key::KeyId;
use crate::metadata::MetadataError;
use crate::name::{Gun, RoleName};
use crate::number::MetaVersion;
use crate::signature::SignatureError;
use crate::time::DateTime;
use crate::trust::{LeafError, TrustError};

/// A proposal that is not for signing. Nothing was signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProposalError {
    /// It is no proposal.
    #[error("it is no proposal: {reason}")]
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// It is for another collection.
    #[error("it is for `{0}`")]
    OtherCollection(Gun),
    /// It has the file of a role that nobody collects signatures for.
    #[error("it has a file of `{0}`, which is not proposed but made when everything else is signed")]
    NotProposable(RoleName),
    /// A file in it is not the metadata that it should be.
    #[error("its file of `{role}` is not metadata that can be used")]
    Metadata {
        /// The role.
        role: RoleName,
        /// What is wrong with it.
        source: MetadataError,
    },
    /// A file in it has fields, or a form, that nobody here would write.
    #[error("its file of `{role}` is not in the form in which it would be written here")]
    Form {
        /// The role.
        role: RoleName,
    },
    /// It is not the next version of what is published.
    #[error(
        "it proposes version {found} of `{role}`, and the next one is {expected}: it was overtaken, or is for another time"
    )]
    Overtaken {
        /// The role.
        role: RoleName,
        /// The version that it proposes.
        found: MetaVersion,
        /// The version that comes next.
        expected: MetaVersion,
    },
    /// Its time is over.
    #[error("its file of `{role}` expired at {expires}")]
    Expired {
        /// The role.
        role: RoleName,
        /// When it stopped being valid.
        expires: DateTime,
    },
    /// A root key in a certificate that clients do not count.
    #[error("it gives root the key {key}, whose certificate no client would count")]
    RootCertificate {
        /// The key's canonical id.
        key: KeyId,
        /// What is wrong with the certificate.
        source: LeafError,
    },
    /// A root of which clients count no key.
    #[error("clients would refuse the root that it proposes")]
    Root(#[source] TrustError),
    /// A root with too few keys that clients count.
    #[error("clients would count {counted} keys of the root that it proposes, and {threshold} must sign it")]
    TooFewRootKeys {
        /// The distinct keys that count.
        counted: usize,
        /// How many must sign.
        threshold: usize,
    },
    /// It would be valid for longer than what is signed at this time.
    #[error(
        "its file of `{role}` would be valid until {expires}; what is signed at this time is until {usual}"
    )]
    TooLong {
        /// The role.
        role: RoleName,
        /// When it would stop being valid.
        expires: DateTime,
        /// When a file that is signed at this time stops being valid.
        usual: DateTime,
    },
    /// Less than a tenth of the time is left for which a file is signed.
    #[error(
        "its file of `{role}` would be valid until {expires} only; what is signed at this time is until {usual}"
    )]
    TooShort {
        /// The role.
        role: RoleName,
        /// When it would stop being valid.
        expires: DateTime,
        /// When a file that is signed at this time stops being valid.
        usual: DateTime,
    },
    /// Its signatures cannot be counted.
    #[error("the signatures of its file of `{role}` cannot be counted")]
    Signatures {
        /// The role.
        role: RoleName,
        /// Why.
        source: SignatureError,
    },
    /// What it proposes cannot be published.
    #[error("what it proposes cannot be published")]
    Author(#[from] AuthorError),
    /// The published root that came along is not trusted here.
    #[error("the root that it goes on from is not trusted here")]
    Base(#[source] TrustError),
    /// It has no root, and nothing else can be looked at without the collection.
    #[error("it proposes no root, and nothing else can be signed without asking the trust server")]
    NoRoot,
    /// Another proposal for the same collection.
    #[error("it proposes something else for `{role}`")]
    Another {
        /// The role.
        role: RoleName,
    },
}

impl ProposalError {
    /// Whether it is for this machine's pins and clock that it is not for signing: with others it may be again.
    pub fn is_of_this_machine(&self) -> bool {
        matches!(self, Self::RootCertificate { .. } | Self::Root(_) | Self::TooFewRootKeys { .. })
    }
}
