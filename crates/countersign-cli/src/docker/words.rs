//! What went wrong, in the words of Docker 28, which scripts look for; below them, what it was.
//!
//! Source: docker/cli `cli/trust/trust.go` (`NotaryError`), `cli/command/container/run.go` (`withHelp`).

use std::error::Error;

use countersign_client::remote::FetchError;
use countersign_client::updater::{DelegationFault, UpdateError};
use countersign_core::trust::TrustError;
use countersign_engine::EngineError;

use super::container::IsLocal;
use super::program::EngineCliError;
use crate::hint::hint;
use crate::output::Printer;
use crate::refusal::{Refusal, Unverified};

/// How a command says that it failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// As `pull`: the text, and exit code 1.
    Plain,
    /// As `run`: `docker: <text>`, a pointer to the help, and exit code 125.
    Run,
    /// As `service create`: a prefix, and exit code 1.
    Service,
}

const SERVICE: &str = "failed to resolve image digest using content trust: ";
/// How `run` ends when it was not the container that failed.
pub(super) const NOT_STARTED: u8 = 125;

/// Says why a command of `program` did nothing, or not all; returns its exit code.
pub(crate) fn tell(error: &anyhow::Error, manner: Manner, program: &str, printer: &Printer) -> u8 {
    let local = error.downcast_ref::<IsLocal>();
    let (text, notes) = text(error, usize::from(local.is_some()));
    if error.chain().any(is_no_trust_data) {
        printer.tell("no trust data available");
    }
    match manner {
        Manner::Plain => printer.tell(text),
        Manner::Service => printer.tell(format_args!("{SERVICE}{text}")),
        Manner::Run => printer.tell(format_args!("{program}: {text}")),
    }
    for note in notes {
        printer.tell(format_args!("  {note}"));
    }
    if let Some(local) = local {
        printer.hint(format_args!("{local}; its id names it without a doubt: {}", local.id));
    } else if let Some(hint) = error.chain().find_map(hint) {
        printer.hint(hint);
    }
    if manner == Manner::Run {
        printer.tell(format_args!("\nRun '{program} run --help' for more information"));
        return NOT_STARTED;
    }
    1
}

fn is_no_trust_data(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(Refusal::NoTrustData { .. }))
}

/// The line that Docker has for it, and what Docker would not have said.
///
/// `skip` contexts are left out.
fn text(error: &anyhow::Error, skip: usize) -> (String, Vec<String>) {
    let first = error.chain().nth(skip).map(ToString::to_string).unwrap_or_default();
    let causes = |from: usize| error.chain().skip(from).map(|cause| format!("caused by: {cause}")).collect();
    let gun = error.downcast_ref::<Unverified>().map(|unverified| unverified.gun.clone());
    let update = error.chain().find_map(|link| link.downcast_ref::<UpdateError>());
    if let (Some(gun), Some(text)) = (gun, update.and_then(|update| of_update(update, error))) {
        return (text.replace("<GUN>", gun.as_str()), causes(1));
    }
    if let Some(at) = error.chain().position(<dyn Error>::is::<EngineError>).filter(|at| *at > skip) {
        // The engine's words, and then what that means.
        let said = error.chain().nth(at).map(ToString::to_string).unwrap_or_default();
        let mut notes = causes(at + 1);
        notes.insert(0, first);
        return (said, notes);
    }
    match error.chain().find_map(|link| link.downcast_ref()) {
        Some(EngineCliError::Shown { .. }) => (first, Vec::new()),
        // The engine's words, and then what that means.
        Some(EngineCliError::Said(said)) if *said != first => (said.clone(), vec![first]),
        _ => (first, causes(skip + 1)),
    }
}

fn of_update(update: &UpdateError, error: &anyhow::Error) -> Option<String> {
    match update {
        UpdateError::Untrusted(trust)
        | UpdateError::CachedRoot(trust)
        | UpdateError::Releases { source: DelegationFault::Untrusted(trust), .. } => Some(of_trust(trust)),
        UpdateError::Unreachable { source, .. } | UpdateError::Fetch { source, .. } => {
            Some(of_fetch(source, error))
        }
        UpdateError::RootRotations { .. } => {
            Some(format!("could not rotate trust to a new trusted root: {update}"))
        }
        _ => None,
    }
}

fn of_trust(trust: &TrustError) -> String {
    const MALICIOUS: &str = "Warning: potential malicious behavior - trust data";
    match trust {
        TrustError::Expired { role, expires, .. } => {
            format!(
                "Error: remote repository <GUN> out-of-date: {role} expired at {}",
                expires.go_unix_date()
            )
        }
        TrustError::Rollback { offered, trusted, .. } => format!(
            "{MALICIOUS} version is lower than expected for remote repository <GUN>: version {offered} is lower than current \
             version {trusted}"
        ),
        TrustError::Signature { role, .. } => format!(
            "{MALICIOUS} has insufficient signatures for remote repository <GUN>: valid signatures did not meet threshold for \
             {role}"
        ),
        TrustError::Rotation { .. } | TrustError::VersionGap { .. } => {
            format!("could not rotate trust to a new trusted root: {trust}")
        }
        TrustError::NoLeaf { .. }
        | TrustError::Pin { .. }
        | TrustError::NoPin(_)
        | TrustError::OtherRoot { .. } => {
            format!("could not validate the path to a trusted root: {trust}")
        }
        TrustError::Length { .. } | TrustError::Metadata { .. } => {
            "trust server returned a bad response.".to_owned()
        }
        TrustError::Hash { role, .. } => format!("sha256 checksum for {role} did not match"),
        _ => format!("{MALICIOUS} mismatch for remote repository <GUN>: {trust}"),
    }
}

fn of_fetch(fetch: &FetchError, error: &anyhow::Error) -> String {
    match fetch {
        FetchError::Unauthorized { .. } => {
            "you are not authorized to perform this operation: server returned 401.".to_owned()
        }
        FetchError::Forbidden { .. } => "unable to reach trust server at this time: 403.".to_owned(),
        FetchError::Status { status, .. } => format!("unable to reach trust server at this time: {status}."),
        FetchError::NotFound { .. } => {
            "Error: trust data missing for remote repository <GUN> or remote repository not found".to_owned()
        }
        FetchError::BadAnswer { .. } => {
            "Error: no trust data available for remote repository <GUN>. Try running notary server and setting \
             DOCKER_CONTENT_TRUST_SERVER to its HTTPS address?"
                .to_owned()
        }
        _ => {
            let last = error.chain().last().map(ToString::to_string).unwrap_or_default();
            format!("Error: error contacting notary server: {last}")
        }
    }
}

/// The error of a name that Docker's parser of command lines refuses, and its exit code.
pub(crate) fn usage(text: &str, why: &str, program: &str, words: &str, printer: &Printer) -> u8 {
    if !text.is_empty() {
        printer.tell(text);
    }
    if !why.is_empty() {
        printer.tell(format_args!("  {why}"));
    }
    printer.tell(format_args!("\nRun '{program} {words} --help' for more information"));
    NOT_STARTED
}
