//! Real peers from Debian, started on loopback and stopped when dropped.
//!
//! Each listens on a port of its own, keeps its files in a temporary directory of its own, and is ready when it has been made.
//!
//! ```
//! use countersign_testkit::peers::{NotaryClient, NotaryServer, present_or_skip};
//! if !present_or_skip(&["notary", "notary-server"]) {
//!     return;
//! }
//! let server = NotaryServer::memory();
//! let notary = NotaryClient::new(&server.url(), &server.ca_file());
//! let output = notary.run(&["list", "example.com/none"]);
//! assert_eq!(output.code, Some(1));
//! ```

mod docker_daemon;
mod docker_registry;
mod mariadb;
mod notary_client;
mod notary_server;
mod notary_signer;
mod podman;
mod soft_hsm;

use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;

pub use docker_daemon::DockerDaemon;
pub use docker_registry::{DockerRegistry, Options as DockerRegistryOptions};
pub use mariadb::MariaDb;
pub use notary_client::{NotaryClient, PASSPHRASE};
pub use notary_server::NotaryServer;
pub use notary_signer::NotarySigner;
pub use podman::{Podman, PodmanService};
pub use soft_hsm::SoftHsm;

/// Whether all `programs` are installed. If not, the test that asks is to return: it says here that it skips.
///
/// # Panics
/// When one is missing and `CI` is `true`.
#[track_caller]
#[must_use = "a test whose peer is missing returns"]
pub fn present_or_skip(programs: &[&str]) -> bool {
    let missing: Vec<&str> =
        programs.iter().copied().filter(|program| find_program(program).is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    skip(&format!("{} not installed, see scripts/install-test-peers", missing.join(", ")));
    false
}

/// The folder with outside material that `COUNTERSIGN_PEERS` names. Without it the test that asks is to return.
///
/// # Panics
/// When there is none and `CI` is `true`.
#[track_caller]
pub fn peers_dir_or_skip() -> Option<PathBuf> {
    let dir = env::var_os("COUNTERSIGN_PEERS").map(PathBuf::from).filter(|dir| dir.is_dir());
    if dir.is_none() {
        skip("COUNTERSIGN_PEERS names no folder");
    }
    dir
}

/// Where `program` is, as `PATH` finds it or among the system's own programs.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}

/// Says that a test skips, past the test runner's capture.
///
/// # Panics
/// When `CI` is `true`.
#[track_caller]
pub fn skip(why: &str) {
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "under CI nothing is skipped: {why}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test").to_owned();
    let _ = writeln!(io::stderr(), "{test} skips: {why}");
}
