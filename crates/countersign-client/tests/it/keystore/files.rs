//! The store on a file system that is not kind to it.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use countersign_client::keystore::{KeyStore, KeyStoreError};
use countersign_client::keystore_dir::DirKeyStore;
use countersign_client::passphrase::PassphraseError;
use countersign_core::key::KeyId;
use countersign_core::key_file::KeyFileError;
use countersign_core::name::Gun;
use countersign_core::sign::SecretKey;
use countersign_testkit::command::Invocation;
use tempfile::{TempDir, tempdir};

use super::{GUN, PASSPHRASE, Script, asking, store};

/// Names the directory that a test run by another test works in.
const DIR_VARIABLE: &str = "COUNTERSIGN_TEST_DIR";

fn gun() -> Gun {
    GUN.parse().expect("a GUN")
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o7777
}

fn file(store: &DirKeyStore, id: KeyId) -> PathBuf {
    store.path().join(format!("{id}.key"))
}

/// A trust directory with one targets key.
fn with_key() -> (TempDir, KeyId) {
    let dir = tempdir().expect("a directory");
    let key = store(dir.path()).generate("targets", Some(&gun())).expect("a key");
    (dir, key.id())
}

/// Runs the ignored test `name` of this program in another process, started by the shell as `how` says, with `$0` as
/// the program.
fn in_another_process(name: &str, how: &str, dir: &Path) {
    let program = env::current_exe().expect("this program");
    Invocation::of("sh")
        .args(["-c", &format!("{how} \"$0\" \"$@\"")])
        .arg(program)
        .args(["--ignored", "--exact", name])
        .env(DIR_VARIABLE, dir)
        .run()
        .expect_success();
}

fn dir_of_this_process() -> PathBuf {
    env::var_os(DIR_VARIABLE).expect("run by another test").into()
}

#[test]
fn keys_are_kept_and_found_again() {
    let dir = tempdir().expect("a directory");
    let first = store(dir.path());
    assert!(first.list().expect("an empty list").keys.is_empty());
    let root = first.generate("root", Some(&gun())).expect("a key");
    let targets = first.generate("targets", Some(&gun())).expect("a key");
    let signer = first.generate("targets/releases", Some(&gun())).expect("a key");

    let again = store(dir.path());
    let list = again.list().expect("a list");
    assert!(list.unreadable.is_empty());
    let mut found: Vec<_> =
        list.keys.iter().map(|key| (key.id, key.role.as_str(), key.gun.as_deref())).collect();
    let mut expected = vec![
        (root.id(), "root", None),
        (targets.id(), "targets", Some(GUN)),
        (signer.id(), "targets/releases", None),
    ];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for key in &list.keys {
        assert!(key.encrypted);
        assert_eq!(again.load(key.id).expect("the passphrase is known").id(), key.id);
    }

    again.remove(root.id()).expect("it is there");
    assert!(matches!(again.load(root.id()), Err(KeyStoreError::NotFound { .. })));
    assert!(matches!(again.remove(root.id()), Err(KeyStoreError::NotFound { .. })));
}

#[test]
fn adding_a_key_again_changes_nothing_and_in_another_role_is_refused() {
    let dir = tempdir().expect("a directory");
    let store = store(dir.path());
    let key = SecretKey::generate_ecdsa().expect("a key");
    let copy = || {
        SecretKey::from_private_bytes(countersign_core::key::KeyType::Ecdsa, &key.to_private_bytes())
            .expect("a key")
    };
    store.add(copy(), "targets", Some(&gun())).expect("a new key");
    let before = fs::read(file(&store, key.id())).expect("a file");
    store.add(copy(), "targets", None).expect("the same key");
    assert_eq!(fs::read(file(&store, key.id())).expect("a file"), before);
    let refused = store.add(copy(), "root", None);
    assert!(matches!(refused, Err(KeyStoreError::OtherRole { role, .. }) if role == "targets"));
}

