//! What may help where keys are lost.

use std::error::Error;

use countersign_client::publisher::{Lacks, PublisherError};
use countersign_client::repin::RepinError;
use countersign_core::name::TopRole;
use countersign_core::trust::TrustError;

use crate::commands::repo::RecoverError;
use crate::commands::trust::RepinRefusal;

/// What may help against this link of a chain of errors, if it is one of a recovery.
pub(super) fn hint(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<RepinRefusal>() {
        return error.hint();
    }
    if let Some(RepinError::Unknown(_)) = error.downcast_ref::<RepinError>() {
        return Some("`countersign pull` trusts it for the first time".to_owned());
    }
    error.downcast_ref::<RecoverError>().and_then(RecoverError::hint)
}

/// What may help those whose collection has a root that does not lead on from the one that they trust.
pub(super) fn another_root(error: &TrustError) -> Option<String> {
    let text = match error {
        TrustError::Rotation { .. } | TrustError::VersionGap { .. } => {
            "the new root was not signed by the keys that are trusted here; if the publisher says that they had to begin anew, \
             `countersign trust repin REF` shows what would change, and the root key to compare with them"
        }
        TrustError::Signature { role, .. } if *role == TopRole::Timestamp => {
            "whoever made this file does not hold the keys of this collection; nothing of it is used. If the publisher says that they \
             had to begin anew, `countersign trust repin REF` shows what would change"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// What may help against a recovery that was refused.
pub(super) fn publisher(error: &PublisherError) -> Option<String> {
    let text = match error {
        PublisherError::Several { .. } => {
            "agree with those who hold the others: `countersign repo root propose` replaces keys with the signatures of several people, and \
             `countersign key rotate` does where enough of the root keys are here"
        }
        PublisherError::RootKeysHere { .. } => {
            "`countersign key rotate GUN root` replaces a root key that is here, and everybody follows; where the server has lost the \
             collection, `countersign repo import --from-cache GUN` brings it back"
        }
        PublisherError::ChangedMeanwhile(_) => {
            "somebody may have published meanwhile: run it again, which begins with what is published now"
        }
        PublisherError::AnotherRoot(_) | PublisherError::RecoveredByAnother { .. } => {
            "ask who it was: their keys count now, and a copy of them (`countersign key export`) is all that is needed here"
        }
        PublisherError::Remains(
            _,
            TrustError::Rollback { role, .. } | TrustError::Equivocation { role, .. },
        ) if role.is_delegation() => {
            return Some(format!(
                "a newer export, or `countersign repo import --from-cache GUN`, may have the one that is known; `--leave-out {role}` goes \
                 without it, and its signer begins it anew afterwards (`countersign repo witness --empty`)"
            ));
        }
        PublisherError::Delegation { role, lacks: Some(Lacks::Signatures), .. } => {
            return Some(format!(
                "too few of its keys have signed it: some were taken from it, or somebody else wrote it; `countersign repo witness GUN {role}` \
                 shows what it says, and signs that again, or with `--empty` nothing of it"
            ));
        }
        PublisherError::Delegation { role, lacks: Some(Lacks::File), .. } => {
            return Some(format!(
                "it was trusted here, and the trust server has no file of it any more; if that is meant, `countersign repo witness --empty GUN \
                 {role}` begins it anew"
            ));
        }
        PublisherError::NothingToWitness { .. } => {
            "`--empty` begins it anew, and says nothing of what it said before"
        }
        PublisherError::Remains(_, TrustError::Signature { role, .. }) if role.is_delegation() => {
            return Some(format!(
                "where its signers were taken from it and the server still stands, `countersign repo witness` and another export save what it \
                 says; `--leave-out {role}` goes without it"
            ));
        }
        PublisherError::BegunWithAnother { .. } => {
            "run it again with that key: `--root-key KEY-ID`, or none; where a pin is in the way, pin that key, too"
        }
        PublisherError::NothingLeft(_) => {
            "recover it where the collection was used last, or from what `countersign repo export` wrote: `--from FILE`"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
