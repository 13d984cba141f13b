//! The five kinds of metadata file, parsed, and the signed file around them.
//!
//! A parsed document says what a file claims. What may be believed is a [`Verified`](crate::signature::Verified)
//! document, and only [`RoleKeys::verify`](crate::signature::RoleKeys::verify) makes one.

mod delegations;
mod envelope;
mod error;
mod file_meta;
mod keys;
mod plain;
mod prefixes;
mod root;
mod snapshot;
mod table;
mod targets;
mod timestamp;
mod unknown;
mod walk;

pub(crate) use delegations::is_undelegated;
pub use delegations::{Delegation, Delegations};
pub(crate) use envelope::write_file;
pub use envelope::{Claim, Envelope};
pub use error::MetadataError;
pub use file_meta::FileMeta;
pub(crate) use prefixes::Prefixes;
pub use root::{RoleSpec, Root};
pub use snapshot::Snapshot;
pub use table::TargetTable;
pub use targets::Targets;
pub use timestamp::Timestamp;
pub(crate) use unknown::Unknown;

use crate::number::MetaVersion;
use crate::time::DateTime;

/// A document that can stand as `signed` in a metadata file.
pub trait Document: Sized {
    /// The value of `_type`.
    const TYPE: &'static str;

    /// When the document stops being valid.
    fn expires(&self) -> DateTime;

    /// The document's version.
    fn version(&self) -> MetaVersion;

    /// Appends the canonical bytes that are signed.
    fn write_canonical(&self, out: &mut Vec<u8>);

    /// The first field that this dialect does not know, if the file had one.
    fn unknown_field(&self) -> Option<&str>;

    /// Decodes the signed part of a file.
    ///
    /// # Errors
    /// [`MetadataError`]: it is not a document of this type.
    fn decode(claim: Claim<'_>) -> Result<Self, MetadataError>;
}
