//! `docker-trust` and `docker-countersign`, as Docker starts them.

use std::fs;

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::present_or_skip;

use crate::world::{Site, World};

fn installed(world: &World, name: &str, args: &[&str]) -> Invocation {
    world.program_at(&world.path(".docker/cli-plugins").join(name), args)
}

#[test]
fn plugins_say_what_docker_wants_to_know() {
    let world = World::new();
    let install = world.run(&["plugin", "install"]).expect_success();
    let again = world.run(&["plugin", "install"]).expect_success();
    let trust = installed(&world, "docker-trust", &["docker-cli-plugin-metadata"]).run().expect_success();
    let own = installed(&world, "docker-countersign", &["docker-cli-plugin-metadata"]).run().expect_success();
    let removed = world.run(&["plugin", "uninstall"]).expect_success();
    world.write(".docker/cli-plugins/docker-trust", "Docker's own");
    let taken = world.run(&["plugin", "install"]).expect_code(1);
    world.assert_told("plugin", &[&install, &again, &trust, &own, &removed, &taken]);
}

#[test]
fn plugin_finds_its_words_behind_dockers() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "one");
    let world = site.person();
    world.run(&["plugin", "install"]).expect_success();
    let name = site.image("team/app");
    let direct = world.run(&["trust", "inspect", &name]).expect_success().stdout;
    let config = world.path(".docker");
    let config = config.to_str().expect("text");
    for args in [
        &["trust", "inspect", &name][..],
        &["--config", config, "-D", "--context", "c", "trust", "inspect", &name],
        &["inspect", &name],
    ] {
        let home = if args.len() > 3 { world.path("elsewhere") } else { world.path("") };
        let output = installed(&world, "docker-trust", args).env("HOME", home);
        assert_eq!(output.run().expect_success().stdout, direct, "{args:?}");
    }
    let help = installed(&world, "docker-trust", &["help", "trust"]).run().expect_success();
    assert!(help.stdout.contains("inspect"), "{}", help.stdout);
    let why = installed(&world, "docker-countersign", &["countersign", "why", &name]);
    why.run().expect_code(3);
    installed(&world, "docker-trust", &["trust", "inspect", &site.image("team/nosuch")]).run().expect_code(1);
    let sign = installed(&world, "docker-trust", &["trust", "sign", &name]).run().expect_code(1);
    assert_eq!(sign.stderr, format!("no tag specified for {name}\n"));
}

#[test]
fn installed_docker_starts_the_plugin() {
    if !present_or_skip(&["docker"]) {
        return;
    }
    let world = World::new();
    world.run(&["plugin", "install"]).expect_success();
    let version = world.program_at("docker".as_ref(), &["countersign", "--version"]).run().expect_success();
    assert_eq!(version.stdout, concat!("countersign ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = world.program_at("docker".as_ref(), &["--help"]).run().expect_success();
    assert!(help.stdout.contains("countersign*"), "{}", help.stdout);
    assert!(fs::exists(world.path(".docker/cli-plugins/docker-trust")).expect("a directory"));
}

#[cfg(target_os = "linux")]
#[test]
fn plugin_ends_when_docker_does() {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};

    let world = World::new();
    world.run(&["plugin", "install"]).expect_success();
    let name = format!("countersign-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let listener = UnixListener::bind_addr(&address).expect("a socket");
    let server = ["countersign", "server", "--data", "data", "--listen", "127.0.0.1:0"];
    let invocation = installed(&world, "docker-countersign", &server);
    let mut child = invocation.env("DOCKER_CLI_PLUGIN_SOCKET", format!("@{name}")).start();
    let (docker, _) = listener.accept().expect("the plugin listens to Docker");
    assert!(child.try_wait().expect("a child").is_none(), "it runs as long as Docker does");
    drop(docker);
    // A plugin that went on would hang here, and the test's own deadline would end it.
    child.wait().expect("it ends");
}
