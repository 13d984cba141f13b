//! The cache: what is lost or damaged is fetched again, what was seen is never forgotten.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use countersign_client::cache::{Cache, CacheError, CacheUpdate, Stored};
use countersign_client::cache_dir::DirectoryCache;
use countersign_client::updater::{Roles, UpdateError, UpdateSettings, Updater, Warning};
use countersign_core::digest::Digest;
use countersign_core::limits::Limits;
use countersign_core::name::{RoleName, TopRole};
use countersign_core::time::UpdateStart;
use countersign_core::trust::TrustError;

use crate::collection::{Sim, now, role, version};
use crate::simulator::{Asker, Fault, SimServer, digest};

fn updater(sim: &Sim, server: &Arc<SimServer>, dir: &Path) -> Updater {
    let cache = Arc::new(DirectoryCache::new(dir));
    Updater::new(server.clone(), cache, UpdateSettings::new(sim.gun.clone()))
}

async fn pull(updater: &Updater) -> Result<Digest, UpdateError> {
    let refreshed = updater.refresh(UpdateStart(now()), Roles::Pull).await?;
    Ok(digest(&refreshed, "v1"))
}

fn delegating() -> Sim {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    sim.set_in("targets/releases", "v1", b"first");
    sim
}

#[tokio::test]
async fn layout_is_notarys_and_private() {
    let sim = delegating();
    let server = SimServer::with(&sim.files());
    let dir = tempfile::tempdir().expect("a directory");
    let trust = dir.path().join("docker/trust");
    pull(&updater(&sim, &server, &trust)).await.expect("trusted");
    let collection = trust.join("tuf/docker.io/library/app");
    let files = sim.files();
    for (file, bytes) in [
        ("metadata/root.json", &files.root),
        ("metadata/timestamp.json", &files.timestamp),
        ("metadata/snapshot.json", &files.snapshot),
        ("metadata/targets.json", &files.roles[&role("targets")]),
        ("metadata/targets/releases.json", &files.roles[&role("targets/releases")]),
    ] {
        assert_eq!(&fs::read(collection.join(file)).expect(file), bytes, "{file}");
    }
    let mut pending = vec![dir.path().join("docker")];
    let mut seen = 0;
    while let Some(path) = pending.pop() {
        let metadata = fs::symlink_metadata(&path).expect("it is there");
        let mode = metadata.permissions().mode() & 0o777;
        assert_eq!(mode, if metadata.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        assert!(!path.to_string_lossy().ends_with(".tmp"), "{}", path.display());
        seen += 1;
        if metadata.is_dir() {
            pending.extend(
                fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path()),
            );
        }
    }
    assert_eq!(seen, 16);
}

#[tokio::test]
async fn reading_and_a_refusal_make_nothing() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    server.fail_all(Fault::NotFound);
    let dir = tempfile::tempdir().expect("a directory");
    let trust = dir.path().join("trust");
    pull(&updater(&sim, &server, &trust)).await.expect_err("not there");
    assert!(!trust.exists());
}

#[tokio::test]
async fn each_lost_file_is_fetched_again() {
    for lost in ["root", "timestamp", "snapshot", "targets", "targets/releases"] {
        let sim = delegating();
        let server = SimServer::with(&sim.files());
        let asker = Asker::of(&sim, &server);
        asker.digest("v1").await;
        server.rounds();
        asker.cache.remove(asker.gun(), &role(lost)).expect("it was there");
        assert_eq!(asker.digest("v1").await, Digest::sha256(b"first"), "{lost}");
        let requests = server.rounds().concat();
        assert!(requests.contains(&"timestamp.json".to_owned()));
        assert!(requests.len() <= 3, "{lost}: {requests:?}");
        if lost == "root" {
            assert!(requests.contains(&"1.root.json".to_owned()), "{requests:?}");
        }
        asker.digest("v1").await;
        assert_eq!(server.rounds(), [["timestamp.json"]], "{lost}");
    }
}

