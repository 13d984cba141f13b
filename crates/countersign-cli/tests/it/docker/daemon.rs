//! The shim before the installed docker, with a daemon: the same to see, and no docker started where the daemon can be asked.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use countersign_lab::fault::Fault;
use countersign_lab::registry::At;
use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::image::Image;
use countersign_testkit::peers::{DockerDaemon, find_program, present_or_skip};
use countersign_testkit::terminal::Terminal;

use crate::world::{Site, World};

/// Somebody's machine, with a shim before a docker, and a daemon.
pub(super) struct Machine<'a> {
    pub(super) world: World,
    daemon: &'a DockerDaemon,
}

impl<'a> Machine<'a> {
    /// One whose docker is the installed one.
    pub(super) fn new(world: World, daemon: &'a DockerDaemon) -> Self {
        shim_before(&world, &installed_docker());
        Self { world, daemon }
    }

    /// One whose docker does nothing, and fails at that.
    fn without_docker(world: World, daemon: &'a DockerDaemon) -> Self {
        let nothing = find_program("false").expect("a tool of every system");
        let docker = world.path("nothing/docker");
        fs::create_dir_all(world.path("nothing")).expect("a directory");
        fs::copy(nothing, &docker).expect("a copy");
        shim_before(&world, &docker);
        Self { world, daemon }
    }

    fn real(&self) -> PathBuf {
        self.world.path("real/docker")
    }

    /// The docker behind the shim.
    fn docker(&self, args: &[&str]) -> Invocation {
        self.world.program_at(&self.real(), args).env("DOCKER_HOST", self.daemon.host())
    }

    /// The directories of PATH.
    pub(super) fn path(&self) -> String {
        let dirs = ["shim", "real"].map(|dir| self.world.path(dir).display().to_string());
        format!("{}:/usr/bin:/bin", dirs.join(":"))
    }

    /// The shim with trust on; nothing says where the daemon is.
    fn bare(&self, args: &[&str]) -> Invocation {
        let shim = self.world.program_at(&self.world.path("shim/docker"), args);
        shim.env("PATH", self.path()).env("DOCKER_CONTENT_TRUST", "1")
    }

    /// The shim with trust on.
    fn shim(&self, args: &[&str]) -> Invocation {
        self.bare(args).env("DOCKER_HOST", self.daemon.host())
    }

    pub(super) fn id(&self, name: &str) -> String {
        let output = self.daemon.docker(&["image", "inspect", "--format", "{{.Id}}", name]).run();
        output.stdout.trim().to_owned()
    }

    /// Loads an image with this text under this name.
    pub(super) fn load(&self, name: &str, text: &str) {
        let image = Image::of_text(text).expect("an image");
        let archive = self.world.path("image.tar");
        image.write_docker_archive(&archive, name).expect("an archive");
        let archive = archive.to_str().expect("text");
        self.daemon.docker(&["load", "--input", archive]).run().expect_success();
    }
}

/// The docker that is installed, itself and not a link to it.
pub(super) fn installed_docker() -> PathBuf {
    let docker = find_program("docker").expect("it was there just now");
    docker.canonicalize().expect("a program")
}

/// Puts our program as `shim/docker`, and this one as `real/docker`.
pub(super) fn shim_before(world: &World, docker: &Path) {
    for dir in ["shim", "real"] {
        fs::create_dir_all(world.path(dir)).expect("a directory");
    }
    symlink(env!("CARGO_BIN_EXE_countersign"), world.path("shim/docker")).expect("a link");
    symlink(docker, world.path("real/docker")).expect("a link");
}

/// The lines of `output` between the one that begins so and the one that begins so.
fn between<'t>(text: &'t str, first: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(first).expect("its beginning");
    rest.split_once(end).expect("its end").0
}

/// What is to be seen in the end of what was drawn on a terminal.
fn seen(drawn: &str) -> Vec<String> {
    let (mut lines, mut row) = (vec![String::new()], 0_usize);
    let mut rest = drawn;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\n' => row += 1,
            '\r' => {}
            '\u{1b}' => {
                let end = rest.find(|letter: char| letter.is_ascii_alphabetic()).expect("an escape ends");
                let count = rest[..end].trim_start_matches('[').parse().unwrap_or(1);
                match &rest[end..=end] {
                    "A" => row -= count,
                    "B" => row += count,
                    // Nobody draws with anything else.
                    erase => {
                        assert_eq!(erase, "K");
                        lines[row].clear();
                    }
                }
                rest = &rest[end + 1..];
            }
            character => lines[row].push(character),
        }
        lines.resize(lines.len().max(row + 1), String::new());
    }
    lines
}

pub(super) fn peers() -> Option<DockerDaemon> {
    if present_or_skip(&["docker"]) { DockerDaemon::start_or_skip() } else { None }
}

