mod proposal;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use bytes::Bytes;
use countersign_core::name::TopRole;
use sqlx::Row as _;

use super::*;
use crate::keys::OnlineRole;
use crate::storage::{ChangeKind, KeyRow, KeyStorage as _, NewFile, PendingKeys};

fn at(seconds: i64) -> DateTime {
    DateTime::from_unix(1_800_000_000 + seconds).expect("in range")
}

fn gun(name: &str) -> Gun {
    name.parse().expect("a GUN")
}

fn role(name: &str) -> RoleName {
    name.parse().expect("a role")
}

fn version(number: u64) -> MetaVersion {
    MetaVersion::new(number).expect("a version")
}

fn file(name: &str, number: u64) -> NewFile {
    NewFile { role: role(name), version: version(number), bytes: Bytes::from(format!("{name} {number}")) }
}

fn publication(files: Vec<NewFile>, base: Option<&str>) -> Publication {
    let base = base.map(|bytes| Digest::sha256(bytes.as_bytes()));
    Publication { files, base, at: at(0), renew_at: at(100), announce: true }
}

async fn open(directory: &tempfile::TempDir) -> SqliteStorage {
    SqliteStorage::open(&directory.path().join("trust.db")).await.expect("opened")
}

#[tokio::test]
async fn publish_stores_every_version_and_only_the_last_timestamp() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    let g = gun("g/a");
    let first = publication(vec![file("root", 1), file("targets", 1), file("timestamp", 1)], None);
    storage.publish(&g, &first).await.expect("stored");
    let second = publication(vec![file("targets", 5), file("timestamp", 2)], Some("timestamp 1"));
    storage.publish(&g, &second).await.expect("stored");

    let targets = role("targets");
    assert_eq!(storage.versions(&g, &targets).await.expect("read"), [version(1), version(5)]);
    assert_eq!(storage.versions(&g, &role("timestamp")).await.expect("read"), [version(2)]);
    let current = storage.current(&g, &targets).await.expect("read").expect("there");
    assert_eq!((current.version, current.bytes), (version(5), Bytes::from("targets 5")));
    assert_eq!(current.stored_at, Some(at(0)));
    let old = storage.by_version(&g, &targets, version(1)).await.expect("read").expect("there");
    assert_eq!(storage.by_checksum(&g, &targets, &old.sha256).await.expect("read"), Some(old.clone()));
    assert_eq!(storage.by_checksum(&g, &role("root"), &old.sha256).await.expect("read"), None);
    assert_eq!(storage.by_checksum(&gun("g"), &targets, &old.sha256).await.expect("read"), None);
    let heads = storage.heads(&g).await.expect("read");
    let heads: Vec<_> = heads.iter().map(|head| format!("{} {}", head.role, head.version)).collect();
    assert_eq!(heads, ["root 1", "targets 5", "timestamp 2"]);
}

#[tokio::test]
async fn publish_that_loses_stores_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    let g = gun("g");
    storage
        .publish(&g, &publication(vec![file("root", 1), file("targets", 2), file("timestamp", 1)], None))
        .await
        .expect("stored");
    for stale in [1, 2] {
        let lost = publication(
            vec![file("root", 2), file("targets", stale), file("timestamp", 2)],
            Some("timestamp 1"),
        );
        let error = storage.publish(&g, &lost).await.expect_err("refused");
        assert!(matches!(error, StorageError::VersionConflict { role, .. } if role == TopRole::Targets));
    }
    for base in [None, Some("timestamp 0")] {
        let lost = publication(vec![file("targets", 3), file("timestamp", 2)], base);
        let error = storage.publish(&g, &lost).await.expect_err("refused");
        assert!(matches!(error, StorageError::BaseChanged));
    }
    let heads = storage.heads(&g).await.expect("read");
    assert_eq!(heads.iter().map(|head| head.version.get()).collect::<Vec<_>>(), [1, 2, 1]);
    assert_eq!(storage.changes(None, 0, 10).await.expect("read").len(), 1);
}

