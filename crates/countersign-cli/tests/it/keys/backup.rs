//! `key backup` and `key restore`: ours, `age`'s, and the tar of Docker's documentation.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::{peers_dir_or_skip, present_or_skip};
use countersign_testkit::terminal::Terminal;

use super::files::{ids, signer};
use crate::world::{PASSPHRASE, World};

const BACKUP_PASSPHRASE: &str = "COUNTERSIGN_BACKUP_PASSPHRASE";
/// Made by `age-keygen`, for these tests alone.
const RECIPIENT: &str = "age146dx6v54x8qk27g4pwele3dcfa9j9wkvfgygk9n867gk47sv8e0qrdk8xn";
const IDENTITY: &str =
    "# a comment\nAGE-SECRET-KEY-1NX5TQ964R2DKAPHPDFX9U75GXHHMU3G547WZYXHNJDHWRQQPR2KQTR879Q\n";
const PRIVATE: &str = ".docker/trust/private";

/// The key files of a home, by name.
fn key_files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(dir) else { return BTreeMap::new() };
    let files = entries.map(|entry| entry.expect("an entry"));
    files
        .map(|file| (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).expect("a file")))
        .collect()
}

/// Somebody with two keys, whose backups are encrypted with the variable.
fn person() -> World {
    let (mut world, _) = signer();
    world.run(&["key", "generate", "--role", "bob"]).expect_success();
    world.set(BACKUP_PASSPHRASE, PASSPHRASE);
    world
}

/// Somebody without keys, who has a file of another.
fn elsewhere(world: &World, file: &str) -> World {
    let mut other = World::new();
    other.write(file, fs::read(world.path(file)).expect("a file"));
    other.set(BACKUP_PASSPHRASE, PASSPHRASE);
    other
}

#[test]
fn backup_is_written_once_read_back_and_restored_elsewhere() {
    let (mut world, _) = signer();
    world.set(BACKUP_PASSPHRASE, PASSPHRASE);
    let before = key_files(&world.path(PRIVATE));
    let made = world.run(&["key", "backup", "keys.age", "--inventory", "list.txt"]);
    let again = world.run(&["key", "backup", "keys.age"]);
    let forced = world.run(&["key", "backup", "keys.age", "--force"]);
    let listed = world.run(&["key", "restore", "--list", "keys.age"]);
    let present = world.run(&["key", "restore", "keys.age"]);
    world.assert_told("key_backup", &[&made, &again, &forced, &listed, &present]);
    assert_eq!(fs::metadata(world.path("keys.age")).expect("a file").mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(world.path("list.txt")).expect("a list"), listed.stdout);
    assert_eq!(key_files(&world.path(PRIVATE)), before, "a restore changed nothing");

    let other = elsewhere(&world, "keys.age");
    let restored = other.run(&["key", "restore", "keys.age"]).expect_success();
    assert_eq!(restored.stdout.matches("Restored ").count(), 1, "{}", restored.stdout);
    assert_eq!(key_files(&other.path(PRIVATE)), before);
    for name in before.keys() {
        let file = fs::metadata(other.path(PRIVATE).join(name)).expect("a file");
        assert_eq!(file.mode() & 0o777, 0o600);
    }
}

#[test]
fn restore_never_overwrites_another_file_of_a_key() {
    let world = person();
    world.run(&["key", "backup", "--tar", "keys.tar.gz"]).expect_success();
    let all = ids(&world);
    world.run(&["key", "passwd", "--same", &all[0]]).expect_success();
    // A copy is known, so no force is needed.
    world.run(&["key", "remove", &all[1]]).expect_success();
    let before = key_files(&world.path(PRIVATE));
    let restored = world.run(&["key", "restore", "keys.tar.gz"]).expect_success().stdout;
    assert!(restored.contains(&format!("{} is here already, with another", all[0])), "{restored}");
    assert!(restored.contains("Restored "), "{restored}");
    let after = key_files(&world.path(PRIVATE));
    assert_eq!(after.len(), 2);
    for (name, text) in before {
        assert_eq!(after[&name], text);
    }
    // When the backup is gone, so is the copy.
    fs::remove_file(world.path("keys.tar.gz")).expect("ours");
    let refused = world.run(&["key", "remove", &all[1]]).expect_code(1).stderr;
    assert!(refused.contains("no other copy of key"), "{refused}");
}

