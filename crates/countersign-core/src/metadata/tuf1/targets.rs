//! `targets` and delegated roles.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::metadata::tuf1::listing::hashes;
use crate::metadata::tuf1::{keys, read, wrong};
use crate::metadata::{
    Claim, Delegation, Delegations, FileMeta, MetadataError, PathRule, SuccinctRoles, TargetTable, Targets,
};
use crate::name::{RoleName, TargetName};
use crate::number::{MetaVersion, Threshold};
use crate::time::DateTime;

#[derive(Deserialize)]
struct Wire {
    delegations: Option<WireDelegations>,
    expires: DateTime,
    targets: BTreeMap<TargetName, WireTarget>,
    version: MetaVersion,
}

#[derive(Deserialize)]
struct WireTarget {
    hashes: BTreeMap<String, String>,
    length: u64,
    #[serde(default)]
    custom: Option<Value>,
}

#[derive(Deserialize)]
struct WireDelegations {
    keys: keys::Listed,
    roles: Option<Vec<WireRole>>,
    succinct_roles: Option<WireSuccinct>,
}

#[derive(Deserialize)]
struct WireRole {
    name: String,
    keyids: Vec<String>,
    threshold: Threshold,
    terminating: bool,
    paths: Option<Vec<String>>,
    path_hash_prefixes: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WireSuccinct {
    keyids: Vec<String>,
    threshold: Threshold,
    bit_length: u8,
    name_prefix: String,
}

/// Source: TUF 1.0.34 §4.5; TAP 15.
pub(in crate::metadata) fn targets(claim: Claim<'_>) -> Result<Targets, MetadataError> {
    let wire: Wire = read(claim, "targets")?;
    let mut entries = BTreeMap::new();
    for (name, WireTarget { hashes: listed, length, custom }) in wire.targets {
        let mut meta = FileMeta::new(hashes(listed)?, length);
        meta.custom = custom;
        entries.insert(name, meta);
    }
    let mut targets = Targets::new(wire.version, wire.expires);
    targets.targets = TargetTable::from(entries);
    if let Some(delegations) = wire.delegations {
        targets.delegations = delegations.read()?;
    }
    Ok(targets)
}

impl WireDelegations {
    fn read(self) -> Result<Delegations, MetadataError> {
        let keys = keys::keys(self.keys)?;
        let roles = match (self.roles, self.succinct_roles) {
            (Some(roles), None) => {
                let roles = roles.into_iter().map(|role| role.read(&keys)).collect::<Result<Vec<_>, _>>()?;
                return Delegations::of_roles(keys, roles);
            }
            (None, Some(succinct)) => succinct,
            _ => return Err(wrong("its delegations have not exactly one of `roles` and `succinct_roles`")),
        };
        let WireSuccinct { keyids, threshold, bit_length, name_prefix } = roles;
        let keyids = keys::keyids(&name_prefix, &keyids, &keys)?;
        let succinct = SuccinctRoles::new(name_prefix, bit_length, keyids, threshold)?;
        Ok(Delegations::of_bins(keys, succinct))
    }
}

impl WireRole {
    fn read(
        self,
        keys: &BTreeMap<crate::key::KeyId, crate::key::PublicKey>,
    ) -> Result<Delegation, MetadataError> {
        let name = RoleName::flat(self.name).map_err(wrong)?;
        let (rule, paths) = match (self.paths, self.path_hash_prefixes) {
            (Some(patterns), None) => (PathRule::Pattern, patterns),
            (None, Some(prefixes)) => (PathRule::HashPrefix, prefixes),
            _ => {
                let what = "has not exactly one of `paths` and `path_hash_prefixes`";
                return Err(wrong(format_args!(
                    "the delegation `{}` {what}",
                    name.as_str().escape_default()
                )));
            }
        };
        let mut delegation = Delegation::new(name, self.threshold);
        delegation.keyids = keys::keyids(delegation.name.as_str(), &self.keyids, keys)?;
        delegation.paths = paths;
        delegation.rule = rule;
        delegation.terminating = self.terminating;
        Ok(delegation)
    }
}
