//! `root`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::metadata::tuf1::{keys, read};
use crate::metadata::{Claim, MetadataError, RoleSpec, Root};
use crate::number::{MetaVersion, Threshold};
use crate::time::DateTime;

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    consistent_snapshot: bool,
    expires: DateTime,
    keys: keys::Listed,
    roles: BTreeMap<String, Spec>,
    version: MetaVersion,
}

#[derive(Deserialize)]
struct Spec {
    keyids: Vec<String>,
    threshold: Threshold,
}

/// Source: TUF 1.0.34 §4.3.
pub(in crate::metadata) fn root(claim: Claim<'_>) -> Result<Root, MetadataError> {
    let wire: Wire = read(claim, "root")?;
    let mut root = Root::new(wire.version, wire.expires);
    root.consistent_snapshot = wire.consistent_snapshot;
    root.keys = keys::keys(wire.keys)?;
    for (role, Spec { keyids, threshold }) in wire.roles {
        let keyids = keys::keyids(&role, &keyids, &root.keys)?;
        root.roles.insert(role, RoleSpec { keyids, threshold });
    }
    root.refuse_missing_roles()?;
    Ok(root)
}
