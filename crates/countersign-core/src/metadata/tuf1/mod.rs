//! The files of the TUF specification, 1.0: what they say, as the same documents.
//!
//! Fields that the specification does not know are covered by signatures and without meaning. Keys and hashes of kinds
//! that are unknown here are kept, and no signature or content ever fits them.
//!
//! Source: TUF 1.0.34 §4.

mod keys;
mod listing;
mod root;
mod signatures;
mod targets;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Error as _};

pub(super) use listing::{snapshot, timestamp};
pub(super) use root::root;
pub(super) use signatures::signatures;
pub(super) use targets::targets;

use crate::metadata::{Claim, MetadataError};

/// The fields that all four types have in common.
#[derive(Deserialize)]
struct Common {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
}

/// Reads the signed part as a `T`, if it says that it is of type `kind` and of a version of the specification that is
/// known.
fn read<T: DeserializeOwned>(claim: Claim<'_>, kind: &'static str) -> Result<T, MetadataError> {
    let value = claim.value()?;
    let common = Common::deserialize(&value)?;
    if common.kind != kind {
        return Err(MetadataError::Type { found: common.kind, expected: kind });
    }
    if common.spec_version.split('.').next() != Some("1") {
        return Err(MetadataError::SpecVersion(common.spec_version));
    }
    Ok(serde_json::from_value(value)?)
}

/// A field that has the wrong form.
fn wrong(what: impl std::fmt::Display) -> MetadataError {
    serde_json::Error::custom(what).into()
}