/// What a daemon says in any case: of steps of a layer that follow each other fast it tells only the last.
fn told_always(report: &str) -> String {
    let passing = [": Pulling fs layer", ": Verifying Checksum", ": Download complete"];
    let lines = report.split_inclusive('\n');
    lines.filter(|line| !passing.iter().any(|step| line.trim_end().ends_with(step))).collect()
}

#[test]
fn pull_says_in_a_pipe_what_docker_says() {
    let Some(daemon) = peers() else { return };
    let site = Site::start();
    let digest = site.publish(&site.publisher(), "team/app", "hello").digest().to_string();
    let machine = Machine::new(site.person(), &daemon);
    let name = site.image("team/app");
    let pinned = format!("{name}@{digest}");
    let first = machine.docker(&["pull", &pinned]).run().expect_success();
    let again = machine.docker(&["pull", &pinned]).run().expect_success();
    machine.docker(&["rmi", &pinned]).run().expect_success();
    let last = format!("{pinned}\n");
    for theirs in [first, again] {
        let ours = machine.shim(&["pull", &name]).run().expect_success();
        let expected = theirs.stdout.strip_suffix(&last).expect("docker names what it pulled at the end");
        let expected = format!(
            "Using default tag: latest\nPull (1 of 1): {name}:latest@{digest}\n{expected}{name}:latest\n"
        );
        assert_eq!(told_always(&ours.stdout), told_always(&expected));
        let told: Vec<_> = ours.stderr.lines().filter(|line| !line.starts_with("Trusting ")).collect();
        assert_eq!(told, [format!("Tagging {pinned} as {name}:latest")]);
    }
    let by_digest = machine.docker(&["pull", &pinned]).run().expect_success();
    let ours = machine.shim(&["pull", &pinned]).run().expect_success();
    assert_eq!((ours.stdout, ours.stderr), (by_digest.stdout, by_digest.stderr));
    let quiet = machine.shim(&["pull", "-q", &name]).run().expect_success();
    assert_eq!(quiet.stdout, format!("Pull (1 of 1): {name}:latest@{digest}\n{name}:latest\n"));
    assert_eq!(machine.id(&name), machine.id(&pinned));
}

#[test]
fn pull_draws_on_a_terminal_what_docker_draws() {
    let Some(daemon) = peers() else { return };
    let site = Site::start();
    let digest = site.publish(&site.publisher(), "team/app", "hello").digest().to_string();
    let machine = Machine::new(site.person(), &daemon);
    let name = site.image("team/app");
    let pinned = format!("{name}@{digest}");
    let mut drawn = Vec::new();
    for invocation in [machine.docker(&["pull", &pinned]), machine.docker(&["pull", &pinned])] {
        let session = Terminal::run(invocation).finish();
        assert_eq!(session.code, Some(0), "{}", session.screen);
        drawn.push(session.screen.strip_suffix(&format!("{pinned}\n")).expect("the name").to_owned());
    }
    machine.docker(&["rmi", &pinned]).run().expect_success();
    for (index, theirs) in drawn.iter().enumerate() {
        let session = Terminal::run(machine.shim(&["pull", &name])).finish();
        assert_eq!(session.code, Some(0), "{}", session.screen);
        let start = format!("Pull (1 of 1): {name}:latest@{digest}\n");
        let ours = between(&session.screen, &start, "Tagging ");
        if index == 0 {
            // How far a download was when it was drawn differs from run to run, how it ends does not.
            assert!(ours.contains("\u{1b}[1A\u{1b}[2K\r"), "bars: {ours:?}");
            assert_eq!(seen(ours), seen(theirs));
        } else {
            assert_eq!(ours, theirs);
        }
        let end = format!("Tagging {pinned} as {name}:latest\n{name}:latest\n");
        assert!(session.screen.ends_with(&end), "{}", session.screen);
        assert!(session.screen.starts_with("Using default tag: latest\n"), "{}", session.screen);
    }
}

