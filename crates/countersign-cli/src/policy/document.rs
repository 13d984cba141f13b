//! A policy file as it is written. Every key of it stands in `docs/reference/policy.md`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::rules::{ExpiredCertificates, FirstUse, Offline, Releases, SnapshotKey, Trust};

/// A whole file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) snapshot_key: Option<SnapshotKey>,
    #[serde(default)]
    pub(super) insecure_registries: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) token_realms: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) pin_files: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) trust_pinning: TrustPinningSection,
    #[serde(default)]
    pub(super) rule: Vec<Spanned<RuleTable>>,
    pub(super) trust: Option<Spanned<Trust>>,
    pub(super) trust_server: Option<Spanned<String>>,
    pub(super) mirror: Option<Spanned<String>>,
    pub(super) signed_by: Option<Spanned<Vec<String>>>,
    pub(super) first_use: Option<Spanned<FirstUse>>,
    pub(super) offline: Option<Spanned<Offline>>,
    pub(super) releases: Option<Spanned<Releases>>,
    pub(super) expired_certificates: Option<Spanned<ExpiredCertificates>>,
    pub(super) max_age: Option<Spanned<String>>,
    pub(super) max_freeze: Option<Spanned<String>>,
}

/// One `[[rule]]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleTable {
    #[serde(rename = "match")]
    pub(super) pattern: Option<Spanned<String>>,
    pub(super) trust: Option<Spanned<Trust>>,
    pub(super) trust_server: Option<Spanned<String>>,
    pub(super) mirror: Option<Spanned<String>>,
    pub(super) signed_by: Option<Spanned<Vec<String>>>,
    pub(super) first_use: Option<Spanned<FirstUse>>,
    pub(super) offline: Option<Spanned<Offline>>,
    pub(super) releases: Option<Spanned<Releases>>,
    pub(super) expired_certificates: Option<Spanned<ExpiredCertificates>>,
    pub(super) max_age: Option<Spanned<String>>,
    pub(super) max_freeze: Option<Spanned<String>>,
    pub(super) root_keys: Option<Spanned<Vec<String>>>,
    pub(super) root_ca: Option<Spanned<PathBuf>>,
}

/// `[trust_pinning]`, as in Notary's configuration.
///
/// Source: notary `docs/reference/client-config.md` (`trust_pinning`).
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustPinningSection {
    #[serde(default)]
    pub(super) certs: BTreeMap<String, Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) ca: BTreeMap<String, Spanned<PathBuf>>,
    pub(super) disable_tofu: Option<Spanned<bool>>,
}

impl Document {
    /// The settings at the top as the widest rule, and the rules.
    pub(super) fn take_rules(&mut self) -> (RuleTable, Vec<Spanned<RuleTable>>) {
        let top = RuleTable {
            pattern: None,
            trust: self.trust.take(),
            trust_server: self.trust_server.take(),
            mirror: self.mirror.take(),
            signed_by: self.signed_by.take(),
            first_use: self.first_use.take(),
            offline: self.offline.take(),
            releases: self.releases.take(),
            expired_certificates: self.expired_certificates.take(),
            max_age: self.max_age.take(),
            max_freeze: self.max_freeze.take(),
            root_keys: None,
            root_ca: None,
        };
        (top, std::mem::take(&mut self.rule))
    }
}
