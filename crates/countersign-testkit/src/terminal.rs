//! Runs programs behind a pseudo terminal: waits for what they ask, and answers.
//!
//! ```
//! use countersign_testkit::command::Invocation;
//! use countersign_testkit::terminal::Terminal;
//! let ask = Invocation::of("sh").args(["-c", "printf 'Name: '; read name; echo Hello $name; exit 3"]);
//! let mut terminal = Terminal::run(ask);
//! terminal.expect("Name: ");
//! terminal.answer("Alice");
//! let session = terminal.finish();
//! assert_eq!(session.code, Some(3));
//! assert!(session.screen.ends_with("Hello Alice\n"));
//! ```

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::command::{DEADLINE, Invocation, kill_group, wait};

/// A program with a terminal of 120 columns and 40 rows, which is also its controlling terminal (`/dev/tty`).
///
/// Killed when dropped.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    output: Receiver<Vec<u8>>,
    screen: Vec<u8>,
    read_up_to: usize,
    line: String,
    deadline: Instant,
}

impl Terminal {
    /// Starts `invocation` at a terminal. The whole session has [`DEADLINE`] to end.
    ///
    /// # Panics
    /// When no terminal can be had, or the program cannot be started.
    pub fn run(invocation: Invocation) -> Self {
        let line = invocation.line();
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo terminal can be opened");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a pseudo terminal can be unlocked");
        tcsetwinsize(&master, Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 })
            .expect("a terminal has a size");
        let name = ptsname(&master, Vec::new()).expect("a pseudo terminal has a name");
        let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())
            .map(File::from)
            .expect("the other side can be opened");

        // A session of its own with a controlling terminal takes a call between fork and exec; `setsid` makes it.
        // Where the tests run in the background, a shell may have had them ignore Ctrl-C; whoever has a terminal does not.
        let invocation = invocation
            .env("TERM", "xterm")
            .through("env", &["--default-signal=INT,QUIT"])
            .through("setsid", &["--ctty", "--wait"]);
        let mut command = invocation.command();
        command
            .stdin(slave.try_clone().expect("a file can be shared"))
            .stdout(slave.try_clone().expect("a file can be shared"))
            .stderr(slave);
        let child = invocation.spawn(&mut command);
        drop(command);

        let keyboard = File::from(master);
        let mut display = keyboard.try_clone().expect("a file can be shared");
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                match display.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) if sender.send(buffer[..count].to_vec()).is_err() => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // The last holder of the other side is gone.
                    Err(_) => break,
                }
            }
        });
        Self {
            child,
            keyboard,
            output,
            screen: Vec::new(),
            read_up_to: 0,
            line,
            deadline: Instant::now() + DEADLINE,
        }
    }

    /// Waits until the program has written `text`, after what was waited for before.
    ///
    /// # Panics
    /// When the program ends or the deadline passes without it.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        loop {
            if let Some(position) = find(&self.screen[self.read_up_to..], text.as_bytes()) {
                self.read_up_to += position + text.len();
                return;
            }
            match self.output.recv_timeout(self.left()) {
                Ok(bytes) => self.screen.extend(bytes),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("`{}` ended without `{text}`:\n{}", self.line, self.screen())
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("`{}` did not say `{text}` in time:\n{}", self.line, self.screen())
                }
            }
        }
    }

    /// Types `text` and Enter.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn answer(&mut self, text: &str) {
        self.type_keys(&format!("{text}\n"));
    }

    /// Waits until the terminal no longer shows what is typed, then types `secret` and Enter.
    ///
    /// Programs write their question first and hide the answer a moment later, and drop what was typed in between.
    ///
    /// # Panics
    /// When the deadline passes and the answer would still be shown.
    #[track_caller]
    pub fn answer_hidden(&mut self, secret: &str) {
        while self.shows_what_is_typed() {
            assert!(!self.left().is_zero(), "`{}` does not hide the answer:\n{}", self.line, self.screen());
            thread::sleep(Duration::from_millis(1));
        }
        self.answer(secret);
    }

    /// Types `keys` as they are: `"\u{3}"` is Control-C, `"\u{4}"` at the start of a line the end of input.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits for the program's end.
    ///
    /// # Panics
    /// When the deadline passes before.
    #[track_caller]
    pub fn finish(mut self) -> Session {
        loop {
            match self.output.recv_timeout(self.left()) {
                Ok(bytes) => self.screen.extend(bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("`{}` did not end in time:\n{}", self.line, self.screen())
                }
            }
        }
        let left = self.left();
        let Some(status) = wait(&mut self.child, left) else {
            panic!("`{}` let go of its terminal and did not end:\n{}", self.line, self.screen())
        };
        Session { code: status.code(), screen: self.screen() }
    }

    fn shows_what_is_typed(&self) -> bool {
        let modes = tcgetattr(&self.keyboard).expect("a terminal has modes").local_modes;
        modes.contains(LocalModes::ECHO)
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen).replace("\r\n", "\n")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            kill_group(&mut self.child);
        }
    }
}

/// A session at a terminal that is over.
#[derive(Clone, Debug)]
pub struct Session {
    /// The program's exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All that was to be seen, echoed answers included; lines end with `\n`.
    pub screen: String,
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len().max(1)).position(|window| window == needle)
}
