//! Why a next version cannot be written.

use thiserror::Error;

use crate::key::KeyId;
use crate::name::{RoleName, TargetName};
use crate::number::NumberError;
use crate::sign::SignError;

/// A change or a signature that cannot be made. Nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// A role that the collection does not have.
    #[error("`{0}` is not a role of this collection")]
    UnknownRole(RoleName),
    /// A role that was published, and whose file is not at hand: signed without it, what it says would be lost.
    #[error("`{0}` was published and is not at hand; it was not changed, nor anything below it")]
    NotLoaded(RoleName),
    /// A role that holds no targets.
    #[error("targets cannot be added to `{0}`")]
    NotTargets(RoleName),
    /// A role whose paths do not cover a target name.
    #[error("`{role}` may not speak of `{}`", name.as_str().escape_default())]
    OutsidePaths {
        /// The role.
        role: RoleName,
        /// The target's name.
        name: TargetName,
    },
    /// A target name that no file of this dialect can carry.
    #[error("target name `{}` has a control character", .0.as_str().escape_default())]
    ControlCharacter(TargetName),
    /// A path, the name of a key type or hash algorithm, or a role's document, that no file of this dialect can carry.
    #[error("`{}` has a control character", .0.escape_default())]
    Unwritable(String),
    /// A length that no reader takes.
    #[error("`{}` is {length} bytes long, at most 2^53 can be written", name.as_str().escape_default())]
    Length {
        /// The target's name.
        name: TargetName,
        /// Its length in bytes.
        length: u64,
    },
    /// A note that is not integers, strings, lists and objects only.
    #[error("the note of `{}` cannot be signed: {reason}", name.as_str().escape_default())]
    Custom {
        /// The target's name.
        name: TargetName,
        /// What is wrong with it.
        reason: String,
    },
    /// A file with an entry that nobody here would write so.
    #[error("{0} has an entry in another form than it would be written in here; it was not signed")]
    Form(RoleName),
    /// A file with a field that a next version would lose.
    #[error("{role} has the field `{}`, which signing it again would lose", field.escape_default())]
    UnknownField {
        /// The role.
        role: RoleName,
        /// The field.
        field: String,
    },
    /// Too few of a role's keys are at hand.
    #[error("{role} needs {needed} of its keys to sign, {found} are at hand; missing: {}", join(missing))]
    MissingKeys {
        /// The role.
        role: RoleName,
        /// Keys needed.
        needed: usize,
        /// Keys at hand.
        found: usize,
        /// Canonical ids of the keys that are not.
        missing: Vec<KeyId>,
    },
    /// A role would have fewer keys than must sign for it.
    #[error("{role} would have {keys} keys, and {threshold} must sign for it")]
    Threshold {
        /// The role.
        role: RoleName,
        /// Its distinct keys.
        keys: usize,
        /// How many of them must sign.
        threshold: usize,
    },
    /// A role that one key signs for, which is the server's, or can be given to it.
    #[error("{0} is signed by one key, and cannot ask for more")]
    OneKey(RoleName),
    /// There is no version left.
    #[error("{role} cannot have a next version")]
    Version {
        /// The role.
        role: RoleName,
        /// Why.
        source: NumberError,
    },
    /// A key that did not sign.
    #[error("{role} was not signed")]
    Sign {
        /// The role.
        role: RoleName,
        /// Why.
        source: SignError,
    },
}

fn join(ids: &[KeyId]) -> String {
    ids.iter().map(KeyId::to_string).collect::<Vec<_>>().join(", ")
}