#[tokio::test]
async fn each_damaged_file_is_fetched_again() {
    for lost in ["root", "timestamp", "snapshot", "targets", "targets/releases"] {
        for bytes in ["", "{", "{}", "\0\0\0\0"] {
            let sim = delegating();
            let server = SimServer::with(&sim.files());
            let asker = Asker::of(&sim, &server);
            asker.digest("v1").await;
            asker.cache.put(asker.gun(), role(lost), Bytes::from_static(bytes.as_bytes()));
            assert_eq!(asker.digest("v1").await, Digest::sha256(b"first"), "{lost}");
        }
    }
}

#[tokio::test]
async fn lost_root_is_only_replaced_by_itself() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    asker.digest("v1").await;
    asker.cache.remove(asker.gun(), &TopRole::Root.into());
    // Somebody else's collection of the same name.
    let other = Sim::new();
    server.publish(&other.files());
    let error = asker.pull().await.expect_err("another root");
    assert!(matches!(&error, UpdateError::Untrusted(TrustError::Hash { .. })), "{error:?}");
    server.fail("1.root.json", Fault::NotFound);
    let error = asker.pull().await.expect_err("no root");
    assert!(matches!(&error, UpdateError::LostRoot { .. }), "{error:?}");
}

#[tokio::test]
async fn damaged_root_without_memory_is_no_first_use() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let asker = Asker::of(&sim, &server);
    asker.digest("v1").await;
    asker.cache.forget_seen(asker.gun());
    asker.cache.put(asker.gun(), TopRole::Root.into(), Bytes::from_static(b"{}"));
    let error = asker.pull().await.expect_err("whoever answers now is not trusted");
    assert!(matches!(&error, UpdateError::CachedRoot(_)), "{error:?}");
}

/// What a power failure leaves of a file that was not on the disk yet, and what else no program writes.
#[tokio::test]
async fn memory_that_cannot_be_read_is_no_first_use() {
    let (sim, other) = (Sim::new(), Sim::new());
    for (root, seen) in [
        (Some(""), None),
        (Some("\0\0\0\0"), None),
        (Some(""), Some("")),
        (None, Some("")),
        (None, Some("{")),
        (None, Some("\0\0")),
    ] {
        let server = SimServer::with(&sim.files());
        let dir = tempfile::tempdir().expect("a directory");
        let updater = updater(&sim, &server, dir.path());
        pull(&updater).await.expect("trusted");
        let collection = dir.path().join("tuf/docker.io/library/app");
        let damage = |file: &str, content: Option<&str>| {
            let file = collection.join(file);
            match content {
                Some(content) => fs::write(file, content),
                None => fs::remove_file(file),
            }
        };
        damage("metadata/root.json", root).expect("damaged");
        damage("seen.json", seen).expect("damaged");
        // Somebody else's collection of the same name.
        server.publish(&other.files());
        for _ in 0..2 {
            let error = pull(&updater).await.expect_err("whoever answers now is not trusted");
            assert!(matches!(&error, UpdateError::Forgotten(_)), "{root:?} {seen:?}: {error:?}");
            assert!(error.is_untrusted());
        }
        updater.cache().forget(&sim.gun).await.expect("forgotten");
        pull(&updater).await.expect("met for the first time, as was wanted");
    }
}

#[tokio::test]
async fn what_is_noted_of_the_last_contact_outlasts_a_copy_of_the_cache() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let dir = tempfile::tempdir().expect("a directory");
    let updater = updater(&sim, &server, dir.path());
    pull(&updater).await.expect("trusted");
    let collection = dir.path().join("tuf/docker.io/library/app");
    let confirmed = async || {
        let roles = [TopRole::Timestamp.into()];
        updater.cache().load(&sim.gun, &roles, &Limits::default()).await.expect("read").confirmed
    };
    assert_eq!(confirmed().await, Some(now()));
    let modify = |seconds: i64| {
        let at = now().plus_seconds(seconds).unix_seconds();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(at).expect("after 1970"));
        let file = fs::File::options().write(true).open(collection.join("metadata/timestamp.json"));
        file.and_then(|file| file.set_modified(at)).expect("a time is set");
    };
    // Copied, restored or touched, it is no younger.
    modify(3600);
    assert_eq!(confirmed().await, Some(now()));
    modify(-3600);
    assert_eq!(confirmed().await, Some(now().plus_seconds(-3600)));
    // Another program's cache says nothing of it, and neither does what cannot be read.
    for content in [None, Some(""), Some("\"soon\"")] {
        let note = collection.join("confirmed.json");
        content.map_or_else(|| fs::remove_file(&note), |content| fs::write(&note, content)).expect("changed");
        assert_eq!(confirmed().await, None, "{content:?}");
    }
    pull(&updater).await.expect("trusted");
    assert_eq!(confirmed().await, Some(now()));
}

