//! Somebody with one of the two programs, a home, and a trust server.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::canonical;
use countersign_core::metadata::FileMeta;
use serde_json::json;
use tempfile::TempDir;

const PASSPHRASE: &str = "a passphrase for a benchmark";

/// Which program somebody uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Program {
    Countersign,
    Notary,
}

/// The arguments of one call.
pub(crate) type Line = Vec<String>;

/// Somebody.
pub(crate) struct Person {
    program: Program,
    /// The program that makes keys, and so decides how many rounds it takes to open one.
    keys_by: Program,
    home: TempDir,
    server: String,
    tags: Cell<usize>,
}

impl Person {
    pub(crate) fn new(program: Program, server: &str, ca_file: &Path) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let host = server.trim_start_matches("https://");
        let tls = home.path().join("tls").join(host);
        fs::create_dir_all(&tls).expect("a directory");
        fs::copy(ca_file, tls.join("ca.crt")).expect("a certificate");
        let config = json!({
            "trust_dir": home.path().join("trust"),
            "remote_server": { "url": server, "root_ca": tls.join("ca.crt") },
        });
        fs::write(home.path().join("notary.json"), config.to_string()).expect("a configuration");
        Self { program, keys_by: program, home, server: server.to_owned(), tags: Cell::new(0) }
    }

    /// Somebody who has keys of the other program.
    pub(crate) fn with_keys_by(self, keys_by: Program) -> Self {
        Self { keys_by, ..self }
    }

    pub(crate) fn init(&self, gun: &str) {
        let line = match self.keys_by {
            Program::Countersign => words(&["repo", "init", gun]),
            Program::Notary => words(&["init", gun]),
        };
        let status = self.command(self.keys_by, &line, None).status().expect("the program starts");
        assert!(status.success(), "{line:?} ended with {status}");
    }

    pub(crate) fn publish(&self, gun: &str) -> Line {
        match self.program {
            Program::Countersign => words(&["repo", "publish", gun]),
            Program::Notary => words(&["publish", gun]),
        }
    }

    pub(crate) fn lookup(&self, gun: &str, tag: &str) -> Line {
        match self.program {
            Program::Countersign => words(&["repo", "lookup", gun, tag]),
            Program::Notary => words(&["lookup", gun, tag]),
        }
    }

    /// A tag that was never used.
    pub(crate) fn fresh_tag(&self) -> String {
        self.tags.set(self.tags.get() + 1);
        format!("added-{}", self.tags.get())
    }

    /// Stages tags as both programs keep them: one change file each.
    pub(crate) fn stage(&self, gun: &str, tags: impl IntoIterator<Item = String>) {
        let dir = self.collection(gun).join("changelist");
        fs::create_dir_all(&dir).expect("a directory");
        for (number, tag) in tags.into_iter().enumerate() {
            let meta = serde_json::to_value(FileMeta::of(tag.as_bytes())).expect("JSON");
            let data = STANDARD.encode(canonical::to_vec(&meta));
            let change =
                json!({"action": "create", "role": "targets", "type": "target", "path": tag, "data": data});
            let name = format!("{number:020}_00000000-0000-4000-8000-{number:012}.change");
            fs::write(dir.join(name), change.to_string()).expect("a change");
        }
    }

    /// Forgets what was read of a collection, so that the next look is a first one. Keys stay.
    pub(crate) fn forget(&self, gun: &str) {
        fs::remove_dir_all(self.collection(gun)).expect("a cache");
    }

    /// Runs a call to its end and says how long it took.
    pub(crate) fn timed(&self, line: &Line) -> Duration {
        let mut command = self.command(self.program, line, None);
        let started = Instant::now();
        let status = command.status().expect("the program starts");
        let took = started.elapsed();
        assert!(status.success(), "{line:?} ended with {status}");
        took
    }

    /// Runs a call to its end and says how much memory it took at most, in KiB.
    pub(crate) fn peak_kib(&self, line: &Line) -> f64 {
        let report = self.home.path().join("time.txt");
        let status = self.command(self.program, line, Some(&report)).status().expect("the program starts");
        assert!(status.success(), "{line:?} ended with {status}");
        let text = fs::read_to_string(report).expect("a report");
        text.trim().parse().expect("a number of KiB")
    }

    fn collection(&self, gun: &str) -> PathBuf {
        self.home.path().join("trust/tuf").join(gun)
    }

    fn command(&self, which: Program, line: &Line, report: Option<&Path>) -> Command {
        let program = match which {
            Program::Countersign => env!("CARGO_BIN_EXE_countersign"),
            Program::Notary => "notary",
        };
        let mut command = Command::new(if report.is_some() { "time" } else { program });
        if let Some(report) = report {
            command.args(["-f", "%M", "-o"]).arg(report).arg(program);
        }
        if which == Program::Notary {
            command.arg("-c").arg(self.home.path().join("notary.json"));
        }
        command.args(line).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path());
        command
            .env("COUNTERSIGN_ENGINE", "local")
            .env("DOCKER_CONFIG", self.home.path())
            .env("DOCKER_CONTENT_TRUST_SERVER", &self.server);
        for name in [
            "DOCKER_CONTENT_TRUST_ROOT",
            "DOCKER_CONTENT_TRUST_REPOSITORY",
            "NOTARY_ROOT",
            "NOTARY_TARGETS",
            "NOTARY_SNAPSHOT",
        ] {
            command.env(format!("{name}_PASSPHRASE"), PASSPHRASE);
        }
        command
    }
}

fn words(words: &[&str]) -> Line {
    words.iter().map(|word| (*word).to_owned()).collect()
}
