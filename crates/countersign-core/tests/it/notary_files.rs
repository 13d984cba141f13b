//! Files that Debian's `notary` wrote: verified, and written again byte for byte.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the peer works with files and the real time"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_core::author::encode;
use countersign_core::key::{KeyId, KeyType, PublicKey};
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, Root, Snapshot, Targets, Timestamp};
use countersign_core::name::RoleName;
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::{Environment, RootPhase, Seen, TrustPinning};
use countersign_testkit::peers::{NotaryClient, NotaryServer, peers_dir_or_skip, present_or_skip};

use crate::simulator::{Files, finish, name, role};

/// Reads `metadata/` of one collection, delegations included.
fn metadata(dir: &Path) -> BTreeMap<RoleName, Bytes> {
    let mut files = BTreeMap::new();
    let mut pending = vec![(dir.to_owned(), String::new())];
    while let Some((dir, prefix)) = pending.pop() {
        for entry in fs::read_dir(&dir).expect("a directory").map(|entry| entry.expect("an entry")) {
            let base = entry.file_name().into_string().expect("UTF-8");
            if entry.file_type().expect("a type").is_dir() {
                pending.push((entry.path(), format!("{prefix}{base}/")));
            } else if let Some(stem) = base.strip_suffix(".json") {
                let bytes = fs::read(entry.path()).expect("a file");
                files.insert(role(&format!("{prefix}{stem}")), Bytes::from(bytes));
            }
        }
    }
    files
}

/// Decodes a file and writes it again with the signatures that it has.
fn rewritten(of: &RoleName, file: &Bytes) -> Bytes {
    fn again<T: Document>(envelope: &Envelope) -> Bytes {
        encode(&envelope.claim::<T>().expect("Notary's own document"), envelope.signatures())
    }
    let envelope = Envelope::parse(file.clone(), &Limits::default()).expect("Notary's own file");
    match of.as_str() {
        "root" => again::<Root>(&envelope),
        "snapshot" => again::<Snapshot>(&envelope),
        "timestamp" => again::<Timestamp>(&envelope),
        _ => again::<Targets>(&envelope),
    }
}

fn environment(gun: &str, now: DateTime) -> Arc<Environment> {
    let gun = gun.parse().expect("a GUN");
    Arc::new(Environment::notary(gun, TrustPinning::default(), Limits::default(), UpdateStart(now)))
}

