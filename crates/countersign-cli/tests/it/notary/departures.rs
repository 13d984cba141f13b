//! Where ours does something else than Notary, on purpose.

use std::fs;

use serde_json::json;

use super::stage::{Desk, Make, Server};

#[track_caller]
fn fails(desk: &Desk, args: &[&str], saying: &str) {
    let run = desk.run(args).expect_code(1);
    let last = run.stdout.lines().last().unwrap_or_default();
    assert!(last.starts_with("* fatal: ") && last.contains(saying), "{}", run.transcript());
}

#[test]
fn trust_server_is_asked_over_tls_alone() {
    let config = json!({ "trust_dir": "~/trust", "remote_server": { "url": "https://127.0.0.1:1", "skipTLSVerify": true } });
    let desk = Desk::with(&config, Make::Ours);
    desk.write("f", "hello\n");
    fails(&desk, &["list", "a/b"], "skipTLSVerify");
    fails(&desk, &["-s", "http://127.0.0.1:1", "list", "a/b"], "skipTLSVerify");
    desk.write(".notary/config.json", "{}");
    fails(&desk, &["-s", "http://127.0.0.1:1", "list", "a/b"], "https");
    // What needs no server goes on.
    desk.run(&["add", "a/b", "v1", "f"]).expect_success();
}

#[test]
fn init_over_what_is_there_is_refused() {
    let server = Server::ours();
    let desk = Desk::at(&server, Make::Ours);
    desk.run(&["init", "a/b"]).expect_success();
    fails(&desk, &["init", "a/b"], "already initialised");
}

#[test]
fn delete_that_the_server_refuses_deletes_nothing_here() {
    let server = Server::ours();
    let desk = Desk::at(&server, Make::Ours);
    desk.run(&["init", "a/b", "-p"]).expect_success();
    fails(&desk, &["-s", "https://127.0.0.1:1", "delete", "a/b", "--remote"], "client is offline");
    assert!(desk.path("trust/tuf/a/b/metadata/root.json").exists());
    desk.run(&["delete", "a/b", "--remote"]).expect_success();
    assert!(!desk.path("trust/tuf/a/b/metadata/root.json").exists());
}

#[test]
fn key_ids_that_are_none_are_refused() {
    let server = Server::ours();
    let desk = Desk::at(&server, Make::Ours);
    fails(&desk, &["delegation", "remove", "a/b", "targets/x", "abc"], "invalid key ID provided: abc");
    fails(&desk, &["delegation", "purge", "a/b", "--key", "abc"], "invalid key ID provided: abc");
}

#[test]
fn export_of_a_key_that_is_not_here_fails() {
    let server = Server::ours();
    let desk = Desk::at(&server, Make::Ours);
    fails(&desk, &["key", "export", "--key", "0000", "-o", "out.pem"], "No key with ID 0000 found");
    assert!(!desk.path("out.pem").exists());
}

#[test]
fn file_without_keys_is_no_import() {
    let server = Server::ours();
    let desk = Desk::at(&server, Make::Ours);
    desk.write("f", "hello\n");
    fails(&desk, &["key", "import", "f"], "f has no private key");
}

#[test]
fn key_that_is_here_already_keeps_its_role_when_it_is_imported_again() {
    let server = Server::ours();
    let desk = Desk::at(&server, Make::Ours);
    desk.run(&["key", "generate", "-r", "targets/x"]).expect_success();
    let key = desk.key("targets/x");
    desk.run(&["key", "export", "--key", &key, "-o", "x.pem"]).expect_success();
    let text = fs::read_to_string(desk.path("x.pem")).expect("exported");
    desk.write("x.pem", &text.replace("role: targets/x", "role: delegation"));
    fails(&desk, &["key", "import", "x.pem"], "failed to import all keys");
    assert_eq!(desk.key("targets/x"), key);
}

#[test]
fn short_variable_makes_no_key() {
    let server = Server::ours();
    let desk = Desk::at(&server, Make::Ours);
    let run = desk.bare(&["key", "generate"]).env("NOTARY_ROOT_PASSPHRASE", "short").run().expect_code(1);
    assert!(run.stdout.contains("NOTARY_ROOT_PASSPHRASE"), "{}", run.transcript());
    assert_eq!(fs::read_dir(desk.path("trust/private")).map(Iterator::count).unwrap_or_default(), 0);
}

#[test]
fn wrong_variable_opens_nothing_and_nobody_is_asked() {
    let server = Server::ours();
    let desk = Desk::at(&server, Make::Ours);
    desk.write("f", "hello\n");
    desk.run(&["init", "a/b", "-p"]).expect_success();
    let add =
        desk.notary(&["add", "a/b", "v1", "f", "-p"]).env("NOTARY_TARGETS_PASSPHRASE", "something else");
    let run = add.run().expect_code(1);
    assert!(
        run.stdout.ends_with("* fatal: password invalid, operation has failed.\n"),
        "{}",
        run.transcript()
    );
    assert!(run.stderr.contains("NOTARY_TARGETS_PASSPHRASE"), "{}", run.transcript());
}

#[test]
fn configured_pin_holds_for_every_root() {
    let server = Server::ours();
    let alice = Desk::at(&server, Make::Ours);
    alice.run(&["init", "A/b", "-p"]).expect_success();
    let remote = json!({ "url": server.url, "root_ca": server.ca_file });
    let pinned = |id: &str| json!({ "trust_dir": "~/trust", "remote_server": remote, "trust_pinning": { "certs": { "A/b": [id] } } });
    let bob = Desk::with(&pinned(&alice.key("root")), Make::Ours);
    bob.run(&["list", "A/b"]).expect_success();
    bob.write(".notary/config.json", &pinned(&"0".repeat(64)).to_string());
    fails(&bob, &["list", "A/b"], "unable to match any certificates to trust_pinning config");
    let forbidden =
        json!({ "trust_dir": "~/other", "remote_server": remote, "trust_pinning": { "disable_tofu": true } });
    bob.write(".notary/config.json", &forbidden.to_string());
    fails(&bob, &["list", "A/b"], "invalid trust pinning specified");
}

#[test]
fn collection_that_is_not_there_is_not_rotated_into_being() {
    let server = Server::ours();
    let desk = Desk::at(&server, Make::Ours);
    fails(&desk, &["key", "rotate", "a/none", "targets"], "does not have trust data for a/none");
    assert!(!desk.path("trust/private").exists());
}

#[test]
fn own_program_takes_the_command_line_as_a_verb() {
    let world = crate::world::World::new();
    let run = world.run(&["notary", "status", "a/b"]).expect_success();
    assert_eq!(run.stdout, "No unpublished changes for a/b\n");
    world.run(&["notary", "status"]).expect_code(1);
}
