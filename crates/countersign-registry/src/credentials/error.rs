//! Why credentials could not be read or kept.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Credentials that could not be read or kept. No variant holds a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The file is there and can't be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What reading it said.
        source: io::Error,
    },
    /// The file is not the JSON that it should be.
    #[error("`{}` is not a Docker configuration: line {line}, column {column}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where, from 1; 0 if the place is unknown.
        line: usize,
        /// Where in the line, from 1.
        column: usize,
    },
    /// The entry of one registry makes no sense.
    #[error("`{}` has no usable credentials for `{}`", path.display(), key.escape_default())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The registry's name in it.
        key: String,
    },
    /// The file can't be written; it is as it was.
    #[error("cannot write `{}`, nothing was changed", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What writing it said.
        source: io::Error,
    },
    /// The helper's name leads out of the directories of programs.
    #[error("`{}` is no name of a credential helper", .0.escape_default())]
    HelperName(String),
    /// The helper can't be started.
    #[error("credential helper `{helper}` cannot be started")]
    HelperStart {
        /// The program.
        helper: String,
        /// What starting it said.
        source: io::Error,
    },
    /// The helper said no.
    #[error("credential helper `{helper}` could not `{verb}`: {}", message.escape_default())]
    HelperFailed {
        /// The program.
        helper: String,
        /// What it was asked to do.
        verb: &'static str,
        /// The first line of what it said.
        message: String,
    },
    /// The helper did not end.
    #[error("credential helper `{helper}` did not end within {after:?}")]
    HelperTimeout {
        /// The program.
        helper: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The helper's answer can't be understood or is too long.
    #[error("the answer of credential helper `{helper}` cannot be understood")]
    HelperAnswer {
        /// The program.
        helper: String,
    },
}
