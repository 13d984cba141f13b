//! What could start an unverified image and isn't covered is refused, and what starts nothing passes.

use super::Bench;
use crate::world::World;

#[test]
fn what_is_not_covered_is_named_and_refused_with_a_way_round() {
    let bench = Bench::new(World::new(), "docker");
    let outputs = [
        &["compose", "up", "-d"][..],
        &["buildx", "bake"],
        &["stack", "deploy", "-c", "x.yml", "x"],
        &["nosuch", "alpine"],
    ]
    .map(|args| bench.run(args).expect_code(1));
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
    bench.world.assert_told("docker_refused", &outputs.each_ref());
    let podman = Bench::new(World::new(), "podman");
    for args in [&["kube", "play", "x.yml"][..], &["auto-update"], &["pod", "create", "--infra-image", "x"]] {
        let output = podman.run(args).expect_code(1);
        assert!(output.stderr.contains("nothing was done"), "{}", output.stderr);
    }
    assert!(podman.calls().is_empty(), "{:?}", podman.calls());
}

#[test]
fn what_starts_nothing_passes_as_it_is() {
    let bench = Bench::new(World::new(), "docker");
    for args in
        [&["buildx", "ls"][..], &["ps", "-a"], &["exec", "-it", "x", "sh"], &["compose", "ps"], &["--help"]]
    {
        bench.run(args).expect_success();
        assert_eq!(bench.last_call(), args);
    }
    assert_eq!(bench.variable("DOCKER_CONTENT_TRUST").as_deref(), Some("1"));
}

#[test]
fn without_trust_everything_passes() {
    let bench = Bench::new(World::new(), "docker");
    for args in [&["compose", "up"][..], &["nosuch"], &["build", "."]] {
        bench.shim(args).run().expect_success();
        assert_eq!(bench.last_call(), args);
    }
}

#[test]
fn unknown_flag_is_looked_up_in_the_real_dockers_help_or_refused() {
    let bench = Bench::new(World::new(), "docker");
    let output = bench.run(&["run", "--newer", "x", "alpine"]).expect_code(125);
    assert!(output.stderr.starts_with("unknown flag: --newer\n"), "{}", output.stderr);
    assert!(
        output.stderr.contains("can't be told which word is the image; nothing was done"),
        "{}",
        output.stderr
    );
    assert_eq!(bench.calls(), [["run", "--help"]]);
    bench.set(
        "help",
        "Usage:  docker run [OPTIONS] IMAGE\n\nOptions:\n      --newer string   Something new\n",
    );
    let digest = format!("alpine@sha256:{}", "a".repeat(64));
    bench.run(&["run", "--newer", "x", &digest, "sh"]).expect_success();
    assert_eq!(bench.last_call(), ["run", "--newer", "x", &digest, "sh"]);
    assert_eq!(bench.variable("DOCKER_CONTENT_TRUST"), None, "it is off for what was verified");
}
