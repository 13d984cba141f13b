//! `key recovery`: made, written down, restored.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::present_or_skip;
use countersign_testkit::terminal::Terminal;

use super::files::ids;
use crate::world::{PASSPHRASE, World};

fn person() -> World {
    let mut world = World::new();
    world.set("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", PASSPHRASE);
    world
}

/// The id on a page, and its share in one line.
fn read_page(page: &str) -> (String, String) {
    let id = page.lines().find_map(|line| line.strip_prefix("Root key ")).expect("an id").to_owned();
    let share = page.lines().skip_while(|line| !line.starts_with("csroot1"));
    (id, share.take_while(|line| !line.is_empty()).collect())
}

#[test]
fn key_in_shares_is_restored_from_some_of_their_files() {
    let world = person();
    world.write("shares/.keep", "");
    let create = ["key", "recovery", "create", "--shares", "5", "--needed", "3", "--output", "shares"];
    let made = world.run(&create).expect_success();
    assert_eq!(made.stdout, "", "no share is printed");
    assert!(ids(&world).is_empty(), "no copy is kept");
    let mut files: Vec<String> = fs::read_dir(world.path("shares"))
        .expect("a directory")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("share-"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 5, "{files:?}");
    let path = |index: usize| format!("shares/{}", files[index]);
    assert_eq!(fs::metadata(world.path(&path(0))).expect("a file").mode() & 0o777, 0o600);
    let (id, _) = read_page(&fs::read_to_string(world.path(&path(0))).expect("a page"));

    let few = world.run(&["key", "recovery", "combine", &path(4), &path(1)]).expect_code(1).stderr;
    assert!(few.contains("2 of 3 shares that are needed are here"), "{few}");
    let twice =
        world.run(&["key", "recovery", "combine", &path(1), &path(4), &path(1)]).expect_code(1).stderr;
    assert!(twice.contains("share 2 is there twice"), "{twice}");
    assert!(ids(&world).is_empty());
    let restored = world.run(&["key", "recovery", "combine", &path(4), &path(1), &path(2)]).expect_success();
    assert!(restored.stdout.contains(&id), "{}", restored.stdout);
    assert_eq!(ids(&world), [id.as_str()]);
    world.run(&["key", "passwd", "--same", &id]).expect_success();
}

#[test]
fn printed_key_is_typed_in_again_and_its_public_half_stays() {
    if !present_or_skip(&["openssl"]) {
        return;
    }
    let world = person();
    let page = world.run(&["key", "recovery", "create"]).expect_success().stdout;
    let (id, share) = read_page(&page);
    let public = format!(".docker/trust/recovery/{id}.pub");
    // OpenSSL does not know Docker's headers.
    let read = format!("grep -v -e ^role: -e '^$' {public} | openssl pkey -pubin -noout");
    Invocation::of("sh").args(["-c", &read]).dir(world.path("")).run().expect_success();

    let mut terminal = Terminal::run(world.program(&["key", "recovery", "combine"]));
    terminal.expect("Enter recovery share 1: ");
    terminal.answer_hidden(&share.replace('q', "p"));
    terminal.expect("it has a typing error");
    terminal.expect("Enter recovery share 1: ");
    terminal.answer_hidden(&share.to_uppercase());
    let session = terminal.finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert!(!session.screen.contains(&share.to_uppercase()), "nobody reads along");
    assert_eq!(ids(&world), [id.as_str()]);
}

#[test]
fn shares_that_make_no_sense_are_refused() {
    let world = person();
    for (total, needed) in [("3", "4"), ("3", "1"), ("3", "0")] {
        let args = ["key", "recovery", "create", "--shares", total, "--needed", needed];
        let refused = world.run(&args).expect_code(1).stderr;
        assert!(refused.contains("shares cannot be"), "{refused}");
    }
    world.run(&["key", "recovery", "create", "--shares", "3"]).expect_code(2);
    world.write("page", "hello");
    let none = world.run(&["key", "recovery", "combine", "page"]).expect_code(1).stderr;
    assert!(none.contains("cannot read a share from `page`"), "{none}");
    let ended = world.run(&["key", "recovery", "combine"]).expect_code(1).stderr;
    assert!(ended.contains("a recovery share could not be asked for"), "{ended}");
    assert!(!world.path(".docker/trust/recovery").exists());
}
