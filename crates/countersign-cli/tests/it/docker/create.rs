//! `docker run`, `docker create`, and what else starts an image.

use std::time::Duration;

use super::Bench;
use crate::world::{Site, World};

/// A bench with the images of `team/app:1` and `team/data:1`, their names, and their digests.
fn bench(name: &'static str) -> (Site, Bench, [String; 2], [String; 2]) {
    let site = Site::start();
    let alice = site.publisher();
    let app = site.publish(&alice, "team/app:1", "one").digest().to_string();
    let data = site.publish(&alice, "team/data:1", "two").digest().to_string();
    let bench = Bench::new(site.person(), name);
    let names = ["team/app", "team/data"].map(|name| site.image(name));
    (site, bench, names, [app, data])
}

#[test]
fn run_replaces_the_image_and_nothing_else() {
    let (_site, bench, [app, _], [digest, _]) = bench("docker");
    let tagged = format!("{app}:1");
    let pinned = format!("{app}@{digest}");
    let args = [
        "-D",
        "run",
        "-itd",
        "-e",
        &tagged,
        "--name=x",
        "--platform",
        "linux/arm64",
        &tagged,
        "sh",
        "-c",
        &tagged,
    ];
    let first = bench.trusting(&args).stdin("input").run().expect_success();
    let expected = [
        "-D",
        "run",
        "-itd",
        "-e",
        &tagged,
        "--name=x",
        "--platform",
        "linux/arm64",
        &pinned,
        "sh",
        "-c",
        &tagged,
    ];
    assert_eq!(bench.last_call(), expected);
    assert_eq!(bench.get("stdin"), "input", "nobody else reads it");
    assert_eq!(bench.variable("DOCKER_CONTENT_TRUST"), None);
    let pulled = bench.calls().into_iter().find(|call| call.contains(&"pull".to_owned())).expect("a pull");
    assert_eq!(pulled, ["-D", "pull", "--platform=linux/arm64", &pinned]);
    let again = bench.run(&["run", "--rm", &tagged]).expect_success();
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("", ""));
    assert!(bench.get("images").contains(&format!("{tagged} sha256:")), "it was tagged");
    bench.set("images", "");
    let quiet = bench.run(&["container", "create", "-q", &tagged]).expect_success();
    bench.set("exit", "42");
    bench.run(&["run", &tagged]).expect_code(42);
    bench.world.assert_told("docker_run", &[&first, &again, &quiet]);
}

#[test]
fn mount_that_can_be_read_in_two_ways_is_refused() {
    let bench = Bench::new(World::new(), "docker");
    let digest = format!("alpine@sha256:{}", "a".repeat(64));
    let mounts = [
        "type=image,source=evil,target=/x\n,type=bind",
        "type=\u{130}mage,source=evil,target=/x",
        "type=image,source=evil,target=/x\"y",
    ];
    for mount in mounts {
        let output = bench.run(&["run", "--mount", mount, &digest]).expect_code(125);
        assert!(output.stderr.contains("can be read in two ways"), "{}", output.stderr);
        let output = bench.run(&["service", "create", "--mount", mount, &digest]).expect_code(1);
        assert!(output.stderr.contains("can be read in two ways"), "{}", output.stderr);
    }
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
}

#[test]
fn what_a_policy_refuses_is_no_service_by_its_digest_either() {
    let bench = Bench::new(World::new(), "docker");
    bench.world.write(".docker/trust/policy.toml", "trust = \"refused\"\n");
    let digest = format!("alpine@sha256:{}", "a".repeat(64));
    for args in [&["service", "create", &digest][..], &["service", "update", "--image", &digest, "x"]] {
        bench.run(args).expect_code(1);
    }
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
}

#[test]
fn another_image_under_the_tag_is_not_used() {
    let (_site, bench, [app, _], [digest, _]) = bench("docker");
    bench.set("images", &format!("{app}:1 sha256:{}\n", "e".repeat(64)));
    let output = bench.run(&["run", &format!("{app}:1")]).expect_success();
    assert_eq!(bench.last_call(), ["run", &format!("{app}@{digest}")]);
    assert!(output.stderr.contains("is another image here than the signed one"), "{}", output.stderr);
}

#[test]
fn pull_flag_says_when() {
    let (_site, bench, [app, _], [digest, _]) = bench("docker");
    let (tagged, pinned) = (format!("{app}:1"), format!("{app}@{digest}"));
    bench.run(&["run", "--pull", "never", &tagged]).expect_success();
    assert_eq!(bench.calls(), [["run", "--pull", "never", &pinned]]);
    bench.run(&["run", "--pull=always", &tagged]).expect_success();
    bench.run(&["run", "--pull=always", &tagged]).expect_success();
    assert_eq!(bench.last_call(), ["run", "--pull=missing", &pinned]);
    assert_eq!(bench.calls().iter().filter(|call| call[0] == "pull").count(), 2);
    let output = bench.run(&["run", "--pull", "bogus", &tagged]).expect_code(125);
    assert_eq!(
        output.stderr,
        "docker: invalid pull option: 'bogus': must be one of \"always\", \"missing\" or \"never\"\n\n\
         Run 'docker run --help' for more information\n"
    );
}