#[tokio::test]
async fn changefeed_has_publishes_and_deletions_and_no_renewals() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    let (g, other) = (gun("g"), gun("g/longer"));
    for name in [&g, &other] {
        storage.publish(name, &publication(vec![file("timestamp", 1)], None)).await.expect("stored");
    }
    let renewal =
        Publication { announce: false, ..publication(vec![file("timestamp", 2)], Some("timestamp 1")) };
    storage.publish(&g, &renewal).await.expect("stored");
    assert!(storage.delete(&g, at(1)).await.expect("deleted"));
    assert!(!storage.delete(&g, at(2)).await.expect("nothing to delete"));
    assert!(storage.current(&other, &role("timestamp")).await.expect("read").is_some());

    let changes = storage.changes(None, 0, 10).await.expect("read");
    let told: Vec<_> = changes.iter().map(|change| (change.gun.as_str(), change.kind.clone())).collect();
    let update = ChangeKind::Update { version: version(1), sha256: Digest::sha256(b"timestamp 1") };
    assert_eq!(told, [("g", update.clone()), ("g/longer", update), ("g", ChangeKind::Deletion)]);
    assert_eq!(storage.changes(None, changes[0].id, 1).await.expect("read"), changes[1..2]);
}

#[tokio::test]
async fn renewals_come_due_in_order_and_can_be_moved() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    for (name, due) in [("b", 20), ("a", 10), ("c", 30)] {
        let publication = Publication { renew_at: at(due), ..publication(vec![file("timestamp", 1)], None) };
        storage.publish(&gun(name), &publication).await.expect("stored");
    }
    let due = async |seconds, limit| storage.renewals_due(at(seconds), limit).await.expect("read");
    assert_eq!(due(9, 10).await, []);
    assert_eq!(due(20, 10).await, [gun("a"), gun("b")]);
    assert_eq!(due(99, 1).await, [gun("a")]);
    storage.postpone_renewal(&gun("a"), at(50)).await.expect("moved");
    assert_eq!(due(49, 10).await, [gun("b"), gun("c")]);
    storage.hasten_renewals(at(25)).await.expect("moved");
    assert_eq!(due(25, 10).await.len(), 3);
    storage.delete(&gun("b"), at(0)).await.expect("deleted");
    assert_eq!(due(25, 10).await.len(), 2);
}

#[tokio::test]
async fn unused_key_is_found_until_it_has_signed() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    let row = |key_id: &str| KeyRow {
        key_id: key_id.to_owned(),
        gun: gun("g"),
        role: OnlineRole::Timestamp,
        algorithm: "ecdsa".to_owned(),
        public: vec![1],
        sealed: vec![2],
        used: false,
    };
    let add =
        async |id| storage.add_key(row(id), at(0), PendingKeys::default()).await.expect("stored").key_id;
    assert_eq!(add("one").await, "one");
    assert_eq!(add("two").await, "one");
    let unused = async |role| storage.unused_key(&gun("g"), role, "ecdsa", at(0)).await.expect("read");
    assert_eq!(unused(OnlineRole::Timestamp).await, Some(row("one")));
    assert_eq!(unused(OnlineRole::Snapshot).await, None);
    storage.mark_used("one", at(1)).await.expect("noted");
    assert_eq!(unused(OnlineRole::Timestamp).await, None);
    assert!(storage.key(&gun("g"), OnlineRole::Timestamp, "one").await.expect("read").expect("there").used);
    for (name, role) in [("h", OnlineRole::Timestamp), ("g", OnlineRole::Snapshot)] {
        assert_eq!(storage.key(&gun(name), role, "one").await.expect("read"), None);
    }
}

