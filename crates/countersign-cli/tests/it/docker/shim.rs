//! The shim with trust off, and how it is installed.

use std::fs;
use std::os::unix::fs::symlink;

use countersign_testkit::normalise::Normaliser;

use super::Bench;
use crate::world::World;

#[test]
fn without_trust_the_real_docker_gets_everything_as_it_was() {
    let bench = Bench::new(World::new(), "docker");
    let args = ["run", "-it", "--nosuch", "a b", "$(touch x)", "", "--", "`x`", "päckchen"];
    let invocation =
        bench.shim(&args).env("SOMETHING", "a\nb").env("DOCKER_CONTENT_TRUST", "0").stdin("input");
    let output = invocation.run().expect_success();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    assert_eq!(bench.last_call(), args);
    assert_eq!(bench.get("stdin"), "input");
    assert_eq!(bench.variable("SOMETHING").as_deref(), Some("a\nb"));
    assert_eq!(bench.variable("DOCKER_CONTENT_TRUST").as_deref(), Some("0"));
    assert_eq!(bench.variable("PATH"), Some(bench.path()));
    bench.set("exit", "7");
    bench.shim(&["run", "x"]).run().expect_code(7);
}

#[test]
fn policy_is_read_with_trust_on_only() {
    let bench = Bench::new(World::new(), "docker");
    bench.world.write(".docker/trust/policy.toml", "nonsense");
    bench.shim(&["run", "x"]).run().expect_success();
    let output = bench.run(&["run", "x"]).expect_code(125);
    assert!(output.stderr.contains("policy.toml"), "{}", output.stderr);
    assert_eq!(bench.calls().len(), 1);
}

#[test]
fn flag_switches_trust_off_for_one_command() {
    let bench = Bench::new(World::new(), "docker");
    bench.trusting(&["run", "--disable-content-trust", "--rm", "x"]).run().expect_success();
    assert_eq!(bench.last_call(), ["run", "--disable-content-trust", "--rm", "x"]);
    bench.shim(&["run", "x", "--disable-content-trust=false"]).run().expect_success();
    assert_eq!(bench.last_call(), ["run", "x", "--disable-content-trust=false"]);
    let podman = Bench::new(World::new(), "podman");
    podman.trusting(&["run", "--disable-content-trust", "--rm", "x"]).run().expect_success();
    assert_eq!(podman.last_call(), ["run", "--rm", "x"], "podman has no such meaning of it");
}

#[test]
fn bad_value_of_the_flag_is_refused_in_dockers_words() {
    let bench = Bench::new(World::new(), "docker");
    let output = bench.shim(&["pull", "--disable-content-trust=no", "alpine"]).run().expect_code(125);
    assert_eq!(
        output.stderr,
        "invalid argument \"no\" for \"--disable-content-trust\" flag: strconv.ParseBool: parsing \"no\": invalid syntax\n\n\
         Usage:  docker pull [OPTIONS] NAME[:TAG|@DIGEST]\n\nRun 'docker pull --help' for more information\n"
    );
    assert!(bench.calls().is_empty());
}

#[test]
fn wrapper_that_calls_docker_again_finds_the_next_one() {
    let bench = Bench::new(World::new(), "docker");
    for (exec, name) in [("exec ", "replaced"), ("", "child")] {
        bench.world.write(
            &format!("{name}/docker"),
            format!("#!/bin/sh\nWRAPPED={name}\nexport WRAPPED\n{exec}docker \"$@\"\n"),
        );
        bench.executable(&format!("{name}/docker"));
        let path = format!("{}:{}:{}", bench.dir("shim"), bench.dir(name), bench.path());
        bench.shim(&["ps"]).env("PATH", path).run().expect_success();
        assert_eq!(bench.last_call(), ["ps"]);
        assert_eq!(bench.variable("WRAPPED").as_deref(), Some(name));
    }
}

#[test]
fn copies_and_links_of_the_shim_lead_to_the_real_one_and_never_in_a_circle() {
    let bench = Bench::new(World::new(), "docker");
    for dir in ["copy", "linked"] {
        fs::create_dir(bench.world.path(dir)).expect("a directory");
    }
    fs::copy(env!("CARGO_BIN_EXE_countersign"), bench.world.path("copy/docker")).expect("a copy");
    symlink("../shim/docker", bench.world.path("linked/docker")).expect("a link");
    let dirs = ["shim", "copy", "linked", "copy", "shim"].map(|dir| bench.dir(dir)).join(":");
    bench.shim(&["ps"]).env("PATH", format!("{dirs}:{}", bench.path())).run().expect_success();
    assert_eq!(bench.last_call(), ["ps"]);
    let output = bench.shim(&["ps"]).env("PATH", dirs).run().expect_code(1);
    assert_eq!(output.stderr, "docker: no `docker` other than countersign's is in PATH; nothing was done\n");
}

#[test]
fn real_docker_may_move_and_be_replaced() {
    let bench = Bench::new(World::new(), "docker");
    bench.shim(&["ps"]).run().expect_success();
    fs::rename(bench.world.path("real"), bench.world.path("moved")).expect("it moves");
    let path = format!("{}:{}:{}", bench.dir("shim"), bench.dir("moved"), super::tools(&bench.world));
    bench.shim(&["ps"]).env("PATH", &path).run().expect_success();
    fs::remove_file(bench.world.path("moved/docker")).expect("it goes");
    bench.shim(&["ps"]).env("PATH", &path).run().expect_code(1);
}

#[test]
fn shim_is_installed_told_of_and_taken_away() {
    let bench = Bench::new(World::new(), "docker");
    fs::remove_file(bench.world.path("shim/docker")).expect("not yet");
    let shim = |args: &[&str]| bench.world.program(args).env("PATH", bench.path()).run();
    let missing = shim(&["shim", "status"]).expect_code(1);
    let first = shim(&["shim", "install", "--dir", "shim"]).expect_success();
    let again = shim(&["shim", "install", "--dir", "shim"]).expect_success();
    let status = shim(&["shim", "status"]).expect_success();
    let taken = shim(&["shim", "install", "--dir", "real"]).expect_code(1);
    bench.shim(&["ps"]).run().expect_success();
    assert_eq!(bench.last_call(), ["ps"]);
    bench.set("version", "Docker version 29.0.1, build x\n");
    let retired = shim(&["shim", "status"]).expect_success();
    let removed = shim(&["shim", "uninstall"]).expect_success();
    let gone = shim(&["shim", "uninstall"]).expect_success();
    assert!(bench.world.path("real/docker").exists(), "the real one stays");
    bench.world.assert_told("shim", &[&missing, &first, &again, &status, &taken, &retired, &removed, &gone]);
}

#[test]
fn docker_that_verifies_nothing_is_named_by_doctor() {
    let bench = Bench::new(World::new(), "docker");
    bench.set("version", "Docker version 29.0.1, build x\n");
    fs::remove_file(bench.world.path("shim/docker")).expect("no shim");
    let doctor =
        bench.world.program(&["doctor", "--json"]).env("PATH", bench.path()).env("DOCKER_CONTENT_TRUST", "1");
    let text = Normaliser::new().normalise(&doctor.run().stdout);
    assert!(
        text.contains("\"area\":\"shim\",\"level\":\"warn\",\"text\":\"Docker 29 and later accept"),
        "{text}"
    );
}
