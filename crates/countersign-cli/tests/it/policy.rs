//! The policy file, as far as it shows from outside.

use crate::world::{Site, World};

#[test]
fn policy_with_an_unknown_key_stops_everything() {
    let world = World::new();
    world.write(".docker/trust/policy.toml", "offline = \"forbid\"\nreleses = \"require\"\n");
    let output = world.run(&["images"]).expect_code(1);
    world.assert_told("policy_unknown_key", &[&output]);
}

#[test]
fn first_use_without_a_pin_can_be_forbidden() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let bob = site.person();
    bob.write(".docker/trust/policy.toml", "[trust_pinning]\ndisable_tofu = true\n");
    let output = bob.run(&["pull", &site.image("team/app:1")]).expect_code(3);
    bob.assert_told("policy_no_first_use", &[&output]);
}

#[test]
fn pinned_root_is_trusted_and_another_is_not() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:1", "one");
    let roots = alice.run(&["key", "list", "--json"]).expect_success().stdout;
    let root = roots.lines().find(|line| line.contains(r#""role":"root""#)).expect("a root key");
    let id = root.split(r#""id":""#).nth(1).and_then(|rest| rest.get(..64)).expect("its id");
    let pin = |id: &str| format!("[trust_pinning.certs]\n\"{}/*\" = [\"{id}\"]\n", site.registry().host());
    let bob = site.person();
    bob.write(".docker/trust/policy.toml", pin(&"0".repeat(64)));
    let refused = bob.run(&["pull", &site.image("team/app:1")]).expect_code(3);
    bob.write(".docker/trust/policy.toml", pin(id));
    bob.run(&["pull", &site.image("team/app:1")]).expect_success();
    bob.assert_told("policy_other_pin", &[&refused]);
}
