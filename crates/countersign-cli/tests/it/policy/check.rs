//! `policy check`: every decision with its line.

use crate::world::World;

const POLICY: &str = r#"max_age = "1h"
pin_files = ["pins"]

[[rule]]
match = "docker.io/*"
trust_server = "https://trust.example"
mirror = "mirror.example/dockerhub"
max_freeze = "1h"

[[rule]]
match = "docker.io/library/*"
signed_by = ["targets/ci", "targets/security"]
first_use = "refuse"

[[rule]]
match = "registry.example/old/*"
trust = "refused"
"#;

#[test]
fn check_names_the_line_of_each_decision() {
    let world = World::new();
    world.write(".docker/trust/policy.toml", POLICY);
    world.write(".docker/trust/pins", format!("# ours\ndocker.io/me/app {}\n", "0".repeat(64)));
    let alpine = world.run(&["policy", "check", "alpine:3"]).expect_success();
    let pinned = world.run(&["policy", "check", "me/app"]).expect_success();
    let refused = world.run(&["policy", "check", "registry.example/old/app"]).expect_code(3);
    let json = world.run(&["policy", "check", "--json", "me/app"]).expect_success();
    world.assert_told("policy_check", &[&alpine, &pinned, &refused, &json]);
}

#[test]
fn check_without_a_policy_shows_the_defaults() {
    let mut world = World::new();
    world.set("CI", "1");
    let output = world.run(&["policy", "check", "registry.example/app"]).expect_success();
    world.assert_told("policy_check_defaults", &[&output]);
}
