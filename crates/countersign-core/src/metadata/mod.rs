//! The five kinds of metadata file, parsed, and the signed file around them.
//!
//! A parsed document says what a file claims. What may be believed is a [`Verified`](crate::signature::Verified)
//! document, and only [`RoleKeys::verify`](crate::signature::RoleKeys::verify) makes one.

mod delegations;
mod dialect;
mod envelope;
mod error;
mod file_meta;
mod keys;
mod path_rule;
mod plain;
mod prefixes;
mod root;
mod snapshot;
mod succinct;
mod table;
mod targets;
mod timestamp;
mod tuf1;
mod unknown;
mod walk;

pub(crate) use delegations::is_undelegated;
pub use delegations::{Delegation, Delegations};
pub use dialect::Dialect;
pub(crate) use envelope::write_file;
pub use envelope::{Claim, Envelope};
pub use error::MetadataError;
pub use file_meta::FileMeta;
pub use path_rule::PathRule;
pub(crate) use prefixes::Prefixes;
pub use root::{RoleSpec, Root};
pub use snapshot::Snapshot;
pub use succinct::SuccinctRoles;
pub use table::TargetTable;
pub use targets::Targets;
pub use timestamp::Timestamp;
pub(crate) use unknown::Unknown;
pub use unknown::reads_as;

use crate::number::MetaVersion;
use crate::time::DateTime;

/// A document that can stand as `signed` in a metadata file.
pub trait Document: Sized {
    /// The value of `_type` in Notary's files.
    const TYPE: &'static str;

    /// Whether no other file names it by its hash, so that anybody on the way can give its content another form.
    const IS_UNLISTED: bool = false;

    /// When the document stops being valid.
    fn expires(&self) -> DateTime;

    /// The document's version.
    fn version(&self) -> MetaVersion;

    /// The versions of other roles that the document names: `(role, version)`. Notary's documents name none.
    fn listed_versions(&self) -> Vec<(&str, MetaVersion)> {
        Vec::new()
    }

    /// Appends the canonical bytes that are signed, in Notary's form.
    fn write_canonical(&self, out: &mut Vec<u8>);

    /// The first field that this dialect does not know, if the file had one.
    fn unknown_field(&self) -> Option<&str>;

    /// Decodes the signed part of a file.
    ///
    /// # Errors
    /// [`MetadataError`]: it is not a document of this type.
    fn decode(claim: Claim<'_>) -> Result<Self, MetadataError>;
}
