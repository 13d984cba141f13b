//! Why something is trusted, or the first link that fails.

mod trace;

use std::error::Error;

use countersign_core::digest::Digest;
use countersign_core::key::KeyId;
use countersign_core::name::{Gun, RoleName, TargetName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::{TrustError, TrustedTarget};
use serde::Serialize;

use crate::lookup::resolve_tag;
use crate::updater::{Freshness, Refreshed, Roles, UpdateError, Updater};

pub(crate) use trace::{Trace, signed_about};

/// The chain behind a verdict. It serialises as it is; times are RFC 3339, ids and digests as everywhere.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// The collection.
    pub gun: Gun,
    /// The trust server.
    pub server: String,
    /// When the question was asked; every expiry was compared with this instant.
    pub asked_at: DateTime,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the server was asked, or the cache stood in for it; absent when nothing is trusted.
    pub freshness: Option<FreshnessReport>,
    /// The first expiry among the files; absent when nothing is trusted.
    pub fresh_until: Option<DateTime>,
    /// The files that were accepted, in the order of their checks.
    pub chain: Vec<Link>,
    /// The first link that failed.
    pub failure: Option<Failure>,
    /// What the name means; absent when no name was asked for, or nothing signs it.
    pub target: Option<TargetReport>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// The verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every check was met.
    Trusted,
    /// Something was checked and is not trusted.
    Untrusted,
    /// Something could not be checked.
    Unknown,
}

/// Whether the server was asked.
#[derive(Clone, Debug, Serialize)]
pub struct FreshnessReport {
    /// Whether the server confirmed the collection.
    pub online: bool,
    /// When a server last confirmed it, as far as known.
    pub confirmed: Option<DateTime>,
    /// How long ago that was, in seconds.
    pub age_seconds: Option<i64>,
    /// Why the server could not be asked, each cause after what it caused.
    pub reason: Vec<String>,
}

/// One file that was accepted.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Link {
    /// The role.
    pub role: RoleName,
    /// The file's version.
    pub version: MetaVersion,
    /// Its SHA-256.
    pub sha256: Digest,
    /// When it expires.
    pub expires: DateTime,
    /// When it was signed, if it lives as long as the usual tools have it; files carry no such date.
    pub signed_about: Option<DateTime>,
    /// Canonical ids of the role's keys.
    pub keys: Vec<KeyId>,
    /// How many of them must sign.
    pub threshold: usize,
    /// Canonical ids of those that did.
    pub signers: Vec<KeyId>,
    /// Whether the file came from the cache.
    pub cached: bool,
}

/// The link that failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The role whose file it is, where one is at fault.
    pub role: Option<RoleName>,
    /// What failed, each cause after what it caused.
    pub causes: Vec<String>,
}

/// What a name means.
#[derive(Clone, Debug, Serialize)]
pub struct TargetReport {
    /// The name: for images, the tag.
    pub name: TargetName,
    /// The role that says so.
    pub role: RoleName,
    /// The SHA-256: for images, the manifest's digest.
    pub digest: Digest,
    /// The length in bytes.
    pub length: u64,
}

/// Asks why a collection, or what one name means in it, is trusted; as a pull would ask.
///
/// Works from the cache, too, when the server cannot be reached and the settings allow it.
pub async fn explain(updater: &Updater, start: UpdateStart, name: Option<&TargetName>) -> Why {
    let mut trace = Trace::default();
    let outcome =
        updater.refresh_traced(start, Roles::Pull, &std::collections::BTreeMap::new(), &mut trace).await;
    let mut why = Why {
        gun: updater.settings().gun.clone(),
        server: updater.remote().server().to_owned(),
        asked_at: start.0,
        verdict: Verdict::Trusted,
        freshness: None,
        fresh_until: None,
        chain: trace.into_links(),
        failure: None,
        target: None,
        warnings: Vec::new(),
    };
    match outcome {
        Ok(refreshed) => why.trusted(refreshed, updater, name),
        Err(error) => why.failed(&error),
    }
    why
}

impl Why {
    fn trusted(&mut self, refreshed: Refreshed, updater: &Updater, name: Option<&TargetName>) {
        self.fresh_until = Some(refreshed.collection.fresh_until());
        self.warnings = refreshed.warnings.iter().map(|warning| causes(warning).join(": ")).collect();
        if let Some(name) = name {
            match resolve_tag(&refreshed.collection, name, updater.settings().releases) {
                Ok(target) => self.target = Some(target.into()),
                Err(error) => {
                    self.verdict = Verdict::Untrusted;
                    self.failure =
                        Some(Failure { role: Some(TopRole::Targets.into()), causes: causes(&error) });
                }
            }
        }
        self.freshness = Some(match refreshed.freshness {
            Freshness::Online => FreshnessReport {
                online: true,
                confirmed: Some(self.asked_at),
                age_seconds: Some(0),
                reason: Vec::new(),
            },
            Freshness::Offline { confirmed, reason } => FreshnessReport {
                online: false,
                confirmed,
                age_seconds: confirmed.map(|confirmed| confirmed.seconds_until(self.asked_at)),
                reason: causes(&reason),
            },
        });
    }

    fn failed(&mut self, error: &UpdateError) {
        self.verdict = if error.is_untrusted() { Verdict::Untrusted } else { Verdict::Unknown };
        self.failure = Some(Failure { role: role_at_fault(error), causes: causes(error) });
    }
}

impl From<TrustedTarget> for TargetReport {
    fn from(target: TrustedTarget) -> Self {
        let TrustedTarget { name, role, digest, length, .. } = target;
        Self { name, role, digest, length }
    }
}

/// The role whose file an update failed on, where there is one.
fn role_at_fault(error: &UpdateError) -> Option<RoleName> {
    match error {
        UpdateError::NoTrustData { .. }
        | UpdateError::LostRoot { .. }
        | UpdateError::CachedRoot(_)
        | UpdateError::Forgotten(_)
        | UpdateError::FirstUse { .. }
        | UpdateError::RootRotations { .. } => Some(TopRole::Root.into()),
        UpdateError::Unreachable { cached, .. } => {
            cached.as_deref().map_or(Some(TopRole::Timestamp.into()), role_at_fault)
        }
        UpdateError::Fetch { file, .. } => Some(file.role.clone()),
        UpdateError::Releases { role, .. } | UpdateError::SignedBy { role, .. } => Some(role.clone()),
        UpdateError::Stale { .. } | UpdateError::FarExpiry { .. } => Some(TopRole::Timestamp.into()),
        UpdateError::Untrusted(error) => match error {
            TrustError::OtherRoot { .. } => Some(TopRole::Snapshot.into()),
            TrustError::NoLeaf { .. }
            | TrustError::Pin { .. }
            | TrustError::NoPin(_)
            | TrustError::VersionGap { .. }
            | TrustError::Rotation { .. } => Some(TopRole::Root.into()),
            error => error.role().cloned(),
        },
        _ => None,
    }
}

/// What an error says, then what caused it.
fn causes(error: &dyn Error) -> Vec<String> {
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        next = cause.source();
    }
    causes
}