#[test]
fn push_shows_what_docker_shows_then_signs_what_was_sent() {
    let Some(daemon) = peers() else { return };
    let site = Site::start();
    let machine = Machine::new(site.publisher(), &daemon);
    let [theirs, ours] = ["theirs", "ours"].map(|tag| site.image(&format!("team/app:{tag}")));
    machine.load(&theirs, "the same");
    machine.load(&ours, "the same");
    machine.docker(&["push", &theirs]).run().expect_success();
    let piped = machine.docker(&["push", &theirs]).run().expect_success();
    let expected = piped.stdout.replace("theirs: digest", "ours: digest");
    let signed = machine.shim(&["push", &ours]).run().expect_success();
    let expected = format!(
        "{expected}Signing and pushing trust metadata\nFinished initializing \"{}\"\nSuccessfully signed {ours}\n",
        site.image("team/app")
    );
    assert_eq!(signed.stdout, expected);
    let drawn = Terminal::run(machine.docker(&["push", &theirs])).finish().screen;
    let session = Terminal::run(machine.shim(&["push", &ours])).finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    let start = session.screen.split("Signing and pushing").next().unwrap_or_default();
    assert!(drawn.contains("\u{1b}[1A\u{1b}[2K\r"), "{drawn:?}");
    assert_eq!(seen(start), seen(&drawn.replace("theirs: digest", "ours: digest")));
    let digest = site.registry().tagged("team/app", "ours").expect("it was pushed").to_string();
    let lookup = machine.world.run(&["repo", "lookup", &site.image("team/app"), "ours"]).expect_success();
    assert!(lookup.stdout.contains(&digest), "{}", lookup.stdout);
}

#[test]
fn push_of_all_tags_shows_what_docker_shows_and_signs_each() {
    let Some(daemon) = peers() else { return };
    let site = Site::start();
    let machine = Machine::new(site.publisher(), &daemon);
    let name = site.image("team/app");
    for tag in ["1", "2"] {
        machine.load(&format!("{name}:{tag}"), tag);
    }
    machine.load(&site.image("team/other:1"), "other");
    let all = ["push", "--all-tags", name.as_str()];
    machine.docker(&all).run().expect_success();
    let theirs = machine.docker(&all).run().expect_success();
    let ours = machine.shim(&all).run().expect_success();
    assert_eq!(ours.stdout.split("Signing and pushing").next(), Some(theirs.stdout.as_str()));
    for tag in ["1", "2"] {
        let digest = site.registry().tagged("team/app", tag).expect("it was pushed").to_string();
        let lookup = machine.world.run(&["repo", "lookup", &name, tag]).expect_success();
        assert!(lookup.stdout.contains(&digest), "{}", lookup.stdout);
    }
    let theirs = Terminal::run(machine.docker(&all)).finish();
    let ours = Terminal::run(machine.shim(&all)).finish();
    assert_eq!(ours.code, Some(0), "{}", ours.screen);
    assert_eq!(seen(ours.screen.split("Signing and").next().unwrap_or_default()), seen(&theirs.screen));
    assert_eq!(site.registry().tagged("team/other", "1"), None);
    let none = ["push", "--all-tags", &site.image("team/none")];
    let theirs = machine.docker(&none).run().expect_code(1);
    let ours = machine.shim(&none).run().expect_code(1);
    assert!(ours.stderr.starts_with(&theirs.stderr), "{}{}", ours.stderr, theirs.stderr);
}

#[test]
fn daemons_refusals_are_dockers_and_nothing_is_tagged_or_signed() {
    let Some(daemon) = peers() else { return };
    let site = Site::start();
    let machine = Machine::new(site.publisher(), &daemon);
    let name = site.image("team/app");
    let missing = machine.docker(&["push", &format!("{name}:none")]).run().expect_code(1);
    let ours = machine.shim(&["push", &format!("{name}:none")]).run().expect_code(1);
    assert!(ours.stderr.starts_with(&missing.stderr), "{}{}", ours.stderr, missing.stderr);
    machine.world.run(&["repo", "list", &name]).expect_code(3);
    // Signed, and not in the registry.
    site.publish(&machine.world, "team/app:1", "one");
    site.registry().misbehave(At::Manifests, Fault::Status(404));
    let pinned = machine.world.run(&["repo", "lookup", &name, "1"]).expect_success().stdout;
    let digest = pinned.split(' ').nth(1).expect("a digest").to_owned();
    let theirs = machine.docker(&["pull", &format!("{name}@{digest}")]).run().expect_code(1);
    let ours = machine.shim(&["pull", &format!("{name}:1")]).run().expect_code(1);
    assert!(ours.stderr.starts_with(&theirs.stderr), "{}{}", ours.stderr, theirs.stderr);
    assert!(ours.stderr.contains("no tag was changed"), "{}", ours.stderr);
    assert_eq!(machine.id(&format!("{name}:1")), "");
}

/// Whether docker was started, which can do nothing: then that is all there is to say.
fn was_started(output: &Output) -> bool {
    let mut lines = output.stderr.lines().filter(|line| !line.starts_with("Trusting "));
    lines.next().is_some_and(|line| line.starts_with("cannot pull ") && line.ends_with("no tag was changed"))
}

