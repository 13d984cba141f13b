//! Honest files, served badly; pins; and a registry that lies.

use countersign_core::name::Gun;
use countersign_lab::fault::Fault;
use countersign_lab::image::{Image, Index};
use countersign_lab::proxy::At;
use countersign_lab::registry;

use super::stage::{Stage, behind_a_proxy, state};
use crate::world::{Site, block_on};

/// CVE-2023-46737: each file in turn never ends.
#[test]
fn endless_file_of_each_role_ends_the_pull() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:v1", "one");
    let (proxy, bob) = behind_a_proxy(&site);
    let reference = site.image("team/app:v1");
    let pull = || bob.run(&["pull", "--engine", "local", &reference]);
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let before = state(&bob);
        proxy.misbehave(At::Role(role.to_owned()), Fault::Endless);
        let output = pull().expect_code(1);
        assert!(output.stderr.contains(role), "{role}: {}", output.transcript());
        assert_eq!(state(&bob), before, "{role}");
        proxy.forward();
    }
    pull().expect_success();
}

/// What a server lists and does not show was not looked at.
#[test]
fn collection_that_is_listed_and_not_there_does_not_pass_for_one_that_a_key_may_not_sign() {
    let site = Site::start();
    let alice = site.publisher();
    for image in ["team/app:v1", "team/two:v1"] {
        site.publish(&alice, image, "one");
    }
    let (proxy, bob) = behind_a_proxy(&site);
    let nobodys = "a".repeat(64);
    let look = || bob.run(&["key", "revoke", &nobodys, "--server", "--dry-run"]);
    let all = look().expect_success();
    assert!(all.stderr.contains("nothing of what was looked at: 2 repositories"), "{}", all.transcript());
    proxy.misbehave(At::Files, Fault::Status(404));
    let none = look().expect_code(1);
    for name in ["team/app", "team/two"] {
        let said = format!("lists `{}` and has no trust data for it", site.image(name));
        assert!(none.stderr.contains(&said), "{}", none.transcript());
    }
    assert!(none.stderr.contains("nothing of what was looked at: 0 repositories"), "{}", none.transcript());
}

/// One old role among new ones, from an honest server that is a little behind.
#[test]
fn old_role_of_an_honest_server_is_never_taken_for_the_new_one() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:v1", "one");
    let (proxy, bob) = behind_a_proxy(&site);
    let gun: Gun = site.image("team/app").parse().expect("a GUN");
    block_on(proxy.remember("before", &gun)).expect("remembered");
    let newer = site.publish(&alice, "team/app:v1", "two");
    let reference = site.image("team/app:v1");
    let pull = || bob.run(&["pull", "--engine", "local", &reference]);
    let before = state(&bob);
    for role in ["snapshot", "targets"] {
        proxy.replay_role("before", role);
        let output = pull().expect_code(1);
        assert!(output.stderr.contains(role), "{role}: {}", output.transcript());
        assert_eq!(state(&bob), before, "{role}");
        proxy.forward();
    }
    pull().expect_success();
    assert!(bob.run(&["images", "--no-trunc"]).stdout.contains(&newer.digest().to_string()));
}

/// A pin holds for what was trusted before it, and goes without a trace.
#[test]
fn pin_of_another_key_stops_what_was_trusted_and_changes_nothing() {
    let stage = Stage::set();
    let host = stage.site.registry().host();
    let policy = format!("[trust_pinning.certs]\n\"{host}/*\" = [\"{}\"]\n", "0".repeat(64));
    stage.bob.write(".docker/trust/policy.toml", &policy);
    let before = state(&stage.bob);
    let output = stage.pull().expect_code(3);
    assert!(output.stderr.contains("trust_pinning"), "{}", output.transcript());
    assert_eq!(state(&stage.bob), before);
    // The longer name decides.
    let own = stage.sim.root_key.id();
    let both = format!("{policy}\"{host}/team/*\" = [\"{own}\"]\n");
    stage.bob.write(".docker/trust/policy.toml", &both);
    stage.pull().expect_success();
    std::fs::remove_file(stage.bob.path(".docker/trust/policy.toml")).expect("it was there");
    stage.next_is_pulled(stage.sim.clone(), "without a pin");
}

/// CVE-2021-41190, GHSA-wfqx-gjrf-g28r: the registry gives an index, or another platform's image, for the signed digest.
#[test]
fn index_in_place_of_the_image_is_refused() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:v1", "one");
    let bob = site.person();
    let reference = site.image("team/app:v1");
    bob.run(&["pull", "--engine", "local", &reference]).expect_success();
    let image = site.publish(&alice, "team/app:v1", "two");
    let evil = Image::builder().platform("linux", "riscv64").build().expect("an image");
    let index = Index::of([Image::of_text("two").expect("an image"), evil.clone()]);
    let before = state(&bob);
    for instead in [index.manifest().bytes.clone(), evil.manifest().bytes.clone()] {
        let at = registry::At::Manifest(image.digest().to_string());
        site.registry().misbehave(at, Fault::Instead(instead));
        let output = bob.run(&["pull", "--engine", "local", &reference]).expect_code(3);
        assert!(output.stderr.contains("means here what it meant before"), "{}", output.transcript());
        let here = bob.run(&["images", "--no-trunc"]).stdout;
        assert!(!here.contains(&image.digest().to_string()), "{here}");
        site.registry().behave();
    }
    let tags = |state: &std::collections::BTreeMap<String, countersign_core::digest::Digest>| {
        state.iter().find(|(path, _)| path.ends_with("index.json")).map(|(_, digest)| *digest)
    };
    assert_eq!(tags(&state(&bob)), tags(&before), "the store's index changed");
    bob.run(&["pull", "--engine", "local", &reference]).expect_success();
}
