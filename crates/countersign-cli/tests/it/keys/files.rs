//! `key import`, `export`, `remove`, `passwd`, `rename`, and what `list` knows of keys in use.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use countersign_testkit::command::Output;
use countersign_testkit::terminal::Terminal;

use crate::world::{PASSPHRASE, Site, World};

const REPOSITORY: &str = "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE";
const NEW: &str = "COUNTERSIGN_NEW_PASSPHRASE";

/// Somebody with the key of a signer, whose id is given.
pub(super) fn signer() -> (World, String) {
    let mut world = World::new();
    world.set(REPOSITORY, PASSPHRASE);
    let id = world.run(&["-q", "key", "generate", "--role", "alice"]).expect_success().stdout;
    (world, id.trim().to_owned())
}

pub(super) fn ids(world: &World) -> Vec<String> {
    let list = world.run(&["-q", "key", "list"]).expect_success().stdout;
    list.lines().map(str::to_owned).collect()
}

#[test]
fn keys_are_exported_removed_and_imported_again() {
    let (world, id) = signer();
    let refused = world.run(&["key", "remove", &id]);
    let exported = world.run(&["key", "export", "-o", "keys.pem"]);
    let again = world.run(&["key", "export", "-o", "keys.pem"]);
    let removed = world.run(&["key", "remove", "--force", &id[..7]]);
    let gone = world.run(&["key", "remove", "--force", &id]);
    let none = world.run(&["key", "export"]);
    let imported = world.run(&["key", "import", "keys.pem"]);
    let twice = world.run(&["key", "import", "keys.pem"]);
    let renamed = world.run(&["key", "rename", &id, "bob"]);
    let listed = world.run(&["key", "list"]);
    let outputs = [&refused, &exported, &again, &removed, &gone, &none, &imported, &twice, &renamed, &listed];
    world.assert_told("key_export_remove_import", &outputs);
    assert_eq!(fs::metadata(world.path("keys.pem")).expect("a file").mode() & 0o777, 0o600);
    let printed = world.run(&["key", "export", "--key", &id]).expect_success().stdout;
    assert!(printed.contains(&format!("\npath: {id}\nrole: bob\n\n")), "{printed}");
}

#[test]
fn passphrase_is_changed_by_variables_and_at_a_terminal() {
    let (world, id) = signer();
    let changed = |env: &[(&str, &str)], args: &[&str]| -> Output {
        let program = env.iter().fold(world.program(args), |program, (name, value)| program.env(name, value));
        program.run()
    };
    let second = "another passphrase";
    let passwd = ["key", "passwd", &id];
    let answer = changed(&[(NEW, second)], &passwd);
    assert_eq!((answer.code, answer.stderr.contains("Changed")), (Some(0), true), "{}", answer.transcript());
    let wrong = changed(&[(NEW, PASSPHRASE)], &passwd).expect_code(1).stderr;
    assert!(wrong.contains("is not the passphrase of key"), "{wrong}");
    changed(&[(REPOSITORY, second)], &["key", "passwd", "--same", &id]).expect_success();

    // Nobody whose variable is right is asked for the old one.
    let mut terminal = Terminal::run(world.program(&passwd).env(REPOSITORY, second));
    for _ in 0..2 {
        terminal.expect("passphrase for new alice key with ID ");
        terminal.answer_hidden(PASSPHRASE);
    }
    let session = terminal.finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert!(!session.screen.contains(PASSPHRASE), "{}", session.screen);
    changed(&[], &["key", "passwd", "--same", &id]).expect_success();
}

