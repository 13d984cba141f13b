//! Recoveries that were not begun.

use countersign_core::name::Gun;
use thiserror::Error;

/// A recovery that was not begun. Nothing was changed.
#[derive(Debug, Error)]
pub(crate) enum RecoverError {
    /// Nobody could be asked.
    #[error("nobody can be asked whether to do this; nothing was changed")]
    Unasked,
    /// Somebody was asked, and did not say yes.
    #[error("it was not confirmed; nothing was changed")]
    Unconfirmed,
    /// There is nothing to recover it from.
    #[error("nothing of `{0}` is published, and nothing is cached here; nothing was changed")]
    NothingLeft(Gun),
    /// The copy is of something else.
    #[error("the file is of `{found}`, not of `{wanted}`; nothing was changed")]
    OtherCollection {
        /// What it is of.
        found: Gun,
        /// What it was to be of.
        wanted: Gun,
    },
}

impl RecoverError {
    /// What may help.
    pub(crate) fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Unasked => "run it at a terminal, or with `--yes`",
            Self::Unconfirmed => return None,
            Self::NothingLeft(_) => {
                "`--from FILE` takes what `countersign repo export` wrote, or the copy that an earlier run wrote"
            }
            Self::OtherCollection { .. } => "name the repository that the file is of",
        };
        Some(text.to_owned())
    }
}
