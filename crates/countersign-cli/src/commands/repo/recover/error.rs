//! Recoveries that were not begun.

use countersign_core::name::Gun;
use thiserror::Error;

use crate::policy::Origin;
use crate::time::span;

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
    /// What is signed would be too old, or from the future.
    #[error("this machine's clock is {} {way} that of the trust server, and what it signs would be of no use; nothing was changed", span(ahead.abs()), way = if *ahead < 0 { "behind" } else { "ahead of" })]
    Clock {
        /// How far it is ahead, in seconds.
        ahead: i64,
    },
    /// The copy is of something else.
    #[error("the file is of `{found}`, not of `{wanted}`; nothing was changed")]
    OtherCollection {
        /// What it is of.
        found: Gun,
        /// What it was to be of.
        wanted: Gun,
    },
    /// The root would not be trusted here.
    #[error(
        "the root of `{gun}` is pinned ({by}), and a key that is not would take its place; nothing was changed"
    )]
    Pinned {
        /// The collection.
        gun: Gun,
        /// The line that pins it.
        by: Origin,
    },
    /// The root would be met without a pin.
    #[error(
        "a first use without a pin is refused ({by}), and nothing pins the next root key of `{gun}`; nothing was changed"
    )]
    FirstUse {
        /// The collection.
        gun: Gun,
        /// The line that refuses it.
        by: Origin,
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
            Self::Clock { .. } => "set the one of the two clocks that is wrong, and run it again",
            Self::OtherCollection { .. } => "name the repository that the file is of",
            Self::Pinned { gun, .. } | Self::FirstUse { gun, .. } => {
                return Some(format!(
                    "make the key first (`countersign key generate`), pin both it and the one before it (`countersign policy pin {gun}` \
                     prints that line), and name it: `--root-key KEY-ID`; the line before goes when it is done"
                ));
            }
        };
        Some(text.to_owned())
    }
}
