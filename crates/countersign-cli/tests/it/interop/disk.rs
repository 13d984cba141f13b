//! Disks that are full or cannot be written: said, and what was trusted before still is.

use std::io::Write as _;

use countersign_testkit::command::{Invocation, Output};

use super::stage::{Person, Server, Shop, gets, load};

const TEAM: &str = "team/app";

/// Runs ours after `preparation`, a shell script in a mount namespace of its own, in the person's home. `None`, and a word
/// of it: this machine does not allow that.
fn run_where(person: &Person, preparation: &str, args: &[&str]) -> Option<Output> {
    let script = format!("{preparation} && echo prepared >&2 && exec \"$0\" \"$@\"");
    let program: Invocation = person.world().program(args);
    let output = program.through("unshare", &["--mount", "sh", "-c", &script]).run();
    if !output.stderr.contains("prepared\n") {
        let _ = writeln!(std::io::stderr(), "a test of full disks skips: {}", output.stderr);
        return None;
    }
    Some(output)
}

fn read_only(dir: &str) -> String {
    format!("mkdir -p {dir} && mount --bind {dir} {dir} && mount -o remount,ro,bind {dir}")
}

/// A disk that has what is in `dir` and no room for more.
fn full(dir: &str) -> String {
    format!(
        "mkdir -p {dir} && cp -a {dir} kept && mount -t tmpfs -o size=64k tmpfs {dir} && cp -a kept/. {dir} && rm -r kept \
         && {{ head -c 64k /dev/zero >{dir}/filler 2>/dev/null || true; }}"
    )
}

#[test]
fn trust_directory_that_cannot_be_written_is_an_error() {
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob) = (Person::of(&server), Person::of(&server));
    let image = shop.push(&alice, TEAM, "v1");
    for (preparation, said) in [
        (read_only(".docker/trust"), "Read-only file system"),
        (full(".docker/trust"), "No space left on device"),
    ] {
        let Some(first) = run_where(&bob, &preparation, &["pull", &format!("{gun}:v1")]) else { return };
        let first = first.expect_code(1);
        assert!(first.stderr.contains(said), "{}", first.transcript());
        assert!(!first.stdout.contains("Pull (1 of 1)"), "{}", first.transcript());
        assert!(bob.state().is_empty(), "{:?}", bob.state());
    }
    gets(&bob, &gun, "v1", &image);
    shop.push(&alice, TEAM, "v2");
    let before = bob.state();
    for preparation in [read_only(".docker/trust"), full(".docker/trust")] {
        let Some(later) = run_where(&bob, &preparation, &["pull", &format!("{gun}:v2")]) else { return };
        later.expect_code(1);
        assert_eq!(bob.state(), before);
    }
    gets(&bob, &gun, "v1", &image);
}

#[test]
fn keys_that_cannot_be_kept_are_not_published() {
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let alice = Person::of(&server);
    let reference = format!("{gun}:v1");
    load(&alice, &reference);
    for preparation in [read_only(".docker/trust"), full(".docker/trust")] {
        let Some(push) = run_where(&alice, &preparation, &["push", &reference]) else { return };
        push.expect_code(1);
        assert_eq!(server.file(&gun, "root.json").0, "404");
    }
    let image = shop.push(&alice, TEAM, "v1");
    gets(&Person::of(&server), &gun, "v1", &image);
}

#[test]
fn image_that_does_not_fit_is_not_there() {
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob) = (Person::of(&server), Person::of(&server));
    let image = shop.push(&alice, TEAM, "v1");
    let images = ".local/share/countersign/images";
    for preparation in [read_only(images), full(images)] {
        let Some(pull) = run_where(&bob, &preparation, &["pull", &format!("{gun}:v1")]) else { return };
        let pull = pull.expect_code(1);
        assert!(!pull.stdout.contains("Status: Downloaded"), "{}", pull.transcript());
        let here = bob.ours(&["images", "--quiet"]).expect_success();
        assert_eq!(here.stdout, "");
    }
    gets(&bob, &gun, "v1", &image);
}
