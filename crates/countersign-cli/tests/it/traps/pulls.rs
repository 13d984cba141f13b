//! Pulls and runs that took something else for what was signed, or could not say why they refused.

use std::collections::BTreeSet;

use countersign_lab::fault::Fault;
use countersign_lab::proxy::At;

use crate::docker::Bench;
use crate::pull::proxy;
use crate::world::{Site, World};

#[test]
fn trap_02_cache_stands_in_for_a_server_with_its_age_and_only_where_allowed() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app", "hello");
    let (proxy, ca) = proxy(&site);
    let mut world = World::new();
    world.write("ca.crt", &ca);
    world.use_server(&proxy.url(), &world.path("ca.crt"));
    let bench = Bench::new(world, "docker");
    let name = site.image("team/app");
    bench.run(&["pull", &name]).expect_success();
    proxy.misbehave(At::Everything, Fault::Status(503));
    let offline = bench.run(&["pull", &name]).expect_success();
    for part in ["using the cached trust data of ", "which it confirmed ", "good until "] {
        assert!(offline.stderr.contains(part), "{part}: {}", offline.stderr);
    }
    bench.world.write(".config/countersign/policy.toml", "offline = \"forbid\"\n");
    let before = bench.calls().len();
    bench.run(&["pull", &name]).expect_code(1);
    assert_eq!(bench.calls().len(), before, "nothing was pulled");
}

#[test]
fn trap_06_tag_and_digest_must_agree() {
    let site = Site::start();
    let alice = site.publisher();
    let one = site.publish(&alice, "team/app:1", "one").digest();
    let two = site.publish(&alice, "team/app:2", "two").digest();
    let bench = Bench::new(site.person(), "docker");
    let named = |digest| site.image(&format!("team/app:1@{digest}"));
    let context = |digest| {
        bench.world.write("context/Dockerfile", format!("FROM {}\n", named(digest)));
        bench.dir("context")
    };
    for (args, code) in [
        (vec!["pull".to_owned(), named(two)], 1),
        (vec!["run".to_owned(), named(two)], 125),
        (vec!["create".to_owned(), named(two)], 1),
        (vec!["build".to_owned(), context(two)], 1),
    ] {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let output = bench.run(&args).expect_code(code);
        assert!(output.stderr.contains(&one.to_string()), "what is signed is said: {}", output.stderr);
    }
    let started = ["pull", "run", "create", "build"];
    let is_started = |call: &Vec<String>| started.contains(&call[0].as_str());
    assert!(!bench.calls().iter().any(is_started), "{:?}", bench.calls());
    bench.run(&["pull", &named(one)]).expect_success();
    bench.run(&["run", &named(one)]).expect_success();
    assert_eq!(bench.last_call(), ["run", &site.image(&format!("team/app@{one}"))]);
}

#[test]
fn trap_13_local_images_are_used_by_their_ids_and_told_by_their_names() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let bench = Bench::new(site.person(), "docker");
    let (short, id) = ("c".repeat(12), format!("sha256:{}", "c".repeat(64)));
    let name = site.image("team/app:built-here");
    bench.set("images", &format!("{short} {id}\n{name} {id}\n"));
    bench.run(&["run", &short, "sh"]).expect_success();
    assert_eq!(bench.last_call(), ["run", &id, "sh"], "the whole id, which nothing else can have");
    let output = bench.run(&["run", &name]).expect_code(125);
    assert!(output.stderr.contains("is an image here, and nobody signed it"), "{}", output.stderr);
    assert!(output.stderr.contains(&id), "{}", output.stderr);
}

#[test]
fn trap_15_each_cause_has_its_own_words_and_its_own_code() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let (proxy, ca) = proxy(&site);
    let says = |image: &str, code| {
        let mut world = World::new();
        world.write("ca.crt", &ca);
        world.use_server(&proxy.url(), &world.path("ca.crt"));
        let name = site.image(image);
        let inspected = world.run(&["trust", "inspect", &name]);
        assert_ne!(inspected.code, Some(0), "{}", inspected.transcript());
        world.run(&["pull", "--engine", "local", &name]).expect_code(code).stderr
    };
    let mut words = vec![says("team/nobody:1", 3)];
    for (at, fault, code) in [
        (At::Everything, Fault::Status(401), 1),
        (At::Everything, Fault::Status(503), 1),
        (At::Everything, Fault::Html, 1),
        (At::Role("targets".to_owned()), Fault::Instead("{}".into()), 3),
    ] {
        proxy.forward();
        proxy.misbehave(at, fault);
        words.push(says("team/app:1", code));
    }
    let unsigned = site.person().run(&["pull", "--engine", "local", &site.image("team/app:2")]);
    words.push(unsigned.expect_code(3).stderr);
    let causes = |said: &String| -> String {
        let is_talk = |line: &&str| line.starts_with("hint: ") || line.starts_with("Trusting ");
        said.lines().filter(|line| !is_talk(line)).collect()
    };
    let distinct: BTreeSet<String> = words.iter().map(causes).collect();
    assert_eq!(distinct.len(), words.len(), "{words:#?}");
}

#[test]
fn trap_16_first_use_shows_its_root_key_and_pins_decide() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app", "hello");
    let name = site.image("team/app");
    let first = Bench::new(site.person(), "docker");
    let output = first.run(&["pull", &name]).expect_success();
    let key = output.stderr.split("on first use, root key ").nth(1).and_then(|rest| rest.lines().next());
    let key = key.expect("the key is shown").to_owned();
    for (policy, code) in [
        ("first_use = \"refuse\"\n".to_owned(), 1),
        (format!("root_keys = [\"{}\"]\n", "0".repeat(64)), 1),
        (format!("root_keys = [\"{key}\"]\nfirst_use = \"refuse\"\n"), 0),
    ] {
        let bench = Bench::new(site.person(), "docker");
        let rule = format!("[[rule]]\nmatch = \"{name}\"\n{policy}");
        bench.world.write(".config/countersign/policy.toml", rule);
        bench.run(&["pull", &name]).expect_code(code);
        assert_eq!(bench.calls().is_empty(), code != 0, "{policy}");
    }
}

#[test]
fn trap_17_trust_server_on_loopback_needs_its_authority_like_any_other() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app", "hello");
    let mut world = World::new();
    world.set("DOCKER_CONTENT_TRUST_SERVER", &site.trust_server());
    let bench = Bench::new(world, "docker");
    let output = bench.run(&["pull", &site.image("team/app")]).expect_code(1);
    assert!(output.stderr.contains("certificate"), "{}", output.stderr);
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
}
