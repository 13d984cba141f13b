//! What a client says of an upload that a server without checks took and serves.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::author;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, FileMeta, Snapshot, Timestamp};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::signature::{RoleKeys, Signature};
use countersign_core::time::UpdateStart;
use countersign_core::trust::{
    Environment, Offered, RootPhase, Standing, TrustError, TrustPinning, TrustedCollection,
};
use countersign_server::keys::{OnlineRole, SigningService as _};

use super::case::Case;
use crate::setting::DAY;

/// Why a client does not take what it is served.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It checked, and does not trust.
    Untrusted(TrustError),
    /// A file that must be there was never made.
    Missing(RoleName),
}

impl Refusal {
    /// The name of the error's variant.
    pub(crate) fn name(&self) -> String {
        let debug = match self {
            Self::Untrusted(error) => format!("{error:?}"),
            Self::Missing(_) => format!("{self:?}"),
        };
        debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
    }
}

impl From<TrustError> for Refusal {
    fn from(error: TrustError) -> Self {
        Self::Untrusted(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untrusted(error) => write!(f, "{error}: {:?}", error.source().map(ToString::to_string)),
            Self::Missing(role) => write!(f, "there is no {role}"),
        }
    }
}

/// Every file that ever came, whether it was checked or not, newest first.
struct Unchecked<'a> {
    case: &'a Case,
    files: BTreeMap<RoleName, Vec<Bytes>>,
}

impl<'a> Unchecked<'a> {
    fn of(case: &'a Case) -> Self {
        let mut files: BTreeMap<RoleName, Vec<Bytes>> = BTreeMap::new();
        for edition in [&case.next, &case.trusted.files(), &case.old] {
            for (role, file) in edition {
                files.entry(role.clone()).or_default().push(file.clone());
            }
        }
        Self { case, files }
    }

    /// The file that is asked for by its hash; the newest where none has it.
    fn serve(&self, role: &RoleName, wanted: &FileMeta) -> Result<Offered, Refusal> {
        let files = self.files.get(role).ok_or_else(|| Refusal::Missing(role.clone()))?;
        let named = files.iter().find(|file| wanted.hashes.verify(file).is_ok());
        Ok(Offered::fetched(named.unwrap_or(&files[0]).clone()))
    }

    /// The snapshot that came, one made over all that came if the server has its key, or the old one.
    async fn snapshot(&self, keys: &RoleKeys) -> Bytes {
        let role = RoleName::from(TopRole::Snapshot);
        if let Some(file) = self.case.next.get(&role) {
            return file.clone();
        }
        let mut snapshot: Snapshot = (**self.case.trusted.snapshot()).clone();
        snapshot.version = snapshot.version.next().expect("a version");
        for (role, file) in &self.case.next {
            snapshot.meta.insert(role.to_string(), FileMeta::of(file));
        }
        match self.sign(OnlineRole::Snapshot, &snapshot, keys).await {
            Some(made) => made,
            None => self.files[&role][0].clone(),
        }
    }

    /// A timestamp that says that `snapshot` is current.
    async fn timestamp(&self, snapshot: &Bytes, keys: &RoleKeys) -> Bytes {
        let version = self.case.trusted.timestamp().version.next().expect("a version");
        let timestamp =
            Timestamp::new(version, self.case.now().plus_seconds(14 * DAY), FileMeta::of(snapshot));
        match self.sign(OnlineRole::Timestamp, &timestamp, keys).await {
            Some(made) => made,
            None => self.case.trusted.timestamp().bytes().clone(),
        }
    }

    /// Signs with every key of the role that the server holds; a timestamp also with one that the uploader holds.
    async fn sign<T: Document>(&self, role: OnlineRole, document: &T, keys: &RoleKeys) -> Option<Bytes> {
        let mut message = Vec::new();
        document.write_canonical(&mut message);
        let signing = self.case.server.signing().await;
        let mut signatures = Vec::new();
        for (listed, key) in keys.keys() {
            let id = key.canonical_id().ok()?;
            let made = match self.case.publisher.ring.find(&id) {
                Some(key) if role == OnlineRole::Timestamp => key.sign(&message).ok(),
                _ => signing.sign(&self.case.publisher.gun, role, &id, &message).await.ok(),
            };
            let signature = made.map(|(method, sig)| Signature {
                keyid: listed.to_string(),
                method: method.name().to_owned(),
                sig,
            });
            signatures.extend(signature);
        }
        (!signatures.is_empty()).then(|| author::encode(document, &signatures))
    }
}

/// The update of a client that trusted the edition before.
pub(crate) async fn update(case: &Case) -> Result<TrustedCollection, Refusal> {
    let server = Unchecked::of(case);
    let (gun, start) = (case.publisher.gun.clone(), UpdateStart(case.now()));
    let environment = Arc::new(Environment::notary(gun, TrustPinning::default(), Limits::default(), start));
    let trusted = case.trusted.root().bytes().clone();
    let mut root = RootPhase::trust_cached(environment, trusted, case.trusted.seen().clone())?;
    if let Some(next) = case.next.get(&RoleName::from(TopRole::Root)) {
        root = root.accept_root(next.clone())?;
    }
    let phase = root.finish_root()?;
    let snapshot = server.snapshot(&phase.root().role_keys(TopRole::Snapshot)).await;
    let timestamp = server.timestamp(&snapshot, &phase.root().role_keys(TopRole::Timestamp)).await;
    let phase = phase.accept_timestamp(Offered::fetched(timestamp))?;
    let phase = phase.accept_snapshot(Offered::fetched(snapshot))?;
    let top = RoleName::from(TopRole::Targets);
    let wanted = phase.wanted(&top).cloned().ok_or_else(|| Refusal::Missing(top.clone()))?;
    let mut phase = phase.accept_targets(server.serve(&top, &wanted)?)?;
    loop {
        let mut loaded = false;
        for role in phase.unloaded() {
            let Standing::Published(wanted) = phase.standing(&role)? else { continue };
            let file = server.serve(&role, wanted)?;
            phase.accept_delegation(&role, file)?;
            loaded = true;
        }
        if !loaded {
            return Ok(phase.finish());
        }
    }
}
