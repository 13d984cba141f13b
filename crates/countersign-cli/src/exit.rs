//! How the program ends.

use std::process::ExitCode;

/// The exit codes of our own verbs. "Could not check" is never the same as "checked, and not trusted".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Done.
    Success = 0,
    /// It failed, or could not be checked.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// It was checked and is not trusted.
    Untrusted = 3,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}