#[tokio::test]
async fn files_of_a_notary_cache_are_floors() {
    let mut sim = delegating();
    let old = sim.files();
    let server = SimServer::with(&old);
    for rolled_back in ["snapshot", "targets", "targets/releases"] {
        let asker = Asker::of(&sim, &server);
        server.publish(&sim.publish());
        asker.digest("v1").await;
        asker.cache.forget_seen(asker.gun());
        let mut attacked = sim.clone();
        attacked.timestamp.version = version(100);
        if rolled_back == "snapshot" {
            attacked.snapshot.version = version(1);
        } else {
            attacked.snapshot.version = version(100);
            attacked.targets(rolled_back).version = version(1);
        }
        server.publish(&attacked.files());
        let error = asker.pull().await.expect_err(rolled_back);
        assert!(format!("{error:?}").contains("Rollback"), "{rolled_back}: {error:?}");
    }
}

#[tokio::test]
async fn damage_is_told() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let dir = tempfile::tempdir().expect("a directory");
    let updater = updater(&sim, &server, dir.path());
    pull(&updater).await.expect("trusted");
    let collection = dir.path().join("tuf/docker.io/library/app");
    fs::write(collection.join("seen.json"), "{").expect("written");
    fs::write(collection.join("metadata/timestamp.json"), vec![b' '; 1 << 20]).expect("written");
    let refreshed = updater.refresh(UpdateStart(now()), Roles::Pull).await.expect("trusted");
    let damage = refreshed.warnings.iter().filter(|warning| matches!(warning, Warning::CacheDamage(_)));
    assert_eq!(damage.count(), 2);
    let again = updater.refresh(UpdateStart(now()), Roles::Pull).await.expect("trusted");
    assert!(!again.warnings.iter().any(|warning| matches!(warning, Warning::CacheDamage(_))));
}

#[tokio::test]
async fn links_below_the_trust_directory_are_not_followed() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    for link in ["tuf", "tuf/docker.io/library", "tuf/docker.io/library/app/metadata"] {
        let dir = tempfile::tempdir().expect("a directory");
        let elsewhere = dir.path().join("elsewhere");
        fs::create_dir(&elsewhere).expect("made");
        let trust = dir.path().join("trust");
        let link = trust.join(link);
        fs::create_dir_all(link.parent().expect("below")).expect("made");
        symlink(&elsewhere, &link).expect("linked");
        let error = pull(&updater(&sim, &server, &trust)).await.expect_err("a link");
        assert!(matches!(&error, UpdateError::Cache(CacheError::NotADirectory { .. })), "{error:?}");
        assert_eq!(fs::read_dir(&elsewhere).expect("listed").count(), 0);
    }
    // A linked file is no file; it is replaced, and what it led to stays as it was.
    let dir = tempfile::tempdir().expect("a directory");
    let updater = updater(&sim, &server, dir.path());
    pull(&updater).await.expect("trusted");
    let file = dir.path().join("tuf/docker.io/library/app/metadata/targets.json");
    let precious = dir.path().join("precious");
    fs::write(&precious, "precious").expect("written");
    fs::remove_file(&file).expect("removed");
    symlink(&precious, &file).expect("linked");
    pull(&updater).await.expect("trusted");
    assert!(fs::symlink_metadata(&file).expect("there").is_file());
    assert_eq!(fs::read_to_string(precious).expect("read"), "precious");
}

