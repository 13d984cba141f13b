//! What can go wrong with podman's program.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::digest::Digest;
use countersign_registry::credentials::CredentialError;
use thiserror::Error;

/// The program did not do what it was asked. Its texts hold no control characters.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PodmanError {
    /// It can't be run.
    #[error("`{}` cannot be run", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It failed.
    #[error("`podman {verb}` failed: {message}")]
    Failed {
        /// What it was to do.
        verb: &'static str,
        /// What it said last.
        message: String,
    },
    /// It answers no more.
    #[error("`podman {verb}` did not end within {after:?} and was ended")]
    Silent {
        /// What it was to do.
        verb: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// It answers something else.
    #[error("`podman {verb}` does not answer as podman does: {what}")]
    Garbage {
        /// What it was to do.
        verb: &'static str,
        /// What is wrong with its answer.
        what: &'static str,
    },
    /// It says that it pulled, and has no such image.
    #[error("podman was asked for `{wanted}` and has no image of that digest under that name")]
    OtherDigest {
        /// The image that was asked for, with its digest.
        wanted: String,
        /// What it has instead.
        found: Vec<Digest>,
    },
    /// Credentials for the registry can't be had.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// A file for the program can't be made.
    #[error("a temporary file for podman cannot be written")]
    Temporary(#[source] io::Error),
}
