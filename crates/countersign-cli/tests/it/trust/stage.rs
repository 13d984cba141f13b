//! People with our program and Docker's `docker trust`, each with a home of their own, and servers of both makes.

use std::path::{Path, PathBuf};

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::{NotaryServer, find_program, present_or_skip};

use crate::world::{PASSPHRASE, Site, World};

/// A trust server of either make, and a registry's name. Nothing is asked of the registry.
pub(super) struct Server {
    url: String,
    ca_file: PathBuf,
    _process: Process,
}

#[expect(dead_code, reason = "held until the test is over")]
enum Process {
    Debian(NotaryServer),
    Ours(Site),
}

impl Server {
    /// Both makes, Debian's if it is installed.
    pub(super) fn both() -> Vec<Self> {
        let site = Site::start();
        let ours = Self { url: site.trust_server(), ca_file: site.ca(), _process: Process::Ours(site) };
        let mut servers = vec![ours];
        if present_or_skip(&["notary-server"]) {
            let server = NotaryServer::memory();
            servers.push(Self {
                url: server.url(),
                ca_file: server.ca_file(),
                _process: Process::Debian(server),
            });
        }
        servers
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Somebody with a home and the passphrase variables.
    pub(super) fn person(&self) -> World {
        let mut world = World::new();
        world.use_server(&self.url, &self.ca_file);
        world.set("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", PASSPHRASE);
        world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE);
        world
    }
}

/// Whether a `docker` is here that has `docker trust` built in. If not, the test is to return.
pub(super) fn docker_is_here() -> bool {
    if !present_or_skip(&["docker"]) {
        return false;
    }
    let docker = find_program("docker").expect("it is here");
    let help = Invocation::of(docker).args(["trust", "--help"]).run();
    help.code == Some(0)
}

/// Runs `docker` in somebody's home.
pub(super) fn docker(world: &World, args: &[&str]) -> Invocation {
    let docker = find_program("docker").expect("it is here");
    world.program_at(&docker, args)
}
