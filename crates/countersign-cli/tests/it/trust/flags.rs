//! Every flag of `docker trust`, with Docker's program and with ours.

use countersign_lab::registry::Registry;
use countersign_testkit::command::Invocation;
use countersign_testkit::image::Image;
use countersign_testkit::peers::DockerDaemon;

use super::beside_docker::{Script, Start, Step, assert_same, mode, ours, plugin};
use super::stage::{Server, docker, docker_is_here};
use crate::world::{World, block_on};

/// Runs the script with one program.
fn run(server: &Server, start: Start, repository: &str) -> Vec<Step> {
    let registry = block_on(Registry::start()).expect("a registry on loopback");
    let host = registry.host();
    let r = format!("{host}/flags/{repository}");
    let second = format!("{host}/second/{repository}");
    let (alice, bob) = (server.person(), server.person());
    let mut script = Script { start, registry: &host, repository, steps: Vec::new() };
    let tag = |tag: &str| format!("{r}:{tag}");
    std::fs::create_dir(bob.path("keys")).expect("a directory");

    script.step(&bob, &["trust", "key", "generate", "bob", "--dir", "keys"]);
    script.step(&bob, &["trust", "key", "generate", "--dir=keys", "carol"]);
    for name in ["bob", "carol"] {
        let file = std::fs::read(bob.path(&format!("keys/{name}.pub"))).expect("a public key");
        alice.write(&format!("{name}.pub"), file);
    }
    let make = ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.pem"];
    Invocation::of("openssl").dir(bob.path("")).args(make).run().expect_success();
    mode(&bob.path("ec.pem"), 0o600);
    script.step(&bob, &["trust", "key", "load", "--name=dora", "ec.pem"]);
    script.step(&bob, &["trust", "key", "load", "ec.pem", "--name", "dora"]);
    script.step(&alice, &["trust", "signer", "add", "bob", "--key=bob.pub", &r, &second]);
    script.step(&alice, &["trust", "signer", "add", "--key", "carol.pub", "carol", &r]);
    script.step(&alice, &["trust", "signer", "add", "--key", "bob.pub,carol.pub", "both", &r]);
    for name in ["v1", "v2", "v3", "v4"] {
        bob.load(&tag(name), name);
        bob.run(&["push", "--engine", "local", &tag(name)]).expect_success();
    }
    script.step(&alice, &["trust", "inspect", &r, &second]);
    // Values of switches are a matter of Docker's command line, not of ours.
    let is_dockers = !repository.starts_with("mine");
    let switch = |value: &'static str, own: &'static str| if is_dockers { value } else { own };
    let last = |script: &mut Script<'_>, line: &str| {
        line.clone_into(&mut script.steps.last_mut().expect("a step").line);
    };
    script.step(&alice, &["trust", "inspect", switch("--pretty=true", "--pretty"), &r]);
    last(&mut script, "inspect --pretty=true");
    script.step(&alice, &["trust", "inspect", switch("--pretty=false", "--"), &tag("v1")]);
    last(&mut script, "inspect --pretty=false");
    script.step(&alice, &["trust", "inspect", &tag("v1"), "--pretty"]);
    script.step(&alice, &["trust", "inspect", &second]);
    script.step(&bob, &["trust", "revoke", "--yes", &tag("v1")]);
    script.step(&bob, &["trust", "revoke", &tag("v2"), "-y"]);
    script.step(&bob, &["trust", "revoke", switch("-y=false", "--"), &tag("v3")]);
    last(&mut script, "revoke -y=false");
    script.step(&alice, &["trust", "inspect", &r]);
    script.step(&alice, &["trust", "signer", "remove", "nobody", "--force", &r]);
    script.step(&alice, &["trust", "signer", "remove", "-f", "nobody", &r, &second]);
    wrong(&mut script, &alice);
    script.steps
}

/// What no command of `docker trust` takes.
fn wrong(script: &mut Script<'_>, world: &World) {
    for line in [
        "trust inspect",
        "trust sign",
        "trust sign a b",
        "trust revoke",
        "trust revoke a b",
        "trust key generate",
        "trust key generate a b",
        "trust key load",
        "trust key load a b",
        "trust signer add",
        "trust signer add bob",
        "trust signer add --key bob.pub bob",
        "trust signer remove",
        "trust signer remove bob",
        "trust sign Upper/Case:1",
        "trust inspect Upper/Case:1",
        "trust revoke Upper/Case:1",
    ] {
        let words: Vec<_> = line.split(' ').collect();
        script.wrong(world, &words);
    }
}

#[test]
fn flags_do_the_same_with_dockers_program_and_with_ours() {
    if !docker_is_here() {
        return;
    }
    for server in Server::both() {
        let theirs = run(&server, docker, "theirs");
        for (start, repository) in [(ours as Start, "mine-6"), (plugin, "plug-6")] {
            assert_same(&run(&server, start, repository), &theirs);
        }
    }
}

/// Signs images of a daemon with one program.
fn sign(server: &Server, daemon: &DockerDaemon, start: Start, repository: &str) -> Vec<Step> {
    let registry = block_on(Registry::start()).expect("a registry on loopback");
    let host = registry.host();
    let r = format!("{host}/sign/{repository}");
    let mut alice = server.person();
    alice.set("COUNTERSIGN_ENGINE", "docker");
    alice.set("DOCKER_HOST", &daemon.host());
    let tag = |tag: &str| format!("{r}:{tag}");
    for name in ["v1", "v2"] {
        let image = Image::of_text(&format!("{repository} {name}")).expect("an image");
        image.write_docker_archive(&alice.path("image.tar"), "ignored:1").expect("an archive");
        alice.run(&["load", "image.tar", "--as", &tag(name)]).expect_success();
    }
    let mut script = Script { start, registry: &host, repository, steps: Vec::new() };
    script.step(&alice, &["trust", "key", "generate", "alice"]);
    script.step(&alice, &["trust", "signer", "add", "--key", "alice.pub", "alice", &r]);
    script.step(&alice, &["trust", "sign", &tag("v1")]);
    script.step(&alice, &["trust", "sign", "--local", &tag("v2")]);
    // What Docker repeats from its daemon, ours says by itself.
    script.wrong(&alice, &["trust", "sign", &tag("none")]);
    script.wrong(&alice, &["trust", "sign", "--local", &tag("none")]);
    script.step(&alice, &["trust", "inspect", &r]);
    script.steps
}

#[test]
fn images_of_a_daemon_are_pushed_and_signed_as_dockers_program_does() {
    if !docker_is_here() {
        return;
    }
    let Some(daemon) = DockerDaemon::start_or_skip() else { return };
    for server in Server::both() {
        let theirs = sign(&server, &daemon, docker, "theirs");
        for (start, repository) in [(ours as Start, "mine-6"), (plugin, "plug-6")] {
            assert_same(&sign(&server, &daemon, start, repository), &theirs);
        }
    }
}
