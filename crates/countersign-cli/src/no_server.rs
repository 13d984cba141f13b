//! A trust server that is not asked.

use std::collections::BTreeMap;
use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use countersign_client::remote::{FetchError, Fetched, PublishError, Remote, RemoteFile};
use countersign_core::digest::Digest;
use countersign_core::key::PublicKey;
use countersign_core::name::{RoleName, TopRole};

/// Stands in for a server where only the cache is wanted: whatever is asked, nobody answers.
#[derive(Clone, Debug)]
pub(crate) struct NoServer(String);

impl NoServer {
    /// Stands in for the server of this name.
    pub(crate) fn new(server: &str) -> Self {
        Self(server.to_owned())
    }

    fn offline(&self) -> FetchError {
        FetchError::Offline { server: self.0.clone(), source: Box::new(io::Error::other("it was not asked")) }
    }
}

#[async_trait]
impl Remote for NoServer {
    fn server(&self) -> &str {
        &self.0
    }

    async fn fetch(&self, _: &RemoteFile, _: u64, _: Option<Digest>) -> Result<Fetched, FetchError> {
        Err(self.offline())
    }

    async fn public_key(&self, _: TopRole) -> Result<PublicKey, FetchError> {
        Err(self.offline())
    }

    async fn rotate_key(&self, _: TopRole) -> Result<PublicKey, FetchError> {
        Err(self.offline())
    }

    async fn publish(&self, _: &BTreeMap<RoleName, Bytes>) -> Result<(), PublishError> {
        Err(self.offline().into())
    }

    async fn delete(&self) -> Result<(), FetchError> {
        Err(self.offline())
    }
}
