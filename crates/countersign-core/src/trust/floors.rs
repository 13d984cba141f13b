//! Versions that listings must not go back on.

use std::collections::BTreeMap;

use crate::metadata::Document;
use crate::name::RoleName;
use crate::number::MetaVersion;
use crate::trust::TrustError;

/// What the stale timestamp and snapshot said of the versions of others, by the role that said it.
///
/// A listing that takes a version back, or leaves a role out, is refused before the file itself is even asked for. The floors
/// of a listing last as long as its keys: a stale file that does not verify under the trusted root leaves none, which is the
/// way back from a fast-forward. Notary's listings say no versions; there [`Seen`](crate::trust::Seen) does this work.
///
/// Source: TUF 1.0.34 §5.3.11, §5.4.3, §5.5.5.
#[derive(Clone, Debug, Default)]
pub(super) struct ListedFloors(BTreeMap<RoleName, BTreeMap<String, MetaVersion>>);

impl ListedFloors {
    /// Takes what a stale file of `lister` says.
    pub(super) fn raise(&mut self, lister: &RoleName, stale: &impl Document) {
        let floors = self.0.entry(lister.clone()).or_default();
        for (role, version) in stale.listed_versions() {
            let floor = floors.entry(role.to_owned()).or_insert(version);
            *floor = version.max(*floor);
        }
    }

    /// Refuses a new file of `lister` that goes below them.
    pub(super) fn admit(&self, lister: &RoleName, document: &impl Document) -> Result<(), TrustError> {
        let Some(floors) = self.0.get(lister) else { return Ok(()) };
        let listed: BTreeMap<_, _> = document.listed_versions().into_iter().collect();
        for (role, trusted) in floors {
            let offered = listed.get(role.as_str()).copied();
            if offered.is_none_or(|offered| offered < *trusted) {
                return Err(TrustError::ListedRollback {
                    lister: lister.clone(),
                    role: role.clone(),
                    offered,
                    trusted: *trusted,
                });
            }
        }
        Ok(())
    }
}
