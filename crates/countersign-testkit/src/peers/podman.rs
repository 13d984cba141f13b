//! Debian's `podman`: the program with images of its own, and its service.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use tempfile::TempDir;

use super::{present_or_skip, skip};
use crate::command::Invocation;
use crate::daemon::Daemon;

/// The program, with its configuration and its images in a temporary directory.
#[derive(Debug)]
pub struct Podman {
    dir: TempDir,
}

impl Podman {
    /// Prepares one. `insecure` is a registry that it may speak plain HTTP with. Where this machine can't run it, the test that
    /// asks is to return: it says here that it skips, and why.
    ///
    /// # Panics
    /// When it can't be run and `CI` is `true`.
    #[track_caller]
    pub fn new_or_skip(insecure: &str) -> Option<Self> {
        if !present_or_skip(&["podman"]) {
            return None;
        }
        if !geteuid().is_root() {
            skip("podman takes root here: without, it needs ranges of user ids");
            return None;
        }
        let podman = Self { dir: tempfile::tempdir().expect("a temporary directory can be made") };
        let path = |name: &str| podman.dir.path().join(name).display().to_string();
        let write = |name: &str, text: String| {
            fs::write(podman.dir.path().join(name), text).expect("a file can be written");
        };
        fs::create_dir(podman.dir.path().join("run")).expect("a directory can be made");
        write(
            "storage.conf",
            format!(
                "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
                path("images"),
                path("state")
            ),
        );
        write("registries.conf", format!("[[registry]]\nlocation = \"{insecure}\"\ninsecure = true\n"));
        let info = podman.podman(&["info"]).run();
        if info.code != Some(0) {
            skip(&format!("podman does not run on this machine:\n{}", info.stderr));
            return None;
        }
        Some(podman)
    }

    /// The variables that make a podman this one.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        vec![
            ("CONTAINERS_STORAGE_CONF", path("storage.conf")),
            ("CONTAINERS_REGISTRIES_CONF", path("registries.conf")),
            ("XDG_RUNTIME_DIR", path("run")),
        ]
    }

    /// The program with these arguments, not yet run.
    pub fn podman(&self, args: &[&str]) -> Invocation {
        let invocation = Invocation::of("podman").env("HOME", self.dir.path()).args(args);
        self.variables().into_iter().fold(invocation, |invocation, (name, value)| invocation.env(name, value))
    }

    /// The directory of everything.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts its service, where it is looked for when `XDG_RUNTIME_DIR` is this podman's.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn service(&self) -> PodmanService {
        let socket = self.dir.path().join("run/podman/podman.sock");
        fs::create_dir_all(socket.parent().expect("a directory")).expect("a directory can be made");
        let address = format!("unix://{}", socket.display());
        let invocation = self.podman(&["system", "service", "--time", "0", &address]);
        let ready = || UnixStream::connect(&socket).is_ok();
        let log = self.dir.path().join("log");
        match Daemon::start_on_socket("podman system service", &log, &invocation, ready) {
            Ok(daemon) => PodmanService { _daemon: daemon, socket },
            Err(said) => panic!("podman's service does not start:\n{said}"),
        }
    }
}

/// A running service.
#[derive(Debug)]
pub struct PodmanService {
    _daemon: Daemon,
    socket: PathBuf,
}

impl PodmanService {
    /// Its address, as `CONTAINER_HOST` takes it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}
