//! What is left of a collection, verified from root down.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use countersign_core::certificate::CertificateError;
use countersign_core::metadata::{Envelope, Root, Snapshot, Targets};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::signature::{RoleKeys, Verified};
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::{LeafError, RootPhase, Seen, TrustError};

use super::super::{Publisher, PublisherError};
use crate::import::Remains;
use crate::updater::Roles;

/// What was verified of the remains.
pub(in super::super) struct Checked {
    pub(in super::super) root: Verified<Root>,
    /// Why the root does not hold any more, if time ended it or its certificates.
    pub(in super::super) over: Option<TrustError>,
    pub(in super::super) roles: BTreeMap<RoleName, (Verified<Targets>, RoleKeys)>,
    /// The version of the snapshot that was; 1 if there is none.
    pub(in super::super) snapshot: MetaVersion,
    pub(in super::super) left_out: Vec<String>,
}

impl Checked {
    /// The keys of each role that has a file.
    pub(in super::super) fn keys(&self) -> impl Iterator<Item = (RoleName, RoleKeys)> {
        self.roles.iter().map(|(role, (_, keys))| (role.clone(), keys.clone()))
    }
}

impl Publisher {
    /// Verifies the remains, from root down.
    pub(in super::super) async fn checked(
        &self,
        remains: &Remains,
        now: DateTime,
    ) -> Result<Checked, PublisherError> {
        let settings = self.updater.settings();
        let limits = &settings.limits;
        let seen = self.updater.cache().load(&settings.gun, &[], limits).await?.seen;
        let refused = |error: TrustError| PublisherError::Remains(settings.gun.clone(), error);
        let bytes = remains.files.get(&RoleName::from(TopRole::Root)).cloned().unwrap_or_default();
        let environment = Arc::new(settings.environment(UpdateStart(now), Roles::Publish));
        let phase = RootPhase::trust_cached(environment, bytes, seen.clone()).map_err(refused)?;
        let over = match phase.clone().finish_root() {
            Ok(_) => None,
            // It is signed anew, or another takes its place.
            Err(error) if is_over(&error) => Some(error),
            Err(error) => return Err(refused(error)),
        };
        let root = phase.root().clone();
        let verified = |role: &RoleName, keys: &RoleKeys| -> Result<Option<Verified<Targets>>, TrustError> {
            let Some(bytes) = remains.files.get(role) else { return Ok(None) };
            let file = Envelope::parse(bytes.clone(), limits)
                .map_err(|source| TrustError::Metadata { role: role.clone(), source })
                .and_then(|envelope| {
                    keys.verify::<Targets>(&envelope)
                        .map_err(|source| TrustError::Signature { role: role.clone(), source })
                })?;
            let floor = seen.file(role).filter(|floor| !floor.signers.is_disjoint(&keys.canonical_ids()));
            match floor {
                Some(floor) if file.version < floor.version => Err(TrustError::Rollback {
                    role: role.clone(),
                    offered: file.version,
                    trusted: floor.version,
                }),
                _ => Ok(Some(file)),
            }
        };
        let targets = RoleName::from(TopRole::Targets);
        let keys = root.role_keys(TopRole::Targets);
        let file = verified(&targets, &keys).map_err(refused)?;
        let file = file.ok_or_else(|| PublisherError::NoTargets(settings.gun.clone()))?;
        let mut roles = BTreeMap::from([(targets.clone(), (file.clone(), keys))]);
        let (mut queue, mut left_out) = (VecDeque::from([(targets, file)]), Vec::new());
        while let Some((of, parent)) = queue.pop_front() {
            for declared in &parent.delegations.roles {
                // Nobody, itself included, speaks for a role that is not right below.
                if declared.name.parent().as_ref() != Some(&of) {
                    left_out
                        .push(format!("`{}` is not `{of}`'s to declare, and was left out", declared.name));
                    continue;
                }
                let keys = parent.delegations.role_keys(declared);
                match verified(&declared.name, &keys) {
                    Ok(Some(file)) => {
                        queue.push_back((declared.name.clone(), file.clone()));
                        roles.insert(declared.name.clone(), (file, keys));
                    }
                    Ok(None) => {
                        left_out.push(format!("`{}` is delegated, and no file of it is left", declared.name));
                    }
                    Err(error) => left_out.push(format!("`{}` was left out: {error}", declared.name)),
                }
            }
        }
        let snapshot = self.snapshot_of(remains, &root, &roles, &seen)?;
        Ok(Checked { root, over, roles, snapshot, left_out })
    }

    /// The version of the snapshot that was, which must list these very files if it is left.
    fn snapshot_of(
        &self,
        remains: &Remains,
        root: &Verified<Root>,
        roles: &BTreeMap<RoleName, (Verified<Targets>, RoleKeys)>,
        seen: &Seen,
    ) -> Result<MetaVersion, PublisherError> {
        let (settings, role) = (self.updater.settings(), RoleName::from(TopRole::Snapshot));
        let known = seen.file(&role).map_or(MetaVersion::FIRST, |file| file.version);
        let Some(bytes) = remains.files.get(&role) else { return Ok(known) };
        let refused = |error| PublisherError::Remains(settings.gun.clone(), error);
        let envelope = Envelope::parse(bytes.clone(), &settings.limits)
            .map_err(|source| refused(TrustError::Metadata { role: role.clone(), source }))?;
        let snapshot = root
            .role_keys(TopRole::Snapshot)
            .verify::<Snapshot>(&envelope)
            .map_err(|source| refused(TrustError::Signature { role: role.clone(), source }))?;
        for (role, (file, _)) in roles {
            let listed = snapshot.file(role).and_then(|meta| meta.hashes.sha256());
            if listed.is_some_and(|listed| listed != file.digest()) {
                return Err(PublisherError::MixedRemains { role: role.clone() });
            }
        }
        Ok(known.max(snapshot.version))
    }
}

/// Whether time alone ended a root.
fn is_over(error: &TrustError) -> bool {
    let over =
        |source: &LeafError| matches!(source, LeafError::Certificate(CertificateError::Expired { .. }));
    match error {
        TrustError::Expired { .. } => true,
        TrustError::NoLeaf { source: Some(source), .. } => over(source),
        _ => false,
    }
}
