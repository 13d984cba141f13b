//! `push`: the image, then what its tag means.

use countersign_testkit::terminal::Terminal;

use crate::world::{PASSPHRASE, Site, World, assert_snapshot};

#[test]
fn first_push_asks_in_dockers_words() {
    let site = Site::start();
    let alice = site.person();
    alice.load(&site.image("team/app"), "hello");
    let mut terminal = Terminal::run(alice.program(&["push", "--engine", "local", &site.image("team/app")]));
    for question in [
        "Enter passphrase for new root key with ID ",
        "Repeat passphrase for new root key with ID ",
        "Enter passphrase for new repository key with ID ",
        "Repeat passphrase for new repository key with ID ",
    ] {
        terminal.expect(question);
        terminal.expect(": ");
        terminal.answer_hidden(PASSPHRASE);
    }
    let session = terminal.finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert!(!session.screen.contains(PASSPHRASE));
    assert_snapshot("push_first", &without_bars(&alice.normalise(&session.screen)));
}

#[test]
fn later_push_asks_once_for_the_repository_key() {
    let site = Site::start();
    let alice = site.person();
    alice.load(&site.image("team/app:1"), "one");
    let answers = format!("{PASSPHRASE}\n").repeat(4);
    alice.program(&["push", &site.image("team/app:1")]).stdin(answers).run().expect_success();
    alice.load(&site.image("team/app:2"), "two");
    let later = alice.program(&["push", &site.image("team/app:2")]).stdin(format!("{PASSPHRASE}\n")).run();
    let ended = alice.load(&site.image("team/app:3"), "three");
    let ended_early = alice.run(&["push", &site.image("team/app:3")]).expect_code(1);
    assert!(site.registry().tagged("team/app", "3") == Some(ended.digest()), "questions come after the push");
    assert_eq!(later.code, Some(0), "{}", later.transcript());
    alice.assert_told("push_later", &[&later, &ended_early]);
}

#[test]
fn push_with_variables_asks_nothing_and_says_when_nothing_was_to_be_signed() {
    let site = Site::start();
    let alice = site.publisher();
    alice.load(&site.image("team/app"), "hello");
    let first = alice.run(&["push", &site.image("team/app")]);
    let again = alice.run(&["push", &site.image("team/app")]);
    let quiet = alice.run(&["push", "--quiet", &site.image("team/app")]);
    assert_eq!((first.code, again.code, quiet.code), (Some(0), Some(0), Some(0)));
    alice.assert_told("push_with_variables", &[&first, &again, &quiet]);
}

#[test]
fn wrong_variable_is_found_before_anything_is_pushed() {
    let site = Site::start();
    let mut alice = site.publisher();
    site.publish(&alice, "team/app:1", "one");
    alice.load(&site.image("team/app:2"), "two");
    alice.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "something else");
    let output = alice.run(&["push", &site.image("team/app:2")]).expect_code(1);
    assert_eq!(site.registry().tagged("team/app", "2"), None, "nothing was pushed");
    alice.assert_told("push_with_a_wrong_variable", &[&output]);
}

#[test]
fn push_without_the_keys_is_refused_before_anything_is_pushed() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let mallory = site.publisher();
    mallory.load(&site.image("team/app:2"), "two");
    let output = mallory.run(&["push", &site.image("team/app:2")]).expect_code(1);
    assert_eq!(site.registry().tagged("team/app", "2"), None, "nothing was pushed");
    mallory.assert_told("push_without_keys", &[&output]);
}

#[test]
fn pushes_that_cannot_be_are_refused() {
    let site = Site::start();
    let alice = site.publisher();
    let digest = format!("sha256:{}", "0".repeat(64));
    let by_digest = alice.run(&["push", &site.image(&format!("team/app@{digest}"))]).expect_code(2);
    let unknown = alice.run(&["push", &site.image("team/nosuch")]).expect_code(1);
    alice.assert_told("push_refused", &[&by_digest, &unknown]);
}

#[test]
fn push_leaves_nothing_staged_and_drops_what_a_dead_one_left() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:1", "one");
    let changes = alice.path(&format!(".docker/trust/tuf/{}/changelist", site.image("team/app")));
    let count = || std::fs::read_dir(&changes).map_or(0, Iterator::count);
    assert_eq!(count(), 0);
    let left = r#"{"action":"create","role":"targets","type":"target","path":"9","data":"eyJsZW5ndGgiOjEsImhhc2hlcyI6e319"}"#;
    std::fs::write(changes.join("00000000000000000001_push-0.change"), left).expect("a file");
    alice.load(&site.image("team/app:2"), "two");
    let output = alice.run(&["push", &site.image("team/app:2")]).expect_success();
    assert!(
        output.stderr.contains("an earlier push of `9` was cut off before it was signed"),
        "{}",
        output.stderr
    );
    assert_eq!(count(), 0);
    let listed = alice.run(&["repo", "list", "-q", &site.image("team/app")]).expect_success();
    assert_eq!(listed.stdout, "1\n2\n");
}

#[test]
fn two_pushes_at_once_lose_neither() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:0", "zero");
    for tag in ["1", "2"] {
        alice.load(&site.image(&format!("team/app:{tag}")), tag);
    }
    std::thread::scope(|scope| {
        for tag in ["1", "2"] {
            let push = alice.program(&["push", &site.image(&format!("team/app:{tag}"))]);
            scope.spawn(|| push.run().expect_success());
        }
    });
    let listed = alice.run(&["repo", "list", "-q", &site.image("team/app")]).expect_success();
    assert_eq!(listed.stdout, "0\n1\n2\n");
}

#[test]
fn server_can_hold_the_snapshot_key_unless_the_policy_says_otherwise() {
    let site = Site::start();
    let alice = site.publisher();
    alice.load(&site.image("team/app"), "hello");
    alice.run(&["push", "--snapshot-key", "server", &site.image("team/app")]).expect_success();
    let keys = alice.run(&["key", "list"]).expect_success();
    assert!(!keys.stdout.contains("snapshot"), "{}", keys.stdout);
    let other: World = site.publisher();
    other.write(".docker/trust/policy.toml", "snapshot_key = \"server\"\n");
    other.load(&site.image("team/other"), "hello");
    other.run(&["push", &site.image("team/other")]).expect_success();
    let keys = other.run(&["key", "list"]).expect_success();
    assert!(!keys.stdout.contains("snapshot"), "{}", keys.stdout);
}

/// A terminal's screen without the bars of the transfer, which come and go.
fn without_bars(screen: &str) -> String {
    let refers = screen.lines().find(|line| line.starts_with("The push refers")).unwrap_or_default();
    let after = screen.find("latest: digest:").map_or(screen, |start| &screen[start..]);
    format!("{refers}\n{after}")
}
