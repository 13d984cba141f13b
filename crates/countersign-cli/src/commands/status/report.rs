//! What is found of one collection.

use std::collections::BTreeSet;
use std::fmt;

use countersign_client::inspect::inspect;
use countersign_client::keystore::KeyStore as _;
use countersign_client::remote_http::Access;
use countersign_client::updater::{Freshness, Roles};
use countersign_core::key::KeyId;
use countersign_core::metadata::Document as _;
use countersign_core::name::{Gun, RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::signature::RoleKeys;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::TrustedCollection;
use serde::Serialize;

use crate::app::App;
use crate::report::one_line;

/// A timestamp counts as expiring soon in its last seconds: a day.
const LAST_DAY: i64 = 86_400;

/// One collection.
#[derive(Debug, Serialize)]
pub(super) struct CollectionReport {
    pub(super) gun: Gun,
    pub(super) server: String,
    pub(super) verdict: Verdict,
    /// Why it is not trusted or could not be checked, or what else is wrong with it.
    pub(super) problem: Option<String>,
    /// The first expiry among its files.
    pub(super) fresh_until: Option<DateTime>,
    pub(super) signers: Vec<Signer>,
    pub(super) roles: Vec<RoleReport>,
}

/// What came of the check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Trusted,
    Untrusted,
    Unknown,
}

/// Somebody who may sign.
#[derive(Debug, Serialize)]
pub(super) struct Signer {
    name: String,
    keys: Vec<KeyId>,
}

/// One role.
#[derive(Debug, Serialize)]
pub(super) struct RoleReport {
    pub(super) role: RoleName,
    pub(super) version: MetaVersion,
    pub(super) expires: DateTime,
    pub(super) expires_soon: bool,
    pub(super) threshold: usize,
    /// Canonical ids of the keys that may sign.
    pub(super) keys: BTreeSet<KeyId>,
    /// Those of them that are here.
    pub(super) keys_here: BTreeSet<KeyId>,
    pub(super) renewed_by: Renewer,
}

/// Who can sign a role again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Renewer {
    /// Whoever has the key store of this machine.
    Here,
    /// The server.
    Server,
    /// The server, or somebody who has the key elsewhere.
    ServerOrElsewhere,
    /// Somebody who has the keys elsewhere.
    Elsewhere,
}

impl fmt::Display for Renewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here => "you, with keys that are here",
            Self::Server => "the server",
            Self::ServerOrElsewhere => "the server, or keys elsewhere",
            Self::Elsewhere => "keys elsewhere",
        })
    }
}

/// Looks at one collection; what expires within `within` seconds expires soon.
pub(super) async fn of(gun: Gun, within: i64, now: DateTime, app: &App) -> anyhow::Result<CollectionReport> {
    let updater = app.updater(&gun, Access::Pull)?;
    let present: BTreeSet<_> = app.key_store()?.list()?.keys.into_iter().map(|key| key.id).collect();
    let mut report = CollectionReport {
        gun,
        server: updater.remote().server().to_owned(),
        verdict: Verdict::Trusted,
        problem: None,
        fresh_until: None,
        signers: Vec::new(),
        roles: Vec::new(),
    };
    let refreshed = match updater.refresh(UpdateStart(now), Roles::All).await {
        Ok(refreshed) => refreshed,
        Err(error) => {
            report.verdict = if error.is_untrusted() { Verdict::Untrusted } else { Verdict::Unknown };
            report.problem = Some(one_line(&error));
            return Ok(report);
        }
    };
    let mut problems: Vec<_> = refreshed.skipped.iter().map(|skipped| one_line(skipped)).collect();
    if let Freshness::Offline { reason, .. } = &refreshed.freshness {
        problems.push(format!("from the cache: {}", one_line(reason)));
    }
    if refreshed.skipped.iter().any(|skipped| skipped.role == RoleName::releases()) {
        // Nothing is pulled then.
        report.verdict = Verdict::Untrusted;
    }
    report.problem = (!problems.is_empty()).then(|| problems.join("; "));
    let collection = &refreshed.collection;
    report.fresh_until = Some(collection.fresh_until());
    let signers = inspect(collection, None).signers.into_iter();
    report.signers = signers.map(|(name, keys)| Signer { name, keys }).collect();
    report.roles = roles(collection, &present, within, now);
    Ok(report)
}

fn roles(
    collection: &TrustedCollection,
    present: &BTreeSet<KeyId>,
    within: i64,
    now: DateTime,
) -> Vec<RoleReport> {
    let root = collection.root();
    let tops = [
        (TopRole::Root, root.version, root.expires),
        (TopRole::Timestamp, collection.timestamp().version, collection.timestamp().expires()),
        (TopRole::Snapshot, collection.snapshot().version, collection.snapshot().expires()),
    ];
    let tops =
        tops.map(|(role, version, expires)| (role.into(), version, expires, Some(root.role_keys(role))));
    let files = collection.roles().iter();
    let files =
        files.map(|(role, file)| (role.clone(), file.version, file.expires, keys_of(collection, role)));
    let of = |(role, version, expires, keys): (RoleName, MetaVersion, DateTime, Option<RoleKeys>)| {
        let keys = keys?;
        let ids = keys.canonical_ids();
        let here: BTreeSet<_> = ids.intersection(present).copied().collect();
        let window = if role == TopRole::Timestamp { within.min(LAST_DAY) } else { within };
        let is_enough = here.len() >= keys.threshold().get();
        Some(RoleReport {
            expires_soon: now.seconds_until(expires) < window,
            renewed_by: renewer(&role, is_enough),
            threshold: keys.threshold().get(),
            keys: ids,
            keys_here: here,
            role,
            version,
            expires,
        })
    };
    tops.into_iter().chain(files).filter_map(of).collect()
}

fn renewer(role: &RoleName, is_enough: bool) -> Renewer {
    match role.top() {
        Some(TopRole::Timestamp) => Renewer::Server,
        _ if is_enough => Renewer::Here,
        Some(TopRole::Snapshot) => Renewer::ServerOrElsewhere,
        _ => Renewer::Elsewhere,
    }
}

/// The keys of `targets` or a delegation.
fn keys_of(collection: &TrustedCollection, role: &RoleName) -> Option<RoleKeys> {
    match role.parent() {
        Some(parent) => collection.targets(&parent)?.delegations.keys_of(role),
        None => Some(collection.root().role_keys(role.top()?)),
    }
}
