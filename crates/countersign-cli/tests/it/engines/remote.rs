//! Daemons on other machines: TLS, contexts and `ssh`, as Docker's client reaches them.

use std::fs;

use countersign_core::digest::Digest;
use countersign_testkit::peers::{DockerDaemon, present_or_skip};

use crate::world::World;

fn world() -> World {
    let mut world = World::new();
    world.set("COUNTERSIGN_ENGINE", "docker");
    world
}

#[test]
fn tls_is_used_as_flags_variables_and_contexts_say() {
    let Some(daemon) = DockerDaemon::start_with_tls_or_skip() else { return };
    let mut alice = world();
    alice.set("DOCKER_HOST", &daemon.tls_host());
    let plain = alice.run(&["images"]).expect_code(1);
    assert!(plain.stderr.contains("Client sent an HTTP request to an HTTPS server"), "{}", plain.stderr);
    alice.set("DOCKER_TLS_VERIFY", "1");
    alice.set("DOCKER_CERT_PATH", &daemon.certs().display().to_string());
    alice.run(&["images"]).expect_success();

    // Without our certificate the daemon refuses; with another authority we do.
    let copy = |name: &str, from: &str| {
        alice.write(&format!("certs/{name}"), fs::read(daemon.certs().join(from)).expect("a file"));
    };
    copy("ca.pem", "ca.pem");
    let mut nobody = world();
    nobody.set("DOCKER_HOST", &daemon.tls_host());
    nobody.set("DOCKER_TLS_VERIFY", "1");
    nobody.set("DOCKER_CERT_PATH", &alice.path("certs").display().to_string());
    nobody.run(&["images"]).expect_code(1);
    copy("cert.pem", "cert.pem");
    copy("key.pem", "key.pem");
    nobody.run(&["images"]).expect_success();
    let other = countersign_lab::tls::Authority::new().expect("an authority");
    alice.write("certs/ca.pem", other.ca_pem());
    let refused = nobody.run(&["images"]).expect_code(1);
    assert!(refused.stderr.contains("no trusted TLS connection to `127.0.0.1:"), "{}", refused.stderr);
    nobody.set("DOCKER_TLS_VERIFY", "");
    nobody.set("DOCKER_TLS", "1");
    nobody.run(&["images"]).expect_success();

    // A context has its own files.
    let id = Digest::sha256(b"remote").hex();
    let carol = world();
    let endpoint = format!(r#"{{"Host":"{}","SkipTLSVerify":false}}"#, daemon.tls_host());
    let meta = format!(r#"{{"Name":"remote","Metadata":{{}},"Endpoints":{{"docker":{endpoint}}}}}"#);
    carol.write(&format!(".docker/contexts/meta/{id}/meta.json"), meta);
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        let file = fs::read(daemon.certs().join(name)).expect("a file");
        carol.write(&format!(".docker/contexts/tls/{id}/docker/{name}"), file);
    }
    carol.run(&["images", "--context", "remote"]).expect_success();
    carol.write(".docker/config.json", r#"{"currentContext":"remote"}"#);
    carol.run(&["images"]).expect_success();
    let doctor = carol.run(&["doctor"]);
    assert!(doctor.stdout.contains(&format!("`docker` at `{}`", daemon.tls_host())), "{}", doctor.stdout);
}

#[test]
fn ssh_runs_dockers_own_relay() {
    let Some(daemon) = DockerDaemon::start_or_skip() else { return };
    if !present_or_skip(&["docker"]) {
        return;
    }
    let mut alice = world();
    // It does over here what would be done over there.
    let ssh = format!(
        "#!/bin/sh\necho \"$@\" >>{}\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\nDOCKER_HOST={} exec \"$@\"\n",
        alice.path("ssh.log").display(),
        daemon.host()
    );
    let install = |script: &str| alice.script("bin/ssh", script);
    install(&ssh);
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", alice.path("bin").display());
    let host = "ssh://alice@d.example:2222";
    let run = |args: &[&str]| alice.program(args).env("PATH", &path).env("DOCKER_HOST", host).run();
    run(&["images"]).expect_success();
    let asked = fs::read_to_string(alice.path("ssh.log")).expect("it was run");
    let expected = "-o ConnectTimeout=30 -T -l alice -p 2222 -- d.example docker system dial-stdio";
    assert!(asked.lines().all(|line| line == expected) && !asked.is_empty(), "{asked}");
    install("#!/bin/sh\necho 'ssh: connect to host d.example port 2222: No route to host' >&2\nexit 255\n");
    let away = run(&["images"]).expect_code(1);
    assert!(
        away.stderr.contains("ssh: connect to host d.example port 2222: No route to host"),
        "{}",
        away.stderr
    );
    alice.set("DOCKER_HOST", "ssh://alice:secret@d.example");
    let password = alice.run(&["images"]).expect_code(1);
    assert!(!password.stderr.contains("secret"), "{}", password.stderr);
}
