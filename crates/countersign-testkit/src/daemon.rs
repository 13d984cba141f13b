//! Programs that serve until they are dropped.
//!
//! ```no_run
//! # let (countersign, dir) = ("countersign", std::path::Path::new("/tmp"));
//! use countersign_testkit::command::Invocation;
//! use countersign_testkit::daemon::{Daemon, answers};
//! let server = |port| {
//!     Invocation::of(countersign).args(["server", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(dir)
//! };
//! let (server, port) = Daemon::start("countersign server", &dir.join("log"), server, answers);
//! assert_eq!(server.terminate(), Some(0));
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::command::{DEADLINE, Invocation, kill_group, signal, wait};

/// How long a daemon may take until it answers.
const READY: Duration = DEADLINE;

/// How often a daemon is started again whose port was taken by somebody else in between.
const ATTEMPTS: u32 = 5;

/// A running daemon, killed with all that it started when it is dropped. What it says goes to a file, whose end is shown when
/// the test fails.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
    is_asked: bool,
}

impl Daemon {
    /// Starts what `invocation` makes for a free port of 127.0.0.1, and returns it with that port once `ready` says so.
    ///
    /// What it says goes to the file `log`.
    ///
    /// # Panics
    /// With what it said, when it ends or is not ready in time.
    pub fn start(
        name: &str,
        log: &Path,
        invocation: impl Fn(u16) -> Invocation,
        ready: impl Fn(u16) -> bool,
    ) -> (Self, u16) {
        for _ in 1..ATTEMPTS {
            let port = free_port();
            let mut daemon = Self::spawn(name, log, &invocation(port));
            match daemon.wait_until_ready(|| ready(port)) {
                Ok(()) => return (daemon, port),
                Err(Failure::Ended) if daemon.said().contains("address already in use") => {}
                Err(Failure::Ended) => panic!("{name} ended at its start:\n{}", daemon.said()),
                Err(Failure::Deadline) => panic!("{name} was not ready in time:\n{}", daemon.said()),
            }
        }
        panic!("{name} found its port taken {ATTEMPTS} times")
    }

    /// Starts one that listens on no port, and returns it once `ready` says so; without, what it said.
    ///
    /// When it is dropped it is asked to end, and killed only if it doesn't: it may have children that it alone can end.
    ///
    /// # Panics
    /// With what it said, when it neither ends nor is ready in time.
    pub fn start_on_socket(
        name: &str,
        log: &Path,
        invocation: &Invocation,
        ready: impl Fn() -> bool,
    ) -> Result<Self, String> {
        let mut daemon = Self::spawn(name, log, invocation);
        daemon.is_asked = true;
        match daemon.wait_until_ready(ready) {
            Ok(()) => Ok(daemon),
            Err(Failure::Ended) => Err(daemon.said()),
            Err(Failure::Deadline) => panic!("{name} was not ready in time:\n{}", daemon.said()),
        }
    }

    fn spawn(name: &str, log: &Path, invocation: &Invocation) -> Self {
        let file = File::create(log).expect("a log can be written");
        let mut command = invocation.command();
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be shared"))
            .stderr(file)
            .process_group(0);
        Self {
            name: name.to_owned(),
            child: invocation.spawn(&mut command),
            log: log.to_owned(),
            is_asked: false,
        }
    }

    fn wait_until_ready(&mut self, ready: impl Fn() -> bool) -> Result<(), Failure> {
        let started = Instant::now();
        while started.elapsed() < READY {
            if self.child.try_wait().expect("a child can be waited for").is_some() {
                return Err(Failure::Ended);
            }
            if ready() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(Failure::Deadline)
    }

    /// All that it has said so far.
    pub fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (`SIGTERM`), waits until it has, and returns its exit code: `None` when the signal ended it.
    ///
    /// # Panics
    /// With what it said, when it goes on for longer than [`DEADLINE`].
    pub fn terminate(mut self) -> Option<i32> {
        signal(&self.child, Signal::TERM);
        match wait(&mut self.child, DEADLINE) {
            Some(status) => status.code(),
            None => panic!("{} did not end when it was asked to:\n{}", self.name, self.said()),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.is_asked {
            signal(&self.child, Signal::TERM);
            wait(&mut self.child, DEADLINE);
        }
        kill_group(&mut self.child);
        if thread::panicking() {
            let said = self.said();
            let lines: Vec<&str> = said.lines().rev().take(40).collect();
            let end: Vec<&str> = lines.into_iter().rev().collect();
            let _ = writeln!(io::stderr(), "--- {} said last ---\n{}", self.name, end.join("\n"));
        }
    }
}

enum Failure {
    Ended,
    Deadline,
}

/// Whether somebody listens on the loopback `port`.
pub fn answers(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_secs(1)).is_ok()
}

/// A port of 127.0.0.1 that nobody listens on at the moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a loopback port is free")
        .port()
}
