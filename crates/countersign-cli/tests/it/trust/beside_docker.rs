//! One script, once with Docker's `docker trust` and once with ours: the same words on stdout, the same errors, the same
//! metadata.

use std::fmt::Write as _;
use std::path::Path;

use countersign_lab::registry::Registry;
use countersign_testkit::command::{Invocation, Output};

use super::stage::{Server, docker, docker_is_here};
use crate::world::{World, block_on};

/// How a program is started with a verb of `trust`.
pub(super) type Start = fn(&World, &[&str]) -> Invocation;

pub(super) fn ours(world: &World, args: &[&str]) -> Invocation {
    world.program(args)
}

/// What one step of the script came to.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Step {
    pub(super) line: String,
    succeeds: bool,
    stdout: String,
    errors: Vec<String>,
}

pub(super) struct Script<'a> {
    pub(super) start: Start,
    pub(super) registry: &'a str,
    pub(super) repository: &'a str,
    pub(super) steps: Vec<Step>,
}

impl Script<'_> {
    /// A command line that is wrong: how it ends, and that nothing is on stdout. Usage is told by each in its own words.
    pub(super) fn wrong(&mut self, world: &World, args: &[&str]) {
        self.step(world, args);
        if let Some(step) = self.steps.last_mut() {
            step.errors.truncate(0);
        }
    }

    pub(super) fn step(&mut self, world: &World, args: &[&str]) {
        let output = (self.start)(world, args).run();
        let same = |text: &str| {
            let text = text.replace(self.registry, "R").replace(self.repository, "app");
            world.normalise(&without_ids(&text))
        };
        self.steps.push(Step {
            line: same(&args.join(" ")),
            succeeds: output.code == Some(0),
            stdout: same(&output.stdout),
            errors: errors(&output).iter().map(|line| same(line)).collect(),
        });
    }
}

/// The errors in Docker's form: a chain of causes is one line. What else is said, and hints, are left out.
fn errors(output: &Output) -> Vec<String> {
    let mut errors: Vec<String> = Vec::new();
    for line in output.stderr.lines() {
        let line = line.strip_prefix("error: ").unwrap_or(line);
        if let Some(cause) = line.strip_prefix("  caused by: ") {
            let last = errors.last_mut().expect("a cause has an error before it");
            *last = format!("{last}: {cause}");
        } else {
            errors.push(line.to_owned());
        }
    }
    let is_error = |line: &String| {
        let talk = [
            "time=",
            "hint: ",
            "warning: ",
            "Trusting ",
            "Back up ",
            "Its root key ",
            "The root was ",
            "Key ",
        ];
        !line.is_empty() && !talk.iter().any(|talk| line.starts_with(talk))
    };
    errors.retain(is_error);
    errors
}

/// Takes out short ids, of signers' keys and of layers, which have twelve digits.
fn without_ids(text: &str) -> String {
    let is_id =
        |word: &&str| word.len() == 12 && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let words = text.split([' ', '\n', ',', ':']).filter(is_id);
    words.fold(text.to_owned(), |text, id| text.replace(id, "<12 digits>"))
}

/// Runs the script with one program.
fn run(server: &Server, start: Start, repository: &str) -> Vec<Step> {
    let registry = block_on(Registry::start()).expect("a registry on loopback");
    let host = registry.host().clone();
    let r = format!("{host}/alice/{repository}");
    let (alice, bob) = (server.person(), server.person());
    let mut script = Script { start, registry: &host, repository, steps: Vec::new() };
    let tag = |tag: &str| format!("{r}:{tag}");
    let digest = format!("{r}@sha256:{}", "0".repeat(64));

    script.step(&alice, &["trust", "inspect", &r]);
    script.step(&alice, &["trust", "inspect", "--pretty", &r]);
    script.step(&alice, &["trust", "revoke", &tag("v1")]);
    script.step(&alice, &["trust", "signer", "remove", "bob", &r]);
    for name in ["bob", "carol", "dave"] {
        script.step(&bob, &["trust", "key", "generate", name]);
        let file = format!("{name}.pub");
        alice.write(&file, std::fs::read(bob.path(&file)).expect("a public key"));
    }
    script.step(&bob, &["trust", "key", "generate", "bob"]);
    script.step(&bob, &["trust", "key", "generate", "Bob"]);
    script.step(&bob, &["trust", "key", "generate", "erin", "--dir", "nowhere"]);
    load(&mut script, &bob);
    script.step(&alice, &["trust", "signer", "add", "bob", &r]);
    script.step(&alice, &["trust", "signer", "add", "--key", "bob.pub", "Bob", &r]);
    script.step(&alice, &["trust", "signer", "add", "--key", "bob.pub", "releases", &r]);
    script.step(&alice, &["trust", "signer", "add", "--key", "nofile.pub", "bob", &r]);
    alice.write("ec.pem", std::fs::read(bob.path("ec.pem")).expect("a private key"));
    script.step(&alice, &["trust", "signer", "add", "--key", "ec.pem", "bob", &r]);
    script.step(&alice, &["trust", "signer", "add", "--key", "bob.pub", "bob", &r]);
    script.step(&alice, &["trust", "inspect", &r]);
    script.step(&alice, &["trust", "inspect", "--pretty", &r]);
    script.step(&alice, &["trust", "signer", "add", "--key", "carol.pub", "--key", "dave.pub", "carol", &r]);
    for (name, text) in [("v2", "two"), ("v10", "ten"), ("v1", "one")] {
        bob.load(&tag(name), text);
        bob.run(&["push", "--engine", "local", &tag(name)]).expect_success();
    }
    script.step(&alice, &["trust", "inspect", &r]);
    script.step(&alice, &["trust", "inspect", "--pretty", &r, &tag("v1"), &tag("v2")]);
    script.step(&alice, &["trust", "inspect", &tag("none")]);
    script.step(&alice, &["trust", "inspect", &digest]);
    script.step(&alice, &["trust", "inspect", &r, &format!("{host}/alice/nosuch"), &tag("v1")]);
    script.step(&alice, &["trust", "inspect", "--pretty", &tag("none")]);
    script.step(&alice, &["trust", "sign", &r]);
    script.step(&alice, &["trust", "sign", &digest]);
    script.step(&alice, &["trust", "revoke", &digest]);
    script.step(&bob, &["trust", "revoke", &tag("none")]);
    script.step(&bob, &["trust", "revoke", &tag("v1")]);
    script.step(&alice, &["trust", "inspect", "--pretty", &r]);
    script.step(&alice, &["trust", "signer", "remove", "nobody", &r]);
    script.step(&alice, &["trust", "signer", "remove", "releases", &r]);
    script.step(&bob, &["trust", "revoke", "-y", &r]);
    script.step(&bob, &["trust", "revoke", "-y", &r]);
    script.step(&alice, &["trust", "inspect", &r]);
    script.steps
}

