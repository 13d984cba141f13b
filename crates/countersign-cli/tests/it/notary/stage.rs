//! Somebody with a configuration of Notary's, and either program to use it with.

use std::fs;
use std::path::{Path, PathBuf};

use countersign_lab::registry::{self, Access, Registry};
use countersign_lab::tls::Authority;
use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::peers::{NotaryServer, PASSPHRASE, present_or_skip};
use serde_json::json;
use tempfile::TempDir;

use crate::world::{Site, block_on};

/// Which program is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Make {
    /// Debian's.
    Debian,
    /// Ours, by the name `notary`.
    Ours,
}

/// A trust server of either make.
pub(super) struct Server {
    pub(super) url: String,
    pub(super) ca_file: PathBuf,
    _process: Process,
}

#[expect(dead_code, reason = "held until the test is over")]
enum Process {
    Debian(NotaryServer),
    Ours(Site),
    Lab(Registry, TempDir),
}

impl Server {
    /// Ours.
    pub(super) fn ours() -> Self {
        let site = Site::start();
        Self { url: site.trust_server(), ca_file: site.ca(), _process: Process::Ours(site) }
    }

    /// Debian's that asks for certificates; `client.crt` and `client.key` lie beside the certificate of its authority.
    pub(super) fn asking_for_certificates() -> Self {
        let server = NotaryServer::asking_for_certificates();
        Self { url: server.url(), ca_file: server.ca_file(), _process: Process::Debian(server) }
    }

    /// One that has nothing, and shows that to nobody but alice.
    pub(super) fn guarded(access: Access) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let authority = Authority::new().expect("an authority");
        let identity = Some(authority.issue(&["127.0.0.1"]).expect("a certificate"));
        let ca_file = dir.path().join("ca.crt");
        fs::write(&ca_file, authority.ca_pem()).expect("a file can be written");
        let options = registry::Options { access, identity, ..registry::Options::default() };
        let registry = block_on(Registry::with(options)).expect("a registry on loopback");
        Self { url: registry.url().to_owned(), ca_file, _process: Process::Lab(registry, dir) }
    }

    /// Both makes, Debian's if it is installed.
    pub(super) fn both() -> Vec<Self> {
        let mut servers = vec![Self::ours()];
        if present_or_skip(&["notary-server"]) {
            let server = NotaryServer::memory();
            let (url, ca_file) = (server.url(), server.ca_file());
            servers.push(Self { url, ca_file, _process: Process::Debian(server) });
        }
        servers
    }
}

/// Somebody's machine.
pub(super) struct Desk {
    dir: TempDir,
    make: Make,
}

impl Desk {
    /// Somebody who uses this server.
    pub(super) fn at(server: &Server, make: Make) -> Self {
        let remote = json!({ "url": server.url, "root_ca": server.ca_file });
        Self::with(&json!({ "trust_dir": "~/trust", "remote_server": remote }), make)
    }

    /// Somebody with this configuration.
    pub(super) fn with(config: &serde_json::Value, make: Make) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let desk = Self { dir, make };
        desk.write(".notary/config.json", &config.to_string());
        // By its name alone, the program is another one.
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_countersign"), desk.path("notary")).expect("a link");
        desk
    }

    /// The collection of this desk. Names of one length, so that tables are as wide.
    pub(super) fn gun(&self) -> &'static str {
        match self.make {
            Make::Debian => "them/app",
            Make::Ours => "ours/app",
        }
    }

    /// A path in the home directory.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Writes a file in the home directory.
    pub(super) fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("directories can be made");
        fs::write(path, content).expect("a file can be written");
    }

    /// `notary` without passphrase variables.
    pub(super) fn bare(&self, args: &[&str]) -> Invocation {
        let program = match self.make {
            Make::Debian => Path::new("notary").to_owned(),
            Make::Ours => self.path("notary"),
        };
        Invocation::of(program).args(args).env("HOME", self.dir.path()).dir(self.dir.path())
    }

    /// `notary` with a passphrase for every kind of key.
    pub(super) fn notary(&self, args: &[&str]) -> Invocation {
        ["ROOT", "TARGETS", "SNAPSHOT", "DELEGATION"]
            .into_iter()
            .fold(self.bare(args), |run, kind| run.env(format!("NOTARY_{kind}_PASSPHRASE"), PASSPHRASE))
    }

    /// Runs it.
    #[track_caller]
    pub(super) fn run(&self, args: &[&str]) -> Output {
        self.notary(args).run()
    }

    /// The id of the first key in the list that is for `role`.
    #[track_caller]
    pub(super) fn key(&self, role: &str) -> String {
        let list = self.run(&["key", "list"]).expect_success().stdout;
        let row = list.lines().find(|row| row.split_whitespace().next() == Some(role)).expect("there is one");
        row.split_whitespace().find(|word| word.len() == 64).expect("it has an id").to_owned()
    }

    /// A text without what differs from run to run: ids, times, and where the home directory is.
    pub(super) fn same(&self, text: &str) -> String {
        let home = self.dir.path().display().to_string();
        let text = text.replace(&home, "HOME");
        let mut same = String::new();
        for line in text.lines() {
            // The first field of a log line is the time.
            let line = line
                .strip_prefix("time=\"")
                .and_then(|line| line.split_once("\" "))
                .map_or(line, |(_, line)| line);
            for piece in line.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
                let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
                let is_id =
                    matches!(word.len(), 64 | 128) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
                same.push_str(if is_id { "ID" } else { word });
                same.push_str(&piece[word.len()..]);
            }
            same.push('\n');
        }
        same
    }
}
