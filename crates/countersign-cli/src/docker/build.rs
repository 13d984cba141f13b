//! `build`: every image that a Dockerfile names would have to be verified first.

use thiserror::Error;

use super::Job;
use crate::exit::ExitStatus;

/// A build that is not begun, because what it starts from is not verified.
#[derive(Debug, Error)]
#[error("content trust does not cover `{program} {words}` yet; nothing was built")]
pub(crate) struct NotCovered {
    program: &'static str,
    words: String,
}

/// Refuses to build: nothing here verifies what a Dockerfile names, and what is not verified is never built from.
pub(super) fn run(job: &Job) -> anyhow::Result<ExitStatus> {
    Err(NotCovered { program: job.engine.kind().name(), words: job.found.words.clone() }.into())
}