#[tokio::test]
async fn neighbours_on_one_file_lose_no_publish_and_break_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let (left, right) = (open(&directory).await, open(&directory).await);
    let g = gun("g");
    left.publish(&g, &publication(vec![file("targets", 1), file("timestamp", 1)], None))
        .await
        .expect("stored");
    let run = async |storage: SqliteStorage| {
        let mut stored = 0;
        while stored < 10 {
            let heads = storage.heads(&g).await.expect("read");
            let next = heads[0].version.get() + 1;
            let mut publication = publication(vec![file("targets", next), file("timestamp", next)], None);
            publication.base = Some(heads[1].sha256);
            match storage.publish(&g, &publication).await {
                Ok(()) => stored += 1,
                Err(StorageError::BaseChanged) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    tokio::join!(run(left.clone()), run(right.clone()));
    assert_eq!(left.versions(&g, &role("targets")).await.expect("read").len(), 21);
    assert_eq!(right.changes(None, 0, 100).await.expect("read").len(), 21);
}

#[tokio::test]
async fn database_of_notary_is_picked_up_where_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trust.db");
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path).create_if_missing(true))
        .await
        .expect("opened");
    let theirs = "CREATE TABLE tuf_files (id INTEGER PRIMARY KEY, created_at datetime, updated_at datetime, \
         deleted_at datetime, gun varchar(255) NOT NULL, role varchar(255) NOT NULL, version integer NOT NULL, \
         data blob NOT NULL, sha256 varchar(64), extra text, UNIQUE (gun, role, version)); \
         INSERT INTO tuf_files (created_at, gun, role, version, data, sha256, extra) VALUES \
         ('2021-07-01 10:00:00', 'g', 'root', 1, CAST('root' AS BLOB), NULL, 'kept'), \
         ('2021-07-01 10:00:00', 'g', 'timestamp', 7, CAST('t7' AS BLOB), NULL, NULL), \
         ('2021-06-01 10:00:00', 'g', 'timestamp', 6, CAST('t6' AS BLOB), NULL, NULL)";
    sqlx::Executor::execute(&pool, theirs).await.expect("made");
    pool.close().await;

    for _ in 0..2 {
        let storage = open(&directory).await;
        let root = storage.current(&gun("g"), &role("root")).await.expect("read").expect("there");
        assert_eq!(root.stored_at.map(|at| at.to_string()).as_deref(), Some("2021-07-01T10:00:00Z"));
        assert_eq!(root.sha256, Digest::sha256(b"root"));
        assert_eq!(storage.heads(&gun("g")).await.expect("read").len(), 2);
        assert_eq!(storage.renewals_due(at(0), 10).await.expect("read"), [gun("g")]);
        let extra: String = sqlx::query("SELECT extra FROM tuf_files WHERE role = 'root'")
            .fetch_one(&storage.readers)
            .await
            .and_then(|row| row.try_get(0))
            .expect("still there");
        assert_eq!(extra, "kept");
        storage.close().await;
    }
}

#[tokio::test]
async fn database_of_a_later_program_or_no_database_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    sqlx::query("PRAGMA user_version = 99").execute(&storage.writer).await.expect("set");
    storage.close().await;
    let path = directory.path().join("trust.db");
    let error = SqliteStorage::open(&path).await.expect_err("refused");
    assert!(matches!(error, StorageError::Schema { found: 99, .. }));
    let garbage = directory.path().join("garbage.db");
    std::fs::write(&garbage, "x".repeat(5000)).expect("written");
    assert!(matches!(SqliteStorage::open(&garbage).await, Err(StorageError::Backend { .. })));
    let nowhere = directory.path().join("no/such/trust.db");
    assert!(matches!(SqliteStorage::open(&nowhere).await, Err(StorageError::Backend { .. })));
}

#[tokio::test]
async fn row_that_was_changed_behind_the_servers_back_is_not_served() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    storage.publish(&gun("g"), &publication(vec![file("timestamp", 1)], None)).await.expect("stored");
    sqlx::query("UPDATE tuf_files SET data = 'other'").execute(&storage.writer).await.expect("changed");
    let error = storage.current(&gun("g"), &role("timestamp")).await.expect_err("refused");
    assert!(matches!(error, StorageError::Row { .. }));
}

#[tokio::test]
async fn publish_on_a_full_disk_stores_nothing_and_works_again_later() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    let g = gun("g");
    storage
        .publish(&g, &publication(vec![file("root", 1), file("timestamp", 1)], None))
        .await
        .expect("stored");
    let pages = async |limit: &'static str| {
        sqlx::query(limit).fetch_one(&storage.writer).await.expect("set");
    };
    pages("PRAGMA max_page_count = 20").await;
    let mut large =
        publication(vec![file("root", 2), file("targets", 1), file("timestamp", 2)], Some("timestamp 1"));
    large.files[1].bytes = Bytes::from(vec![b'x'; 1 << 20]);
    let error = storage.publish(&g, &large).await.expect_err("full");
    assert!(matches!(error, StorageError::Backend { .. }));
    assert_eq!(storage.heads(&g).await.expect("read").len(), 2);
    pages("PRAGMA max_page_count = 1000000").await;
    storage.publish(&g, &large).await.expect("stored");
    assert_eq!(storage.heads(&g).await.expect("read").len(), 3);
}

