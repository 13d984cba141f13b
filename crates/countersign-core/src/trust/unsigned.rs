//! What a delegated role says by a file that too few of its keys have signed.

use bytes::Bytes;

use super::delegations::{DelegationsPhase, admit_children};
use super::file::{Expected, Listed};
use crate::digest::Digest;
use crate::metadata::Targets;
use crate::name::RoleName;
use crate::trust::TrustError;

/// The file of a delegated role with which nothing is wrong but that too few of its keys have signed it: those that did may have been
/// removed since. It may have expired, too.
///
/// Nobody whose word counts says it. It is for a person to look at, before a key of the role signs it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsigned {
    /// What it says.
    pub says: Targets,
    /// The SHA-256 of the whole file, as the snapshot lists it.
    pub sha256: Digest,
    /// Whether this very file was the last that was trusted here for the role, which has been delegated ever since.
    pub trusted_before: bool,
    /// The ids of keys beside its signatures, as they stand there. Nothing of them was verified.
    pub claimed_signers: Vec<String>,
}

impl DelegationsPhase {
    /// What `bytes` say for `role`, unverified: they must be the file that the snapshot lists, well formed, and no older than the one
    /// that was trusted last, whoever signed that.
    ///
    /// # Errors
    /// As [`accept_delegation`](Self::accept_delegation), but for signatures and expiry.
    pub fn unsigned(&self, role: &RoleName, bytes: Bytes) -> Result<Unsigned, TrustError> {
        let keys = self.role_keys(role).ok_or_else(|| TrustError::NotDelegated(role.clone()))?;
        let meta = self.wanted(role).ok_or_else(|| TrustError::NotInSnapshot(role.clone()))?;
        let expected = Expected { role, keys: &keys, listed: Some(Listed { meta, by: "snapshot" }) };
        let environment = self.environment();
        let envelope = expected.envelope(bytes, environment)?;
        let says: Targets =
            envelope.claim().map_err(|source| TrustError::Metadata { role: role.clone(), source })?;
        admit_children(role, &says, environment.limits.delegations)?;
        let sha256 = envelope.digest();
        let trusted = self.seen().file(role);
        if let Some(trusted) = trusted {
            trusted.admit_claim(role, says.version, sha256)?;
        }
        let trusted_before =
            trusted.is_some_and(|trusted| trusted.sha256 == sha256 && !trusted.signers.is_empty());
        let claimed_signers = envelope.signatures().iter().map(|signature| signature.keyid.clone()).collect();
        Ok(Unsigned { says, sha256, trusted_before, claimed_signers })
    }
}
