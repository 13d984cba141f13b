//! How the program ends.

use std::process::ExitCode;

/// The exit codes of our own verbs. "Could not check" is never the same as "checked, and not trusted".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExitStatus {
    /// Done: 0.
    Success,
    /// It failed, or could not be checked: 1.
    Failure,
    /// The command line is wrong: 2.
    Usage,
    /// It was checked and is not trusted: 3.
    Untrusted,
    /// The code that Docker has for it, where the program stands in for Docker, and of every `run`.
    Dockers(u8),
}

impl ExitStatus {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Untrusted => 3,
            Self::Dockers(code) => code,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
