//! Debian's MariaDB, which stands in for MySQL.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::command::Invocation;
use crate::daemon::{Daemon, answers};
use crate::peers::find_program;

const SCHEMA: &str = include_str!("notary_server_mysql.sql");

/// A running MariaDB with an account `notary` that needs no password and may do everything.
#[derive(Debug)]
pub struct MariaDb {
    _daemon: Daemon,
    port: u16,
    dir: TempDir,
    databases: AtomicU32,
}

impl MariaDb {
    /// Makes an empty data directory and serves it. Takes a few seconds.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        // A MariaDB that starts removes the temporary tables of any other in the same directory.
        let temporary = dir.path().join("tmp");
        std::fs::create_dir(&temporary).expect("a directory");
        let data = dir.path().join("data");
        Invocation::of("mariadb-install-db")
            .arg("--no-defaults")
            .args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-log-bin"])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--user={}", user()))
            .env("TMPDIR", &temporary)
            .deadline(Duration::from_mins(2))
            .run()
            .expect_success();
        let socket = dir.path().join("socket");
        let program = find_program("mariadbd").expect("MariaDB is installed");
        let (daemon, port) = Daemon::start(
            "mariadbd",
            &dir.path().join("log"),
            |port| {
                Invocation::of(&program)
                    .arg("--no-defaults")
                    .args(["--bind-address=127.0.0.1", "--skip-log-bin", "--skip-name-resolve"])
                    .args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M"])
                    .arg(format!("--port={port}"))
                    .arg(format!("--user={}", user()))
                    .arg(format!("--datadir={}", data.display()))
                    .arg(format!("--socket={}", socket.display()))
                    .arg(format!("--pid-file={}", dir.path().join("pid").display()))
                    .env("TMPDIR", &temporary)
            },
            |port| answers(port) && socket.exists(),
        );
        let database = Self { _daemon: daemon, port, dir, databases: AtomicU32::new(0) };
        database.execute("CREATE USER notary@'127.0.0.1'; GRANT ALL ON *.* TO notary@'127.0.0.1';");
        database
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The socket, on which `root` needs no password.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// The directory with its data and log.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Makes a database with the tables that Notary's migrations make, and returns its name.
    ///
    /// # Panics
    /// When the database refuses.
    ///
    /// Source: notary `migrations/server/mysql`.
    pub fn notary_database(&self) -> String {
        let name = format!("notary{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("CREATE DATABASE {name} CHARACTER SET utf8; USE {name}; {SCHEMA}"));
        name
    }

    /// Runs SQL as `root` and returns what it printed: rows as lines, columns between tabs, no headings.
    ///
    /// # Panics
    /// When the database refuses.
    pub fn execute(&self, sql: &str) -> String {
        Invocation::of("mariadb")
            .args(["--no-defaults", "--batch", "--skip-column-names", "--user=root"])
            .arg(format!("--socket={}", self.socket().display()))
            .stdin(sql)
            .run()
            .expect_success()
            .stdout
    }

    /// Where `notary-server` finds a new database, in the words of its Go driver.
    pub(super) fn notary_dsn(&self) -> String {
        format!("notary@tcp(127.0.0.1:{})/{}?parseTime=True", self.port, self.notary_database())
    }
}

/// Whom the server runs as: it refuses to run as root unless told to.
fn user() -> &'static str {
    if rustix::process::geteuid().is_root() { "root" } else { "" }
}
