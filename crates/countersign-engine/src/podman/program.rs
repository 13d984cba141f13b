//! Running podman: arguments as a list, never a shell; everything it says within bounds.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::error::PodmanError;
use crate::text::printable;

/// Most that is read of its standard output, in bytes.
const OUTPUT_BYTES: u64 = 64 << 20;
/// Longest line of its standard error, in bytes; longer ones are cut.
const LINE_BYTES: u64 = 64 << 10;
/// How long a question may take.
const ANSWER: Duration = Duration::from_mins(1);

/// The program.
#[derive(Clone, Debug)]
pub(super) struct Program(pub(super) PathBuf);

/// How it ended.
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) output: Vec<u8>,
    /// Its last line on standard error.
    pub(super) last: String,
}

impl Program {
    /// Asks something. It may not take long.
    pub(super) async fn ask(&self, verb: &'static str, words: &[OsString]) -> Result<Ended, PodmanError> {
        let ended = timeout(ANSWER, self.run(verb, words, |_| {})).await;
        ended.map_err(|_| PodmanError::Silent { verb, after: ANSWER })?
    }

    /// Has something done, which has to go well. `hear` gets each line that it says meanwhile.
    pub(super) async fn order(
        &self,
        verb: &'static str,
        words: &[OsString],
        hear: impl FnMut(&str),
    ) -> Result<Ended, PodmanError> {
        let ended = self.run(verb, words, hear).await?;
        if ended.code == Some(0) { Ok(ended) } else { Err(ended.failure(verb)) }
    }

    async fn run(
        &self,
        verb: &'static str,
        words: &[OsString],
        mut hear: impl FnMut(&str),
    ) -> Result<Ended, PodmanError> {
        let failed = |source| PodmanError::Run { program: self.0.clone(), source };
        let mut child = Command::new(&self.0)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let mut last = String::new();
        let listening = lines(errors, |line| {
            line.clone_into(&mut last);
            hear(line);
        });
        let (output, heard) = tokio::join!(read(output), listening);
        let (output, ()) = (output.map_err(failed)?, heard.map_err(failed)?);
        if output.len() as u64 > OUTPUT_BYTES {
            return Err(PodmanError::Garbage { verb, what: "its answer is too long" });
        }
        let status = child.wait().await.map_err(failed)?;
        Ok(Ended { code: status.code(), output, last })
    }
}

impl Ended {
    pub(super) fn failure(self, verb: &'static str) -> PodmanError {
        let message = self.last.strip_prefix("Error: ").unwrap_or(&self.last).to_owned();
        let message = match (message.is_empty(), self.code) {
            (false, _) => message,
            (true, Some(code)) => format!("it ended with {code}"),
            (true, None) => "a signal ended it".to_owned(),
        };
        PodmanError::Failed { verb, message }
    }
}

async fn read(output: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    output.take(OUTPUT_BYTES + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

async fn lines(errors: impl AsyncRead + Unpin, mut hear: impl FnMut(&str)) -> io::Result<()> {
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut errors).take(LINE_BYTES).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line);
        let text = printable(text.trim());
        if !text.is_empty() {
            hear(&text);
        }
    }
}
