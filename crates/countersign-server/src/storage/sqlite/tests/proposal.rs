use super::*;
use crate::storage::NewProposal;

const TIMESTAMP: &str = "timestamp 1";

fn proposal(bytes: &'static str, before: Option<&str>) -> NewProposal {
    NewProposal {
        base: Digest::sha256(TIMESTAMP.as_bytes()),
        before: before.map(|bytes| Digest::sha256(bytes.as_bytes())),
        bytes: Bytes::from(bytes),
        at: at(1),
    }
}

async fn collection(storage: &SqliteStorage, name: &str) -> Gun {
    let gun = gun(name);
    let first = publication(vec![file("root", 1), file("timestamp", 1)], None);
    storage.publish(&gun, &first).await.expect("stored");
    gun
}

#[tokio::test]
async fn proposal_takes_the_place_of_the_one_that_was_looked_at_and_of_no_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    let (g, other) = (collection(&storage, "g").await, collection(&storage, "g/other").await);
    assert_eq!(storage.proposal(&g).await.expect("read"), None);
    let refused = storage.keep_proposal(&g, &proposal("one", Some("none"))).await;
    assert!(matches!(refused, Err(StorageError::BaseChanged)));
    storage.keep_proposal(&g, &proposal("one", None)).await.expect("stored");
    storage.keep_proposal(&other, &proposal("others", None)).await.expect("stored");
    for before in [None, Some("others")] {
        let refused = storage.keep_proposal(&g, &proposal("two", before)).await;
        assert!(matches!(refused, Err(StorageError::BaseChanged)), "{before:?}");
    }
    storage.keep_proposal(&g, &proposal("two", Some("one"))).await.expect("stored");
    assert_eq!(storage.proposal(&g).await.expect("read"), Some(Bytes::from("two")));
    assert_eq!(storage.proposal(&other).await.expect("read"), Some(Bytes::from("others")));
}

#[tokio::test]
async fn proposal_is_kept_only_for_the_state_that_it_was_checked_against() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    let refused = storage.keep_proposal(&gun("nowhere"), &proposal("one", None)).await;
    assert!(matches!(refused, Err(StorageError::BaseChanged)));
    let g = collection(&storage, "g").await;
    let next = publication(vec![file("targets", 1), file("timestamp", 2)], Some(TIMESTAMP));
    storage.publish(&g, &next).await.expect("stored");
    let refused = storage.keep_proposal(&g, &proposal("one", None)).await;
    assert!(matches!(refused, Err(StorageError::BaseChanged)));
    for gun in [gun("nowhere"), g] {
        assert_eq!(storage.proposal(&gun).await.expect("read"), None);
    }
}

#[tokio::test]
async fn proposal_is_dropped_by_its_digest_at_will_and_with_its_collection() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    let (g, other) = (collection(&storage, "g").await, collection(&storage, "g/other").await);
    storage.keep_proposal(&other, &proposal("others", None)).await.expect("stored");
    let keep = async || storage.keep_proposal(&g, &proposal("one", None)).await.expect("stored");
    let kept = async || storage.proposal(&g).await.expect("read");
    keep().await;
    storage.drop_proposal(&g, Some(Digest::sha256(b"two"))).await.expect("nothing to drop");
    assert_eq!(kept().await, Some(Bytes::from("one")));
    storage.drop_proposal(&g, Some(Digest::sha256(b"one"))).await.expect("dropped");
    assert_eq!(kept().await, None);
    keep().await;
    storage.drop_proposal(&g, None).await.expect("dropped");
    assert_eq!(kept().await, None);
    keep().await;
    storage.delete(&g, at(2)).await.expect("deleted");
    assert_eq!(kept().await, None);
    assert_eq!(storage.proposal(&other).await.expect("read"), Some(Bytes::from("others")));
}

#[tokio::test]
async fn database_from_before_proposals_gets_their_table() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = open(&directory).await;
    let g = collection(&storage, "g").await;
    sqlx::query("DROP TABLE countersign_proposals").execute(&storage.writer).await.expect("dropped");
    storage.close().await;
    let storage = open(&directory).await;
    storage.keep_proposal(&g, &proposal("one", None)).await.expect("stored");
    assert_eq!(storage.proposal(&g).await.expect("read"), Some(Bytes::from("one")));
}
