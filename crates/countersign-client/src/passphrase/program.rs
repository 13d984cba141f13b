//! Programs that answer with a secret: a command of the user's, a desktop's keyring.

use std::io::{self, Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

const POLL: Duration = Duration::from_millis(10);
/// Longest answer, in bytes.
pub(super) const ANSWER_BYTES: u64 = 64 << 10;

/// Runs a program to its end and gives what it wrote to its standard output, at most one byte more than [`ANSWER_BYTES`].
///
/// `input` is all that it finds on its standard input. It is killed when it takes longer than `deadline`.
///
/// # Errors
/// What went wrong, as the end of a sentence.
pub(super) fn answer(
    program: &mut Command,
    input: &[u8],
    deadline: Duration,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let started = Instant::now();
    let late = || format!("did not end within {} s", deadline.as_secs());
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
    let output = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    // The answer is read on the side, so that a program that says much is not stopped by saying it, and so that one whose children
    // keep the other end open is not waited for.
    thread::spawn(move || {
        let mut answer = Zeroizing::new(Vec::with_capacity(usize::try_from(ANSWER_BYTES + 1).unwrap_or(0)));
        let read = output.map(|output| output.take(ANSWER_BYTES + 1).read_to_end(&mut answer));
        sender.send(read.transpose().map(|_| answer)).ok();
    });
    match wait(&mut child, started, deadline).map_err(|error| format!("cannot be waited for: {error}"))? {
        None => return Err(late()),
        Some(status) if !status.success() => return Err(format!("failed: {status}")),
        Some(_) => {}
    }
    match receiver.recv_timeout(deadline.saturating_sub(started.elapsed())) {
        Ok(Ok(answer)) => Ok(answer),
        Err(RecvTimeoutError::Timeout) => Err(late()),
        Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => Err("gave no answer".to_owned()),
    }
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
        answer(Command::new("sh").args(["-c", line]), input, deadline).map(|answer| answer.to_vec())
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
}