#[test]
fn opened_key_is_not_asked_for_again() {
    let (dir, id) = with_key();
    let script = Script::of(&["wrong", PASSPHRASE]);
    let store = asking(dir.path(), &script);
    assert!(store.load_unasked(id).expect("readable").is_none());
    assert_eq!(script.questions(), 0);
    store.load(id).expect("the second answer is right");
    store.load(id).expect("open already");
    assert!(store.load_unasked(id).expect("open already").is_some());
    assert_eq!(script.questions(), 2);
}

#[test]
fn wrong_passphrase_ends_after_four_questions_and_end_of_input_after_one() {
    let (dir, id) = with_key();
    let script = Script::of(&["wrong"; 9]);
    let wrong = asking(dir.path(), &script).load(id);
    assert!(matches!(wrong, Err(KeyStoreError::Passphrase(PassphraseError::Wrong { tries: 4, .. }))));
    assert_eq!(script.questions(), 4);

    let script = Script::of(&[]);
    let ended = asking(dir.path(), &script).load(id);
    assert!(matches!(ended, Err(KeyStoreError::Passphrase(PassphraseError::EndOfInput { .. }))));
    assert_eq!(script.questions(), 1);
}

#[test]
fn new_key_without_a_passphrase_leaves_nothing_behind() {
    let dir = tempdir().expect("a directory");
    let refused = asking(dir.path(), &Script::of(&[])).generate("root", None);
    assert!(matches!(refused, Err(KeyStoreError::Passphrase(PassphraseError::EndOfInput { .. }))));
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0);
}

#[test]
fn umask_that_takes_everything_still_leaves_the_owner_in() {
    for umask in ["777", "000", "027"] {
        let dir = tempdir().expect("a directory");
        in_another_process("keystore::files::makes_a_key", &format!("umask {umask};"), dir.path());
        let trust = dir.path().join("config/trust");
        for path in [&trust, &trust.join("private"), &dir.path().join("config")] {
            assert_eq!(mode(path), 0o700, "{} under umask {umask}", path.display());
        }
        let list = store(&trust).list().expect("a list").keys;
        assert_eq!(list.len(), 1);
        assert_eq!(mode(&list[0].location), 0o600, "umask {umask}");
        let names = fs::read_dir(trust.join("private")).expect("a directory").count();
        assert_eq!(names, 1, "no temporary file is left");
    }
}

#[test]
#[ignore = "run by another test, under another umask"]
fn makes_a_key() {
    store(&dir_of_this_process().join("config/trust")).generate("root", None).expect("a key");
}

#[test]
fn unreadable_file_is_named_and_does_not_hide_the_others() {
    let (dir, id) = with_key();
    let other = store(dir.path()).generate("root", None).expect("a key").id();
    fs::set_permissions(file(&store(dir.path()), id), Permissions::from_mode(0o000)).expect("ours");
    if fs::read(file(&store(dir.path()), id)).is_err() {
        expect_unreadable(dir.path(), id);
        return;
    }
    // The superuser reads everything, so somebody else has to try.
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    for path in [dir.path(), &dir.path().join("private")] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("ours");
    }
    fs::set_permissions(file(&store(dir.path()), other), Permissions::from_mode(0o644)).expect("ours");
    let program = env::current_exe().expect("this program");
    let reachable = Invocation::of("sh").args(["-c", &format!("{nobody} test -x \"$0\"")]).arg(program).run();
    if reachable.code == Some(0) {
        in_another_process("keystore::files::cannot_read_a_key", nobody, dir.path());
    } else {
        println!("skipped: nobody can run this program as somebody else");
    }
}

#[test]
#[ignore = "run by another test, as another user"]
fn cannot_read_a_key() {
    let dir = dir_of_this_process();
    let list = store(&dir).list().expect("a list");
    assert_eq!((list.keys.len(), list.unreadable.len()), (1, 1));
    let KeyStoreError::Read { path, .. } = &list.unreadable[0] else { panic!("{:?}", list.unreadable) };
    let id = path.file_stem().expect("a name").to_str().expect("UTF-8").parse().expect("an id");
    expect_unreadable(&dir, id);
}

