//! Which engine is chosen, and what `doctor` says of it.

use crate::world::World;

/// Nothing is chosen, and no program is found.
fn undecided() -> World {
    let mut world = World::new();
    world.set("COUNTERSIGN_ENGINE", "");
    world.set("XDG_RUNTIME_DIR", &world.path("run").display().to_string());
    let bin = world.path("bin");
    std::fs::create_dir(&bin).expect("a directory");
    world.set("PATH", &bin.display().to_string());
    world
}

/// What `doctor` says of the engine.
fn engine(world: &World) -> String {
    let output = world.run(&["doctor"]);
    let lines = output.stdout.lines().filter(|line| line.split_whitespace().nth(1) == Some("engine"));
    world.normalise(&lines.collect::<Vec<_>>().join("\n"))
}

/// Whether this machine has an engine where everybody looks for one: then it is right to choose it.
fn machine_has_an_engine() -> bool {
    ["/var/run/docker.sock", "/run/podman/podman.sock"]
        .iter()
        .any(|path| std::fs::exists(path).is_ok_and(|there| there))
}

#[test]
fn engine_is_local_where_there_is_no_other() {
    if machine_has_an_engine() {
        return;
    }
    let world = undecided();
    let expected = "ok    engine   `local` at `<home>/.local/share/countersign/images`, because no daemon answers at \
                    unix:///var/run/docker.sock, and podman is not here";
    assert_eq!(engine(&world), expected);
    world.script("bin/podman", "#!/bin/sh\n");
    let expected = "ok    engine   `podman` at `<home>/bin/podman`, because it is installed, and its service does not answer";
    assert_eq!(engine(&world), expected);
}

#[test]
fn configured_daemon_that_is_away_is_no_reason_for_another_engine() {
    let mut world = undecided();
    world.set("DOCKER_HOST", "unix:///nonexistent/d.sock");
    let told = engine(&world);
    let expected = "fail  engine   `docker`, because `DOCKER_HOST` names a daemon: Cannot connect to the Docker daemon at \
                    unix:///nonexistent/d.sock. Is the docker daemon running?";
    assert!(told.starts_with(expected), "{told}");
    let output = world.run(&["images"]).expect_code(1);
    assert!(
        output.stderr.contains("Cannot connect to the Docker daemon at unix:///nonexistent/d.sock."),
        "{}",
        output.stderr
    );
    assert!(!world.path(".local").exists(), "no local store is made");
    let local = world.run(&["images", "--engine", "local", "-q"]).expect_success();
    assert_eq!(local.stdout, "");
}

#[test]
fn choices_that_cannot_be_are_usage_errors() {
    let mut world = undecided();
    let both = world.run(&["images", "--engine", "local", "-H", "tcp://d.example"]).expect_code(2);
    assert!(both.stderr.contains("`--host` and `--context` name a daemon"), "{}", both.stderr);
    world.set("COUNTERSIGN_ENGINE", "dokcer");
    let wrong = world.run(&["images"]).expect_code(2);
    assert!(wrong.stderr.contains("`COUNTERSIGN_ENGINE` is `dokcer`"), "{}", wrong.stderr);
    world.set("COUNTERSIGN_ENGINE", "podman");
    let gone = world.run(&["images"]);
    if !machine_has_an_engine() {
        assert!(gone.stderr.contains("neither its service nor its program is here"), "{}", gone.stderr);
    }
    let context = world.run(&["images", "--context", "gone"]).expect_code(1);
    assert!(context.stderr.contains("there is no context `gone`"), "{}", context.stderr);
}
