//! What the program says of itself.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::Path;

use crate::world::{World, assert_snapshot};

#[test]
fn help_of_every_verb_is_as_reviewed() {
    let world = World::new();
    let mut text = String::new();
    let mut verbs = VecDeque::from([Vec::<String>::new()]);
    while let Some(verb) = verbs.pop_front() {
        let args: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
        let output = world.run(&args).expect_success();
        assert_eq!(output.stderr, "", "help goes to stdout");
        for name in subcommands(&output.stdout) {
            verbs.push_back(verb.iter().cloned().chain([name]).collect());
        }
        let _ = write!(text, "$ countersign {}\n{}\n\n", args.join(" "), output.stdout.trim_end());
    }
    assert_snapshot("help", &text);
}

#[test]
fn usage_errors_exit_with_2_and_say_so_on_stderr() {
    let world = World::new();
    for args in [&["pull"][..], &["nosuch"], &["images", "--nosuch"], &[]] {
        let output = world.run(args).expect_code(2);
        assert_eq!(output.stdout, "", "{args:?}");
        assert!(output.stderr.contains("Usage:"), "{args:?}: {}", output.stderr);
    }
}

#[test]
fn version_is_printed() {
    let output = World::new().run(&["--version"]).expect_success();
    assert_eq!(output.stdout, concat!("countersign ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn completions_and_man_pages_are_generated() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = world.run(&["generate", "completions", shell]).expect_success();
        assert!(output.stdout.contains("countersign"), "{shell}");
    }
    world.run(&["generate", "man", "pages"]).expect_success();
    let page = std::fs::read_to_string(world.path("pages/countersign-load.1")).expect("a page for each verb");
    assert!(page.contains(".TH"));
}

#[test]
fn reference_page_is_what_the_program_says_of_itself() {
    let said = World::new().run(&["generate", "reference"]).expect_success().stdout;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(&page, &said).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    let differs = said.lines().zip(written.lines()).find(|(said, written)| said != written);
    assert!(
        said == written,
        "docs/reference/cli.md is not what the program says: {differs:#?}\nwrite it again with \
         `INSTA_UPDATE=always cargo test --locked -p countersign-cli --test it help::`"
    );
}

/// The names under `Commands:` in a help text.
fn subcommands(help: &str) -> Vec<String> {
    let Some((_, commands)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = commands.lines().take_while(|line| !line.is_empty());
    lines
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}
