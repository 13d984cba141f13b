//! Debian's `dockerd`, started by hand.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use countersign_lab::tls::Authority;
use rustix::process::geteuid;
use tempfile::TempDir;

use super::{find_program, present_or_skip, skip};
use crate::command::Invocation;
use crate::daemon::{Daemon, answers, free_port};

/// A running `dockerd` with everything in a temporary directory and no network for containers.
#[derive(Debug)]
pub struct DockerDaemon {
    _daemon: Daemon,
    port: Option<u16>,
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
        Self::start_with(false)
    }

    /// The same, one that also listens on a port, with TLS, and wants a certificate of everybody.
    ///
    /// # Panics
    /// When it can't be started and `CI` is `true`.
    #[track_caller]
    pub fn start_with_tls_or_skip() -> Option<Self> {
        Self::start_with(true)
    }

    #[track_caller]
    fn start_with(tls: bool) -> Option<Self> {
        if !present_or_skip(&["dockerd", "containerd"]) {
            return None;
        }
        if !geteuid().is_root() {
            skip("dockerd takes root");
            return None;
        }
        let said = match Self::start(None, tls) {
            Ok(daemon) => return Some(daemon),
            Err(said) => said,
        };
        // Where a file system does not take another one on top of it.
        match Self::start(Some("vfs"), tls) {
            Ok(daemon) => Some(daemon),
            Err(again) => {
                skip(&format!("dockerd does not start on this machine:\n{said}\n{again}"));
                None
            }
        }
    }

    fn start(storage: Option<&str>, tls: bool) -> Result<Self, String> {
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
        let port = tls.then(free_port);
        if let Some(port) = port {
            let authority = Authority::new().expect("an authority can be made");
            let identity = authority.issue(&["127.0.0.1"]).expect("a certificate can be issued");
            fs::create_dir(path("certs")).expect("a directory can be made");
            let pem =
                [("ca", authority.ca_pem()), ("cert", identity.chain_pem()), ("key", identity.key_pem())];
            invocation = invocation.arg("--tlsverify").arg(format!("--host=tcp://127.0.0.1:{port}"));
            for ((name, text), flag) in pem.into_iter().zip(["--tlscacert", "--tlscert", "--tlskey"]) {
                let file = path("certs").join(format!("{name}.pem"));
                fs::write(&file, text).expect("a file can be written");
                invocation = invocation.arg(flag).arg(file);
            }
        }
        let ready = || {
            UnixStream::connect(path("docker.sock")).is_ok()
                && path("pid").exists()
                && port.is_none_or(answers)
        };
        let daemon = Daemon::start_on_socket("dockerd", &path("log"), &invocation, ready)?;
        Ok(Self { _daemon: daemon, port, dir })
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("docker.sock")
    }

    /// Its address, as `DOCKER_HOST` takes it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Its address with TLS, as `DOCKER_HOST` takes it.
    ///
    /// # Panics
    /// When it has none.
    pub fn tls_host(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port.expect("it was started with TLS"))
    }

    /// What `DOCKER_CERT_PATH` names for it: `ca.pem`, and `cert.pem` and `key.pem` of somebody it knows.
    pub fn certs(&self) -> PathBuf {
        self.dir.path().join("certs")
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
