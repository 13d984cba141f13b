//! Debian's `dockerd`, started by hand.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use tempfile::TempDir;

use super::{find_program, present_or_skip, skip};
use crate::command::Invocation;
use crate::daemon::Daemon;

/// A running `dockerd` with everything in a temporary directory and no network for containers.
#[derive(Debug)]
pub struct DockerDaemon {
    _daemon: Daemon,
    dir: TempDir,
}

impl DockerDaemon {
    /// Starts one. Where this machine can't, the test that asks is to return: it says here that it skips, and why.
    ///
    /// Registries on loopback may speak plain HTTP with it.
    ///
    /// # Panics
    /// When it can't be started and `CI` is `true`.
    #[track_caller]
    pub fn start_or_skip() -> Option<Self> {
        if !present_or_skip(&["dockerd", "containerd"]) {
            return None;
        }
        if !geteuid().is_root() {
            skip("dockerd takes root");
            return None;
        }
        let said = match Self::start(None) {
            Ok(daemon) => return Some(daemon),
            Err(said) => said,
        };
        // Where a file system does not take another one on top of it.
        match Self::start(Some("vfs")) {
            Ok(daemon) => Some(daemon),
            Err(again) => {
                skip(&format!("dockerd does not start on this machine:\n{said}\n{again}"));
                None
            }
        }
    }

    fn start(storage: Option<&str>) -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let path = |name: &str| dir.path().join(name);
        let program = find_program("dockerd").expect("it was there just now");
        let mut invocation = Invocation::of(program).env("HOME", dir.path());
        for (flag, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            invocation = invocation.arg(flag).arg(path(name));
        }
        invocation = invocation.arg("--host").arg(format!("unix://{}", path("docker.sock").display()));
        invocation =
            invocation.args(["--bridge=none", "--iptables=false", "--insecure-registry=127.0.0.0/8"]);
        invocation = invocation.args(storage.map(|driver| format!("--storage-driver={driver}")));
        let ready = || UnixStream::connect(path("docker.sock")).is_ok() && path("pid").exists();
        let daemon = Daemon::start_on_socket("dockerd", &path("log"), &invocation, ready)?;
        Ok(Self { _daemon: daemon, dir })
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("docker.sock")
    }

    /// Its address, as `DOCKER_HOST` takes it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The installed client with these arguments, not yet run. Its home is the daemon's directory.
    pub fn docker(&self, args: &[&str]) -> Invocation {
        Invocation::of("docker").env("DOCKER_HOST", self.host()).env("HOME", self.dir.path()).args(args)
    }

    /// The directory of everything.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}
