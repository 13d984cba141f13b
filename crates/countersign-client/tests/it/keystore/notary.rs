//! Key files of Debian's `notary`, and of the Notaries before it; and ours in their hands.

use std::path::Path;

use countersign_client::keystore::KeyStore as _;
use countersign_core::key::KeyId;
use countersign_core::sign::Sign as _;
use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::peers::{peers_dir_or_skip, present_or_skip};
use tempfile::tempdir;

use super::{GUN, PASSPHRASE, Script, asking, store};

fn notary(trust_dir: &Path, passphrase: &str, args: &[&str]) -> Output {
    ["ROOT", "TARGETS", "SNAPSHOT", "DELEGATION"]
        .into_iter()
        .fold(Invocation::of("notary"), |run, kind| run.env(format!("NOTARY_{kind}_PASSPHRASE"), passphrase))
        .arg("--trustDir")
        .arg(trust_dir)
        .args(args)
        .env("HOME", trust_dir)
        .run()
}

#[test]
fn our_keys_are_listed_and_opened_by_notary() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let dir = tempdir().expect("a directory");
    let ours = store(dir.path());
    let gun = GUN.parse().expect("a GUN");
    let ids: Vec<(&str, KeyId)> = ["root", "targets", "snapshot", "targets/releases"]
        .into_iter()
        .map(|role| (role, ours.generate(role, Some(&gun)).expect("a key").id()))
        .collect();

    let list = notary(dir.path(), PASSPHRASE, &["key", "list"]).expect_success().stdout;
    for (role, id) in &ids {
        let line = list
            .lines()
            .find(|line| line.contains(&id.to_string()))
            .unwrap_or_else(|| panic!("{id} in {list}"));
        assert!(line.starts_with(&format!("{role} ")), "{line}");
        assert_eq!(line.contains("alice/app"), matches!(*role, "targets" | "snapshot"), "{line}");
    }
    for (role, id) in &ids {
        let wrong = notary(dir.path(), "not the one", &["key", "passwd", &id.to_string()]);
        assert_ne!(wrong.code, Some(0), "{role}: {}", wrong.transcript());
        // It decrypts our file, and writes its own in its place.
        notary(dir.path(), PASSPHRASE, &["key", "passwd", &id.to_string()]).expect_success();
        let key = store(dir.path()).load(*id).expect("a key of notary's");
        assert_eq!(key.id(), *id);
        assert!(key.sign(b"message").is_ok());
    }
}

#[test]
fn keys_of_notary_are_opened() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let dir = tempdir().expect("a directory");
    notary(dir.path(), PASSPHRASE, &["key", "generate", "ecdsa"]).expect_success();
    let store = store(dir.path());
    let list = store.list().expect("a list").keys;
    assert_eq!((list.len(), list[0].role.as_str(), list[0].gun.as_deref()), (1, "root", None));
    assert_eq!(store.load(list[0].id).expect("the passphrase is known").id(), list[0].id);
}

#[test]
fn keys_of_the_first_notaries_are_listed_and_opened_where_they_are() {
    let Some(peers) = peers_dir_or_skip() else { return };
    let dir = tempdir().expect("a directory");
    Invocation::of("tar")
        .arg("xzf")
        .arg(peers.join("notary-compatibility.tar.gz"))
        .dir(dir.path())
        .run()
        .expect_success();
    let gun = |version: &str, name: &str| Some(format!("docker.com/{version}/{name}"));
    let cases = [
        (
            "notary0.1",
            PASSPHRASE,
            vec![
                ("d0c623c8", "root", None),
                ("7fc75780", "targets", gun("notary0.1", "samplerepo")),
                ("a55ccf65", "snapshot", gun("notary0.1", "samplerepo")),
            ],
        ),
        (
            "notary0.3",
            "password",
            vec![
                ("f4eaf871", "root", None),
                ("041b64da", "targets", gun("notary0.3", "tst")),
                ("85559599", "snapshot", gun("notary0.3", "tst")),
                ("fa842f66", "targets/releases", None),
            ],
        ),
    ];
    for (version, passphrase, mut expected) in cases {
        let script = Script::of(&[passphrase; 9]);
        let store = asking(&dir.path().join("notary-compatibility").join(version), &script);
        let list = store.list().expect("a list");
        assert!(list.unreadable.is_empty(), "{:?}", list.unreadable);
        let short = |id: KeyId| id.to_string()[..8].to_owned();
        let mut found: Vec<_> =
            list.keys.iter().map(|key| (short(key.id), key.role.as_str(), key.gun.clone())).collect();
        found.sort();
        expected.sort();
        let expected: Vec<_> =
            expected.into_iter().map(|(id, role, gun)| (id.to_owned(), role, gun)).collect();
        assert_eq!(found, expected);
        for key in &list.keys {
            let opened =
                store.load(key.id).unwrap_or_else(|error| panic!("{}: {error:?}", key.location.display()));
            assert_eq!(opened.id(), key.id);
        }
        let questions = if version == "notary0.1" { 2 } else { 3 };
        assert_eq!(script.questions(), questions, "one for each of root, repository and signer");
        assert!(list.keys.iter().all(|key| key.location.exists()), "nothing was moved");
    }
}