#[test]
fn ids_and_digests_need_no_trust_data() {
    let mut bench = Bench::new(World::new(), "docker");
    bench.world.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    let id = format!("sha256:{}", "c".repeat(64));
    let short = "c".repeat(12);
    bench.set("images", &format!("{short} {id}\n"));
    for (word, handed) in
        [(id.as_str(), id.as_str()), (&short, &id), (&format!("a@{id}"), &format!("a@{id}"))]
    {
        bench.run(&["run", word, "sh"]).expect_success();
        assert_eq!(bench.last_call(), ["run", handed, "sh"], "{word}");
    }
    // A name that looks like an id, of an image with another id, is a name.
    bench.set("images", &format!("{short} sha256:{}\n", "d".repeat(64)));
    bench.run(&["run", &short]).expect_code(125);
    // So is what is too short for an id.
    bench.set("images", &format!("cafe sha256:cafe{}\n", "0".repeat(60)));
    bench.run(&["run", "cafe"]).expect_code(125);
}

#[test]
fn image_of_a_mount_is_verified_too() {
    let (_site, bench, [app, data], [app_digest, data_digest]) = bench("docker");
    let mount = |data: &str| format!("type=image,source={data},target=/data");
    bench.run(&["run", "--mount", &mount(&format!("{data}:1")), &format!("{app}:1")]).expect_success();
    let pinned = mount(&format!("{data}@{data_digest}"));
    assert_eq!(bench.last_call(), ["run", "--mount", &pinned, &format!("{app}@{app_digest}")]);
    let before = bench.deeds().len();
    bench.run(&["run", "--mount", &mount(&format!("{data}:9")), &format!("{app}:1")]).expect_code(125);
    assert_eq!(bench.deeds().len(), before, "nothing was started");
}

#[test]
fn several_images_take_as_many_round_trips_as_one() {
    let site = Site::start();
    let alice = site.publisher();
    for name in ["team/app:1", "team/app:2", "team/data:1"] {
        site.publish(&alice, name, name);
    }
    let (proxy, ca) = super::pull::proxy(&site);
    let mut world = World::new();
    world.write("ca.crt", &ca);
    world.use_server(&proxy.url(), &world.path("ca.crt"));
    let bench = Bench::new(world, "docker");
    let name = |name: &str| site.image(name);
    let mount = |name: &str| format!("--mount=type=image,source={},target=/x", site.image(name));
    bench.run(&["run", &mount("team/data:1"), &name("team/app:1")]).expect_success();
    // So long that two requests of the same moment meet.
    proxy.delay(Duration::from_millis(150));
    let measure = |args: &[&str]| {
        proxy.forget_exchanges();
        bench.run(args).expect_success();
        (proxy.exchanges().len(), proxy.round_trips())
    };
    let one = measure(&["run", &name("team/app:1")]);
    let same = measure(&["run", &mount("team/app:2"), &name("team/app:1")]);
    let two = measure(&["run", &mount("team/data:1"), &name("team/app:1")]);
    assert_eq!(same, one, "one collection is updated once");
    assert_eq!(two, (2 * one.0, one.1), "two are updated at the same time");
}

#[test]
fn refusals_are_dockers() {
    let (site, bench, [app, _], [_, other]) = bench("docker");
    let unsigned = bench.run(&["run", "-it", &site.image("team/nosuch"), "sh"]).expect_code(125);
    let create = bench.run(&["create", &format!("{app}:9")]).expect_code(1);
    let contradiction = bench.run(&["run", &format!("{app}:1@{other}")]).expect_code(125);
    let none = bench.run(&["run", "-it"]).expect_code(1);
    let nonsense = bench.run(&["run", "$(reboot)"]).expect_code(125);
    assert!(bench.deeds().is_empty(), "{:?}", bench.deeds());
    bench.set("pull-fails", "manifest unknown");
    let lost = bench.run(&["run", &format!("{app}:1")]).expect_code(125);
    bench
        .world
        .assert_told("docker_run_refused", &[&unsigned, &create, &contradiction, &none, &nonsense, &lost]);
}

#[test]
fn local_name_that_nobody_signed_is_said_to_be_local() {
    let (site, bench, _, _) = bench("docker");
    let (name, id) = (site.image("team/mine:1"), format!("sha256:{}", "e".repeat(64)));
    bench.set("images", &format!("{name} {id}\n"));
    let output = bench.run(&["run", &name]).expect_code(125);
    let hint = format!(
        "hint: `{name}` is an image here, and nobody signed it under that name; its id names it without a doubt: {id}"
    );
    assert!(
        output.stderr.contains("docker: Error: remote trust data does not exist for "),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains(&hint), "{}", output.stderr);
}

