//! Debian's `notary`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::command::{Invocation, Output};
use crate::terminal::Terminal;

/// The passphrase of every key that a [`NotaryClient`] makes.
pub const PASSPHRASE: &str = "randompass";

/// Somebody with Debian's `notary`, a configuration and a trust directory of their own.
#[derive(Debug)]
pub struct NotaryClient {
    dir: TempDir,
    trust_dir: PathBuf,
}

impl NotaryClient {
    /// Somebody whose trust server is at `url`, with a certificate of the authority in `ca_file`.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub fn new(url: &str, ca_file: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let trust_dir = dir.path().join("trust");
        Self::with_dirs(dir, trust_dir, url, ca_file)
    }

    /// Somebody who uses the trust directory `trust_dir`, which others may use too.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub fn with_trust_dir(trust_dir: &Path, url: &str, ca_file: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        Self::with_dirs(dir, trust_dir.to_owned(), url, ca_file)
    }

    fn with_dirs(dir: TempDir, trust_dir: PathBuf, url: &str, ca_file: &Path) -> Self {
        let client = Self { dir, trust_dir };
        client.use_server(url, ca_file);
        client
    }

    /// Writes the configuration anew, for another trust server.
    ///
    /// # Panics
    /// When the configuration cannot be written.
    pub fn use_server(&self, url: &str, ca_file: &Path) {
        let config =
            json!({ "trust_dir": self.trust_dir, "remote_server": { "url": url, "root_ca": ca_file } });
        fs::write(self.config_file(), config.to_string()).expect("a file can be written");
    }

    /// The trust directory: keys in `private`, caches and change lists in `tuf`.
    pub fn trust_dir(&self) -> &Path {
        &self.trust_dir
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.dir.path().join("config.json")
    }

    /// Runs `notary` with `args` to its end.
    ///
    /// # Panics
    /// When it cannot be started or passes its deadline.
    pub fn run(&self, args: &[impl AsRef<OsStr>]) -> Output {
        self.invocation(args).run()
    }

    /// Runs `notary` with `args` at a terminal and without passphrase variables, so that it asks.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn at_terminal(&self, args: &[impl AsRef<OsStr>]) -> Terminal {
        Terminal::run(self.bare(args))
    }

    /// `notary` with `args`, and [`PASSPHRASE`] for every kind of key, about to be run.
    pub fn invocation(&self, args: &[impl AsRef<OsStr>]) -> Invocation {
        ["ROOT", "TARGETS", "SNAPSHOT", "DELEGATION"].into_iter().fold(self.bare(args), |invocation, kind| {
            invocation.env(format!("NOTARY_{kind}_PASSPHRASE"), PASSPHRASE)
        })
    }

    fn bare(&self, args: &[impl AsRef<OsStr>]) -> Invocation {
        Invocation::of("notary")
            .arg("--configFile")
            .arg(self.config_file())
            .args(args)
            .env("HOME", self.dir.path())
            .dir(self.dir.path())
    }
}