fn expect_unreadable(dir: &Path, id: KeyId) {
    let store = store(dir);
    let Err(KeyStoreError::Read { path, source }) = store.load(id) else { unreachable!("{id} was read") };
    assert_eq!((path, source.kind()), (file(&store, id), std::io::ErrorKind::PermissionDenied));
}

#[test]
fn truncated_file_is_an_error_with_its_path() {
    let (dir, id) = with_key();
    let store = store(dir.path());
    let path = file(&store, id);
    let whole = fs::read(&path).expect("a file");
    for length in [0, 10, 100, whole.len() - 2] {
        fs::write(&path, &whole[..length]).expect("ours");
        let list = store.list().expect("a list");
        assert_eq!((list.keys.len(), list.unreadable.len()), (0, 1), "{length} bytes");
        let Err(KeyStoreError::File { path: named, .. }) = store.load(id) else {
            panic!("{length} bytes were read")
        };
        assert_eq!(named, path);
    }
    fs::write(&path, [&whole[..], &vec![b' '; 1 << 20]].concat()).expect("ours");
    assert!(matches!(store.load(id), Err(KeyStoreError::File { source: KeyFileError::TooLarge { .. }, .. })));
}

#[test]
fn file_with_another_key_than_its_name_says_is_refused() {
    let (dir, id) = with_key();
    let store = store(dir.path());
    let other: KeyId = "0".repeat(64).parse().expect("an id");
    fs::rename(file(&store, id), file(&store, other)).expect("ours");
    assert!(matches!(store.load(other), Err(KeyStoreError::OtherKey { found, .. }) if found == id));
}

#[test]
fn links_and_files_of_other_names_are_not_keys() {
    let (dir, id) = with_key();
    let outside = tempdir().expect("a directory");
    let store = store(dir.path());
    let moved = outside.path().join(format!("{id}.key"));
    fs::rename(file(&store, id), &moved).expect("ours");
    symlink(&moved, file(&store, id)).expect("ours");
    symlink(outside.path(), store.path().join("linked")).expect("ours");
    fs::write(store.path().join("README.key"), "hello").expect("ours");
    fs::write(store.path().join(".writing-abc"), "half").expect("ours");
    let list = store.list().expect("a list");
    assert_eq!((list.keys.len(), list.unreadable.len()), (0, 0));
    assert!(matches!(store.load(id), Err(KeyStoreError::NotFound { .. })));
}

#[test]
fn directory_that_cannot_be_one_is_named() {
    let dir = tempdir().expect("a directory");
    fs::write(dir.path().join("private"), "a file").expect("ours");
    let store = store(dir.path());
    assert!(matches!(store.list(), Err(KeyStoreError::Directory { path, .. }) if path == store.path()));
    assert!(
        matches!(store.generate("root", None), Err(KeyStoreError::Directory { path, .. }) if path == store.path())
    );
}

#[test]
fn keys_in_older_places_are_read_there_and_removed_everywhere() {
    let (dir, id) = with_key();
    let store = store(dir.path());
    let flat = file(&store, id);
    let text = fs::read_to_string(&flat).expect("a file");
    let bare = text.replace(&format!("gun: {GUN}\nrole: targets\n\n"), "");
    let old = store.path().join("tuf_keys").join(GUN);
    fs::create_dir_all(&old).expect("ours");
    fs::write(old.join(format!("{id}_targets.key")), &bare).expect("ours");
    fs::remove_file(&flat).expect("ours");

    let list = store.list().expect("a list").keys;
    assert_eq!((list.len(), list[0].role.as_str(), list[0].gun.as_deref()), (1, "targets", Some(GUN)));
    assert_eq!(super::store(dir.path()).load(id).expect("the passphrase is known").id(), id);

    fs::write(&flat, &text).expect("ours");
    assert_eq!(store.list().expect("a list").keys[0].location, flat);
    store.remove(id).expect("it is there");
    assert!(store.list().expect("a list").keys.is_empty());
}
