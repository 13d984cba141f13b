//! Questions as Docker asks them: on stdout, answered from stdin, whatever these are.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use countersign_client::prompt::Prompt;
use zeroize::Zeroizing;

use crate::terminal::{Hidden, Person, read_line};

/// The standard streams.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DockerTerminal;

impl Person for DockerTerminal {
    fn ask(&self, question: &str) -> Option<String> {
        show(question).ok()?;
        let answer = read_line(&mut input().ok()?).ok()??;
        Some(answer.trim().to_owned())
    }
}

impl Prompt for DockerTerminal {
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
