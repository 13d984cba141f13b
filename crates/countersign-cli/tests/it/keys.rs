//! Keys: generated, listed, brought in and out, and how passphrases are asked for.

mod backup;
mod bad_input;
mod files;
mod interop;
mod keyring;
mod recovery;
mod token;

use countersign_testkit::command::Invocation;
use countersign_testkit::terminal::Terminal;

use crate::world::{PASSPHRASE, World, assert_snapshot};

#[test]
fn key_is_generated_with_a_variable_and_listed_as_notary_does() {
    let mut world = World::new();
    world.set("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", PASSPHRASE);
    world.set("DOCKER_CONFIG", "c");
    let empty = world.run(&["key", "list"]);
    let made = world.run(&["key", "generate"]);
    let listed = world.run(&["key", "list"]);
    let quiet = world.run(&["key", "list", "-q"]);
    let json = world.run(&["key", "list", "--json"]);
    world.assert_told("key_generate_and_list", &[&empty, &made, &listed, &quiet, &json]);
}

#[test]
fn passphrase_is_asked_for_twice_at_a_terminal_and_not_shown() {
    let world = World::new();
    let mut terminal = Terminal::run(world.program(&["key", "generate", "--role", "alice"]));
    terminal.expect("Enter passphrase for new alice key with ID ");
    terminal.answer_hidden(PASSPHRASE);
    terminal.expect("Repeat passphrase for new alice key with ID ");
    terminal.answer_hidden("something else");
    terminal.expect("Passphrases do not match. Please retry.");
    terminal.expect("Enter passphrase for new alice key with ID ");
    terminal.answer_hidden("short");
    terminal.expect("Passphrase is too short.");
    terminal.expect("Enter passphrase");
    terminal.answer_hidden(PASSPHRASE);
    terminal.expect("Repeat passphrase");
    terminal.answer_hidden(PASSPHRASE);
    let session = terminal.finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert!(!session.screen.contains(PASSPHRASE));
    assert_snapshot("key_generate_at_a_terminal", &world.normalise(&session.screen));
}

#[test]
fn passphrase_is_read_from_a_pipe_and_its_end_is_an_error() {
    let world = World::new();
    let piped = world.program(&["key", "generate"]).stdin(format!("{PASSPHRASE}\n{PASSPHRASE}\n")).run();
    let ended = world.program(&["key", "generate"]).stdin(format!("{PASSPHRASE}\n")).run();
    let said = ended.expect_code(1).stderr;
    assert!(said.contains("could not be asked for"), "{said}");
    world.assert_told("key_generate_with_a_pipe", &[&piped]);
}

#[test]
fn interrupt_at_the_prompt_gives_the_terminal_back() {
    let world = World::new();
    let line = format!("{} key generate; echo ended with $?; stty -a", env!("CARGO_BIN_EXE_countersign"));
    // The shell must outlive the interrupt, which goes to everybody at the terminal.
    let shell = Invocation::of("sh").env("HOME", world.path("")).args(["-c", &format!("trap : INT; {line}")]);
    let mut terminal = Terminal::run(shell);
    terminal.expect("Enter passphrase for new root key with ID ");
    terminal.type_keys("\u{3}");
    terminal.expect("ended with 130");
    let session = terminal.finish();
    assert!(session.screen.contains(" echo "), "what is typed is shown again: {}", session.screen);
    assert!(!world.path(".docker/trust/private").exists(), "no key was kept");
}

#[test]
fn keys_of_a_collection_are_not_made_by_hand() {
    let world = World::new();
    let output = world.run(&["key", "generate", "--role", "targets"]).expect_code(2);
    assert!(
        output.stderr.contains("`targets` keys are made by `repo init` and the first push"),
        "{}",
        output.stderr
    );
}

#[test]
fn rotated_keys_are_followed_and_the_others_stay() {
    let site = crate::world::Site::start();
    let (alice, bob) = (site.publisher(), site.person());
    let gun = site.image("team/rotated");
    site.publish(&alice, "team/rotated:1", "one");
    bob.run(&["repo", "list", &gun]).expect_success();
    for words in [&["root"][..], &["targets"], &["snapshot", "-r"], &["timestamp"], &["snapshot"]] {
        let args = [&["key", "rotate", gun.as_str()], words].concat();
        let said = alice.run(&args).expect_success().stdout;
        assert_eq!(said, format!("Successfully rotated {} key for repository {gun}\n", words[0]));
        bob.run(&["repo", "lookup", &gun, "1"]).expect_success();
    }
    site.publish(&alice, "team/rotated:2", "two");
    bob.run(&["repo", "lookup", &gun, "2"]).expect_success();
    let listed = alice.run(&["key", "list", "-q"]).expect_success().stdout;
    assert_eq!(listed.lines().count(), 4, "two of root, one of targets, one of snapshot: {listed}");
    // Who has no root key is told so, and nothing happens.
    let refused = bob.run(&["key", "rotate", &gun, "targets"]).expect_code(1);
    assert!(refused.stderr.contains("no keys were changed"), "{}", refused.transcript());
    assert!(refused.stderr.contains("hint: "), "{}", refused.transcript());
    for words in [&["targets", "-r"][..], &["targets/x"], &["targets", "--remove", &"0".repeat(64)]] {
        alice.run(&[&["key", "rotate", gun.as_str()], words].concat()).expect_code(1);
    }
}
