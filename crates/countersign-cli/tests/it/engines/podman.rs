//! Podman, by its service and by its program.

use countersign_core::digest::Digest;
use countersign_testkit::command::Output;
use countersign_testkit::image::Image;
use countersign_testkit::peers::{DockerRegistry, Podman, present_or_skip};

use crate::world::{Site, World};

fn with_podman(mut world: World, podman: &Podman) -> World {
    world.set("COUNTERSIGN_ENGINE", "podman");
    for (name, value) in podman.variables() {
        world.set(name, &value);
    }
    world
}

/// Loads an image with this text under this name.
fn load(podman: &Podman, name: &str, text: &str) {
    let archive = podman.dir().join("image.tar");
    let image = Image::of_text(text).expect("an image");
    image.write_docker_archive(&archive, name).expect("an archive");
    let archive = archive.display().to_string();
    podman.podman(&["load", "--quiet", "--input", &archive]).run().expect_success();
}

fn id(podman: &Podman, name: &str) -> String {
    podman.podman(&["image", "inspect", "--format", "{{.Id}}", name]).run().stdout.trim().to_owned()
}

/// Pushes and pulls through `alice`'s and `bob`'s podman; returns what was said.
fn round_trip(site: &Site, registry: &DockerRegistry, alices: &Podman, bobs: &Podman) -> (Output, Output) {
    let image = format!("{}/team/app:1", registry.host());
    let alice = with_podman(site.publisher(), alices);
    load(alices, &image, "one");
    let pushed = alice.run(&["push", &image]).expect_success();
    let line = pushed.stdout.lines().find_map(|line| line.strip_prefix("1: digest: "));
    let (digest, size) = line.and_then(|line| line.split_once(" size: ")).expect("a digest");
    // The length that is signed is that of the manifest itself.
    let manifest = format!("{}/v2/team/app/manifests/{digest}", registry.url());
    let accept = "Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
    let manifest =
        countersign_testkit::command::Invocation::of("curl").args(["-sS", "-H", accept, &manifest]);
    let manifest = manifest.run().expect_success().stdout;
    assert_eq!(digest, Digest::sha256(manifest.as_bytes()).to_string());
    assert_eq!(size, manifest.len().to_string());
    let found = alice.run(&["repo", "lookup", image.trim_end_matches(":1"), "1"]).expect_success();
    let hex = digest.trim_start_matches("sha256:");
    assert!(found.stdout.contains(hex), "{}", found.stdout);
    assert!(found.stdout.contains(&manifest.len().to_string()), "{}", found.stdout);

    let bob = with_podman(site.person(), bobs);
    let pulled = bob.run(&["pull", &image]).expect_success();
    assert!(pulled.stdout.contains(&format!("Digest: {digest}\n")), "{}", pulled.stdout);
    assert_eq!(id(bobs, &image), id(alices, &image));
    assert!(!id(bobs, &image).is_empty());

    // Another image under the signed tag in the registry is not what comes.
    load(alices, &image, "evil");
    alices.podman(&["push", &image]).run().expect_success();
    load(bobs, &image, "bob's own");
    let again = bob.run(&["pull", &image]).expect_success();
    assert_ne!(id(bobs, &image), id(alices, &image));
    assert!(again.stdout.contains(&format!("Digest: {digest}\n")), "{}", again.stdout);
    let missing = format!("{}@{}", image.trim_end_matches(":1"), Digest::sha256(b"nothing"));
    bob.run(&["pull", &missing]).expect_code(1);
    let listed = bob.run(&["images", "--json"]).expect_success();
    assert!(listed.stdout.contains(&image), "{}", listed.stdout);
    (pushed, pulled)
}

#[test]
fn push_and_pull_go_through_podmans_service() {
    if !present_or_skip(&["docker-registry", "curl"]) {
        return;
    }
    let (site, registry) = (Site::start(), DockerRegistry::start());
    let Some(alices) = Podman::new_or_skip(&registry.host()) else { return };
    let Some(bobs) = Podman::new_or_skip(&registry.host()) else { return };
    let (_one, other) = (alices.service(), bobs.service());
    round_trip(&site, &registry, &alices, &bobs);
    let bob = with_podman(site.person(), &bobs);
    let doctor = bob.run(&["doctor"]);
    let expected =
        format!("`podman` at `{}`, because `COUNTERSIGN_ENGINE` says so; podman there", other.host());
    assert!(doctor.stdout.contains(&expected), "{}", doctor.stdout);
    // The same service where Docker's daemon is looked for.
    let mut carol = with_podman(site.publisher(), &bobs);
    carol.set("COUNTERSIGN_ENGINE", "docker");
    carol.set("DOCKER_HOST", &other.host());
    let image = format!("{}/team/carol:1", registry.host());
    load(&bobs, &image, "carol's");
    carol.run(&["push", &image]).expect_success();
    carol.run(&["pull", &image]).expect_success();
}

#[test]
fn push_and_pull_go_through_podmans_program() {
    if !present_or_skip(&["docker-registry", "curl"]) {
        return;
    }
    let (site, registry) = (Site::start(), DockerRegistry::start());
    let Some(alices) = Podman::new_or_skip(&registry.host()) else { return };
    let Some(bobs) = Podman::new_or_skip(&registry.host()) else { return };
    let (_, pulled) = round_trip(&site, &registry, &alices, &bobs);
    assert!(pulled.stdout.contains("Pulling from team/app\n"), "{}", pulled.stdout);
    let bob = with_podman(site.person(), &bobs);
    let refused =
        bob.run(&["save", "-o", "x.tar", &format!("{}/team/app:1", registry.host())]).expect_code(1);
    assert!(refused.stderr.contains("the engine `podman` does not support"), "{}", refused.stderr);
}