#[test]
fn age_opens_our_backups_and_we_open_its() {
    if !present_or_skip(&["age", "age-keygen"]) {
        return;
    }
    let world = person();
    let dir = world.path("");
    let sh = |line: &str| Invocation::of("sh").args(["-c", line]).dir(&dir).run().expect_success();
    sh("age-keygen -o identity.txt 2>/dev/null; age-keygen -y identity.txt > recipient.txt");
    let recipient = fs::read_to_string(world.path("recipient.txt")).expect("a recipient");
    world.run(&["key", "backup", "ours.age", "--recipient", recipient.trim()]).expect_success();
    sh("mkdir out && age -d -i identity.txt ours.age | tar -x -C out");
    assert_eq!(key_files(&world.path("out/private")), key_files(&world.path(PRIVATE)));
    let inventory = fs::read_to_string(world.path("out/inventory.txt")).expect("a list");
    assert!(ids(&world).iter().all(|id| inventory.contains(id)), "{inventory}");

    // With a passphrase, which `age` takes from a terminal alone.
    world.run(&["key", "backup", "secret.age"]).expect_success();
    let decrypt = Invocation::of("age").args(["-d", "-o", "secret.tar", "secret.age"]).dir(&dir);
    let mut terminal = Terminal::run(decrypt);
    terminal.expect("Enter passphrase");
    terminal.answer_hidden(PASSPHRASE);
    let session = terminal.finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    sh("mkdir secret && tar -xf secret.tar -C secret");
    assert_eq!(key_files(&world.path("secret/private")), key_files(&world.path(PRIVATE)));

    let mut terminal =
        Terminal::run(Invocation::of("age").args(["-p", "-o", "theirs.age", "secret.tar"]).dir(&dir));
    terminal.expect("Enter passphrase");
    terminal.answer_hidden(PASSPHRASE);
    terminal.expect("Confirm passphrase");
    terminal.answer_hidden(PASSPHRASE);
    assert_eq!(terminal.finish().code, Some(0));
    for (file, args) in [("theirs.age", &[][..]), ("ours.age", &["--identity", "identity.txt"])] {
        let other = elsewhere(&world, file);
        other.write("identity.txt", fs::read(world.path("identity.txt")).expect("a file"));
        other.run(&[&["key", "restore", file], args].concat()).expect_success();
        assert_eq!(key_files(&other.path(PRIVATE)), key_files(&world.path(PRIVATE)), "{file}");
    }
    let none = world.run(&["key", "restore", "ours.age"]).expect_code(1).stderr;
    assert!(none.contains("it is encrypted to recipients"), "{none}");
}

#[test]
fn tar_of_dockers_documentation_restores_with_ours_and_ours_with_tar() {
    let world = person();
    let before = key_files(&world.path(PRIVATE));
    let dir = world.path("");
    let sh = |line: &str| {
        Invocation::of("sh").args(["-c", line]).env("HOME", &dir).dir(&dir).run().expect_success()
    };
    sh("umask 077; tar -zcf private_keys_backup.tar.gz ~/.docker/trust/private 2>/dev/null; umask 022");
    let other = elsewhere(&world, "private_keys_backup.tar.gz");
    other.run(&["key", "restore", "private_keys_backup.tar.gz"]).expect_success();
    assert_eq!(key_files(&other.path(PRIVATE)), before);

    world.run(&["key", "backup", "--tar", "ours.tar.gz"]).expect_success();
    sh("rm -r ~/.docker/trust/private; mkdir ~/.docker/trust/private; tar -xzf ours.tar.gz -C /");
    assert_eq!(key_files(&world.path(PRIVATE)), before);
    assert_eq!(ids(&world).len(), 2);
}

#[test]
fn backup_of_the_first_notaries_restores_with_roles_and_collections() {
    let Some(peers) = peers_dir_or_skip() else { return };
    let world = World::new();
    let untar = Invocation::of("tar").arg("xzf").arg(peers.join("notary-compatibility.tar.gz"));
    untar.dir(world.path("")).run().expect_success();
    let private = world.path("notary-compatibility/notary0.1/private");
    Invocation::of("tar")
        .args(["-czf", "old.tar.gz"])
        .arg(private)
        .dir(world.path(""))
        .run()
        .expect_success();
    world.run(&["key", "restore", "old.tar.gz"]).expect_success();
    let list = world.run(&["key", "list"]).expect_success().stdout;
    for role in ["root ", "targets ", "snapshot "] {
        assert!(list.lines().any(|line| line.starts_with(role)), "{list}");
    }
    assert_eq!(list.matches("samplerepo").count(), 2, "{list}");
    for (name, text) in key_files(&world.path(PRIVATE)) {
        assert!(String::from_utf8_lossy(&text).contains("\nrole: "), "{name} says what it is for");
    }
}

