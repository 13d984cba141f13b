//! Programs that answer with a secret: a command of the user's, a desktop's keyring.

use std::io::{self, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

const POLL: Duration = Duration::from_millis(10);
/// Longest answer, in bytes.
pub(super) const ANSWER_BYTES: u64 = 64 << 10;

/// Longest complaint that is shown, in characters.
const COMPLAINT: usize = 200;

/// Why a program gave no answer.
#[derive(Debug)]
pub(super) struct Failure {
    /// What went wrong, as the end of a sentence.
    pub(super) problem: String,
    /// It ended by itself with status 1, and had nothing to say on its standard error.
    pub(super) is_silent: bool,
}

/// Runs a program to its end and gives what it wrote to its standard output, at most one byte more than [`ANSWER_BYTES`].
///
/// `input` is all that it finds on its standard input. It is killed when it takes longer than `deadline`. What it complains of is
/// part of the problem if its standard error is piped.
///
/// # Errors
/// [`Failure`].
pub(super) fn answer(
    program: &mut Command,
    input: &[u8],
    deadline: Duration,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let started = Instant::now();
    let late = || Failure::from(format!("did not end within {} s", deadline.as_secs()));
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child = program
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot be run: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not want to hear it may still answer.
        stdin.write_all(input).ok();
    }
    let output = child.stdout.take().map(read_apart);
    let complaint = child.stderr.take().map(read_apart);
    let left = || deadline.saturating_sub(started.elapsed());
    match wait(&mut child, started, deadline).map_err(|error| format!("cannot be waited for: {error}"))? {
        None => return Err(late()),
        Some(status) if !status.success() => {
            // What was not heard to its end is no silence.
            let said = complaint.and_then(|complaint| complaint.recv_timeout(left()).ok()?.ok());
            let said = said.map(|said| last_line(&said));
            let is_silent = said.as_ref().is_some_and(String::is_empty) && status.code() == Some(1);
            let said = said.filter(|said| !said.is_empty());
            let problem = said.map_or_else(|| format!("failed: {status}"), |said| format!("failed: {said}"));
            return Err(Failure { problem, is_silent });
        }
        Some(_) => {}
    }
    match output.map(|output| output.recv_timeout(left())) {
        Some(Ok(Ok(answer))) => Ok(answer),
        Some(Err(RecvTimeoutError::Timeout)) => Err(late()),
        _ => Err(Failure::from("gave no answer".to_owned())),
    }
}

impl From<String> for Failure {
    fn from(problem: String) -> Self {
        Self { problem, is_silent: false }
    }
}

/// Reads what a program writes on the side, so that one that says much is not stopped by saying it, and so that one whose children
/// keep the other end open is not waited for.
fn read_apart(output: impl Read + Send + 'static) -> Receiver<io::Result<Zeroizing<Vec<u8>>>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut read = Zeroizing::new(Vec::with_capacity(usize::try_from(ANSWER_BYTES + 1).unwrap_or(0)));
        let outcome = output.take(ANSWER_BYTES + 1).read_to_end(&mut read);
        sender.send(outcome.map(|_| read)).ok();
    });
    receiver
}

/// The last line that a program had to say, escaped.
fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(COMPLAINT).flat_map(char::escape_default).collect()
}

/// Waits for the end of a program; `None` when it took too long, and was killed.
fn wait(child: &mut Child, started: Instant, deadline: Duration) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str, input: &[u8], deadline: Duration) -> Result<Vec<u8>, String> {
        let said = answer(Command::new("sh").args(["-c", line]), input, deadline);
        said.map(|answer| answer.to_vec()).map_err(|failure| failure.problem)
    }

    #[test]
    fn program_reads_its_input_and_answers() {
        let minute = Duration::from_mins(1);
        assert_eq!(run("cat", b"secret", minute), Ok(b"secret".to_vec()));
        assert_eq!(run("exec <&-; echo deaf", &vec![b'x'; 100_000], minute), Ok(b"deaf\n".to_vec()));
        assert_eq!(run("cat", b"", minute), Ok(Vec::new()));
    }

    #[test]
    fn program_or_its_child_that_goes_on_is_not_waited_for() {
        let soon = Duration::from_millis(300);
        for line in ["exec cat /dev/zero", "sleep 60 & exit 0", "exec sleep 60"] {
            let refused = run(line, b"", soon).expect_err(line);
            assert!(refused.contains("did not end") || refused.contains("failed"), "{line}: {refused}");
        }
    }

    #[test]
    fn program_that_failed_has_its_last_line_told_escaped() {
        let failure = |line: &str| {
            let mut program = Command::new("sh");
            answer(program.args(["-c", line]).stderr(Stdio::piped()), b"", Duration::from_mins(1))
                .expect_err(line)
        };
        let silent = failure("echo no answer; exit 1");
        assert_eq!((silent.problem.as_str(), silent.is_silent), ("failed: exit status: 1", true));
        for line in ["exit 2", "kill -9 $$", "echo why >&2; exit 1"] {
            assert!(!failure(line).is_silent, "{line}");
        }
        // Somebody else holds its standard error until the deadline.
        let (mut program, dir) = (Command::new("sh"), tempfile::tempdir().expect("a directory"));
        let line = "sleep 600 >/dev/null & echo $! >pid; exit 1";
        program.args(["-c", line]).current_dir(&dir).stderr(Stdio::piped());
        let unheard = answer(&mut program, b"", Duration::from_secs(1)).expect_err("it fails");
        assert!(!unheard.is_silent, "{}", unheard.problem);
        let kill = Command::new("sh").args(["-c", "kill $(cat pid)"]).current_dir(&dir).status();
        assert!(kill.is_ok_and(|status| status.success()));
        let told = failure("printf 'first\\nwhy \\033[2J\\n\\n' >&2; exit 1");
        assert_eq!(told.problem, r"failed: why \u{1b}[2J");
        let long = failure("yes complaint | head -c 100000 | tr -d '\\n' >&2; exit 1");
        assert!(!long.is_silent && long.problem.len() < 250, "{}", long.problem);
    }
}
