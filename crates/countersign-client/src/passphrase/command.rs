//! Passphrases from a program: a password manager, a desktop's keyring, a secret store.

use std::fmt;
use std::io::{self, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use countersign_core::key_file::Passphrase;
use zeroize::Zeroizing;

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
const POLL: Duration = Duration::from_millis(10);
/// Longest answer, in bytes.
const ANSWER_BYTES: u64 = 64 << 10;

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
        let ends = Instant::now() + self.deadline;
        let late = || failed(format!("did not end within {} s", self.deadline.as_secs()));
        let mut child = Command::new("sh")
            .args(["-c", &self.line])
            .env("COUNTERSIGN_KEY_ID", id)
            .env("COUNTERSIGN_KEY_ROLE", role)
            .env("COUNTERSIGN_KEY_ALIAS", alias)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("cannot be run: {error}")))?;
        let output = child.stdout.take();
        // The answer is read on the side, so that a command that says much is not stopped by saying it, and so that what the
        // command leaves running with its output open is not waited for without end.
        let (sender, answered) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let mut answer =
                Zeroizing::new(Vec::with_capacity(usize::try_from(ANSWER_BYTES + 1).unwrap_or(0)));
            let read = output.map(|output| output.take(ANSWER_BYTES + 1).read_to_end(&mut answer));
            let _ = sender.send(read.transpose().map(|_| answer));
        });
        let status =
            wait(&mut child, ends).map_err(|error| failed(format!("cannot be waited for: {error}")))?;
        match status {
            None => return Err(late()),
            Some(status) if !status.success() => return Err(failed(format!("failed: {status}"))),
            Some(_) => {}
        }
        let answer = match answered.recv_timeout(ends.saturating_duration_since(Instant::now())) {
            Ok(Ok(answer)) => answer,
            Err(mpsc::RecvTimeoutError::Timeout) => return Err(late()),
            Ok(Err(_)) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(failed("gave no answer".to_owned()));
            }
        };
        let text = std::str::from_utf8(&answer)
            .map_err(|_| failed("gave an answer that is not UTF-8".to_owned()))?;
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        if text.is_empty() || answer.len() as u64 > ANSWER_BYTES {
            return Err(failed(format!("gave no answer of 1 to {ANSWER_BYTES} bytes")));
        }
        Ok(Variable::of_command(Passphrase::new(text.to_owned())))
    }
}

/// Waits for the end of a command; `None` when it took too long, and was killed.
fn wait(child: &mut Child, ends: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= ends {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
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