#[test]
fn bad_backups_are_refused_and_nothing_is_restored() {
    let world = person();
    world.run(&["key", "backup", "keys.age", "-r", RECIPIENT]).expect_success();
    let whole = fs::read(world.path("keys.age")).expect("a file");
    let mut changed = whole.clone();
    *changed.last_mut().expect("bytes") ^= 1;
    let other = World::new();
    other.write("identity", IDENTITY);
    for (content, said) in [
        (&whole[..whole.len() - 1], "it is damaged"),
        (&changed, "it is damaged"),
        (&whole[..50], "it is no age file"),
        (b"hello", "the backup cannot be read"),
        (b"", "there are no keys in the backup"),
        (b"\x1f\x8b\x08rubbish", "the backup cannot be read"),
        (&[0; 1024], "there are no keys in the backup"),
    ] {
        other.write("bad", content);
        let text = other.run(&["key", "restore", "bad", "-i", "identity"]).expect_code(1).stderr;
        assert!(text.contains(said), "{said}: {text}");
        assert!(!other.path(PRIVATE).exists());
    }
    other.write("good", &whole);
    other.run(&["key", "restore", "good", "-i", "identity"]).expect_success();
    let short = world.program(&["key", "backup", "short.age"]).env(BACKUP_PASSPHRASE, "short").run();
    assert!(short.expect_code(1).stderr.contains("shorter than 8"));
    assert!(!world.path("short.age").exists());
    assert!(World::new().run(&["key", "backup", "x"]).expect_code(1).stderr.contains("there is no key"));
}

#[test]
fn backup_passphrase_is_asked_for_twice_and_comes_from_files_and_commands() {
    let (world, _) = signer();
    let mut terminal = Terminal::run(world.program(&["key", "backup", "asked.age"]));
    terminal.expect("Enter passphrase for new backup: ");
    terminal.answer_hidden(PASSPHRASE);
    terminal.expect("Repeat passphrase for new backup: ");
    terminal.answer_hidden(PASSPHRASE);
    assert_eq!(terminal.finish().code, Some(0));
    world.write("passphrase", format!("{PASSPHRASE}\n"));
    let restore = world.program(&["key", "restore", "asked.age"]);
    restore.clone().env("COUNTERSIGN_BACKUP_PASSPHRASE_FILE", "passphrase").run().expect_success();
    restore.clone().env("COUNTERSIGN_PASSPHRASE_COMMAND", "cat passphrase").run().expect_success();
    restore.clone().stdin(format!("wrong\n{PASSPHRASE}\n")).run().expect_success();
    let wrong = restore.env(BACKUP_PASSPHRASE, "not the right one").run().expect_code(1).stderr;
    assert!(wrong.contains("`COUNTERSIGN_BACKUP_PASSPHRASE` does not open `asked.age`"), "{wrong}");
}

#[test]
fn doctor_says_when_keys_are_newer_than_the_last_backup() {
    let world = person();
    let doctor = || world.run(&["doctor", "--engine", "local"]).stdout;
    assert!(doctor().contains("no backup of the keys was made here"));
    world.run(&["key", "backup", "--tar", "keys.tar.gz"]).expect_success();
    assert!(!doctor().contains("backup"), "{}", doctor());
    world.run(&["key", "generate", "--role", "carol"]).expect_success();
    assert!(doctor().contains("1 key is newer than the last backup"), "{}", doctor());
}

#[test]
fn open_key_of_a_backup_is_encrypted_when_it_is_restored() {
    if !present_or_skip(&["openssl"]) {
        return;
    }
    let (maker, _) = signer();
    let sh = |line: &str| Invocation::of("sh").args(["-c", line]).dir(maker.path("")).run().expect_success();
    sh("umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem");
    let before = ids(&maker);
    maker.run(&["key", "import", "--role", "bob", "key.pem"]).expect_success();
    let id = ids(&maker).into_iter().find(|id| !before.contains(id)).expect("one more");
    let line =
        "mkdir private && sed '1a role: bob\\n' key.pem > private/ID.key && tar -czf open.tar.gz private";
    sh(&line.replace("ID", &id));

    let mut world = elsewhere(&maker, "open.tar.gz");
    let refused = world.run(&["key", "restore", "open.tar.gz"]).expect_code(1).stderr;
    assert!(refused.contains("could not be asked for"), "{refused}");
    assert!(key_files(&world.path(PRIVATE)).is_empty(), "nothing was written");
    world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE);
    world.run(&["key", "restore", "open.tar.gz"]).expect_success();
    let text = key_files(&world.path(PRIVATE)).remove(&format!("{id}.key")).expect("it is here");
    let text = String::from_utf8(text).expect("PEM");
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\nrole: bob\n"), "{text}");
    world.run(&["key", "passwd", "--same", &id]).expect_success();
}
