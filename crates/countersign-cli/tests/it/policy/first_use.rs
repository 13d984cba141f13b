//! First use without a pin, and pins by line.

use crate::world::{Site, World};

use super::person_with;

#[test]
fn first_use_without_a_pin_can_be_refused_and_the_line_to_commit_is_told() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let bob = person_with(&site, "first_use = \"refuse\"");
    let image = site.image("team/app:1");
    let first = bob.run(&["pull", &image]).expect_code(3);
    let again = bob.run(&["pull", &image]).expect_code(3);
    assert_eq!(first.stderr, again.stderr, "nothing was kept of the first time");
    assert!(!bob.path(".docker/trust/tuf").exists());
    let carol = site.person();
    carol.write(".docker/trust/policy.toml", "[trust_pinning]\ndisable_tofu = true\n");
    assert_eq!(carol.run(&["pull", &image]).expect_code(3).stderr, first.stderr, "in Notary's words");
    bob.assert_told("policy_no_first_use", &[&first]);

    // The very line that was told is the pin.
    let line = first.stderr.lines().last().expect("a line").to_owned();
    bob.write(".config/countersign/pins", format!("{line}\n"));
    bob.run(&["pull", &image]).expect_success();
}

#[test]
fn first_use_that_is_refused_says_first_what_is_wrong() {
    let site = Site::start();
    site.registry().put_image(
        "team/app",
        "1",
        &countersign_testkit::image::Image::of_text("x").expect("an image"),
    );
    let bob = person_with(&site, "first_use = \"refuse\"");
    let output = bob.run(&["pull", &site.image("team/app:1")]).expect_code(3);
    assert!(output.stderr.contains("no trust data available"), "{}", output.stderr);
}

#[test]
fn machine_of_continuous_integration_is_told_the_line_to_commit() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let image = site.image("team/app:1");
    let builder = || {
        let mut builder = site.person();
        builder.set("CI", "true");
        builder
    };
    let first = builder();
    let output = first.run(&["pull", "-q", &image]).expect_success();
    first.assert_told("policy_first_use_in_ci", &[&output]);
    let line = output.stderr.lines().last().expect("a line").to_owned();

    // The next builder has the line in a variable, or in a file of the repository.
    let mut second = builder();
    second.set("COUNTERSIGN_PINS", &line);
    let mut third = builder();
    third.set("COUNTERSIGN_PINS", "./pins");
    third.write("pins", format!("# {image}\n{line}\n"));
    for pinned in [&second, &third] {
        let output = pinned.run(&["pull", "-q", &image]).expect_success();
        assert_eq!(output.stderr, "");
    }
    let mut off = site.person();
    off.set("CI", "false");
    assert_eq!(off.run(&["pull", "-q", &image]).expect_success().stderr, "");
    let trusting = builder();
    trusting.write(".config/countersign/policy.toml", "first_use = \"trust\"\n");
    assert_eq!(trusting.run(&["pull", "-q", &image]).expect_success().stderr, "");
}

#[test]
fn wrong_pin_and_broken_pins_refuse() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let mut bob = site.person();
    bob.set("COUNTERSIGN_PINS", &format!("{} {}", site.image("team/app"), "0".repeat(64)));
    bob.run(&["pull", &site.image("team/app:1")]).expect_code(3);
    let mut carol = site.person();
    carol.set("COUNTERSIGN_PINS", &format!("# ours\n{} 12", site.image("team/app")));
    let broken = carol.run(&["pull", &site.image("team/app:1")]).expect_code(1);
    assert!(broken.stderr.contains("`COUNTERSIGN_PINS`, line 2: `12` is no key id"), "{}", broken.stderr);
}

#[test]
fn pin_is_printed_as_the_server_says_and_kept_nowhere() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:1", "one");
    let bob = person_with(&site, "first_use = \"refuse\"");
    let output = bob.run(&["policy", "pin", &site.image("team/app:1")]).expect_success();
    assert!(!bob.path(".docker/trust/tuf").exists());
    bob.assert_told("policy_pin", &[&output]);
    bob.write(".config/countersign/pins", &output.stdout);
    bob.run(&["pull", &site.image("team/app:1")]).expect_success();
    let known = bob.run(&["policy", "pin", &site.image("team/app:1")]).expect_success();
    assert_eq!((known.stdout, known.stderr.as_str()), (output.stdout, ""));
    bob.run(&["policy", "pin", &site.image("team/nosuch")]).expect_code(3);
    let mut away = World::new();
    away.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    away.run(&["policy", "pin", &site.image("team/app:1")]).expect_code(1);
}
