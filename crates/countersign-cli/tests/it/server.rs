//! `server`: the program as a trust server.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use countersign_testkit::command::Invocation;

use crate::world::World;

#[test]
fn server_says_where_it_is_serves_and_stops_when_told() {
    let world = World::new();
    let mut server = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["server", "--data", "trust", "--listen", "127.0.0.1:0"])
        .env_clear()
        .current_dir(world.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut said = BufReader::new(server.stdout.take().expect("a pipe"));
    let (mut url, mut ca) = (String::new(), String::new());
    said.read_line(&mut url).and_then(|_| said.read_line(&mut ca)).expect("it says where it is");
    let url = url.trim().strip_prefix("Trust server: ").expect("its address").to_owned();
    let ca = ca.trim().strip_prefix("CA certificate: ").expect("its certificate").to_owned();
    assert!(ca.ends_with("trust/ca.crt"), "{ca}");

    let mut bob = World::new();
    bob.use_server(&url, ca.as_ref());
    let found = bob.run(&["repo", "list", "example.com/nosuch"]).expect_code(3);
    assert!(found.stderr.starts_with("no trust data available\n"), "{}", found.stderr);

    Invocation::of("kill").args(["-TERM", &server.id().to_string()]).run().expect_success();
    let mut talk = String::new();
    server.stderr.take().expect("a pipe").read_to_string(&mut talk).expect("it talks");
    assert!(server.wait().expect("it ends").success(), "{talk}");
    assert!(talk.contains("export DOCKER_CONTENT_TRUST_SERVER=https://127.0.0.1:"), "{talk}");
}

#[test]
fn server_refuses_a_configuration_with_every_problem_at_once() {
    let world = World::new();
    world.write("server.toml", "lisen = 1\n[expiry]\ntimestamp = \"soon\"\n");
    let args = ["server", "--data", "trust", "--config-file", "server.toml", "--listen", "nowhere"];
    let output = world.run(&args).expect_code(1);
    world.assert_told("server_misconfigured", &[&output]);
}
