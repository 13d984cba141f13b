//! The server's own keys, as publishers ask for them.

use countersign_core::key::PublicKey;
use countersign_core::metadata::{Envelope, Root};
use countersign_core::name::{Gun, TopRole};

use super::{ServiceError, TrustService};
use crate::keys::OnlineRole;

impl TrustService {
    /// The key that the server signs `role` with: the one that the stored root names if it is here, else one that has
    /// not signed, made if there is none.
    ///
    /// Source: notary `server/handlers/default.go` (`GetKeyHandler`), `server/snapshot/snapshot.go`.
    pub async fn key(&self, gun: &Gun, role: OnlineRole) -> Result<PublicKey, ServiceError> {
        if let Some(root) = self.stored_root(gun).await? {
            let keys = root.role_keys(role.into());
            for (id, key) in keys.keys() {
                if self.signing.holds(gun, role, id).await? {
                    return Ok(key.clone());
                }
            }
        }
        Ok(self.signing.create(gun, role).await?)
    }

    /// A key for `role` that has not signed, for a root that is to replace the one in use. Asked again before such a root
    /// was published, it is the same key.
    ///
    /// Source: notary `server/handlers/default.go` (`RotateKeyHandler`).
    pub async fn rotate_key(&self, gun: &Gun, role: OnlineRole) -> Result<PublicKey, ServiceError> {
        Ok(self.signing.create(gun, role).await?)
    }

    async fn stored_root(&self, gun: &Gun) -> Result<Option<Root>, ServiceError> {
        let role = TopRole::Root.into();
        let Some(file) = self.storage.current(gun, &role).await? else { return Ok(None) };
        let root = Envelope::parse(file.bytes, &self.limits).and_then(|envelope| envelope.claim());
        root.map(Some).map_err(|error| ServiceError::Stored {
            gun: gun.clone(),
            role,
            why: error.to_string(),
        })
    }
}
