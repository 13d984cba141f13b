//! Registries that an engine asks something itself.

use countersign_core::digest::Digest;
use countersign_registry::client::{RegistryClient, RegistryError};
use countersign_registry::reference::ImageReference;

use crate::error::EngineError;

/// Makes the client of a registry, by its domain as in image references.
pub trait Registries: Send + Sync {
    /// The client; nothing is asked of the registry yet.
    fn registry(&self, domain: &str) -> Result<RegistryClient, RegistryError>;
}

impl<F> Registries for F
where
    F: Fn(&str) -> Result<RegistryClient, RegistryError> + Send + Sync,
{
    fn registry(&self, domain: &str) -> Result<RegistryClient, RegistryError> {
        self(domain)
    }
}

/// The length of a manifest that was pushed, in bytes.
///
/// Podman does not tell it, or tells that of another one. Asked for is the manifest by its digest, so that a registry can only
/// tell the truth or nothing.
pub(crate) async fn length_of(
    registries: &dyn Registries,
    reference: &ImageReference,
    digest: &Digest,
) -> Result<u64, EngineError> {
    let repository = registries.registry(reference.domain())?.repository(reference.path());
    let manifest = repository.manifest(digest).await;
    let unknown =
        |source| EngineError::UnknownLength { reference: reference.familiar(), digest: *digest, source };
    Ok(manifest.map_err(unknown)?.bytes().len() as u64)
}
