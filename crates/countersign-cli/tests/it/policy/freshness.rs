//! How old an answer may be, and how far ahead a timestamp may expire.

use std::fs::File;
use std::time::{Duration, SystemTime};

use countersign_lab::fault::Fault;
use countersign_lab::proxy::At;

use crate::pull::proxy;
use crate::world::{Site, World};

use super::{person_with, write_rule};

#[test]
fn cache_stands_in_for_a_server_as_long_as_the_policy_says() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app", "hello");
    let (proxy, ca) = proxy(&site);
    let mut bob = World::new();
    bob.write("ca.crt", &ca);
    bob.use_server(&proxy.url(), &bob.path("ca.crt"));
    write_rule(&bob, &site, "max_age = \"1h\"");
    let image = site.image("team/app");
    bob.run(&["pull", &image]).expect_success();
    proxy.misbehave(At::Everything, Fault::Status(503));
    bob.run(&["pull", &image]).expect_success();

    // The last word of the server was two hours ago.
    let timestamp = bob.path(&format!(".docker/trust/tuf/{image}/metadata/timestamp.json"));
    let heard = SystemTime::now() - Duration::from_hours(2);
    File::options()
        .write(true)
        .open(timestamp)
        .and_then(|file| file.set_modified(heard))
        .expect("a time is set");
    let old = bob.run(&["pull", &image]).expect_code(1);
    assert!(old.stderr.contains("it was last heard from 720"), "{}", old.stderr);
    assert!(old.stderr.contains("no more than 3600 s are allowed"), "{}", old.stderr);
    bob.run(&["why", "--offline", &image]).expect_success();
    write_rule(&bob, &site, "max_age = \"3h\"");
    bob.run(&["pull", &image]).expect_success();
    proxy.forward();
    write_rule(&bob, &site, "max_age = \"0s\"");
    bob.run(&["pull", &image]).expect_success();
}

#[test]
fn timestamp_may_expire_so_far_ahead_and_no_further() {
    let fortnight = Site::start();
    let hour = Site::start_with(|config| config.lifetimes.timestamp = Duration::from_mins(50));
    for site in [&fortnight, &hour] {
        site.publish(&site.publisher(), "team/app", "hello");
    }
    let bob = person_with(&fortnight, "max_freeze = \"1h\"");
    let refused = bob.run(&["pull", &fortnight.image("team/app")]).expect_code(3);
    for part in
        ["the timestamp expires at ", "while no more than 3600 s are allowed", "renew timestamps more often"]
    {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    assert!(!bob.path(".docker/trust/tuf").exists(), "nothing was kept");
    let carol = person_with(&hour, "max_freeze = \"1h\"");
    carol.run(&["pull", &hour.image("team/app")]).expect_success();
}
