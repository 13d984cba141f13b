//! Where policies are, and what is wrong with them.

use crate::world::{Site, World};

#[test]
fn policy_with_an_unknown_key_stops_everything() {
    let world = World::new();
    world.write(".docker/trust/policy.toml", "offline = \"forbid\"\nreleses = \"require\"\n");
    let output = world.run(&["images"]).expect_code(1);
    world.assert_told("policy_unknown_key", &[&output]);
}

#[test]
fn policy_is_one_file_of_the_users_and_the_variables_before_it() {
    let mut world = World::new();
    let image = "registry.example/app";
    let settings = |world: &World| world.run(&["policy", "check", image]).expect_success().stdout;
    world.write(".docker/trust/policy.toml", "max_age = \"1h\"\n");
    assert!(settings(&world).contains("/.docker/trust/policy.toml, line 1"));
    world.write(".config/countersign/policy.toml", "max_age = \"2h\"\n");
    let both = world.run(&["policy", "check", image]).expect_code(1);
    std::fs::remove_file(world.path(".docker/trust/policy.toml")).expect("a file");
    assert!(settings(&world).contains("/.config/countersign/policy.toml, line 1"));
    world.write("ours.toml", "offline = \"forbid\"\nmax_age = \"3h\"\n");
    world.set("COUNTERSIGN_POLICY", "ours.toml");
    let text = settings(&world);
    assert!(text.contains("3h") && text.contains("ours.toml, line 2"), "{text}");
    std::fs::remove_file(world.path("ours.toml")).expect("a file");
    let missing = world.run(&["policy", "check", image]).expect_code(1);
    world.assert_told("policy_files", &[&both, &missing]);
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
