//! A cache of which everything is read and nothing written.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_client::cache::{Cache, CacheBeginning, CacheError, CacheUpdate, Cached, Stored};
use countersign_core::limits::Limits;
use countersign_core::name::{Gun, RoleName};

/// For looking: what is trusted on the way is forgotten again.
pub(crate) struct Unwritten(pub(crate) Arc<dyn Cache>);

#[async_trait]
impl Cache for Unwritten {
    async fn load(&self, gun: &Gun, roles: &[RoleName], limits: &Limits) -> Result<Cached, CacheError> {
        self.0.load(gun, roles, limits).await
    }

    async fn store(&self, _: &Gun, _: CacheUpdate) -> Result<Stored, CacheError> {
        Ok(Stored::Done)
    }

    async fn replace(&self, _: &Gun, _: CacheBeginning) -> Result<(), CacheError> {
        Ok(())
    }

    async fn forget(&self, _: &Gun) -> Result<(), CacheError> {
        Ok(())
    }
}