/// Traps T4, T5, T6, T15b: an old server hashes what its own serialiser would have written.
#[test]
fn files_of_debians_notary_are_trusted_and_written_again_byte_for_byte() {
    if !present_or_skip(&["notary", "notary-server"]) {
        return;
    }
    let server = NotaryServer::memory();
    let notary = NotaryClient::new(&server.url(), &server.ca_file());
    let dir = tempfile::tempdir().expect("a directory");
    let (content, custom, delegate) =
        (dir.path().join("file"), dir.path().join("custom"), dir.path().join("delegate"));
    fs::write(&content, "hello\n").expect("written");
    fs::write(&custom, r#"{"a":[1,true,null],"b":"x"}"#).expect("written");
    let (content, custom) = (content.to_str().expect("UTF-8"), custom.to_str().expect("UTF-8"));
    let gun = "example.com/Team/app";
    let run = |args: &[&str]| drop(notary.run(args).expect_success());
    run(&["init", gun]);
    run(&["add", gun, "v1", content]);
    run(&["add", gun, "a<b&c>", content]);
    run(&["add", gun, "with-custom", content, "--custom", custom]);
    run(&["publish", gun]);
    run(&["key", "generate", "ecdsa", "--role", "targets/releases", "-o", delegate.to_str().expect("UTF-8")]);
    let public = delegate.with_extension("pem");
    run(&[
        "delegation",
        "add",
        gun,
        "targets/releases",
        public.to_str().expect("UTF-8"),
        "--all-paths",
        "-p",
    ]);
    let file_name = format!("{}.key", id_of(&fs::read_to_string(&public).expect("a public key")));
    fs::copy(dir.path().join("delegate-key.pem"), notary.trust_dir().join("private").join(file_name))
        .expect("copied");
    run(&["add", gun, "v2", content, "--roles", "targets/releases", "-p"]);
    run(&["list", gun]);
    let files = metadata(&notary.trust_dir().join("tuf").join(gun).join("metadata"));
    assert_eq!(files.len(), 5, "{:?}", files.keys());
    for (of, file) in &files {
        assert_eq!(rewritten(of, file), *file, "{of} differs");
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let now = DateTime::from_unix(i64::try_from(seconds).expect("this age")).expect("a time");
    let root = RootPhase::trust_first(environment(gun, now), files[&role("root")].clone(), Seen::default())
        .expect("their root");
    let collection = finish(root, &of_metadata(&files)).expect("their collection");
    let order = [role("targets/releases"), role("targets")];
    let listed: Vec<_> = collection
        .list(&order)
        .into_iter()
        .map(|target| format!("{} {}", target.name, target.role))
        .collect();
    assert_eq!(listed, ["a<b&c> targets", "v1 targets", "v2 targets/releases", "with-custom targets"]);
    let target = collection.search(&order, &name("with-custom")).expect("listed");
    assert_eq!(target.custom, Some(serde_json::json!({"a": [1, true, null], "b": "x"})));
    assert_eq!(target.length, 6);
}

/// The id of the key in a `PUBLIC KEY` PEM file with headers.
fn id_of(pem: &str) -> KeyId {
    let lines = pem.lines().filter(|line| !line.starts_with('-') && !line.contains(':'));
    let der = STANDARD.decode(lines.collect::<String>()).expect("base64");
    PublicKey::new(KeyType::Ecdsa, der).id()
}

/// What Notary 0.1 and 0.3 left behind; from `theupdateframework/notary`, `fixtures/compatibility`.
#[test]
fn files_of_old_notaries_are_read_and_written_again_byte_for_byte() {
    let Some(peers) = peers_dir_or_skip() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let archive = peers.join("notary-compatibility.tar.gz");
    let unpacked =
        std::process::Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(dir.path()).status();
    assert!(unpacked.expect("tar runs").success());
    let collections = collections_below(dir.path());
    assert!(!collections.is_empty());
    for (gun, dir) in collections {
        let files = metadata(&dir);
        for (of, file) in &files {
            // They wrote times in their own zone; every other byte is the same.
            assert_eq!(without_expiry(&rewritten(of, file)), without_expiry(file), "{gun} {of} differs");
        }
        let root = files.get(&role("root")).expect("every collection has a root");
        let issued = Envelope::parse(root.clone(), &Limits::default())
            .and_then(|envelope| envelope.claim::<Root>())
            .expect("a root");
        let then = issued.expires.plus_seconds(-86_400);
        RootPhase::trust_first(environment(&gun, then), root.clone(), Seen::default())
            .expect("a root that held then");
    }
}

fn without_expiry(file: &Bytes) -> String {
    let text = String::from_utf8(file.to_vec()).expect("UTF-8");
    let (before, rest) = text.split_once("\"expires\":\"").expect("an expiry");
    let (_, after) = rest.split_once('"').expect("its end");
    format!("{before}{after}")
}

fn of_metadata(files: &BTreeMap<RoleName, Bytes>) -> Files {
    let mut roles = files.clone();
    let mut take = |of: &str| roles.remove(&role(of)).expect("the file is there");
    let (root, timestamp, snapshot) = (take("root"), take("timestamp"), take("snapshot"));
    Files { root, timestamp, snapshot, roles }
}

/// Every `tuf/<GUN>/metadata` that has a root, with its GUN.
fn collections_below(dir: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).expect("a directory").map(|entry| entry.expect("an entry")) {
            let path = entry.path();
            if path.join("root.json").is_file() && path.ends_with("metadata") {
                let text = path.to_str().expect("UTF-8");
                let (_, gun) = text.split_once("/tuf/").expect("below `tuf`");
                found.push((gun.trim_end_matches("/metadata").to_owned(), path));
            } else if path.is_dir() {
                pending.push(path);
            }
        }
    }
    found
}
