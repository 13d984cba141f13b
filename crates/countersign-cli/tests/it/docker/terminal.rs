//! The shim at a terminal: questions, Control-C at each point, and containers that take the terminal over.

use countersign_lab::fault::Fault;
use countersign_lab::registry::At;
use countersign_testkit::command::Invocation;
use countersign_testkit::image::Image;
use countersign_testkit::terminal::Terminal;

use super::Bench;
use super::daemon::{Machine, peers};
use super::publish::pushed;
use crate::world::{PASSPHRASE, Site, World};

const CONTROL_C: &str = "\u{3}";

/// Runs the shim in a shell that outlives Control-C, and says then how it ended and whether what is typed is shown.
fn in_a_shell(shim: &str, args: &[&str], before: Invocation) -> Terminal {
    let line = format!("trap : INT; {shim} {}; echo ended with $?; stty -a", args.join(" "));
    Terminal::run(before.args(["-c", &line]))
}

fn shell(world: &World, path: &str) -> Invocation {
    let sh = countersign_testkit::peers::find_program("sh").expect("a shell");
    world.program_at(&sh, &[]).env("PATH", format!("{path}:/usr/bin:/bin")).env("DOCKER_CONTENT_TRUST", "1")
}

#[track_caller]
fn expect_interrupted(mut terminal: Terminal) -> String {
    terminal.type_keys(CONTROL_C);
    terminal.expect("ended with 130");
    let session = terminal.finish();
    assert!(session.screen.contains(" echo "), "what is typed is shown: {}", session.screen);
    session.screen
}

#[test]
fn first_push_asks_for_both_passphrases_and_shows_neither() {
    let site = Site::start();
    let bench = Bench::new(site.person(), "docker");
    let (image, name) = (Image::of_text("x").expect("an image"), site.image("team/app"));
    bench.set("push", &pushed(&image, &name, &["1"]));
    let path = format!("{}:/usr/bin:/bin", bench.path());
    let mut terminal = Terminal::run(bench.trusting(&["push", &format!("{name}:1")]).env("PATH", path));
    for question in ["for new root", "for new root", "for new repository", "for new repository"] {
        terminal.expect(&format!(" passphrase {question} key with ID "));
        terminal.answer_hidden(PASSPHRASE);
    }
    terminal.expect(&format!("Successfully signed {name}:1"));
    let session = terminal.finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert!(!session.screen.contains(PASSPHRASE), "{}", session.screen);
}

#[test]
fn interrupt_at_a_question_signs_nothing_and_gives_the_terminal_back() {
    let site = Site::start();
    let bench = Bench::new(site.person(), "docker");
    let (image, name) = (Image::of_text("x").expect("an image"), site.image("team/app"));
    bench.set("push", &pushed(&image, &name, &["1"]));
    let tagged = format!("{name}:1");
    let mut terminal = in_a_shell("docker", &["push", &tagged], shell(&bench.world, &bench.path()));
    terminal.expect("Enter passphrase for new root key with ID ");
    expect_interrupted(terminal);
    bench.world.run(&["repo", "list", &name]).expect_code(3);
    assert!(!bench.world.path(".docker/trust/private").exists(), "no key was kept");
}

#[test]
fn interrupted_pull_by_the_program_tags_nothing() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app", "hello");
    let bench = Bench::new(site.person(), "docker");
    bench.set("pull-hangs", "");
    let name = site.image("team/app");
    let mut terminal = in_a_shell("docker", &["pull", &name], shell(&bench.world, &bench.path()));
    terminal.expect("Pulling from somewhere");
    expect_interrupted(terminal);
    assert!(bench.calls().iter().all(|call| call[0] != "tag"), "{:?}", bench.calls());
    assert_eq!(bench.get("images"), "");
}

#[test]
fn interrupted_pull_by_the_daemon_tags_nothing() {
    let Some(daemon) = peers() else { return };
    let site = Site::start();
    site.publish(&site.publisher(), "team/app", "hello");
    let machine = Machine::new(site.person(), &daemon);
    let name = site.image("team/app");
    site.registry().misbehave(At::Blobs, Fault::Hang);
    let shell = shell(&machine.world, &machine.path()).env("DOCKER_HOST", daemon.host());
    let mut terminal = in_a_shell("docker", &["pull", &name], shell);
    terminal.expect("Pulling from team/app");
    let screen = expect_interrupted(terminal);
    assert!(!screen.contains("Tagging"), "{screen}");
    assert_eq!(machine.id(&name), "");
}

#[test]
fn interrupted_push_signs_nothing() {
    let Some(daemon) = peers() else { return };
    let site = Site::start();
    let machine = Machine::new(site.publisher(), &daemon);
    let name = site.image("team/app");
    machine.load(&format!("{name}:1"), "one");
    site.registry().misbehave(At::Uploads, Fault::Hang);
    let shell = shell(&machine.world, &machine.path()).env("DOCKER_HOST", daemon.host());
    let mut terminal = in_a_shell("docker", &["push", &format!("{name}:1")], shell);
    terminal.expect("The push refers to repository");
    let screen = expect_interrupted(terminal);
    assert!(!screen.contains("Signing and pushing"), "{screen}");
    machine.world.run(&["repo", "list", &name]).expect_code(3);
    assert_eq!(site.registry().tagged("team/app", "1"), None);
}

#[test]
fn container_has_the_terminal_to_itself() {
    let site = Site::start();
    site.publish(&site.publisher(), "team/app:1", "hello");
    let bench = Bench::new(site.person(), "docker");
    bench.set("attached", "");
    let path = format!("{}:/usr/bin:/bin", bench.path());
    let tagged = site.image("team/app:1");
    let mut terminal =
        Terminal::run(bench.trusting(&["run", "-it", "--rm", &tagged, "sh"]).env("PATH", path));
    terminal.expect("at a terminal of 40 120: ");
    terminal.type_keys(CONTROL_C);
    terminal.expect("interrupted: ");
    terminal.answer("something typed");
    terminal.expect("heard something typed");
    let session = terminal.finish();
    assert_eq!(session.code, Some(7), "{}", session.screen);
}
