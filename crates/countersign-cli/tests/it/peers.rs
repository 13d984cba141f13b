//! The main job against Debian's own servers and beside Debian's own client.

use countersign_testkit::peers::{DockerRegistry, NotaryClient, NotaryServer, present_or_skip};

use crate::world::{PASSPHRASE, World};

#[test]
fn push_and_pull_work_with_debians_servers_and_beside_its_client() {
    if !present_or_skip(&["notary", "notary-server", "docker-registry"]) {
        return;
    }
    let (server, registry) = (NotaryServer::memory(), DockerRegistry::start());
    let person = || {
        let mut world = World::new();
        world.use_server(&server.url(), &server.ca_file());
        world.set("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", PASSPHRASE);
        world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE);
        world
    };
    let gun = format!("{}/team/app", registry.host());
    let image = |tag: &str| format!("{gun}:{tag}");

    let alice = person();
    let ours = alice.load(&image("ours"), "by us");
    alice.run(&["push", &image("ours")]).expect_success();
    let notary = NotaryClient::new(&server.url(), &server.ca_file());
    let size = ours.manifest().bytes.len();
    let found = notary.run(&["lookup", &gun, "ours"]).expect_success();
    assert_eq!(found.stdout, format!("ours {} {size}\n", ours.digest()));

    // Debian's client signs with the keys that we made, in the trust directory that both use.
    let together =
        NotaryClient::with_trust_dir(&alice.path(".docker/trust"), &server.url(), &server.ca_file());
    let theirs = ours.digest().hex();
    let staged =
        together.invocation(&["addhash", "-p", &gun, "theirs", &size.to_string(), "--sha256", &theirs]);
    let staged = ["ROOT", "TARGETS", "SNAPSHOT"]
        .iter()
        .fold(staged, |staged, kind| staged.env(format!("NOTARY_{kind}_PASSPHRASE"), PASSPHRASE));
    staged.run().expect_success();
    let bob = person();
    let pulled = bob.run(&["pull", &image("theirs")]).expect_success();
    assert!(pulled.stdout.ends_with(&format!("{}\n", image("theirs"))), "{}", pulled.stdout);

    // And we go on with what they left.
    alice.load(&image("again"), "by us again");
    alice.run(&["push", &image("again")]).expect_success();
    let listed = bob.run(&["repo", "list", "-q", &gun]).expect_success();
    assert_eq!(listed.stdout, "again\nours\ntheirs\n");
    bob.run(&["pull", "--all-tags", &gun]).expect_success();
}

#[test]
fn collection_of_debians_client_is_pulled_and_continued_with_its_keys() {
    if !present_or_skip(&["notary", "notary-server", "docker-registry"]) {
        return;
    }
    let (server, registry) = (NotaryServer::memory(), DockerRegistry::start());
    let gun = format!("{}/team/app", registry.host());
    let mut alice = World::new();
    alice.use_server(&server.url(), &server.ca_file());
    let notary = NotaryClient::with_trust_dir(&alice.path(".docker/trust"), &server.url(), &server.ca_file());
    notary.run(&["init", "-p", &gun]).expect_success();
    for kind in ["ROOT", "REPOSITORY"] {
        alice.set(&format!("DOCKER_CONTENT_TRUST_{kind}_PASSPHRASE"), countersign_testkit::peers::PASSPHRASE);
    }
    let image = format!("{gun}:1");
    let loaded = alice.load(&image, "one");
    let pushed = alice.run(&["push", &image]).expect_success();
    assert!(!pushed.stdout.contains("Finished initializing"), "{}", pushed.stdout);
    let found = notary.run(&["lookup", &gun, "1"]).expect_success();
    assert!(found.stdout.starts_with(&format!("1 {} ", loaded.digest())), "{}", found.stdout);
}