#[test]
fn podman_runs_by_its_full_name_with_its_own_flags() {
    let (_site, bench, [app, _], [digest, _]) = bench("podman");
    let pinned = format!("{app}@{digest}");
    bench
        .run(&[
            "--log-level",
            "debug",
            "run",
            "--replace",
            "--tls-verify=false",
            "--arch",
            "arm64",
            &format!("{app}:1"),
        ])
        .expect_success();
    assert_eq!(
        bench.last_call(),
        ["--log-level", "debug", "run", "--replace", "--tls-verify=false", "--arch", "arm64", &pinned]
    );
    bench.run(&["run", "--rootfs", "/some/dir", "sh"]).expect_success();
    assert_eq!(bench.last_call(), ["run", "--rootfs", "/some/dir", "sh"]);
}

#[test]
fn podman_under_the_name_of_docker_is_treated_as_podman() {
    let (_site, bench, [app, _], [digest, _]) = bench("docker");
    let script = format!("#!/bin/sh\n# podman\n{}", super::FAKE.split_once('\n').expect("lines").1);
    bench.world.write("real/docker", script);
    bench.executable("real/docker");
    bench.run(&["run", "--replace", "--arch", "arm64", &format!("{app}:1")]).expect_success();
    assert_eq!(bench.last_call(), ["run", "--replace", "--arch", "arm64", &format!("{app}@{digest}")]);
    let mut local = Bench::new(World::new(), "podman");
    local.world.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    local.set("images", &format!("localhost/mine:1 sha256:{}\n", "e".repeat(64)));
    let output = local.run(&["run", "localhost/mine:1"]).expect_code(125);
    assert!(output.stderr.contains("is an image here, and nobody signed it"), "{}", output.stderr);
}

#[test]
fn own_verb_runs_with_trust_on() {
    let (_site, bench, [app, _], [digest, _]) = bench("docker");
    let own = |args: &[&str]| bench.world.program(args).env("PATH", bench.path()).run();
    let (tagged, pinned) = (format!("{app}:1"), format!("{app}@{digest}"));
    own(&["run", "--rm", "-it", &tagged, "sh", "--engine", "x"]).expect_success();
    assert_eq!(bench.last_call(), ["run", "--rm", "-it", &pinned, "sh", "--engine", "x"]);
    own(&["create", "--engine", "docker", "--name", "x", &tagged]).expect_success();
    assert_eq!(bench.last_call(), ["create", "--name", "x", &pinned]);
    own(&["run", "--rm", "--engine=docker", &tagged]).expect_success();
    assert_eq!(bench.last_call(), ["run", "--rm", &pinned]);
    own(&["run", "-h", "host", "-qit", &tagged]).expect_success();
    assert_eq!(bench.last_call(), ["run", "-h", "host", "-qit", &pinned]);
    own(&["--config", bench.world.path(".docker").to_str().expect("text"), "run", "-it", &tagged])
        .expect_success();
    assert_eq!(bench.last_call()[2..], ["run", "-it", &pinned]);
    own(&["run", "--disable-content-trust", &tagged]).expect_success();
    assert_eq!(bench.last_call(), ["run", &tagged]);
    own(&["run", &format!("{app}:9")]).expect_code(125);
    own(&["run", "--engine", "podman", &tagged]).expect_code(125);
}

#[test]
fn service_and_plugin_get_tag_and_digest() {
    let (_site, bench, [app, data], [digest, _]) = bench("docker");
    let (tagged, both) = (format!("{app}:1"), format!("{app}:1@{digest}"));
    bench.run(&["service", "create", "--name", "x", &tagged, "sleep", "1"]).expect_success();
    assert_eq!(bench.last_call(), ["service", "create", "--name", "x", &both, "sleep", "1"]);
    bench.run(&["service", "update", "x", "--image", &tagged]).expect_success();
    assert_eq!(bench.last_call(), ["service", "update", "x", "--image", &both]);
    bench.run(&["service", "update", "--replicas=2", "x"]).expect_success();
    assert_eq!(bench.last_call(), ["service", "update", "--replicas=2", "x"]);
    let refused = bench.run(&["service", "create", &format!("{app}:9")]).expect_code(1);
    assert_eq!(
        refused.stderr.lines().next(),
        Some("failed to resolve image digest using content trust: No valid trust data for 9")
    );
    bench.run(&["service", "create", "--mount", "type=image,source=x,target=/x", &tagged]).expect_code(1);
    bench.run(&["plugin", "install", "--grant-all-permissions", &tagged, "A=b"]).expect_success();
    assert_eq!(bench.last_call(), ["plugin", "install", "--grant-all-permissions", &both, "A=b"]);
    bench.set("source", &format!("{tagged}\n"));
    bench.run(&["plugin", "upgrade", "mine"]).expect_success();
    assert_eq!(bench.last_call(), ["plugin", "upgrade", "--skip-remote-check", "mine", &both]);
    bench.set("source", &format!("{data}:1\n"));
    bench.run(&["plugin", "upgrade", "mine", &tagged]).expect_success();
    assert_eq!(bench.last_call(), ["plugin", "upgrade", "mine", &both], "Docker asks about another name");
}
