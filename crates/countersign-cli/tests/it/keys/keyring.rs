//! Passphrases in a desktop's keyring: GNOME's, in a session without a desktop.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use countersign_testkit::command::Output;
use countersign_testkit::peers::{find_program, present_or_skip};

use super::files::signer;
use crate::world::{PASSPHRASE, World};

/// Unlocks a new keyring, then does `$1`.
const SESSION: &str =
    r#"printf login | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1 && exec sh -c "$1""#;

/// Leaves the keyring locked, then does `$1`.
const LOCKED: &str =
    r#"gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1 && exec sh -c "$1""#;

/// Runs a script in a session of its own, with our program first in `PATH`.
fn in_session(world: &World, script: &str) -> Output {
    in_session_of(world, SESSION, script)
}

fn in_session_of(world: &World, session_script: &str, script: &str) -> Output {
    let session = find_program("dbus-run-session").expect("it is here");
    let program = Path::new(env!("CARGO_BIN_EXE_countersign")).parent().expect("a directory");
    let runtime = world.path("run");
    fs::create_dir_all(&runtime).expect("a directory");
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).expect("ours");
    world
        .program_at(&session, &["--", "sh", "-c", session_script, "sh", script])
        .env("XDG_RUNTIME_DIR", runtime)
        .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
        .run()
}

fn keyring_is_here() -> bool {
    present_or_skip(&["secret-tool", "gnome-keyring-daemon", "dbus-run-session"])
}

#[test]
fn passphrase_that_the_keyring_keeps_is_not_asked_for_again() {
    if !keyring_is_here() {
        return;
    }
    let (mut world, id) = signer();
    world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "");
    let script = format!(
        "set -e
        printf '{PASSPHRASE}\\n' | countersign key remember {id}
        secret-tool lookup service countersign key {id}; echo
        printf 'another passphrase\\nanother passphrase\\n' | countersign key passwd {id}
        ! countersign key passwd --same {id} </dev/null
        printf 'another passphrase\\n' | countersign key remember {id}
        countersign key passwd --same {id} </dev/null
        countersign key forget {id}
        ! secret-tool lookup service countersign key {id}
        countersign key forget {id}
        ! countersign key passwd --same {id} </dev/null"
    );
    let said = in_session(&world, &script).expect_success();
    let kept = said.stdout.lines().any(|line| line == PASSPHRASE);
    assert!(kept, "the first passphrase is in the keyring: {}", said.transcript());
    assert_eq!(said.stderr.matches("keyring keeps the passphrase").count(), 2, "{}", said.transcript());
    assert_eq!(said.stderr.matches("could not be asked for").count(), 2, "{}", said.transcript());
    assert!(said.transcript().contains("keyring has another passphrase"), "{}", said.transcript());
}

#[test]
fn wrong_passphrase_is_not_kept() {
    if !keyring_is_here() {
        return;
    }
    let (mut world, id) = signer();
    world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "");
    let script = format!(
        "printf 'wrong\\nwrong\\nwrong\\nwrong\\n' | countersign key remember {id} && exit 9
        secret-tool lookup service countersign key {id} && exit 9
        exit 0"
    );
    let said = in_session(&world, &script).expect_success();
    assert!(said.stderr.contains("was wrong 4 times"), "{}", said.transcript());
}

#[test]
fn without_a_keyring_nothing_is_remembered_and_that_is_said() {
    let (world, id) = signer();
    for verb in ["remember", "forget"] {
        let refused = world.run(&["key", verb, &id]).expect_code(1);
        assert!(refused.stderr.contains("there is no desktop's keyring here"), "{}", refused.transcript());
        assert!(refused.stderr.contains("hint: it takes `secret-tool`"), "{}", refused.transcript());
    }
}

#[test]
fn keyring_that_cannot_be_asked_has_not_forgotten() {
    if !keyring_is_here() {
        return;
    }
    let (mut world, id) = signer();
    world.set("PATH", "/usr/bin:/bin");
    world.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    let refused = world.run(&["key", "forget", &id]).expect_code(1);
    assert!(refused.stderr.contains("could not be used: `secret-tool` failed: "), "{}", refused.transcript());
    assert!(refused.stderr.contains("hint: run it in your desktop's session"), "{}", refused.transcript());
    assert!(!refused.stderr.contains("has no passphrase"), "{}", refused.transcript());
}

#[test]
fn keyring_that_is_locked_has_not_forgotten() {
    if !keyring_is_here() {
        return;
    }
    let (mut world, id) = signer();
    world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "");
    let remember = format!("printf '{PASSPHRASE}\\n' | countersign key remember {id}");
    in_session(&world, &remember).expect_success();
    // Another session, in which nobody can be asked to unlock it.
    let locked = in_session_of(&world, LOCKED, &format!("countersign key forget {id}")).expect_code(1);
    assert!(locked.stderr.contains("in a keyring that is locked"), "{}", locked.transcript());
    assert!(!locked.stderr.contains("has no passphrase"), "{}", locked.transcript());
    let unlocked = in_session(&world, &format!("countersign key forget {id}")).expect_success();
    assert!(unlocked.stderr.contains("has no passphrase"), "{}", unlocked.transcript());
    in_session_of(&world, LOCKED, &format!("countersign key forget {id}")).expect_success();
}
