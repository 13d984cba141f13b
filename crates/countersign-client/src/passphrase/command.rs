//! Passphrases from a program: a password manager, a desktop's keyring, a secret store.

use std::fmt;
use std::process::Command;
use std::time::Duration;

use countersign_core::key_file::Passphrase;

use super::program::{self, ANSWER_BYTES};
use super::variables::Variable;
use super::{KeyInQuestion, PassphraseError};

/// The variable with the command, a line for `sh`.
///
/// The command learns from `COUNTERSIGN_KEY_ID`, `COUNTERSIGN_KEY_ROLE` and `COUNTERSIGN_KEY_ALIAS` what is asked for, and writes
/// the passphrase to its standard output; one line break at the end is no part of it. Its standard input is empty, and it may
/// talk on standard error.
pub const COMMAND: &str = "COUNTERSIGN_PASSPHRASE_COMMAND";

/// How long a command may take, to its end and to the end of its answer: it may have to ask a person.
const DEADLINE: Duration = Duration::from_mins(5);

/// A command that gives passphrases. It does not print: there may be a secret in it.
pub(super) struct PassphraseCommand {
    line: String,
    deadline: Duration,
}

impl PassphraseCommand {
    pub(super) fn new(line: String) -> Self {
        Self { line, deadline: DEADLINE }
    }

    /// Asks for the passphrase of a key.
    pub(super) fn of_key(&self, key: &KeyInQuestion<'_>) -> Result<Variable, PassphraseError> {
        self.ask(&key.id.to_string(), key.role, key.alias())
    }

    /// Asks for a secret that is no key's: `backup`, or `token`.
    pub(super) fn of_other(&self, role: &str, name: &str) -> Result<Variable, PassphraseError> {
        self.ask("", role, name)
    }

    fn ask(&self, id: &str, role: &str, alias: &str) -> Result<Variable, PassphraseError> {
        let failed = |problem: String| PassphraseError::Command { problem };
        let mut program = Command::new("sh");
        program
            .args(["-c", &self.line])
            .env("COUNTERSIGN_KEY_ID", id)
            .env("COUNTERSIGN_KEY_ROLE", role)
            .env("COUNTERSIGN_KEY_ALIAS", alias);
        let answer = program::answer(&mut program, b"", self.deadline);
        let answer = answer.map_err(|failure| failed(failure.problem))?;
        let text = std::str::from_utf8(&answer)
            .map_err(|_| failed("gave an answer that is not UTF-8".to_owned()))?;
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        if text.is_empty() || answer.len() as u64 > ANSWER_BYTES {
            return Err(failed(format!("gave no answer of 1 to {ANSWER_BYTES} bytes")));
        }
        Ok(Variable::of_command(Passphrase::new(text.to_owned())))
    }
}

impl fmt::Debug for PassphraseCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassphraseCommand(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> Result<Passphrase, PassphraseError> {
        PassphraseCommand::new(line.to_owned()).of_other("backup", "keys.age").map(|said| said.passphrase)
    }

    #[test]
    fn command_learns_what_is_asked_for_and_says_it() {
        let passphrase = |text: &str| Ok(Passphrase::new(text.to_owned()));
        assert_eq!(answer("echo secret"), passphrase("secret"));
        assert_eq!(answer("printf 'a b \\r\\n'; echo talk >&2"), passphrase("a b "));
        assert_eq!(
            answer("echo $COUNTERSIGN_KEY_ROLE/$COUNTERSIGN_KEY_ALIAS"),
            passphrase("backup/keys.age")
        );
        let key = KeyInQuestion { id: "0a".repeat(32).parse().expect("an id"), role: "targets" };
        let command = PassphraseCommand::new("echo $COUNTERSIGN_KEY_ID $COUNTERSIGN_KEY_ALIAS".to_owned());
        let said = command.of_key(&key).expect("an answer").passphrase;
        assert_eq!(said, Passphrase::new(format!("{} repository", "0a".repeat(32))));
    }

    #[test]
    fn command_that_fails_or_says_nothing_is_an_error() {
        for (line, problem) in [
            ("exit 3", "failed: exit status: 3"),
            ("echo secret; exit 1", "failed"),
            ("true", "gave no answer"),
            ("echo", "gave no answer"),
            ("printf '\\377'", "not UTF-8"),
            ("head -c 1000000 /dev/zero", "failed"),
            ("exec /nonexistent", "failed"),
        ] {
            let said = answer(line).expect_err(line).to_string();
            assert!(said.contains(problem), "{line}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn command_that_leaves_its_output_open_meets_the_deadline() {
        for line in ["sleep 20 2>/dev/null & echo secret", "exec sleep 20"] {
            let command = PassphraseCommand { line: line.to_owned(), deadline: Duration::from_millis(300) };
            let said = command.of_other("backup", "keys.age").map(|said| said.passphrase);
            let said = said.expect_err(line).to_string();
            assert!(said.contains("did not end within"), "{line}: {said}");
        }
    }
}
