//! Images for several platforms: what is signed is the index.

use countersign_testkit::image::{File, Image, Index};
use countersign_testkit::peers::{DockerDaemon, DockerRegistry, Podman, present_or_skip};

use crate::world::{Site, World};

/// Signs an index of two platforms under this name; the local engine pushes it as it is.
fn publish(site: &Site, name: &str) -> Index {
    let image = |architecture: &str| {
        let file = File::new("etc/motd", format!("for {architecture}"));
        let image = Image::builder().platform("linux", architecture).layer([file]).build();
        image.expect("an image")
    };
    let index = Index::of([image("arm64"), image("amd64")]);
    let alice = site.publisher();
    index.write_oci_archive(&alice.path("index.tar"), "ignored").expect("an archive");
    alice.run(&["load", "index.tar", "--as", name]).expect_success();
    alice.run(&["push", name]).expect_success();
    index
}

/// Pulls for another machine than this one.
fn pull(world: &World, name: &str, index: &Index) {
    let pulled = world.run(&["pull", "--platform", "linux/arm64", name]).expect_success();
    assert!(pulled.stdout.contains(&format!("Digest: {}", index.digest())), "{}", pulled.stdout);
}

#[test]
fn index_is_pulled_by_its_digest_for_one_platform() {
    if !present_or_skip(&["docker", "docker-registry"]) {
        return;
    }
    let (site, registry) = (Site::start(), DockerRegistry::start());
    let name = format!("{}/team/app:1", registry.host());
    let index = publish(&site, &name);
    if let Some(daemon) = DockerDaemon::start_or_skip() {
        let mut bob = site.person();
        bob.set("COUNTERSIGN_ENGINE", "docker");
        bob.set("DOCKER_HOST", &daemon.host());
        pull(&bob, &name, &index);
        let inspected = daemon.docker(&["image", "inspect", "--format", "{{.Architecture}}", &name]).run();
        assert_eq!(inspected.expect_success().stdout, "arm64\n");
        let other = bob.run(&["pull", "--platform", "linux/amd64", &name]).expect_code(1);
        assert!(other.stderr.contains("hint: a daemon of this kind keeps one platform"), "{}", other.stderr);
    }
    if let Some(podman) = Podman::new_or_skip(&registry.host()) {
        let mut bob = site.person();
        bob.set("COUNTERSIGN_ENGINE", "podman");
        for (variable, value) in podman.variables() {
            bob.set(variable, &value);
        }
        pull(&bob, &name, &index);
        let service = podman.service();
        pull(&bob, &name, &index);
        drop(service);
        let inspected = podman.podman(&["image", "inspect", "--format", "{{.Architecture}}", &name]).run();
        assert_eq!(inspected.expect_success().stdout, "arm64\n");
    }
}
