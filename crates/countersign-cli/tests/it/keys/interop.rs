//! Keys go from our program to Debian's `notary` and Docker's client, and back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::peers::{find_program, peers_dir_or_skip, present_or_skip};

use super::files::ids;
use crate::world::{PASSPHRASE, World};

const GUN: &str = "localhost:5000/alice/app";

/// Somebody whose variables open every key, for ours and for Notary.
fn person() -> World {
    let mut world = World::new();
    for name in ["ROOT", "REPOSITORY"] {
        world.set(&format!("DOCKER_CONTENT_TRUST_{name}_PASSPHRASE"), PASSPHRASE);
    }
    world
}

fn notary(world: &World, args: &[&str]) -> Output {
    ["ROOT", "TARGETS", "SNAPSHOT", "DELEGATION"]
        .into_iter()
        .fold(Invocation::of("notary"), |run, kind| run.env(format!("NOTARY_{kind}_PASSPHRASE"), PASSPHRASE))
        .arg("--trustDir")
        .arg(world.path("notary"))
        .args(args)
        .env("HOME", world.path(""))
        .dir(world.path(""))
        .run()
}

#[test]
fn keys_go_to_notary_and_come_back() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let world = person();
    for role in ["root", "alice"] {
        world.run(&["key", "generate", "--role", role]).expect_success();
    }
    let ours = ids(&world);
    world.run(&["key", "export", "-o", "ours.pem"]).expect_success();
    notary(&world, &["key", "import", "ours.pem"]).expect_success();
    let listed = notary(&world, &["key", "list"]).expect_success().stdout;
    for id in &ours {
        assert!(listed.contains(id), "{listed}");
        // It opens what we exported.
        notary(&world, &["key", "passwd", id]).expect_success();
    }
    notary(&world, &["key", "export", "-o", "theirs.pem"]).expect_success();
    for id in &ours {
        world.run(&["key", "remove", "-f", id]).expect_success();
    }
    world.run(&["key", "import", "theirs.pem"]).expect_success();
    assert_eq!(ids(&world), ours);
    for id in &ours {
        world.run(&["key", "passwd", "--same", id]).expect_success();
    }
}

#[test]
fn keys_of_a_collection_of_the_first_notaries_are_imported_as_they_lie() {
    let Some(peers) = peers_dir_or_skip() else { return };
    let mut world = World::new();
    Invocation::of("tar")
        .arg("xzf")
        .arg(peers.join("notary-compatibility.tar.gz"))
        .dir(world.path(""))
        .run()
        .expect_success();
    for name in ["ROOT", "REPOSITORY"] {
        world.set(&format!("DOCKER_CONTENT_TRUST_{name}_PASSPHRASE"), "password");
    }
    let private = world.path("notary-compatibility/notary0.3/private");
    let mut files = Vec::new();
    for dir in [private.join("root_keys"), private.join("tuf_keys"), private] {
        let Ok(entries) = fs::read_dir(dir) else { continue };
        files.extend(entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()));
    }
    assert!(!files.is_empty());
    for file in &files {
        let file = file.to_str().expect("UTF-8");
        world.run(&["key", "import", "--gun", GUN, file]).expect_success();
    }
    assert_eq!(ids(&world).len(), files.len());
}

/// The id of what `openssl` makes is compared with the one that Docker gives it.
#[test]
fn key_that_docker_loads_is_ours_and_one_that_we_import_has_dockers_id() {
    if !present_or_skip(&["docker", "openssl"]) {
        return;
    }
    let world = person();
    let docker = |args: &[&str]| {
        let docker = find_program("docker").expect("it is there");
        Invocation::of(docker)
            .args(args)
            .env("HOME", world.path(""))
            .env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE)
            .dir(world.path(""))
            .run()
    };
    if docker(&["trust", "key", "--help"]).code != Some(0) {
        // Docker 29 and later have no such verb.
        return;
    }
    Invocation::of("openssl")
        .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"])
        .dir(world.path(""))
        .run()
        .expect_success();
    fs::set_permissions(world.path("key.pem"), fs::Permissions::from_mode(0o600)).expect("ours");
    docker(&["trust", "key", "load", "--name", "alice", "key.pem"]).expect_success();
    let theirs = ids(&world);
    assert_eq!(theirs.len(), 1);
    world.run(&["key", "passwd", "--same", &theirs[0]]).expect_success();
    world.run(&["key", "remove", "-f", &theirs[0]]).expect_success();
    world.run(&["key", "import", "--role", "alice", "key.pem"]).expect_success();
    assert_eq!(ids(&world), theirs);
    // Docker takes what lies there for its own: it finds the key, and gives it another name.
    docker(&["trust", "key", "load", "--name", "bob", "key.pem"]).expect_success();
    let list = world.run(&["key", "list"]).expect_success().stdout;
    assert!(list.contains("bob "), "{list}");
}
