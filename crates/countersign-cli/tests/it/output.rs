//! Streams: colours where somebody sees them, and readers that go away.

use countersign_testkit::command::Invocation;
use countersign_testkit::terminal::Terminal;

use crate::world::World;

const ESCAPE: &str = "\u{1b}[";

#[test]
fn colours_are_for_terminals_and_go_with_no_color() {
    let mut world = World::new();
    world.set("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    let args = ["pull", "127.0.0.1:1/app:1"];
    let on_terminal = Terminal::run(world.program(&args)).finish();
    assert!(on_terminal.screen.contains(ESCAPE), "{}", on_terminal.screen);
    let without = Terminal::run(world.program(&args).env("NO_COLOR", "1")).finish();
    assert!(!without.screen.contains(ESCAPE), "{}", without.screen);
    let piped = world.run(&args);
    assert!(!piped.stderr.contains(ESCAPE) && piped.stderr.starts_with("error: "), "{}", piped.stderr);
}

#[test]
fn reader_that_goes_away_is_no_crash() {
    let world = World::new();
    let line = format!("{} generate completions bash | true", env!("CARGO_BIN_EXE_countersign"));
    let output = Invocation::of("sh").env("HOME", world.path("")).args(["-c", &line]).run();
    assert_eq!(output.stderr, "");
}
