//! Runs programs: a clean environment, a deadline, and everything they said.
//!
//! ```
//! use countersign_testkit::command::Invocation;
//! let output = Invocation::of("sh").args(["-c", "cat; echo done >&2"]).stdin("hello").run();
//! assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(0), "hello", "done\n"));
//! ```

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long a program may run when nothing else is said.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// A program about to be run.
///
/// Its environment holds `PATH`, a UTF-8 locale and UTC, a `HOME` that does not exist, and what is set here.
#[derive(Clone, Debug)]
pub struct Invocation {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    stdin: Vec<u8>,
    deadline: Duration,
}

impl Invocation {
    /// Names the program, by path or as `PATH` finds it.
    pub fn of(program: impl AsRef<OsStr>) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
        let fixed = [("LC_ALL", "C.UTF-8"), ("TZ", "UTC"), ("HOME", "/nonexistent")];
        let mut env: Vec<(OsString, OsString)> = vec![("PATH".into(), path)];
        env.extend(fixed.map(|(name, value)| (name.into(), value.into())));
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env,
            dir: None,
            stdin: Vec::new(),
            deadline: DEADLINE,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs it in `dir`.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// Gives it `input` to read. Without, its input is at its end at once.
    #[must_use]
    pub fn stdin(mut self, input: impl AsRef<[u8]>) -> Self {
        input.as_ref().clone_into(&mut self.stdin);
        self
    }

    /// Lets it see another time, in the words of `date`: `+20 days`, `2030-01-01 12:00:00`. The clock goes on from there.
    ///
    /// Works on programs that ask the C library, which those of Go do not.
    ///
    /// # Panics
    /// When `date` does not know the time, or Debian's `faketime` is not installed.
    #[must_use]
    pub fn clock(self, time: &str) -> Self {
        let then = Self::of("date").args(["--date", time, "+%s"]).run().expect_success().stdout;
        let then: i64 = then.trim().parse().expect("seconds");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
        let now = i64::try_from(now).expect("a time within reason");
        self.with_time(&format!("{:+}", then - now))
    }

    /// Lets its time pass so many times as fast, its own time limits included, so that nobody has to wait for them.
    ///
    /// Works on the same programs as [`Invocation::clock`].
    ///
    /// # Panics
    /// When Debian's `faketime` is not installed.
    #[must_use]
    pub fn hurried(self, times: u32) -> Self {
        self.with_time(&format!("+0 x{times}"))
    }

    /// Without the program `faketime` around it, which is in the way of itself where many run and some are killed.
    fn with_time(self, time: &str) -> Self {
        let library = fs::read_dir("/usr/lib").into_iter().flatten().filter_map(Result::ok);
        let library =
            library.map(|dir| dir.path().join("faketime/libfaketimeMT.so.1")).find(|file| file.is_file());
        self.env("LD_PRELOAD", library.expect("faketime is installed")).env("FAKETIME", time)
    }

    /// Ends it, and the test, after `deadline`.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started, or is still running at its deadline: then it is killed with all that it started.
    pub fn run(self) -> Output {
        let mut stdin = scratch();
        stdin.write_all(&self.stdin).expect("the input fits on the disk");
        stdin.rewind().expect("a file can be rewound");
        let (stdout, stderr) = (scratch(), scratch());
        let mut command = self.command();
        command
            .stdin(stdin)
            .stdout(stdout.try_clone().expect("a file can be shared"))
            .stderr(stderr.try_clone().expect("a file can be shared"))
            .process_group(0);
        let started = Instant::now();
        let mut child = self.spawn(&mut command);
        let status = wait(&mut child, self.deadline);
        let output = Output {
            line: self.line(),
            code: status.and_then(|status| status.code()),
            stdout: contents(stdout),
            stderr: contents(stderr),
            took: started.elapsed(),
        };
        assert!(
            status.is_some(),
            "still running after {:?}, killed:\n{}",
            self.deadline,
            output.transcript()
        );
        output
    }

    /// Starts it and leaves it running, its input closed and its output in the test's own.
    ///
    /// The caller ends it.
    pub fn start(self) -> Child {
        let mut command = self.command();
        command.stdin(Stdio::null()).process_group(0);
        self.spawn(&mut command)
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    /// The same, run by `program` with `args` before it: `sh` with `-c`, a script that ends in `exec "$0" "$@"`, for one.
    #[must_use]
    pub fn through(mut self, program: &str, args: &[&str]) -> Self {
        let mut all: Vec<OsString> = args.iter().map(OsString::from).collect();
        all.push(std::mem::replace(&mut self.program, program.into()));
        all.append(&mut self.args);
        self.args = all;
        self
    }

    pub(crate) fn spawn(&self, command: &mut Command) -> Child {
        match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start `{}`: {error}", self.line()),
        }
    }

    pub(crate) fn line(&self) -> String {
        let mut line = self.program.to_string_lossy().into_owned();
        for arg in &self.args {
            let _ = write!(line, " {}", arg.to_string_lossy());
        }
        line
    }
}

/// What a program said, and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    line: String,
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output. Bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Output {
    /// The same output, of a program that must have exited with `code`.
    ///
    /// # Panics
    /// With the whole transcript, when it did not.
    #[expect(clippy::return_self_not_must_use, reason = "often that it went well is all that is asked")]
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "unexpected exit code:\n{}", self.transcript());
        self
    }

    /// The same output, of a program that must have exited with 0.
    ///
    /// # Panics
    /// With the whole transcript, when it did not.
    #[expect(clippy::return_self_not_must_use, reason = "often that it went well is all that is asked")]
    #[track_caller]
    pub fn expect_success(self) -> Self {
        self.expect_code(0)
    }

    /// Command line, exit code and both streams as one text: what a snapshot compares, once it is normalised.
    pub fn transcript(&self) -> String {
        let code = self.code.map_or_else(|| "none, ended by a signal".to_owned(), |code| code.to_string());
        format!(
            "$ {}\nexit code: {code}\n--- stdout ---\n{}\n--- stderr ---\n{}\n",
            self.line, self.stdout, self.stderr
        )
    }
}

/// Waits for the end of `child` until `deadline`. `None`: it was still running and was killed, with its process group.
pub(crate) fn wait(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    let started = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if started.elapsed() >= deadline {
            kill_group(child);
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Kills `child` and all that it started, and waits for its end. It must lead its process group.
pub(crate) fn kill_group(child: &mut Child) {
    if let Some(group) = pid(child) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Sends `signal` to `child`, which has not been waited for.
pub(crate) fn signal(child: &Child, signal: Signal) {
    if let Some(process) = pid(child) {
        let _ = kill_process(process, signal);
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn scratch() -> File {
    tempfile::tempfile().expect("a temporary file can be made")
}

fn contents(mut file: File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("the output can be read back");
    String::from_utf8_lossy(&bytes).into_owned()
}
