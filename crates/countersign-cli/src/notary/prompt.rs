//! Questions as Notary asks them: on stdout, answered from stdin, as Docker asks its own.

use crate::docker::DockerTerminal;
use crate::terminal::Person as _;

/// Asks a question to which anything but yes is no.
///
/// Source: notary `cmd/notary/util.go` (`askConfirm`).
pub(super) fn confirms(question: &str) -> bool {
    let answer = DockerTerminal.ask(question);
    answer.is_some_and(|answer| matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}
