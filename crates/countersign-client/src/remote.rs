//! The trust server of one collection, as a trait.
//!
//! A remote fetches and uploads bytes. It believes nothing: what it fetches is for the core to judge.

mod error;

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::key::PublicKey;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::MetaVersion;

pub use error::{FetchError, PublishError};

/// The files of one collection on its trust server.
#[async_trait]
pub trait Remote: Send + Sync {
    /// The server, as messages name it: host and port.
    fn server(&self) -> &str;

    /// Fetches one file of at most `max_bytes`.
    ///
    /// With `if_none_match`, the SHA-256 of a file that is at hand, a server may answer that nothing changed.
    async fn fetch(
        &self,
        file: &RemoteFile,
        max_bytes: u64,
        if_none_match: Option<Digest>,
    ) -> Result<Fetched, FetchError>;

    /// The public key that the server holds for `role`, timestamp or snapshot; it makes one if there is none.
    async fn public_key(&self, role: TopRole) -> Result<PublicKey, FetchError>;

    /// Has the server make a new key for `role`. Trust changes only when a root that names the key is published.
    async fn rotate_key(&self, role: TopRole) -> Result<PublicKey, FetchError>;

    /// Uploads the files of one edition: all of them are taken, or none.
    async fn publish(&self, files: &BTreeMap<RoleName, Bytes>) -> Result<(), PublishError>;

    /// Deletes the whole collection from the server; one that isn't there is fine.
    async fn delete(&self) -> Result<(), FetchError>;

    /// The proposal that the server keeps for the collection, of at most `max_bytes`; `None` if it keeps none.
    async fn proposal(&self, max_bytes: u64) -> Result<Option<Bytes>, FetchError> {
        let _ = max_bytes;
        Ok(None)
    }

    /// Has the server keep a proposal, in place of another one if `replace`; the proposal with every signature that the server
    /// has of it. `None` if this server keeps no proposals.
    async fn propose(&self, proposal: Bytes, replace: bool) -> Result<Option<Bytes>, PublishError> {
        let _ = (proposal, replace);
        Ok(None)
    }

    /// Has the server drop its proposal; none is fine.
    async fn withdraw_proposal(&self) -> Result<(), FetchError> {
        Ok(())
    }
}

/// What a fetch brought.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fetched {
    /// The file.
    Bytes(Bytes),
    /// The file is the one at hand.
    NotModified,
}

/// The name of one file on a trust server.
///
/// Source: notary `server/server.go` (routes), reference behaviour 8.1.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RemoteFile {
    /// The role whose file it is.
    pub role: RoleName,
    /// Which of its files.
    pub selector: Selector,
}

/// Which file of a role.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Selector {
    /// The newest: `root.json`.
    Current,
    /// The one of a version: `3.root.json`.
    Version(MetaVersion),
    /// The one with this SHA-256: `root.<hex>.json`.
    Checksum(Digest),
}

impl RemoteFile {
    /// The newest file of `role`.
    pub fn current(role: impl Into<RoleName>) -> Self {
        Self { role: role.into(), selector: Selector::Current }
    }

    /// The file of `role` with this version.
    pub fn version(role: impl Into<RoleName>, version: MetaVersion) -> Self {
        Self { role: role.into(), selector: Selector::Version(version) }
    }

    /// The file of `role` with this SHA-256.
    pub fn checksum(role: impl Into<RoleName>, sha256: Digest) -> Self {
        Self { role: role.into(), selector: Selector::Checksum(sha256) }
    }
}

/// Writes the file's name below the collection's address; the `/` of a delegation stays.
impl fmt::Display for RemoteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.selector {
            Selector::Current => write!(f, "{}.json", self.role),
            Selector::Version(version) => write!(f, "{version}.{}.json", self.role),
            Selector::Checksum(digest) => write!(f, "{}.{}.json", self.role, digest.hex()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_notarys() {
        let digest = Digest::sha256(b"");
        let version = MetaVersion::new(3).expect("a version");
        assert_eq!(RemoteFile::current(TopRole::Timestamp).to_string(), "timestamp.json");
        assert_eq!(RemoteFile::version(TopRole::Root, version).to_string(), "3.root.json");
        assert_eq!(
            RemoteFile::checksum(RoleName::releases(), digest).to_string(),
            "targets/releases.e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.json"
        );
    }
}
