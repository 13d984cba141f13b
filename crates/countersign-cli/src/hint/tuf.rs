//! Hints of `tuf`.

use countersign_client::tuf::{TufError, TufTargetError};

/// What may help against an update that did not come to its end.
pub(super) fn update(error: &TufError) -> Option<String> {
    match error {
        TufError::NoRoot { .. } => Some(
            "get the repository's root file from somebody you trust, not from the repository, and name it with `--root FILE`"
                .to_owned(),
        ),
        TufError::Untrusted(error) => super::trust(error),
        TufError::Fetch { source, .. } => super::fetch(source),
        _ => None,
    }
}

/// What may help against a target that was not downloaded.
pub(super) fn target(error: &TufTargetError) -> Option<String> {
    match error {
        TufTargetError::Metadata(error) => update(error),
        TufTargetError::Fetch { source, .. } => super::fetch(source),
        TufTargetError::Length { .. } | TufTargetError::Hash { .. } => Some(
            "whoever serves the repository's files gives another one than its publisher signed".to_owned(),
        ),
        _ => None,
    }
}
