//! Why bytes are not a metadata file.

use thiserror::Error;

use crate::key::KeyId;

/// Bytes that are not the metadata file they should be. Nothing of such a file is used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// Not JSON, or JSON with two readings, or a field of the wrong shape.
    #[error("it is not readable metadata")]
    Json(#[from] serde_json::Error),
    /// A member beside `signed` and `signatures`, which no signature covers.
    #[error("it has a member `{}` outside the signed part", .0.escape_default())]
    UnsignedMember(String),
    /// `_type` is another one.
    #[error("its `_type` is `{}`, expected `{expected}`", found.escape_default())]
    Type {
        /// The value found.
        found: String,
        /// The value of the role.
        expected: &'static str,
    },
    /// `spec_version` is none of 1.x.
    #[error("it follows version `{}` of the specification, only 1.x can be read", .0.escape_default())]
    SpecVersion(String),
    /// Hash bins that cannot be.
    #[error("its delegation to the bins `{}` by {bit_length} bits cannot be", name_prefix.escape_default())]
    Bins {
        /// What the names begin with.
        name_prefix: String,
        /// How many bits choose a bin, 1 to 32.
        bit_length: u8,
    },
    /// A field whose name differs from a known one in case only: Notary would read it, others would not.
    #[error("its field `{}` is the field `{known}` in other case", found.escape_default())]
    NearMiss {
        /// The name found.
        found: String,
        /// The name it resembles.
        known: &'static str,
    },
    /// More signatures than the limit.
    #[error("it has {found} signatures, at most {max} are read")]
    SignatureCount {
        /// Signatures found.
        found: usize,
        /// Most allowed.
        max: usize,
    },
    /// A key listed under an id that is not its own.
    #[error("key {} has the id {actual}", listed.escape_default())]
    KeyId {
        /// The id in the file.
        listed: String,
        /// The id computed from the key.
        actual: KeyId,
    },
    /// A role that names a key the file does not hold.
    #[error("role `{}` names key {key}, which the file does not hold", role.escape_default())]
    MissingKey {
        /// The role.
        role: String,
        /// The key id it names.
        key: KeyId,
    },
    /// A role that names one key twice.
    #[error("role `{}` names key {key} twice", role.escape_default())]
    RepeatedKey {
        /// The role.
        role: String,
        /// The key id it names.
        key: KeyId,
    },
    /// A top-level role that root does not describe.
    #[error("it does not describe the role `{0}`")]
    MissingRole(&'static str),
    /// A delegation declared outside its parent, or twice.
    #[error("it declares the delegation `{}`, which is not its to declare", .0.escape_default())]
    ForeignDelegation(String),
    /// A file that a snapshot or timestamp must list, with a SHA-256.
    #[error("it does not list a sha256 hash of `{0}`")]
    MissingHash(&'static str),
    /// The file is larger than its limit.
    #[error("it has {found} bytes, at most {max} are read")]
    Large {
        /// Bytes found.
        found: u64,
        /// Most allowed.
        max: u64,
    },
}
