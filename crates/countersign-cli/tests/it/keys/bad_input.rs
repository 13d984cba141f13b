//! Key files that are not what they should be: a clear error, and nothing lost.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::present_or_skip;

use super::files::{ids, signer};
use crate::world::{PASSPHRASE, Site, World};

/// Imports `keys.pem`, which is refused; gives what was said.
fn refused(world: &World, args: &[&str]) -> String {
    let before = ids(world);
    let output = world.run(&[&["key", "import", "keys.pem"], args].concat()).expect_code(1);
    assert_eq!(ids(world), before, "nothing changed");
    output.stderr
}

/// A key in `keys.pem` that is in no store.
fn exported() -> (World, String) {
    let (world, id) = signer();
    world.run(&["key", "export", "-o", "keys.pem"]).expect_success();
    world.run(&["key", "remove", "-f", &id]).expect_success();
    let text = fs::read_to_string(world.path("keys.pem")).expect("a file");
    (world, text)
}

#[test]
fn truncated_and_empty_files_are_refused() {
    let (world, text) = exported();
    for length in [0, 20, text.len() / 2, text.len() - 3] {
        world.write("keys.pem", &text[..length]);
        let said = refused(&world, &[]);
        assert!(said.contains("cannot import `keys.pem`"), "{length}: {said}");
    }
    world.write("keys.pem", vec![b'-'; 17 << 20]);
    assert!(refused(&world, &[]).contains("of at most"));
    world.write("keys.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    assert!(refused(&world, &[]).contains("there is no private key in the file"));
    world.run(&["key", "import", "missing.pem"]).expect_code(1);
    world.run(&["key", "import", "."]).expect_code(1);
}

#[test]
fn one_bad_key_keeps_the_good_ones_beside_it_out() {
    let (world, text) = exported();
    world.write("keys.pem", format!("{text}{}", text.replace("role: alice", "role: Alice!")));
    assert!(refused(&world, &[]).contains("names the role `Alice!`, which is none"));
}

#[test]
fn windows_line_ends_do_not_matter() {
    let (world, text) = exported();
    world.write("keys.pem", text.replace('\n', "\r\n"));
    world.run(&["key", "import", "keys.pem"]).expect_success();
    assert_eq!(ids(&world).len(), 1);
}

#[test]
fn wrong_passphrase_ends_and_says_for_which_file() {
    let (world, _) = exported();
    let import =
        world.program(&["key", "import", "keys.pem"]).env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "");
    let wrong = import.clone().stdin("wrong\n".repeat(9)).run().expect_code(1).stderr;
    assert!(wrong.contains("4 passphrases did not decrypt `keys.pem`"), "{wrong}");
    let ended = import.run().expect_code(1).stderr;
    assert!(ended.contains("the passphrase of `keys.pem` could not be asked for"), "{ended}");
    assert!(ids(&world).is_empty());
}

#[test]
fn key_that_is_not_the_one_it_is_called_is_refused() {
    let (world, text) = exported();
    let id = text.lines().find_map(|line| line.strip_prefix("path: ")).expect("an id").to_owned();
    world.write("keys.pem", text.replace(&id, &"0".repeat(64)));
    let said = refused(&world, &[]);
    assert!(said.contains("and holds") && said.contains(&id), "{said}");

    // The same, where it lies.
    world.write("keys.pem", &text);
    world.run(&["key", "import", "keys.pem"]).expect_success();
    let private = world.path(".docker/trust/private");
    let other = "1".repeat(64);
    fs::rename(private.join(format!("{id}.key")), private.join(format!("{other}.key"))).expect("ours");
    let said = world.run(&["key", "passwd", "--same", &other]).expect_code(1).stderr;
    assert!(said.contains(&format!("holds key {id}")), "{said}");
    assert!(private.join(format!("{other}.key")).exists());
}

#[test]
fn key_for_another_role_or_without_its_collection_is_refused() {
    let (mut world, text) = exported();
    world.set("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", PASSPHRASE);
    world.run(&["key", "import", "keys.pem"]).expect_success();
    world.write("keys.pem", text.replace("role: alice", "role: root"));
    assert!(refused(&world, &[]).contains("key with same ID already exists for role: alice"));
    world.run(&["key", "remove", "-f", &ids(&world)[0]]).expect_success();
    world.write("keys.pem", text.replace("role: alice", "role: targets"));
    assert!(refused(&world, &[]).contains("does not say of which collection"));
    world.run(&["key", "import", "--gun", "example.com/app", "keys.pem"]).expect_success();
    let list = world.run(&["key", "list"]).expect_success().stdout;
    assert!(list.contains("targets    example.com/app"), "{list}");
}

#[test]
fn open_keys_that_others_can_read_and_curves_that_nobody_uses_are_refused() {
    if !present_or_skip(&["openssl"]) {
        return;
    }
    let mut world = World::new();
    world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE);
    for (curve, mode, said) in [
        ("P-256", 0o644, "is not encrypted, and others may read it (mode 0644)"),
        ("secp256k1", 0o600, "another curve"),
    ] {
        let curve = format!("ec_paramgen_curve:{curve}");
        Invocation::of("openssl")
            .args(["genpkey", "-algorithm", "EC", "-pkeyopt", &curve, "-out", "keys.pem"])
            .dir(world.path(""))
            .run()
            .expect_success();
        fs::set_permissions(world.path("keys.pem"), Permissions::from_mode(mode)).expect("ours");
        let text = refused(&world, &[]);
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn ten_thousand_keys_are_listed_and_one_of_them_found() {
    let (world, id) = signer();
    let private = world.path(".docker/trust/private");
    let text = fs::read(private.join(format!("{id}.key"))).expect("a file");
    for number in 0..10_000 {
        fs::write(private.join(format!("{number:064x}.key")), &text).expect("ours");
    }
    assert_eq!(ids(&world).len(), 10_001);
    world.run(&["key", "rename", &id, "bob"]).expect_success();
    let exported = world.run(&["key", "export", "-o", "all.pem"]).expect_success();
    assert!(exported.stderr.contains("Exported 10001 keys"), "{}", exported.stderr);
}

#[test]
fn ten_thousand_other_keys_are_not_opened_when_one_signs() {
    let site = Site::start();
    let publisher = site.publisher();
    site.publish(&publisher, "team/app:1", "one");
    let private = publisher.path(".docker/trust/private");
    let file = fs::read_dir(&private).expect("keys").next().expect("one").expect("an entry").path();
    let text = fs::read(file).expect("a file");
    for number in 0..10_000 {
        // Opened, it would be found to be another key than its name says, and that would be an error.
        fs::write(private.join(format!("{number:064x}.key")), &text).expect("ours");
    }
    let used = || fs::read_dir(publisher.path(".docker/trust/used")).expect("a directory").count();
    let before = used();
    site.publish(&publisher, "team/app:2", "two");
    assert_eq!(used(), before, "the same keys signed");
}
