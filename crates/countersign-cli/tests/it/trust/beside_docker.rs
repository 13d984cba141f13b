//! One script, once with Docker's `docker trust` and once with ours: the same words on the same stream, and the same metadata.

use countersign_lab::registry::Registry;

use super::stage::{Server, docker, docker_is_here};
use crate::world::{World, block_on};

/// How a program is started with a verb of `trust`.
type Start = fn(&World, &[&str]) -> countersign_testkit::command::Invocation;

fn ours(world: &World, args: &[&str]) -> countersign_testkit::command::Invocation {
    world.program(args)
}

/// Runs one script with one program, and says what came of it.
fn script(server: &Server, start: Start, repository: &str) -> String {
    let registry = block_on(Registry::start()).expect("a registry on loopback");
    let r = format!("{}/alice/{repository}", registry.host());
    let (alice, bob) = (server.person(), server.person());
    let mut said = String::new();
    let mut step = |world: &World, args: &[&str], stdin: &str| {
        let output = start(world, args).stdin(stdin).run();
        let text = format!("$ {}\n{:?}\n{}\n", args.join(" "), output.code, output.stdout);
        said.push_str(&world.normalise(&text.replace(&registry.host().to_string(), "R").replace(repository, "app")));
    };
    step(&alice, &["trust", "inspect", &r], "");
    step(&alice, &["trust", "inspect", &r, &r], "");
    step(&alice, &["trust", "inspect", "--pretty", &r], "");
    for name in ["bob", "carol", "dave"] {
        step(&bob, &["trust", "key", "generate", name], "");
        alice.write(&format!("{name}.pub"), std::fs::read(bob.path(&format!("{name}.pub"))).expect("a public key"));
    }
    step(&bob, &["trust", "key", "generate", "bob"], "");
    step(&bob, &["trust", "key", "generate", "Bob"], "");
    step(&bob, &["trust", "key", "generate", "erin", "--dir", "nowhere"], "");
    step(&alice, &["trust", "signer", "add", "--key", "bob.pub", "bob", &r], "");
    step(&alice, &["trust", "inspect", &r], "");
    step(&alice, &["trust", "inspect", "--pretty", &r], "");
    step(&alice, &["trust", "signer", "add", "--key", "carol.pub", "--key", "dave.pub", "carol", &r], "");
    for (tag, text) in [("v2", "two"), ("v10", "ten"), ("v1", "one")] {
        bob.load(&format!("{r}:{tag}"), text);
        bob.run(&["push", "--engine", "local", &format!("{r}:{tag}")]).expect_success();
    }
    let (v1, v2) = (format!("{r}:v1"), format!("{r}:v2"));
    step(&alice, &["trust", "inspect", &r], "");
    step(&alice, &["trust", "inspect", "--pretty", &r, &v1, &v2], "");
    step(&alice, &["trust", "inspect", &format!("{r}:none")], "");
    step(&alice, &["trust", "inspect", "--pretty", &format!("{r}:none")], "");
    step(&bob, &["trust", "revoke", &r], "n\n");
    step(&bob, &["trust", "revoke", &format!("{r}:none")], "");
    step(&bob, &["trust", "revoke", &v1], "");
    step(&alice, &["trust", "inspect", "--pretty", &r], "");
    step(&bob, &["trust", "revoke", "-y", &r], "");
    step(&bob, &["trust", "revoke", "-y", &r], "");
    step(&alice, &["trust", "inspect", &r], "");
    step(&alice, &["trust", "signer", "remove", "nobody", &r], "");
    said
}

#[test]
fn script_says_the_same_with_dockers_program_and_with_ours() {
    if !docker_is_here() {
        return;
    }
    for server in Server::both() {
        let theirs = script(&server, docker, "theirs");
        let ours = script(&server, ours, "mine-6");
        assert_eq!(ours, theirs);
    }
}