/// Loads keys as files of several kinds.
fn load(script: &mut Script<'_>, world: &World) {
    let openssl = |args: &[&str]| {
        Invocation::of("openssl").dir(world.path("")).args(args).run().expect_success();
    };
    openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.pem"]);
    openssl(&["ec", "-in", "ec.pem", "-pubout", "-out", "ec.pub"]);
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.pem"]);
    openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", "ec.pem", "-out", "pkcs8.pem"]);
    std::fs::copy(world.path("ec.pem"), world.path("open.pem")).expect("a copy");
    mode(&world.path("open.pem"), 0o644);
    for file in ["ec.pem", "ec.pub", "rsa.pem", "pkcs8.pem"] {
        mode(&world.path(file), 0o600);
    }
    for args in [
        &["ec.pem", "--name", "frank"][..],
        &["rsa.pem"],
        &["open.pem"],
        &["missing.pem"],
        &["ec.pub"],
        &["ec.pem", "--name", "Frank"],
    ] {
        let line = [&["trust", "key", "load"], args].concat();
        script.step(world, &line);
    }
}

pub(super) fn mode(path: &Path, mode: u32) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(path, mode).expect("a mode");
}

/// Ours as Docker's plugin.
pub(super) fn plugin(world: &World, args: &[&str]) -> Invocation {
    let path = world.path("docker-trust");
    if !path.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_countersign"), &path).expect("a link");
    }
    world.program_at(&path, args)
}

#[test]
fn script_says_the_same_with_dockers_program_and_with_ours() {
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

/// Whether each step came to the same with both programs.
#[track_caller]
pub(super) fn assert_same(ours: &[Step], theirs: &[Step]) {
    assert_eq!(ours.len(), theirs.len());
    let mut differ = String::new();
    for (ours, theirs) in ours.iter().zip(theirs) {
        let agree = |(ours, theirs): (&String, &String)| says(ours, theirs);
        let is_same = (&ours.line, ours.succeeds, &ours.stdout)
            == (&theirs.line, theirs.succeeds, &theirs.stdout)
            && ours.errors.len() == theirs.errors.len()
            && ours.errors.iter().zip(&theirs.errors).all(agree);
        if !is_same {
            let _ = write!(differ, "\n--- theirs\n{theirs:#?}\n+++ ours\n{ours:#?}");
        }
    }
    assert!(differ.is_empty(), "{differ}");
}

/// Whether a line of ours says what theirs does. Ours may say more behind it: what the cause is. Older Dockers begin a line with
/// a capital, and say "please".
fn says(ours: &str, theirs: &str) -> bool {
    let theirs = theirs.to_lowercase().replace("please ", "");
    let ours = ours.to_lowercase().replace("countersign trust", "docker trust");
    ours.starts_with(&theirs)
}

#[test]
fn cancelled_question_ends_as_with_docker() {
    if !docker_is_here() {
        return;
    }
    let world = World::new();
    let name = "127.0.0.1:1/team/app";
    for answer in ["n\n", "", "yes\n"] {
        let [ours, theirs] = [plugin as Start, docker]
            .map(|start| start(&world, &["trust", "revoke", name]).stdin(answer).run());
        assert_eq!((ours.code, &ours.stdout), (theirs.code, &theirs.stdout), "{answer:?}");
        assert_eq!(ours.code, Some(0), "{}", ours.transcript());
    }
}
