//! Staged changes on disk.

use std::fs;

use countersign_client::changelist::{ChangeList, ChangeListError, StagedBy};
use countersign_core::author::Change;
use countersign_core::metadata::FileMeta;
use countersign_core::name::Gun;

use crate::collection::{name, now, role};

fn gun() -> Gun {
    "docker.io/library/app".parse().expect("a GUN")
}

fn set(tag: &str) -> Change {
    Change::SetTarget { role: role("targets"), name: name(tag), meta: FileMeta::of(tag.as_bytes()) }
}

#[tokio::test]
async fn changes_come_back_in_their_order_and_are_removed_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let list = ChangeList::new(dir.path(), gun());
    assert!(list.list().await.expect("nothing").is_empty());
    assert!(!dir.path().join("tuf").exists());
    list.add(&[set("a"), set("b")], now()).await.expect("staged");
    list.add(&[set("c")], now().plus_seconds(1)).await.expect("staged");
    let staged = list.list().await.expect("read");
    let changes: Vec<_> = staged.iter().map(|staged| staged.change.clone()).collect();
    assert_eq!(changes, [set("a"), set("b"), set("c")]);
    for staged in &staged {
        let (nanos, rest) = staged.file.split_once('_').expect("two parts");
        assert_eq!((nanos.len(), rest.len()), (20, 36 + ".change".len()), "{}", staged.file);
        assert_eq!(rest.as_bytes()[14], b'4');
    }
    list.remove(&[staged[1].file.clone(), "../x".to_owned()]).await.expect("removed");
    assert_eq!(list.list().await.expect("read").len(), 2);
    list.clear().await.expect("cleared");
    assert!(list.list().await.expect("read").is_empty());
    assert_eq!(fs::read_dir(list.directory()).expect("listed").count(), 0);
}

#[tokio::test]
async fn file_that_is_no_change_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let list = ChangeList::new(dir.path(), gun());
    list.add(&[set("a")], now()).await.expect("staged");
    fs::write(list.directory().join("00000000000000000001_x.change"), "{").expect("written");
    let error = list.list().await.expect_err("unreadable");
    let ChangeListError::Unreadable { file, .. } = &error else { panic!("{error:?}") };
    assert!(file.ends_with("changelist/00000000000000000001_x.change"), "{file}");
    list.clear().await.expect("cleared");
    assert!(list.list().await.expect("read").is_empty());
}

#[tokio::test]
async fn what_a_push_stages_goes_with_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let list = ChangeList::new(dir.path(), gun());
    list.add(&[set("mine")], now()).await.expect("staged");
    let push = list.stage_push(&[set("pushed")], now()).await.expect("staged");
    let staged_by = || async {
        list.list().await.expect("read").into_iter().map(|staged| staged.staged_by).collect::<Vec<_>>()
    };
    assert_eq!(staged_by().await, [StagedBy::Author, StagedBy::Push]);
    // A living push is left alone.
    assert!(list.drop_left_over().await.expect("looked").is_empty());
    list.clear().await.expect("cleared");
    assert_eq!(staged_by().await, [StagedBy::Push]);
    drop(push);
    assert!(staged_by().await.is_empty());
}

#[tokio::test]
async fn what_a_dead_push_left_is_dropped_and_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let list = ChangeList::new(dir.path(), gun());
    list.add(&[set("mine")], now()).await.expect("staged");
    let push = list.stage_push(&[set("pushed")], now()).await.expect("staged");
    let file = list.list().await.expect("read").into_iter().find(|staged| staged.staged_by == StagedBy::Push);
    let path = list.directory().join(file.expect("staged").file);
    let content = fs::read(&path).expect("read");
    drop(push);
    // A killed process removes nothing, and its lock is gone.
    fs::write(&path, content).expect("written");
    let dropped = list.drop_left_over().await.expect("dropped");
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0].change, set("pushed"));
    let left = list.list().await.expect("read");
    assert_eq!((left.len(), &left[0].change), (1, &set("mine")));
}
