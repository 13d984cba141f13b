//! Commands of `docker trust` that did nothing and ended well.

use crate::docker::Bench;
use crate::world::Site;

#[test]
fn trap_08_signers_are_removed_and_encrypted_keys_loaded_or_it_is_no_success() {
    let site = Site::start();
    let bench = Bench::new(site.publisher(), "docker");
    let name = site.image("team/app");
    site.publish(&bench.world, "team/app:1", "one");
    let trust = |args: &[&str]| bench.shim(&[&["trust"], args].concat());
    trust(&["signer", "remove", "bob", &name]).run().expect_code(1);
    trust(&["key", "generate", "bob"]).run().expect_success();
    trust(&["signer", "add", "--key", "bob.pub", "bob", &name]).run().expect_success();
    let signers = || trust(&["inspect", &name]).run().expect_success().stdout;
    assert!(signers().contains("\"Name\": \"bob\""), "{}", signers());
    trust(&["signer", "remove", "--force", "bob", &name]).run().expect_success();
    assert!(!signers().contains("\"Name\": \"bob\""), "{}", signers());

    let keys = std::fs::read_dir(bench.world.path(".docker/trust/private")).expect("keys");
    let keys = keys.map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("a key"));
    let encrypted = keys.into_iter().find(|text| text.contains("role: bob")).expect("bob's key");
    assert!(encrypted.contains("ENCRYPTED"), "{encrypted}");
    let elsewhere = Bench::new(site.publisher(), "docker");
    elsewhere.world.write("bob.key", &encrypted);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(elsewhere.world.path("bob.key"), mode).expect("a mode");
    let load = ["trust", "key", "load", "bob.key", "--name", "bob"];
    elsewhere.shim(&load).stdin("wrong\n".repeat(4)).run().expect_code(1);
    assert!(!elsewhere.world.path(".docker/trust/private").exists(), "nothing was stored");
    elsewhere.shim(&load).stdin(format!("{}\n", crate::world::PASSPHRASE)).run().expect_success();
    let listed = elsewhere.world.run(&["key", "list"]).expect_success();
    assert!(listed.stdout.contains("bob"), "{}", listed.stdout);
}

#[test]
fn trap_10_question_that_is_answered_with_no_is_no_success_of_our_own_verbs() {
    let site = Site::start();
    let bench = Bench::new(site.publisher(), "docker");
    site.publish(&bench.world, "team/app:1", "one");
    let name = site.image("team/app");
    let docker = bench.shim(&["trust", "revoke", &name]).stdin("n\n").run();
    assert_eq!(docker.code, Some(0), "{}", docker.transcript());
    let own = bench.world.program(&["trust", "revoke", &name]).stdin("n\n").run();
    assert_eq!(own.code, Some(1), "{}", own.transcript());
    assert_eq!(bench.world.run(&["repo", "list", "-q", &name]).stdout, "1\n", "nothing was revoked");
}
