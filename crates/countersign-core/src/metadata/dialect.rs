//! In which form files are written.

use serde::{Deserialize as _, Deserializer};

use crate::metadata::tuf1;
use crate::signature::Signature;

/// The written form of metadata. Only reading and writing know it: a parsed document means the same in each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Dialect {
    /// Notary's: capitalised types, base64, a method in each signature, roles named by paths, hashes in every listing.
    #[default]
    Notary,
    /// The TUF specification's, 1.0: lower-case types, hex and PEM, a scheme in each key, versions in every listing.
    Tuf1,
}

impl Dialect {
    /// Reads the `signatures` of a file.
    pub(super) fn signatures<'de, D: Deserializer<'de>>(self, list: D) -> Result<Vec<Signature>, D::Error> {
        match self {
            Self::Notary => Ok(Option::deserialize(list)?.unwrap_or_default()),
            Self::Tuf1 => tuf1::signatures(list),
        }
    }
}
