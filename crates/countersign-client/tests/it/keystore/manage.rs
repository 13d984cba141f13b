//! Bringing keys in and out of the store, and changing what is around them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use countersign_client::keystore::{KeyStore as _, KeyStoreError};
use countersign_client::keystore_dir::{DirKeyStore, Existing, Keeping, NewPassphrase, Stored};
use countersign_client::passphrase::{PassphraseError, PassphraseVariables, Passphrases, Tries};
use countersign_client::prompt::{Nobody, Prompt};
use countersign_core::key_file::{self, Passphrase};
use countersign_core::name::Gun;
use countersign_core::sign::SecretKey;
use countersign_testkit::command::Invocation;
use countersign_testkit::peers::peers_dir_or_skip;
use tempfile::tempdir;

use super::{GUN, PASSPHRASE, Script, asking, store};

fn gun() -> Gun {
    GUN.parse().expect("a GUN")
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

/// A store with these variables, and somebody who gives these answers.
fn with_variables(dir: &Path, variables: &[(&str, &str)], script: &Arc<Script>) -> DirKeyStore {
    let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
    let variables = PassphraseVariables::from_lookup(lookup).expect("UTF-8");
    let prompt = Arc::clone(script) as Arc<dyn Prompt>;
    DirKeyStore::new(dir, Arc::new(Passphrases::new(variables, prompt, Tries::default())))
}

#[test]
fn exported_key_is_stored_elsewhere_opened_or_not() {
    let (here, there) = (tempdir().expect("a directory"), tempdir().expect("a directory"));
    let ours = store(here.path());
    let id = ours.generate("targets", Some(&gun())).expect("a key").id();
    let text = ours.export(id).expect("a file");
    let keys = key_file::split(&text).expect("one key");
    let header = keys[0].header();
    assert_eq!((header.role.as_deref(), header.gun.as_deref()), (Some("targets"), Some(GUN)));
    assert_eq!(header.path, Some(id.to_string()));

    let theirs = store(there.path());
    let sealed = |role| theirs.store_sealed(&keys[0], id, role, Some(&gun()));
    assert_eq!(sealed("targets").expect("a new key"), Stored::Added);
    assert_eq!(sealed("targets").expect("the same key"), Stored::Unchanged);
    assert!(matches!(sealed("root"), Err(KeyStoreError::OtherRole { .. })));
    assert_eq!(theirs.load(id).expect("the same passphrase").id(), id);
    assert!(matches!(
        theirs.store_sealed(&keys[0], id, "targets", None),
        Err(KeyStoreError::NoCollection { .. })
    ));
}

#[test]
fn key_stored_again_stays_or_is_replaced_as_was_asked() {
    let dir = tempdir().expect("a directory");
    let script = Script::of(&["password one", "password two"]);
    let key = SecretKey::generate_ecdsa().expect("a key");
    let put = |role, secret: &str, existing| {
        let passphrase = passphrase(secret);
        asking(dir.path(), &script)
            .store(&key, &Keeping { role, gun: None, passphrase: &passphrase, existing })
    };
    assert_eq!(put("alice", "password one", Existing::Keep).expect("a new key"), Stored::Added);
    assert_eq!(put("alice", "password two", Existing::Keep).expect("the same key"), Stored::Unchanged);
    asking(dir.path(), &script).load(key.id()).expect("the first passphrase");
    assert!(matches!(put("bob", "password two", Existing::Keep), Err(KeyStoreError::OtherRole { .. })));
    assert_eq!(put("bob", "password two", Existing::Replace).expect("another role"), Stored::Replaced);
    let again = asking(dir.path(), &script);
    assert_eq!(again.entry(key.id()).expect("it is there").role, "bob");
    again.load(key.id()).expect("the second passphrase");
    assert_eq!(script.questions(), 2);
}

#[test]
fn passphrase_is_changed_after_the_old_one_was_right() {
    let dir = tempdir().expect("a directory");
    let id = store(dir.path()).generate("targets", Some(&gun())).expect("a key").id();
    let new = "another passphrase";
    let script = Script::of(&["wrong", PASSPHRASE, new, new, new]);
    asking(dir.path(), &script).change_passphrase(id, NewPassphrase::Asked).expect("changed");
    assert_eq!(script.questions(), 4);
    assert!(store(dir.path()).load(id).is_err(), "the old one no longer opens it");
    let again = asking(dir.path(), &script);
    again.load(id).expect("the new one does");
    let entry = again.entry(id).expect("it is there");
    assert_eq!((entry.role.as_str(), entry.gun.as_deref()), ("targets", Some(GUN)));
}

#[test]
fn wrong_passphrases_and_ends_of_input_change_nothing() {
    let dir = tempdir().expect("a directory");
    let ours = store(dir.path());
    let id = ours.generate("alice", None).expect("a key").id();
    let path = ours.entry(id).expect("it is there").location;
    let before = fs::read(&path).expect("a file");
    for answers in [&["wrong"; 9][..], &[PASSPHRASE], &[PASSPHRASE, "long enough"], &[]] {
        let answer = asking(dir.path(), &Script::of(answers)).change_passphrase(id, NewPassphrase::Asked);
        assert!(matches!(answer, Err(KeyStoreError::Passphrase(_))), "{answers:?}: {answer:?}");
        assert_eq!(fs::read(&path).expect("a file"), before);
        assert_eq!(fs::read_dir(ours.path()).expect("a directory").count(), 1);
    }
}

#[test]
fn new_passphrase_is_never_the_variable_of_the_old_one() {
    const VARIABLE: &str = "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE";
    let dir = tempdir().expect("a directory");
    let id = store(dir.path()).generate("alice", None).expect("a key").id();
    let nobody = Script::of(&[]);
    let alone = with_variables(dir.path(), &[(VARIABLE, PASSPHRASE)], &nobody);
    let answer = alone.change_passphrase(id, NewPassphrase::Asked);
    assert!(matches!(answer, Err(KeyStoreError::Passphrase(PassphraseError::EndOfInput { .. }))));

    let new = "another passphrase";
    let both = [(VARIABLE, PASSPHRASE), ("COUNTERSIGN_NEW_PASSPHRASE", new)];
    with_variables(dir.path(), &both, &nobody).change_passphrase(id, NewPassphrase::Asked).expect("changed");
    with_variables(dir.path(), &[(VARIABLE, new)], &nobody).load(id).expect("the new one");

    let short = [(VARIABLE, new), ("COUNTERSIGN_NEW_PASSPHRASE", "short")];
    let answer = with_variables(dir.path(), &short, &nobody).change_passphrase(id, NewPassphrase::Asked);
    assert!(matches!(
        answer,
        Err(KeyStoreError::Passphrase(PassphraseError::ShortVariable {
            variable: "COUNTERSIGN_NEW_PASSPHRASE",
            ..
        }))
    ));
}

#[test]
fn plain_key_is_not_exported_and_gets_a_passphrase() {
    let dir = tempdir().expect("a directory");
    let other = tempdir().expect("a directory");
    Invocation::of("openssl")
        .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"])
        .dir(other.path())
        .run()
        .expect_success();
    let plain = fs::read(other.path().join("key.pem")).expect("a key");
    let id = key_file::read(&plain, None).expect("a key").key.id();
    let new = "another passphrase";
    let script = Script::of(&[new, new]);
    let store = asking(dir.path(), &script);
    fs::create_dir_all(store.path()).expect("ours");
    let path = store.path().join(format!("{id}.key"));
    fs::write(&path, &plain).expect("ours");
    assert!(matches!(store.export(id), Err(KeyStoreError::Plain { .. })));
    store.change_passphrase(id, NewPassphrase::Same).expect("there is none that could stay");
    assert!(store.entry(id).expect("it is there").encrypted);
    key_file::read(&fs::read(&path).expect("a file"), Some(&passphrase(new))).expect("the new one opens it");
}

#[test]
fn signer_is_renamed_without_a_passphrase_and_base_roles_are_not() {
    let dir = tempdir().expect("a directory");
    let ours = store(dir.path());
    let alice = ours.generate("alice", None).expect("a key").id();
    let targets = ours.generate("targets", Some(&gun())).expect("a key").id();
    let nobody = asking(dir.path(), &Script::of(&[]));
    nobody.rename(alice, "bob").expect("renamed");
    assert_eq!(nobody.entry(alice).expect("it is there").role, "bob");
    store(dir.path()).load(alice).expect("the same passphrase");
    for (id, role) in [(targets, "bob"), (alice, "root"), (alice, "snapshot")] {
        assert!(matches!(nobody.rename(id, role), Err(KeyStoreError::FixedRole { .. })), "{role}");
    }
    assert!(matches!(nobody.rename(alice, "a\nb"), Err(KeyStoreError::File { .. })));
    assert!(matches!(
        nobody.rename("0".repeat(64).parse().expect("an id"), "x"),
        Err(KeyStoreError::NotFound { .. })
    ));
    assert_eq!(nobody.entry(alice).expect("it is there").role, "bob");
}

#[test]
fn old_files_become_strong_and_move_where_docker_looks() {
    let Some(peers) = peers_dir_or_skip() else { return };
    let dir = tempdir().expect("a directory");
    Invocation::of("tar")
        .arg("xzf")
        .arg(peers.join("notary-compatibility.tar.gz"))
        .dir(dir.path())
        .run()
        .expect_success();
    for (version, secret, keys) in [("notary0.1", PASSPHRASE, 3), ("notary0.3", "password", 4)] {
        let trust_dir = dir.path().join("notary-compatibility").join(version);
        let script = Script::of(&[secret; 9]);
        let old = asking(&trust_dir, &script);
        let before = old.list().expect("a list").keys;
        assert_eq!(before.len(), keys);
        for key in &before {
            let exported = key_file::first(&old.export(key.id).expect("a file")).expect("one key");
            assert_eq!(exported.header().role.as_deref(), Some(key.role.as_str()), "named by its place");
            assert_eq!(exported.open(Some(&passphrase(secret))).expect("the passphrase").id(), key.id);
            old.change_passphrase(key.id, NewPassphrase::Same).expect("the passphrase is known");
        }
        let nobody =
            Arc::new(Passphrases::new(PassphraseVariables::none(), Arc::new(Nobody), Tries::default()));
        let after = DirKeyStore::new(&trust_dir, nobody).list().expect("a list").keys;
        let known = |keys: &[countersign_client::keystore::KeyEntry]| {
            keys.iter().map(|key| (key.id, key.role.clone(), key.gun.clone())).collect::<Vec<_>>()
        };
        assert_eq!(known(&after), known(&before));
        for key in &after {
            assert_eq!(key.location, old.path().join(format!("{}.key", key.id)));
            let text = fs::read(&key.location).expect("a file");
            let file = key_file::first(&text).expect("one key");
            assert!(file.is_strong());
            assert_eq!(file.open(Some(&passphrase(secret))).expect("the same passphrase").id(), key.id);
        }
    }
}

/// Answers as [`Script`] does, but removes a file while it is asked.
struct Thief(Arc<Script>, std::path::PathBuf);

impl Prompt for Thief {
    fn say(&self, _line: &str) {}

    fn ask_hidden(&self, text: &str) -> Option<zeroize::Zeroizing<String>> {
        let _ = fs::remove_file(&self.1);
        self.0.ask_hidden(text)
    }
}

#[test]
fn key_that_is_removed_while_in_use_signs_on_and_comes_back_nowhere() {
    let dir = tempdir().expect("a directory");
    let ours = store(dir.path());
    let id = ours.generate("alice", None).expect("a key").id();
    let path = ours.entry(id).expect("it is there").location;
    let file = fs::read(&path).expect("a file");

    let thief = Thief(Script::of(&[PASSPHRASE, "another passphrase", "another passphrase"]), path.clone());
    let passphrases = Passphrases::new(PassphraseVariables::none(), Arc::new(thief), Tries::default());
    let changing = DirKeyStore::new(dir.path(), Arc::new(passphrases));
    let changed = changing.change_passphrase(id, NewPassphrase::Asked);
    assert!(matches!(&changed, Err(KeyStoreError::Changed { path: gone }) if *gone == path), "{changed:?}");
    assert!(!path.exists(), "what somebody removed is not put back");

    fs::write(&path, file).expect("ours");
    ours.load(id).expect("it is opened");
    fs::remove_file(&path).expect("ours");
    assert_eq!(ours.load(id).expect("who has it open goes on").id(), id);
    assert!(matches!(store(dir.path()).load(id), Err(KeyStoreError::NotFound { id: gone }) if gone == id));
}
