//! Which trust server is asked.

use crate::world::{Site, World};

use super::write_rule;

#[test]
fn rule_names_the_trust_server_and_the_variable_comes_first() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let mut bob = World::new();
    let host = site.trust_server().replace("https://", "");
    bob.write(&format!(".docker/tls/{host}/ca.crt"), std::fs::read(site.ca()).expect("a certificate"));
    let image = site.image("team/app:1");
    bob.run(&["pull", &image]).expect_code(1);
    write_rule(&bob, &site, &format!("trust_server = \"{}\"", site.trust_server()));
    bob.run(&["pull", &image]).expect_success();
    bob.run(&["doctor", &image]).expect_success();
    let check = |bob: &World| bob.run(&["policy", "check", &image]).expect_success().stdout;
    assert!(check(&bob).contains("policy.toml, line 3"), "{}", check(&bob));
    bob.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    assert!(check(&bob).contains("DOCKER_CONTENT_TRUST_SERVER"), "{}", check(&bob));
    let away = bob.run(&["pull", &image]).expect_success();
    assert!(away.stderr.contains("using the cached trust data of 127.0.0.1:1"), "{}", away.stderr);
}
