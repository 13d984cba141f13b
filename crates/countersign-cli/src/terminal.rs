//! Questions to the person at the terminal.
//!
//! A terminal is asked directly, so that questions are seen wherever the output goes, and answers that are secret are not
//! shown. Where the input is no terminal, a line of it is the answer and the question goes to stderr.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read, Write as _};
use std::sync::mpsc::{RecvError, channel};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use countersign_client::prompt::Prompt;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

/// Longest answer, in bytes.
const LINE_BYTES: u64 = 64 << 10;
/// How a shell reports a program that Control-C ended.
const INTERRUPTED: i32 = 130;
/// How a shell reports a program that was told to end.
const TERMINATED: i32 = 143;

/// Somebody who can be asked for secrets and for what is none.
pub(crate) trait Person: Prompt {
    /// Asks for something that is shown as it is typed. `None` if nobody can be asked.
    fn ask(&self, question: &str) -> Option<String>;
}

/// The terminal of this process, or whatever stands in for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terminal;

impl Person for Terminal {
    fn ask(&self, question: &str) -> Option<String> {
        let answer = match terminal() {
            Some(mut terminal) => {
                terminal.write_all(question.as_bytes()).ok()?;
                read_line(&mut terminal)
            }
            None => ask_input(question),
        };
        if !matches!(answer, Ok(Some(_))) {
            self.say("");
        }
        answer.ok()?.map(|answer| answer.trim().to_owned())
    }
}

impl Prompt for Terminal {
    fn say(&self, line: &str) {
        let line = format!("{line}\n");
        // Nobody is left to tell if this can't be written.
        let _ = match terminal() {
            Some(mut terminal) => terminal.write_all(line.as_bytes()),
            None => io::stderr().write_all(line.as_bytes()),
        };
    }

    fn ask_hidden(&self, text: &str) -> Option<Zeroizing<String>> {
        let answer = if let Some(mut terminal) = terminal() {
            let hidden = Hidden::hide(&terminal).ok()?;
            terminal.write_all(text.as_bytes()).ok()?;
            let answer = read_line(&mut terminal);
            drop(hidden);
            terminal.write_all(b"\n").ok()?;
            answer
        } else {
            let answer = ask_input(text);
            let _ = io::stderr().write_all(b"\n");
            answer
        };
        answer.ok().flatten()
    }
}

/// The terminal itself, if that is where the input comes from.
fn terminal() -> Option<File> {
    if !io::stdin().is_terminal() {
        return None;
    }
    File::options().read(true).write(true).open("/dev/tty").ok()
}

fn ask_input(question: &str) -> io::Result<Option<Zeroizing<String>>> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(question.as_bytes())?;
    stderr.flush()?;
    drop(stderr);
    let mut line = Zeroizing::new(Vec::new());
    io::stdin().lock().take(LINE_BYTES).read_until(b'\n', &mut line)?;
    text_of(&line)
}

/// Reads no byte more than the line, so that the next question finds the next one.
pub(crate) fn read_line(terminal: &mut File) -> io::Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(Vec::new());
    let mut byte = [0];
    while (line.len() as u64) < LINE_BYTES && terminal.read(&mut byte)? > 0 {
        line.push(byte[0]);
        if byte[0] == b'\n' {
            break;
        }
    }
    text_of(&line)
}

/// A line without its break; `None` for no line at all.
fn text_of(line: &[u8]) -> io::Result<Option<Zeroizing<String>>> {
    if line.is_empty() {
        return Ok(None);
    }
    let text =
        std::str::from_utf8(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
}

/// What the terminal was before answers were hidden; put back at the end, however that comes.
static BEFORE: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// While this lives, what is typed is not shown.
pub(crate) struct Hidden;

impl Hidden {
    /// Shows nothing of what is typed at `terminal`.
    pub(crate) fn hide(terminal: &File) -> io::Result<Self> {
        watch_signals();
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO;
        *hidden_terminal() = Some((terminal.try_clone()?, before));
        let hidden = Self;
        // What was typed ahead was typed in sight, and is dropped.
        tcsetattr(terminal, OptionalActions::Flush, &modes)?;
        Ok(hidden)
    }

    fn show() {
        if let Some((terminal, before)) = hidden_terminal().take() {
            let _ = tcsetattr(terminal, OptionalActions::Now, &before);
        }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        Self::show();
    }
}

fn hidden_terminal() -> MutexGuard<'static, Option<(File, Termios)>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on Control-C and a request to end first show again what is typed; then the program ends, with the code that a shell
/// would report.
///
/// On a thread of its own, because those that run the program may all be waiting for the answer.
pub(crate) fn watch_signals() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let (ready, watching) = channel();
        let watcher = move || {
            let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
            let code = runtime.block_on(async {
                let mut interrupt = signal(SignalKind::interrupt()).ok()?;
                let mut terminate = signal(SignalKind::terminate()).ok()?;
                drop(ready);
                Some(tokio::select! {
                    _ = interrupt.recv() => INTERRUPTED,
                    _ = terminate.recv() => TERMINATED,
                })
            });
            if let Some(code) = code {
                Hidden::show();
                let _ = io::stderr().write_all(b"\n");
                std::process::exit(code);
            }
        };
        let _ = thread::Builder::new().name("signals".to_owned()).spawn(watcher);
        // Nothing is sent: the sender goes once signals are watched, or cannot be.
        let _: Result<(), RecvError> = watching.recv();
    });
}
