//! Signing again what a delegated role says whose keys have not signed it: the keys that did were taken from it.
//!
//! What it says then is the word of nobody who counts, and may be the work of the one whose key was taken. So it is shown before it
//! is signed, and exactly what was shown is signed, or nothing of it.
//!
//! Source: notary `client/witness.go`, which signs it unseen.

use countersign_core::author::{AuthorError, Change, Draft};
use countersign_core::metadata::Targets;
use countersign_core::name::RoleName;
use countersign_core::time::DateTime;
use countersign_core::trust::Unsigned;

use super::{ATTEMPTS, Published, Publisher, PublisherError, SignedOutcome};

/// How much of what a role says is signed again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Witnessed {
    /// All of it.
    AsItIs,
    /// Nothing: the role begins anew, without tags and delegations, after the version that it had.
    Nothing,
}

impl Publisher {
    /// What `role` says by a file that its keys have not signed; `None` if they have, or if nothing of it was ever published.
    ///
    /// # Errors
    /// - [`PublisherError::Delegation`]: something else is wrong with it, or with a role above it.
    /// - [`PublisherError::Change`]: nobody delegates to it.
    pub async fn unsigned(&self, role: &RoleName, now: DateTime) -> Result<Option<Unsigned>, PublisherError> {
        let base = self.base_to_rotate(now).await?;
        let mut draft = base.draft();
        if let Some(unsigned) = base.unsigned(role) {
            return Ok(Some(unsigned.clone()));
        }
        base.admit_role(&draft, role)?;
        let unknown = |source: AuthorError| PublisherError::Change { file: None, source };
        draft.apply(&Change::Witness { role: role.clone() }).map_err(unknown)?;
        Ok(None)
    }

    /// Signs again what `role` says, or nothing of it; `shown` is what somebody has looked at.
    ///
    /// # Errors
    /// [`PublisherError::ChangedMeanwhile`]: what is published is not what was shown. Nothing was published then, nor with any other
    /// [`PublisherError`].
    pub async fn witness(
        &self,
        role: &RoleName,
        shown: &Unsigned,
        witnessed: Witnessed,
        now: DateTime,
    ) -> Result<Published, PublisherError> {
        for attempt in 1..=ATTEMPTS {
            let base = self.base_to_rotate(now).await?;
            let published = base.unsigned(role).filter(|published| published.sha256 == shown.sha256);
            let published = published.ok_or_else(|| PublisherError::ChangedMeanwhile(self.gun().clone()))?;
            let mut draft = base.draft();
            resumed(&mut draft, role, published, witnessed)
                .map_err(|source| PublisherError::Change { file: None, source })?;
            if let Some(edition) = self.upload(&base, draft, now, attempt).await? {
                let outcome = SignedOutcome::Signed { roles: edition.files.keys().cloned().collect() };
                return Ok(self.published(edition, outcome, None, base, now).await);
            }
        }
        Err(PublisherError::Conflict { attempts: ATTEMPTS })
    }
}

/// Has `draft` go on from what the role says, or from nothing of it; nothing that it could not write is in the way then.
fn resumed(
    draft: &mut Draft,
    role: &RoleName,
    published: &Unsigned,
    witnessed: Witnessed,
) -> Result<(), AuthorError> {
    let says = &published.says;
    match witnessed {
        Witnessed::AsItIs => draft.resume(role, says.clone())?,
        Witnessed::Nothing => draft.resume(role, Targets::new(says.version, says.expires))?,
    }
    draft.apply(&Change::Witness { role: role.clone() })?;
    if witnessed == Witnessed::Nothing {
        for declared in &says.delegations.roles {
            draft.apply(&Change::RemoveDelegation { role: declared.name.clone() })?;
        }
    }
    Ok(())
}
