//! A next edition on its way from signer to signer.
//!
//! Where a role needs several signatures, nobody can publish alone. Whoever begins writes a [`Proposal`]: the documents as they
//! are to be published, with the signatures that there are. It may travel by any means, because everybody opens it against what
//! they trust ([`Proposal::open`]) before they sign, and the last one publishes it. Nothing is current before that.

mod error;
mod open;
mod root_alone;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use error::ProposalError;
pub use open::{OpenProposal, RoleStanding, Signatures};

use crate::name::{Gun, RoleName};

/// Name and version of the form in which proposals are written.
const FORMAT: &str = "countersign-proposal-1";

/// The files of a next edition, snapshot and timestamp aside, each with the signatures that were collected.
///
/// Nothing in it is to be believed before [`Proposal::open`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proposal {
    gun: Gun,
    /// The root that is published, so that the next one can be looked at where nothing else is known.
    root: Bytes,
    files: BTreeMap<RoleName, Bytes>,
}

/// The form in which a proposal travels: JSON, each signed file as one string, byte for byte.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: String,
    gun: Gun,
    root: String,
    files: BTreeMap<RoleName, String>,
}

impl Proposal {
    /// Largest proposal that is read, in bytes: 64 MiB.
    pub const MAX_BYTES: u64 = 64 << 20;

    pub(super) fn new(gun: Gun, root: Bytes, files: BTreeMap<RoleName, Bytes>) -> Self {
        Self { gun, root, files }
    }

    /// Reads a proposal of at most [`Proposal::MAX_BYTES`].
    ///
    /// # Errors
    /// [`ProposalError::Unreadable`]: it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProposalError> {
        let unreadable = |reason: String| ProposalError::Unreadable { reason };
        if bytes.len() as u64 > Self::MAX_BYTES {
            return Err(unreadable(format!("it is longer than {} bytes", Self::MAX_BYTES)));
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if wire.format != FORMAT {
            return Err(unreadable(format!(
                "its format is `{}`, not `{FORMAT}`",
                wire.format.escape_default()
            )));
        }
        if wire.files.is_empty() {
            return Err(unreadable("it proposes nothing".to_owned()));
        }
        let files = wire.files.into_iter().map(|(role, text)| (role, Bytes::from(text)));
        Ok(Self { gun: wire.gun, root: Bytes::from(wire.root), files: files.collect() })
    }

    /// Writes it as it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = |file: &Bytes| String::from_utf8_lossy(file).into_owned();
        let files = self.files.iter().map(|(role, file)| (role.clone(), text(file))).collect();
        let (format, gun) = (FORMAT.to_owned(), self.gun.clone());
        let wire = Wire { format, gun, root: text(&self.root), files };
        // Strings in maps of strings always have a JSON form.
        let mut bytes = serde_json::to_vec_pretty(&wire).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The collection that it is for, by its own word.
    pub fn gun(&self) -> &Gun {
        &self.gun
    }

    /// The roles whose files it proposes, by its own word.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.files.keys()
    }
}