#[tokio::test]
async fn interrupted_store_leaves_what_can_be_used_and_lowers_no_floor() {
    let mut sim = delegating();
    let old = sim.files();
    let server = SimServer::with(&old);
    sim.next_root();
    sim.rotate(TopRole::Timestamp);
    sim.set_in("targets/releases", "v1", b"second");
    let new = sim.publish();
    let order = ["targets/releases", "targets", "snapshot", "timestamp", "root"];
    let file = |name: &str| match name {
        "root" => new.root.clone(),
        "snapshot" => new.snapshot.clone(),
        "timestamp" => new.timestamp.clone(),
        name => new.roles[&role(name)].clone(),
    };
    for written in 0..=order.len() {
        for server_is_new in [false, true] {
            server.publish(&old);
            let dir = tempfile::tempdir().expect("a directory");
            let updater = updater(&sim, &server, dir.path());
            pull(&updater).await.expect("trusted");
            let cache = DirectoryCache::new(dir.path());
            let all: Vec<RoleName> = order.iter().map(|name| role(name)).collect();
            let cached = cache.load(&sim.gun, &all, &Limits::default()).await.expect("read");
            let files = order[..written].iter().map(|name| (role(name), file(name))).collect();
            // Killed before what was seen is written: it stays as it was.
            let update =
                CacheUpdate { files, basis: cached.seen.clone(), seen: cached.seen.clone(), confirmed: None };
            assert_eq!(cache.store(&sim.gun, update).await.expect("stored"), Stored::Done);
            if server_is_new {
                server.publish(&new);
                assert_eq!(pull(&updater).await.expect("trusted"), Digest::sha256(b"second"), "{written}");
            } else {
                // The server shows the old edition again: taken only as long as nothing newer was kept.
                let outcome = pull(&updater).await;
                assert_eq!(outcome.is_ok(), written == 0, "{written}: {outcome:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_at_once_do_not_disturb_each_other() {
    let mut sim = delegating();
    let server = SimServer::with(&sim.files());
    let dir = tempfile::tempdir().expect("a directory");
    for round in 0..8_u8 {
        sim.set_in("targets/releases", "v1", &[round]);
        server.publish(&sim.publish());
        let updates: Vec<_> = (0..8)
            .map(|_| {
                let updater = updater(&sim, &server, dir.path());
                tokio::spawn(async move { pull(&updater).await })
            })
            .collect();
        for update in updates {
            assert_eq!(update.await.expect("no panic").expect("trusted"), Digest::sha256(&[round]));
        }
    }
    let cache = DirectoryCache::new(dir.path());
    let cached = cache.load(&sim.gun, &[], &Limits::default()).await.expect("read");
    assert_eq!(cached.seen.file(&TopRole::Timestamp.into()).expect("seen").version, version(9));
}

#[tokio::test]
async fn cache_that_cannot_be_written_is_an_error() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let dir = tempfile::tempdir().expect("a directory");
    let trust = dir.path().join("trust");
    fs::write(&trust, "a file").expect("written");
    let error = pull(&updater(&sim, &server, &trust)).await.expect_err("no directory");
    assert!(matches!(&error, UpdateError::Cache(_)), "{error:?}");
}

#[tokio::test]
async fn forgetting_keeps_staged_changes() {
    let sim = Sim::new();
    let server = SimServer::with(&sim.files());
    let dir = tempfile::tempdir().expect("a directory");
    let updater = updater(&sim, &server, dir.path());
    pull(&updater).await.expect("trusted");
    let changes = dir.path().join("tuf/docker.io/library/app/changelist");
    fs::create_dir(&changes).expect("made");
    updater.cache().forget(&sim.gun).await.expect("forgotten");
    assert!(changes.is_dir());
    // Another collection of the same name may be met for the first time.
    let other = Sim::new();
    server.publish(&other.files());
    pull(&updater).await.expect("trusted");
}
