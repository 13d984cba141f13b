//! `login` and `logout`.

use countersign_lab::registry::{Access, Account, Options, Registry};
use countersign_testkit::terminal::Terminal;

use crate::world::{World, assert_snapshot, block_on};

fn registry() -> Registry {
    let access = Access::Basic(Account::new("alice", "open sesame"));
    block_on(Registry::with(Options { access, ..Options::default() })).expect("a registry on loopback")
}

#[test]
fn login_keeps_what_the_registry_takes_and_logout_forgets_it() {
    let (world, registry) = (World::new(), registry());
    let host = registry.host();
    let login = ["login", "--username", "alice", "--password-stdin", &host];
    let wrong = world.program(&login).stdin("close sesame\n").run();
    assert!(!world.path(".docker/config.json").exists(), "nothing wrong is kept");
    let right = world.program(&login).stdin("open sesame\n").run();
    let kept = std::fs::read_to_string(world.path(".docker/config.json")).expect("it is kept");
    assert!(kept.contains(&host), "{kept}");
    let out = world.run(&["logout", &host]);
    let again = world.run(&["logout", &host]);
    let kept = std::fs::read_to_string(world.path(".docker/config.json")).expect("the file stays");
    assert!(!kept.contains(&host), "{kept}");
    world.assert_told("login_and_logout", &[&wrong, &right, &out, &again]);
}

#[test]
fn login_asks_at_a_terminal() {
    let (world, registry) = (World::new(), registry());
    let mut terminal = Terminal::run(world.program(&["login", &registry.host()]));
    terminal.expect("Username: ");
    terminal.answer("alice");
    terminal.expect("Password: ");
    terminal.answer_hidden("open sesame");
    let session = terminal.finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert!(!session.screen.contains("sesame"));
    assert_snapshot("login_at_a_terminal", &world.normalise(&session.screen));
}

#[test]
fn login_without_anybody_to_ask_says_so() {
    let world = World::new();
    let nobody = world.run(&["login", "127.0.0.1:1"]);
    let nameless = world.run(&["login", "--password-stdin", "127.0.0.1:1"]);
    assert_eq!((nobody.code, nameless.code), (Some(1), Some(2)));
    world.assert_told("login_without_anybody", &[&nobody]);
}
