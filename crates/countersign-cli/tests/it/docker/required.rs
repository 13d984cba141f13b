//! What the system's policy requires holds with trust off, too.

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::{present_or_skip, skip};

use super::Bench;
use crate::world::{Site, World};

/// Puts `system.toml` of the working directory at the place of the system's policy, for one program alone.
const PLACE: &str = "mkdir -p etc && mount --rbind /etc etc && mount -t tmpfs none /etc && ln -s \"$PWD\"/etc/* /etc/ && \
     rm -rf /etc/countersign && mkdir /etc/countersign && cp system.toml /etc/countersign/policy.toml && exec \"$@\"";

/// The same invocation on a machine with a policy of the system's.
fn there(invocation: Invocation, bench: &Bench) -> Invocation {
    let path = format!("{}:/usr/bin:/bin", bench.path());
    let placed = invocation.env("PATH", path).through("sh", &["-c", PLACE, "sh"]);
    placed.through("unshare", &["--map-root-user", "--mount"])
}

/// Whether this machine lets a test have mounts of its own; else it says that it skips.
fn can_mount() -> bool {
    if !present_or_skip(&["unshare", "mount"]) {
        return false;
    }
    let try_it = Invocation::of("unshare").args([
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "none",
        "/mnt",
    ]);
    let can = try_it.run().code == Some(0);
    if !can {
        skip("mounts of one's own are forbidden here");
    }
    can
}

#[test]
fn what_the_system_requires_is_verified_with_trust_off_and_the_rest_is_nobodys_business() {
    if !can_mount() {
        return;
    }
    let site = Site::start();
    let digest = site.publish(&site.publisher(), "team/app:1", "one").digest().to_string();
    let bench = Bench::new(site.person(), "docker");
    let name = site.image("team/app");
    let rule = format!("[[rule]]\nmatch = \"{}/*\"\ntrust = \"required\"\n", site.registry().host());
    bench.world.write("system.toml", &rule);
    let run = |args: &[&str]| there(bench.shim(args), &bench).run();
    run(&["run", "--rm", &format!("{name}:1")]).expect_success();
    assert_eq!(bench.last_call(), ["run", "--rm", &format!("{name}@{digest}")]);
    run(&["pull", &format!("{name}:1")]).expect_success();
    let before = bench.deeds().len();
    let unsigned = run(&["pull", &format!("{name}:2")]).expect_code(1);
    let flag = run(&["run", "--disable-content-trust", &format!("{name}:1")]).expect_code(125);
    let mounted = format!("type=image,source={name}:2,target=/x");
    run(&["run", "--mount", &mounted, "alpine"]).expect_code(125);
    let compose = run(&["compose", "up"]).expect_code(1);
    let both =
        there(bench.trusting(&["pull", "--disable-content-trust", &format!("{name}:1")]), &bench).run();
    assert_eq!(both.code, Some(1), "{}", both.transcript());
    assert_eq!(bench.deeds().len(), before, "{:?}", bench.calls());
    bench.world.assert_told("docker_required", &[&unsigned, &flag, &compose]);
    for args in [
        &["pull", "alpine"][..],
        &["run", "--disable-content-trust", "alpine"],
        &["push", &format!("{name}:1")],
        &["ps"],
    ] {
        run(args).expect_success();
        assert_eq!(bench.last_call(), args, "handed over as it was");
    }
}

#[test]
fn build_verifies_what_the_system_requires_and_goes_on_by_itself_without() {
    if !can_mount() {
        return;
    }
    let site = Site::start();
    let alice = site.publisher();
    let signed = site.publish(&alice, "team/app:1", "one").digest().to_string();
    let free = countersign_testkit::image::Image::of_text("free").expect("an image");
    site.registry().put_image("free/app", "1", &free);
    let bench = Bench::new(site.person(), "docker");
    let rule = format!("[[rule]]\nmatch = \"{}/team/*\"\ntrust = \"required\"\n", site.registry().host());
    bench.world.write("system.toml", &rule);
    let build = |dockerfile: &str| {
        bench.world.write("context/Dockerfile", dockerfile);
        there(bench.shim(&["build", &bench.dir("context")]), &bench).run()
    };
    build("FROM alpine\n").expect_success();
    assert_eq!(bench.last_call(), ["build", &bench.dir("context")], "nothing of it is required");
    let (app, other) = (site.image("team/app"), site.image("free/app"));
    let mixed = build(&format!("FROM {app}:1\nCOPY --from={other}:1 /a /b\n")).expect_success();
    let expected = format!("FROM {app}@{signed}\nCOPY --from={other}@{} /a /b\n", free.digest());
    assert_eq!(bench.get("dockerfile"), expected);
    assert!(mixed.stderr.contains("is not looked up, for trust is off"), "{}", mixed.stderr);
    let before = bench.calls().len();
    build(&format!("FROM {app}:2\n")).expect_code(1);
    let built = bench.calls()[before..].iter().any(|call| call[0] == "build");
    assert!(!built, "nothing was sent to the engine");
}

#[test]
fn policy_of_the_system_that_cannot_be_followed_stops_what_it_may_be_about() {
    if !can_mount() {
        return;
    }
    let bench = Bench::new(World::new(), "docker");
    bench.world.write("system.toml", "nonsense");
    let run = |args: &[&str]| there(bench.shim(args), &bench).run();
    let output = run(&["run", "alpine"]).expect_code(1);
    assert!(output.stderr.contains("policy.toml"), "{}", output.stderr);
    run(&["compose", "up"]).expect_code(1);
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
    run(&["ps"]).expect_success();
    bench.world.write("system.toml", "max_age = \"1h\"\n[[rule]]\nmatch = \"*\"\ntrust = \"optional\"\n");
    run(&["run", "--disable-content-trust", "alpine"]).expect_success();
}