#[tokio::test]
async fn heads_take_one_step_of_the_index_per_role() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    assert_eq!(storage.heads(&gun("g")).await.expect("read"), []);
    for name in ["f", "g", "h"] {
        let files = vec![file("root", 1), file("targets", 3), file("targets/a", 2), file("timestamp", 1)];
        storage.publish(&gun(name), &publication(files, None)).await.expect("stored");
    }
    let heads = storage.heads(&gun("g")).await.expect("read");
    let heads: Vec<_> = heads.iter().map(|head| format!("{} {}", head.role, head.version)).collect();
    assert_eq!(heads, ["root 1", "targets 3", "targets/a 2", "timestamp 1"]);
}

#[cfg(unix)]
#[tokio::test]
async fn database_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    storage.publish(&gun("g"), &publication(vec![file("timestamp", 1)], None)).await.expect("stored");
    for file in std::fs::read_dir(directory.path()).expect("there") {
        let file = file.expect("there");
        let mode = file.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", file.file_name());
    }
}

const VICTIM: &str = "COUNTERSIGN_TEST_DATABASE";

/// Runs in a process of its own, until that is killed.
#[tokio::test]
#[ignore = "the victim of the next test"]
async fn victim_publishes_until_it_is_killed() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let storage = SqliteStorage::open(Path::new(&path)).await.expect("opened");
    let mut base = None;
    let mut number = 0;
    if let Some(head) = storage.current(&gun("g"), &role("timestamp")).await.expect("read") {
        (base, number) = (Some(head.sha256), head.version.get());
    }
    loop {
        number += 1;
        let files = ["root", "snapshot", "targets", "timestamp"].map(|name| file(name, number)).to_vec();
        let next = Digest::sha256(&files[3].bytes);
        let publication = Publication { base, ..publication(files, None) };
        storage.publish(&gun("g"), &publication).await.expect("stored");
        base = Some(next);
    }
}

#[tokio::test]
async fn process_that_is_killed_leaves_whole_publishes_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trust.db");
    let storage = SqliteStorage::open(&path).await.expect("opened");
    let mut reached = 0;
    for _ in 0..5 {
        let mut victim = Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "storage::sqlite::tests::victim_publishes_until_it_is_killed"])
            .env(VICTIM, &path)
            .stdout(Stdio::null())
            .spawn()
            .expect("started");
        let goal = reached + 3;
        while storage.versions(&gun("g"), &role("root")).await.expect("read").len() < goal {
            tokio::task::yield_now().await;
        }
        victim.kill().expect("killed");
        victim.wait().expect("gone");
        let heads = storage.heads(&gun("g")).await.expect("read");
        let versions: BTreeSet<_> = heads.iter().map(|head| head.version).collect();
        assert_eq!((heads.len(), versions.len()), (4, 1), "{heads:?}");
        reached = storage.versions(&gun("g"), &role("root")).await.expect("read").len();
        assert_eq!(storage.changes(None, 0, 100_000).await.expect("read").len(), reached);
    }
}

#[tokio::test]
async fn write_that_is_given_up_half_way_leaves_nothing_and_blocks_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    let g = gun("g");
    let files = publication(vec![file("root", 1), file("timestamp", 1)], None);
    for polls in 1..12 {
        let mut write = Box::pin(storage.publish(&g, &files));
        for _ in 0..polls {
            let pending =
                std::future::poll_fn(|context| std::task::Poll::Ready(write.as_mut().poll(context))).await;
            if pending.is_ready() {
                storage.delete(&g, at(0)).await.expect("deleted");
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(write);
        let heads = storage.heads(&g).await.expect("read").len();
        assert!(heads == 0 || heads == 2, "{heads} after {polls} polls");
        storage.delete(&g, at(0)).await.expect("not blocked");
    }
}
