//! The one way to say something: data on stdout, talk on stderr.
//!
//! Colours go away where nobody sees them (`NO_COLOR`, no terminal); nothing is said by colour alone.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use rustix::termios::tcgetwinsize;

/// For `error:`.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// For `warning:`.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// For `hint:`.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// For what went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// For headings.
pub(crate) const HEADING: Style = Style::new().bold();
/// For what matters less.
pub(crate) const FAINT: Style = Style::new().dimmed();

type Sink = Mutex<Box<dyn Write + Send>>;

/// Where something is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stream {
    /// Standard output.
    Data,
    /// Standard error.
    Talk,
}

/// Writes what the program has to say.
pub(crate) struct Printer {
    data: Sink,
    talk: Sink,
    quiet: bool,
    bars: bool,
    columns: [Option<u16>; 2],
}

impl Printer {
    /// One for the streams of this process.
    pub(crate) fn of_process(quiet: bool) -> Self {
        let bars = !quiet && io::stderr().is_terminal();
        let columns = [columns(&io::stdout()), columns(&io::stderr())];
        Self { bars, columns, ..Self::new(Box::new(anstream::stdout()), Box::new(anstream::stderr()), quiet) }
    }

    /// One that writes to `data` and `talk`, never a progress bar.
    pub(crate) fn new(data: Box<dyn Write + Send>, talk: Box<dyn Write + Send>, quiet: bool) -> Self {
        Self { data: Mutex::new(data), talk: Mutex::new(talk), quiet, bars: false, columns: [None; 2] }
    }

    /// Whether only what was asked for is wanted, and errors.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether somebody watches, so that bars may move.
    pub(crate) fn shows_bars(&self) -> bool {
        self.bars
    }

    /// How wide a stream is, if it is a terminal on which the cursor may be moved.
    pub(crate) fn columns(&self, stream: Stream) -> Option<u16> {
        self.columns[stream as usize]
    }

    /// Writes text to a stream as it is.
    pub(crate) fn write(&self, stream: Stream, text: &str) -> io::Result<()> {
        match stream {
            Stream::Data => self.data_text(text),
            Stream::Talk => lock(&self.talk).write_all(text.as_bytes()),
        }
    }

    /// Writes a line of data.
    pub(crate) fn data(&self, line: impl Display) -> io::Result<()> {
        self.data_text(&format!("{line}\n"))
    }

    /// Writes data as it is.
    pub(crate) fn data_text(&self, text: &str) -> io::Result<()> {
        let mut data = lock(&self.data);
        data.write_all(text.as_bytes())?;
        data.flush()
    }

    /// Writes a line of data that accompanies what was asked for; not with `--quiet`.
    pub(crate) fn status(&self, line: impl Display) -> io::Result<()> {
        if self.quiet { Ok(()) } else { self.data(line) }
    }

    /// Says something about what is being done; not with `--quiet`.
    pub(crate) fn say(&self, line: impl Display) {
        if !self.quiet {
            self.tell(line);
        }
    }

    /// Says something that must be heard. That nobody can hear it stops nothing.
    pub(crate) fn tell(&self, line: impl Display) {
        let _ = self.write(Stream::Talk, &format!("{line}\n"));
    }

    /// Says something that is no error yet.
    pub(crate) fn warn(&self, text: impl Display) {
        self.tell(format_args!("{WARNING}warning:{WARNING:#} {text}"));
    }

    /// Says what may help.
    pub(crate) fn hint(&self, text: impl Display) {
        self.tell(format_args!("{HINT}hint:{HINT:#} {text}"));
    }
}

/// The width of a terminal whose cursor may be moved; escapes are taken out where colours are not wanted.
fn columns(stream: &(impl AsFd + anstream::stream::RawStream)) -> Option<u16> {
    if !stream.is_terminal() || AutoStream::choice(stream) == ColorChoice::Never {
        return None;
    }
    let size = tcgetwinsize(stream);
    Some(size.ok().map(|size| size.ws_col).filter(|columns| *columns > 0).unwrap_or(200))
}

fn lock(sink: &Sink) -> MutexGuard<'_, Box<dyn Write + Send>> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}