#[test]
fn daemon_is_the_one_that_docker_would_ask_and_docker_is_not_started() {
    if !present_or_skip(&["docker"]) {
        return;
    }
    let Some(daemon) = DockerDaemon::start_with_tls_or_skip() else { return };
    let site = Site::start();
    let digest = site.publish(&site.publisher(), "team/app:1", "hello").digest().to_string();
    let machine = Machine::without_docker(site.person(), &daemon);
    let name = site.image("team/app:1");
    let (host, tls_host, certs) = (daemon.host(), daemon.tls_host(), daemon.certs());
    let cert = |name: &str| certs.join(name).to_str().expect("text").to_owned();
    let (ca, certificate, key) = (cert("ca.pem"), cert("cert.pem"), cert("key.pem"));
    let context = |config: &Path, name: &str| {
        let made = daemon.docker(&["context", "create", name, "--docker", &format!("host={host}")]);
        made.env("DOCKER_CONFIG", config).run().expect_success();
    };
    let config = machine.world.path(".docker");
    context(&config, "there");
    let nowhere = format!("unix://{}", machine.world.path("nowhere.sock").display());
    for globals in [
        &["-H", &host][..],
        &["--host", &host, "--debug"],
        &["--context", "there"],
        &["--tlsverify", "--tlscacert", &ca, "--tlscert", &certificate, "--tlskey", &key, "-H", &tls_host],
    ] {
        let args: Vec<_> = globals.iter().copied().chain(["pull", name.as_str()]).collect();
        let output = if globals[0] == "--context" {
            machine.bare(&args)
        } else {
            machine.bare(&args).env("DOCKER_HOST", &nowhere)
        };
        output.run().expect_success();
        assert_ne!(machine.id(&name), "", "{globals:?}");
        daemon.docker(&["rmi", &name]).run().expect_success();
    }
    let variables = machine.bare(&["pull", &name]).env("DOCKER_HOST", &tls_host);
    variables.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", &certs).run().expect_success();
    machine.bare(&["pull", &name]).env("DOCKER_CONTEXT", "there").run().expect_success();
    assert_eq!(machine.id(&name), machine.id(&format!("{}@{digest}", site.image("team/app"))));
    // Another configuration has other contexts, and where nobody answers docker has to say so.
    for args in
        [&["--config", "elsewhere", "--context", "there"][..], &["-H", &nowhere], &["-H", "ssh://x.invalid"]]
    {
        let args: Vec<_> = args.iter().copied().chain(["pull", name.as_str()]).collect();
        let ca = fs::read(site.ca()).expect("a certificate");
        let host = site.trust_server().trim_start_matches("https://").to_owned();
        machine.world.write(&format!("elsewhere/tls/{host}/ca.crt"), ca);
        let output = machine.bare(&args).run().expect_code(1);
        assert!(was_started(&output), "{args:?}: {}", output.stderr);
    }
}

#[test]
fn what_only_docker_can_do_is_left_to_it() {
    let Some(daemon) = peers() else { return };
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "hello");
    let machine = Machine::without_docker(site.person(), &daemon);
    let name = site.image("team/app:1");
    let fails = |invocation: Invocation| {
        let output = invocation.run().expect_code(1);
        assert!(was_started(&output), "{}", output.stderr);
    };
    fails(machine.shim(&["pull", &name]).env("DOCKER_CUSTOM_HEADERS", "a=b"));
    fails(machine.shim(&["pull", "--platform", "arm64", &name]));
    fails(machine.shim(&["pull", &name]).env("DOCKER_DEFAULT_PLATFORM", "Linux/x86_64"));
    machine.world.write(".docker/config.json", r#"{"HttpHeaders":{"a":"b"}}"#);
    fails(machine.shim(&["pull", &name]));
    machine.world.write(".docker/config.json", r#"{"HttpHeaders":{}}"#);
    machine.shim(&["pull", &name]).run().expect_success();
}

#[test]
fn images_here_and_their_ids_are_asked_of_the_daemon() {
    let Some(daemon) = peers() else { return };
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "hello");
    let machine = Machine::new(site.person(), &daemon);
    let name = site.image("team/app:1");
    let made = machine.shim(&["create", &name, "x"]).run().expect_success();
    assert!(made.stderr.contains("Pull complete") && made.stderr.contains("Tagging "), "{}", made.stderr);
    assert_eq!(made.stdout.trim().len(), 64, "the id of a container and nothing else: {}", made.stdout);
    let again = machine.shim(&["create", &name, "x"]).run().expect_success();
    assert_eq!(again.stderr, "");
    let id = machine.id(&name);
    machine.shim(&["create", &id[7..19], "x"]).run().expect_success();
    let unknown = machine.shim(&["create", &format!("sha256:{}", "0".repeat(12)), "x"]).run().expect_code(1);
    assert!(unknown.stderr.contains("is the id of no image here"), "{}", unknown.stderr);
    machine.load(&site.image("team/app:own"), "mine");
    let local = machine.shim(&["create", &site.image("team/app:own"), "x"]).run().expect_code(1);
    assert!(local.stderr.contains("is an image here, and nobody signed it"), "{}", local.stderr);
}
