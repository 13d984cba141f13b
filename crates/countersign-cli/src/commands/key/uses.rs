//! What keys are used for: the collections and roles of which the cache says that they sign.

use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_client::cache::Cache as _;
use countersign_client::cache_dir::DirectoryCache;
use countersign_core::certificate::CertificateBundle;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, Root, Snapshot, Targets};
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::time::DateTime;
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::commands::doctor::cached::collections;

/// One role of one collection that a key signs.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) gun: Gun,
    pub(super) role: RoleName,
    /// When what it signed last stops being valid, or its certificate, whichever is first; if it is known.
    pub(super) expires: Option<DateTime>,
}

/// The uses of every key, by canonical id. What cannot be read of the cache is passed over.
pub(super) async fn all(app: &App) -> BTreeMap<KeyId, Vec<Use>> {
    let trust_dir = app.context().trust_dir();
    let cache = DirectoryCache::new(&trust_dir);
    let limits = Limits::default();
    let found = spawn_blocking(move || collections(&trust_dir)).await.unwrap_or_default();
    let mut uses = BTreeMap::new();
    for collection in found {
        let Ok(cached) = cache.load(&collection.gun, &collection.roles, &limits).await else { continue };
        of_collection(&collection.gun, &cached.files, &limits, &mut uses);
    }
    uses
}

fn of_collection<'a>(
    gun: &Gun,
    files: impl IntoIterator<Item = (&'a RoleName, &'a Bytes)>,
    limits: &Limits,
    uses: &mut BTreeMap<KeyId, Vec<Use>>,
) {
    let mut signers: Vec<(RoleName, PublicKey)> = Vec::new();
    let mut expiries = BTreeMap::new();
    for (role, bytes) in files {
        let Ok(envelope) = Envelope::parse(bytes.clone(), limits) else { continue };
        let expires = match role.top() {
            Some(TopRole::Root) => claim::<Root>(&envelope, |root| {
                for role in TopRole::ALL {
                    signers.extend(root.keys_of(role).map(|(_, key)| (role.into(), key.clone())));
                }
            }),
            Some(TopRole::Snapshot) => claim::<Snapshot>(&envelope, |_| ()),
            Some(TopRole::Timestamp) => None,
            Some(TopRole::Targets) | None => claim::<Targets>(&envelope, |targets| {
                for delegation in &targets.delegations.roles {
                    let keys = targets.delegations.role_keys(delegation);
                    signers.extend(keys.keys().values().map(|key| (delegation.name.clone(), key.clone())));
                }
            }),
        };
        expiries.extend(expires.map(|expires| (role.clone(), expires)));
    }
    for (role, key) in signers {
        let Ok(id) = key.canonical_id() else { continue };
        let file = expiries.get(&role).copied();
        let expires = file.into_iter().chain(certificate_end(&key)).min();
        uses.entry(id).or_default().push(Use { gun: gun.clone(), role, expires });
    }
}

/// Looks into a file, and gives when it expires.
fn claim<T: Document>(envelope: &Envelope, look: impl FnOnce(&T)) -> Option<DateTime> {
    let document = envelope.claim::<T>().ok()?;
    look(&document);
    Some(document.expires())
}

/// When the certificate around a key ends.
fn certificate_end(key: &PublicKey) -> Option<DateTime> {
    key.key_type().filter(|key_type| key_type.is_certificate())?;
    CertificateBundle::parse(key.as_bytes()).ok().map(|bundle| bundle.not_after())
}
