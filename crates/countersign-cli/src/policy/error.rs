//! A policy that cannot be followed.

use std::io;
use std::path::PathBuf;

use countersign_core::certificate::CertificateError;
use thiserror::Error;

/// A policy that cannot be followed; nothing is done without it.
#[derive(Debug, Error)]
pub(crate) enum PolicyError {
    /// A file that is there and can't be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The policy or a file that it names.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file that was named and isn't there.
    #[error("there is no policy `{}`, which `{}` names", path.display(), super::POLICY_VARIABLE)]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Two files that are both the user's.
    #[error("`{}` and `{}` are both your policy; nothing was done, because only one can hold", one.display(), other.display())]
    Two {
        /// One.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// A line that says nothing which could be followed.
    #[error("`{}`, line {line}: {problem}", path.display())]
    Line {
        /// The policy, the file of pins, or the variable.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A CA file without certificates.
    #[error("`{}` is no file of certificates", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// Something else than the system's policy requires was asked for.
    #[error("`{}` requires another `{key}` than was asked for", path.display())]
    Required {
        /// The system's policy.
        path: PathBuf,
        /// The rule.
        key: &'static str,
    },
}