#[test]
fn import_asks_for_the_passphrase_of_the_file_and_keeps_it() {
    let (world, id) = signer();
    world.run(&["key", "export", "-o", "keys.pem"]).expect_success();
    world.run(&["key", "remove", "-f", &id]).expect_success();
    let mut elsewhere = World::new();
    elsewhere.write("keys.pem", fs::read(world.path("keys.pem")).expect("a file"));
    let mut terminal = Terminal::run(elsewhere.program(&["key", "import", "keys.pem"]));
    terminal.expect("Enter passphrase for encrypted key: ");
    terminal.answer_hidden("wrong");
    terminal.expect("Passphrase incorrect. Please retry.");
    terminal.expect("Enter passphrase for encrypted key: ");
    terminal.answer_hidden(PASSPHRASE);
    let session = terminal.finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert_eq!(ids(&elsewhere), [id.as_str()]);
    elsewhere.set(REPOSITORY, PASSPHRASE);
    elsewhere.run(&["key", "passwd", "--same", &id]).expect_success();

    // A variable for the role is what new keys are encrypted with, imported ones too.
    elsewhere.run(&["key", "remove", "-f", &id]).expect_success();
    let other = "of another machine";
    let import = elsewhere.program(&["key", "import", "keys.pem"]).env(REPOSITORY, other);
    import.stdin(format!("{PASSPHRASE}\n")).run().expect_success();
    let same = elsewhere.program(&["key", "passwd", "--same", &id]).env(REPOSITORY, other);
    same.run().expect_success();
}

#[test]
fn long_list_says_what_keys_sign_and_until_when() {
    let site = Site::start();
    let publisher = site.publisher();
    site.publish(&publisher, "team/app:1", "one");
    site.publish(&publisher, "team/web:1", "two");
    let list = publisher.run(&["key", "list", "--json"]).expect_success().stdout;
    let keys: Vec<serde_json::Value> =
        list.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(keys.len(), 5, "a root, and targets and snapshot for each: {list}");
    for key in &keys {
        let role = key["role"].as_str().expect("a role");
        let uses = key["uses"].as_array().expect("uses");
        assert_eq!(uses.len(), if role == "root" { 2 } else { 1 }, "{key}");
        for used in uses {
            assert_eq!(used["role"], role, "{key}");
            assert!(used["expires"].as_str().is_some_and(|at| at > "2027"), "{key}");
        }
        assert!(key["last_used"].is_string(), "{key}");
    }
    let long = publisher.run(&["key", "list", "--long"]).expect_success();
    let root = long.stdout.lines().find(|line| line.starts_with("root ")).expect("a root key");
    assert!(root.contains("/team/app, ") && root.contains("/team/web"), "{root}");
    assert!(root.contains("ago") || root.contains("just now"), "{root}");
}

#[test]
fn passphrases_come_from_files_and_commands_and_a_wrong_one_ends_at_once() {
    let world = World::new();
    world.write("passphrase", format!("{PASSPHRASE}\n"));
    let generate = world.program(&["key", "generate", "--role", "alice"]);
    generate.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE_FILE", "passphrase").run().expect_success();
    let id = ids(&world).remove(0);
    let same = |command: &str| {
        let passwd = world.program(&["key", "passwd", "--same", &id]);
        passwd.env("COUNTERSIGN_PASSPHRASE_COMMAND", command).run()
    };
    same("cat passphrase").expect_success();
    let asked = format!("test $COUNTERSIGN_KEY_ID/$COUNTERSIGN_KEY_ROLE = {id}/alice && cat passphrase");
    same(&asked).expect_success();
    for (command, said) in [
        ("echo wrong one", "`COUNTERSIGN_PASSPHRASE_COMMAND` is not the passphrase of key"),
        ("exit 7", "the passphrase command failed: exit status: 7"),
    ] {
        let text = same(command).expect_code(1).stderr;
        assert!(text.contains(said), "{text}");
        assert!(!text.contains("Enter passphrase"), "nobody is asked instead: {text}");
    }
    let missing = world.program(&["key", "passwd", "--same", &id]);
    let missing = missing.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE_FILE", "nowhere").run();
    let text = missing.expect_code(1).stderr;
    assert!(text.contains("names `nowhere`, which holds no passphrase"), "{text}");
}
