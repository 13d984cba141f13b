//! Signing again a delegated role that nobody can use: the keys that signed it were taken from it, or its file is gone.
//!
//! What it says by then is the word of nobody who counts, and may be the work of the one whose key was taken. So it is shown before it
//! is signed, and exactly what was shown is signed, or nothing of it.
//!
//! Source: notary `client/witness.go`, which signs it unseen.

use countersign_core::author::{AuthorError, Change, Draft};
use countersign_core::metadata::Targets;
use countersign_core::name::RoleName;
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;
use countersign_core::trust::{TrustError, Unsigned};

use super::base::Base;
use super::{ATTEMPTS, Published, Publisher, PublisherError, SignedOutcome};
use crate::updater::{DelegationFault, Skipped};

/// What a delegated role lacks, so that nobody uses it, and a key of it can set that right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lacks {
    /// Signatures of its keys.
    Signatures,
    /// Its file, which was trusted before.
    File,
}

/// What there is of a role that nobody can use.
#[derive(Clone, Debug, PartialEq)]
pub enum Unusable {
    /// A file that too few of its keys have signed.
    Unsigned(Box<Unsigned>),
    /// Nothing. This version was trusted here.
    Removed(MetaVersion),
}

/// How much of what a role says is signed again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Witnessed {
    /// All of it.
    AsItIs,
    /// Nothing: the role begins anew, without tags and delegations, after the version that it had.
    Nothing,
}

impl Lacks {
    pub(super) fn of(skipped: &Skipped) -> Option<Self> {
        match &skipped.source {
            _ if skipped.unsigned.is_some() => Some(Self::Signatures),
            DelegationFault::Untrusted(TrustError::RoleRemoved { .. }) => Some(Self::File),
            _ => None,
        }
    }
}

impl Publisher {
    /// What there is of a role that nobody can use; `None` if it can be used, or if nothing of it was ever published.
    ///
    /// # Errors
    /// - [`PublisherError::Delegation`]: something else is wrong with it, or with a role above it.
    /// - [`PublisherError::Change`]: nobody delegates to it.
    pub async fn unusable(&self, role: &RoleName, now: DateTime) -> Result<Option<Unusable>, PublisherError> {
        let base = self.base_to_rotate(now).await?;
        if let Some(found) = unusable(&base, role) {
            return Ok(Some(found));
        }
        let mut draft = base.draft();
        base.admit_role(&draft, role)?;
        let unknown = |source: AuthorError| PublisherError::Change { file: None, source };
        draft.apply(&Change::Witness { role: role.clone() }).map_err(unknown)?;
        Ok(None)
    }

    /// Signs again what `role` says, or nothing of it; `shown` is what somebody has looked at.
    ///
    /// # Errors
    /// - [`PublisherError::ChangedMeanwhile`]: what is published is not what was shown.
    /// - [`PublisherError::NothingToWitness`]: there is no file of it to sign as it is.
    ///
    /// Nothing was published then, nor with any other [`PublisherError`].
    pub async fn witness(
        &self,
        role: &RoleName,
        shown: &Unusable,
        witnessed: Witnessed,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        if matches!((shown, witnessed), (Unusable::Removed(_), Witnessed::AsItIs)) {
            return Err(PublisherError::NothingToWitness { role: role.clone() });
        }
        for attempt in 1..=ATTEMPTS {
            let base = self.base_to_rotate(now).await?;
            let published = unusable(&base, role).filter(|published| published.is_same(shown));
            let published = published.ok_or_else(|| PublisherError::ChangedMeanwhile(self.gun().clone()))?;
            let mut draft = base.draft();
            resumed(&mut draft, role, &published, witnessed)
                .map_err(|source| PublisherError::Change { file: None, source })?;
            if let Some(edition) = self.upload(&base, draft, now, attempt).await? {
                let outcome = SignedOutcome::Signed { roles: edition.files.keys().cloned().collect() };
                return Ok(self.published(edition, outcome, None, base, now).await);
            }
        }
        Err(PublisherError::Conflict { attempts: ATTEMPTS })
    }
}

impl Unusable {
    fn is_same(&self, shown: &Self) -> bool {
        match (self, shown) {
            (Self::Unsigned(one), Self::Unsigned(other)) => one.sha256 == other.sha256,
            (Self::Removed(one), Self::Removed(other)) => one == other,
            _ => false,
        }
    }
}

fn unusable(base: &Base, role: &RoleName) -> Option<Unusable> {
    let skipped = base.skipped().iter().find(|skipped| skipped.role == *role)?;
    match (&skipped.unsigned, &skipped.source) {
        (Some(unsigned), _) => Some(Unusable::Unsigned(unsigned.clone())),
        (None, DelegationFault::Untrusted(TrustError::RoleRemoved { trusted, .. })) => {
            Some(Unusable::Removed(*trusted))
        }
        _ => None,
    }
}

/// Has `draft` go on from what the role says, or from nothing of it; nothing that it could not write is in the way then.
fn resumed(
    draft: &mut Draft,
    role: &RoleName,
    published: &Unusable,
    witnessed: Witnessed,
) -> Result<(), AuthorError> {
    let mut gone = Vec::new();
    if let Unusable::Unsigned(unsigned) = published {
        let says = &unsigned.says;
        match witnessed {
            Witnessed::AsItIs => draft.resume(role, says.clone())?,
            Witnessed::Nothing => {
                draft.resume(role, Targets::new(says.version, says.expires))?;
                gone.extend(says.delegations.roles.iter().map(|declared| declared.name.clone()));
            }
        }
    }
    // Where there is no file, it begins after the version that was trusted.
    draft.apply(&Change::Witness { role: role.clone() })?;
    gone.into_iter().try_for_each(|role| draft.apply(&Change::RemoveDelegation { role }))
}
