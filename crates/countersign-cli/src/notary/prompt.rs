//! Questions as Notary asks them: on stdout, answered from stdin, whatever these are.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use countersign_client::prompt::Prompt;
use zeroize::Zeroizing;

use crate::terminal::{Hidden, read_line};

/// The standard streams.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streams;

impl Streams {
    /// Asks for something that is shown as it is typed. `None` at the end of input.
    pub(super) fn ask(question: &str) -> Option<Zeroizing<String>> {
        show(question).ok()?;
        read_line(&mut input().ok()?).ok()?
    }

    /// Asks a question to which anything but yes is no.
    ///
    /// Source: notary `cmd/notary/util.go` (`askConfirm`).
    pub(super) fn confirms(question: &str) -> bool {
        let answer = Self::ask(question);
        answer.is_some_and(|answer| matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

impl Prompt for Streams {
    fn say(&self, line: &str) {
        // Nobody is left to tell if this can't be written.
        let _ = show(&format!("{line}\n"));
    }

    fn ask_hidden(&self, text: &str) -> Option<Zeroizing<String>> {
        let mut input = input().ok()?;
        let hidden = io::stdin().is_terminal().then(|| Hidden::hide(&input)).transpose().ok()?;
        show(text).ok()?;
        let answer = read_line(&mut input);
        drop(hidden);
        show("\n").ok()?;
        answer.ok()?
    }
}

fn show(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Standard input without a buffer, so that what follows an answer is left to whoever comes next.
fn input() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}
