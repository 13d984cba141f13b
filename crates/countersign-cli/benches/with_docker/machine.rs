//! A machine with docker, a shim before it, and keys.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::canonical;
use countersign_core::metadata::FileMeta;
use countersign_lab::proxy::{Proxy, Upstream};
use countersign_lab::tls::Authority;
use countersign_testkit::peers::DockerDaemon;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::our_server::OurServer;

const PASSPHRASE: &str = "a passphrase for a benchmark";
/// A registry that nobody asks anything.
const NOWHERE: &str = "registry.invalid";

/// Somebody's home, with a trust server that they know.
pub(crate) struct Machine {
    home: TempDir,
    server: String,
    docker_host: Option<String>,
}

/// A machine whose trust server is far away, and whose docker builds nothing.
pub(crate) struct Slow {
    machine: Machine,
    _proxy: (Runtime, Proxy),
}

impl Machine {
    pub(crate) fn new(daemon: &DockerDaemon, server: &OurServer) -> Self {
        let ca = fs::read_to_string(server.ca_file()).expect("a certificate");
        let machine = Self::knowing(&server.url(), &ca);
        let installed = ["/usr/local/bin/docker", "/usr/bin/docker"];
        let docker = installed.into_iter().find(|file| fs::exists(file).expect("readable"));
        symlink(docker.expect("docker is installed"), machine.path("real/docker")).expect("a link");
        Self { docker_host: Some(daemon.host()), ..machine }
    }

    fn knowing(server: &str, ca_pem: &str) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let machine = Self { home, server: server.to_owned(), docker_host: None };
        let tls = machine.path(".docker/tls").join(server.trim_start_matches("https://"));
        for dir in [&tls, &machine.path("shim"), &machine.path("real"), &machine.path("context")] {
            fs::create_dir_all(dir).expect("a directory");
        }
        fs::write(tls.join("ca.crt"), ca_pem).expect("a certificate");
        symlink(env!("CARGO_BIN_EXE_countersign"), machine.path("shim/docker")).expect("a link");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The docker that is installed.
    pub(crate) fn real(&self, args: &[&str]) -> Command {
        self.command(self.path("real/docker"), args)
    }

    /// The shim before it.
    pub(crate) fn shim(&self, args: &[&str], trust: bool) -> Command {
        let mut command = self.command(self.path("shim/docker"), args);
        if trust {
            command.env("DOCKER_CONTENT_TRUST", "1");
        }
        command
    }

    fn command(&self, program: PathBuf, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let path = format!("{}:/usr/bin:/bin", self.path("real").display());
        command.env("PATH", path).env("HOME", self.home.path());
        command.env("DOCKER_CONTENT_TRUST_SERVER", &self.server);
        command.envs(self.docker_host.iter().map(|host| ("DOCKER_HOST", host)));
        for role in ["ROOT", "REPOSITORY"] {
            command.env(format!("DOCKER_CONTENT_TRUST_{role}_PASSPHRASE"), PASSPHRASE);
        }
        command
    }

    /// Pushes a small image, signed.
    pub(crate) fn publish(&self, image: &str) {
        let mut layer = tar::Builder::new(Vec::new());
        let content = [b'x'; 4096];
        let mut header = tar::Header::new_gnu();
        header.set_size(4096);
        header.set_mode(0o644);
        layer.append_data(&mut header, "file", &content[..]).expect("a file in an archive");
        let archive = self.path("layer.tar");
        fs::write(&archive, layer.into_inner().expect("an archive")).expect("a file");
        let archive = archive.to_str().expect("text");
        run(self.real(&["import", archive, image]));
        run(self.shim(&["push", image], true));
    }
}

impl Slow {
    /// One for which `server` is so long away in each direction.
    pub(crate) fn of(server: &OurServer, each_way: Duration) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let authority = Authority::new().expect("an authority");
        let ca_pem = fs::read_to_string(server.ca_file()).expect("a certificate");
        let proxy = runtime.block_on(async {
            let upstream = Upstream::server(&server.url(), Some(&ca_pem)).expect("a server");
            let identity = authority.issue(&["127.0.0.1"]).expect("a certificate");
            Proxy::start(upstream, Some(identity)).await.expect("a proxy")
        });
        proxy.delay(each_way);
        let machine = Machine::knowing(&proxy.url(), authority.ca_pem());
        let docker = machine.path("real/docker");
        fs::write(&docker, "#!/bin/sh\nexit 0\n").expect("a file");
        fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).expect("a mode");
        Self { machine, _proxy: (runtime, proxy) }
    }

    /// Signs a tag in each of so many repositories.
    pub(crate) fn sign_images(&self, count: usize) {
        for image in 0..count {
            let gun = gun(image);
            self.own(&["repo", "init", &gun]);
            let changes = self.machine.path(".docker/trust/tuf").join(&gun).join("changelist");
            fs::create_dir_all(&changes).expect("a directory");
            let meta = serde_json::to_value(FileMeta::of(gun.as_bytes())).expect("JSON");
            let data = STANDARD.encode(canonical::to_vec(&meta));
            let change =
                json!({"action": "create", "role": "targets", "type": "target", "path": "1", "data": data});
            let name = "00000000000000000001_00000000-0000-4000-8000-000000000001.change";
            fs::write(changes.join(name), change.to_string()).expect("a change");
            self.own(&["repo", "publish", &gun]);
        }
    }

    fn own(&self, args: &[&str]) {
        run(self.machine.command(env!("CARGO_BIN_EXE_countersign").into(), args));
    }

    /// Forgets every collection.
    pub(crate) fn forget(&self) {
        fs::remove_dir_all(self.machine.path(".docker/trust/tuf")).expect("a cache");
        fs::create_dir(self.machine.path(".docker/trust/tuf")).expect("a directory");
    }

    /// A build that takes files from so many images.
    pub(crate) fn build(&self, images: usize) -> Command {
        let lines =
            (0..images).flat_map(|image| ["COPY --from=".to_owned(), gun(image), ":1 /a /b\n".to_owned()]);
        let dockerfile: String = ["FROM scratch\n".to_owned()].into_iter().chain(lines).collect();
        let context = self.machine.path("context");
        fs::write(context.join("Dockerfile"), dockerfile).expect("a file");
        self.machine.shim(&["build", context.to_str().expect("text")], true)
    }
}

fn gun(image: usize) -> String {
    format!("{NOWHERE}/bench/app{image}")
}

fn run(mut command: Command) {
    let output = command.stderr(Stdio::piped()).output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
