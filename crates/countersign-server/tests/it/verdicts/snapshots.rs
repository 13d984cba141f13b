//! Snapshots: which files belong together.

use std::collections::BTreeMap;

use countersign_core::digest::Hashes;
use countersign_core::metadata::FileMeta;

use super::Client::{Ignores, Refuses as Refused, Takes as Taken};
use super::Server::Refuses;
use super::Setting::{Delegated, Plain};
use super::case::version;
use super::{Row, hold};
use crate::setting::role;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = mixed();
    rows.extend(left_out());
    rows.extend(versions_and_times());
    rows.extend(named_for_nothing());
    rows
}

fn mixed() -> Vec<Row> {
    vec![
        Row::new(
            "a snapshot of targets that are nowhere",
            Plain,
            |case| {
                case.edit_snapshot(|snapshot| {
                    let other = FileMeta::new(Hashes::of(b"other"), 1 << 20);
                    snapshot.meta.insert("targets".to_owned(), other);
                });
            },
            Refuses("ErrBadSnapshot", "names a targets that is neither in this update"),
            Refused("Hash"),
        ),
        Row::new(
            "a snapshot with the right SHA-256 and a wrong SHA-512 of targets",
            Plain,
            |case| {
                let wrong = Hashes::of(b"other").sha512().expect("a digest");
                case.edit_snapshot(|snapshot| {
                    snapshot.meta.get_mut("targets").expect("named").hashes.insert(wrong);
                });
            },
            Refuses("ErrBadSnapshot", "targets is not the file that its snapshot names"),
            Refused("Hash"),
        ),
        Row::new(
            "a snapshot that names fewer bytes than targets has",
            Plain,
            |case| case.edit_snapshot(|of| of.meta.get_mut("targets").expect("named").length = 1),
            Refuses("ErrBadSnapshot", "its snapshot names 1"),
            Refused("Length"),
        ),
        Row::new(
            "a snapshot that names another root",
            Plain,
            |case| {
                case.edit_snapshot(|snapshot| {
                    let other = FileMeta::new(Hashes::of(b"other"), 1 << 20);
                    snapshot.meta.insert("root".to_owned(), other);
                });
            },
            Refuses("ErrBadSnapshot", "neither in this update nor the newest one on the server"),
            Refused("OtherRoot"),
        ),
        Row::new(
            "a snapshot that names fewer bytes than root has",
            Plain,
            |case| case.edit_snapshot(|of| of.meta.get_mut("root").expect("named").length = 1),
            Refuses("ErrBadSnapshot", "names another root than the one on the server"),
            Refused("Length"),
        ),
        Row::new(
            "a new snapshot of the first edition's targets",
            Plain,
            |case| {
                let old = case.old[&role("targets")].clone();
                case.next.remove(&role("targets"));
                case.edit_snapshot(|snapshot| {
                    snapshot.meta.insert("targets".to_owned(), FileMeta::of(&old));
                });
            },
            Refuses("ErrBadSnapshot", "neither in this update nor the newest one on the server"),
            Refused("Rollback"),
        )
        .ids("CVE-2025-2887"),
        Row::new(
            "new targets without the snapshot that names them",
            Plain,
            |case| drop(case.next.remove(&role("snapshot"))),
            Refuses("ErrBadHierarchy", "does not hold current snapshot key for repository"),
            Ignores("v3"),
        )
        .why("nothing names them: a client stays with the edition before, and the publisher must not think that they are out"),
        Row::new(
            "a snapshot of new targets that are not uploaded",
            Plain,
            |case| drop(case.next.remove(&role("targets"))),
            Refuses("ErrBadSnapshot", "neither in this update nor the newest one on the server"),
            Refused("Hash"),
        ),
    ]
}

fn left_out() -> Vec<Row> {
    vec![
        Row::new(
            "a snapshot without a delegated role that was published",
            Delegated,
            |case| {
                case.next.remove(&role("targets/a"));
                case.edit_snapshot(|snapshot| drop(snapshot.meta.remove("targets/a")));
            },
            Refuses("ErrBadSnapshot", "still delegated, and the snapshot no longer lists it"),
            Refused("RoleRemoved"),
        ),
        Row::new(
            "a snapshot without targets",
            Plain,
            |case| case.edit_snapshot(|snapshot| drop(snapshot.meta.remove("targets"))),
            Refuses("ErrBadSnapshot", "does not list a sha256 hash of `targets`"),
            Refused("Metadata"),
        ),
        Row::new(
            "a snapshot without root",
            Plain,
            |case| case.edit_snapshot(|snapshot| drop(snapshot.meta.remove("root"))),
            Refuses("ErrBadSnapshot", "does not list a sha256 hash of `root`"),
            Refused("Metadata"),
        ),
        Row::new(
            "a snapshot with a SHA-512 of targets and no SHA-256",
            Plain,
            |case| {
                let only = case.file("targets");
                let sha512 = Hashes::of(&only).sha512().expect("a digest");
                case.edit_snapshot(|snapshot| {
                    snapshot.meta.get_mut("targets").expect("named").hashes = sha512.into();
                });
            },
            Refuses("ErrBadSnapshot", "does not list a sha256 hash of `targets`"),
            Refused("Metadata"),
        ),
    ]
}

fn versions_and_times() -> Vec<Row> {
    vec![
        Row::new(
            "the whole first edition again",
            Plain,
            |case| {
                case.next.clone_from(&case.old);
                case.next.remove(&role("root"));
            },
            Refuses("VERSION", ""),
            Refused("Rollback"),
        ),
        Row::new(
            "an older snapshot version over new targets",
            Plain,
            |case| case.edit_snapshot(|snapshot| snapshot.version = version(1)),
            Refuses("VERSION", ""),
            Refused("Rollback"),
        ),
        Row::new(
            "the trusted snapshot version with other content",
            Plain,
            |case| case.edit_snapshot(|snapshot| snapshot.version = version(3)),
            Refuses("VERSION", ""),
            Refused("Equivocation"),
        ),
        Row::new(
            "a snapshot 1,001 versions ahead",
            Plain,
            |case| case.edit_snapshot(|snapshot| snapshot.version = version(1004)),
            Refuses("ErrBadSnapshot", "snapshot version 1004 is more than 1000 above stored version 3"),
            Taken,
        )
        .ids("NCC 2015-3")
        .why("the server bounds a fast-forward; a client cannot know what lies between"),
        Row::new(
            "a snapshot that expires at this very instant",
            Plain,
            |case| {
                let now = case.now();
                case.edit_snapshot(|snapshot| snapshot.expires = now);
            },
            Refuses("ErrBadSnapshot", "snapshot expired at"),
            Refused("Expired"),
        ),
        Row::new(
            "a snapshot that a stranger signed",
            Plain,
            |case| {
                let (keys, snapshot) = (case.stranger(), case.claim("snapshot"));
                case.put_by::<countersign_core::metadata::Snapshot>("snapshot", &snapshot, &[keys]);
            },
            Refuses("ErrBadSnapshot", "0 of 1 required signatures"),
            Refused("Signature"),
        ),
        Row::new(
            "a snapshot that the targets key signed",
            Plain,
            |case| {
                let (keys, snapshot) = (case.keys("targets"), case.claim("snapshot"));
                case.put_by::<countersign_core::metadata::Snapshot>("snapshot", &snapshot, &[keys]);
            },
            Refuses("ErrBadSnapshot", "0 of 1 required signatures"),
            Refused("Signature"),
        ),
        Row::new(
            "targets in the place of the snapshot",
            Plain,
            |case| {
                let targets = case.file("targets");
                case.next = BTreeMap::from([(role("snapshot"), targets)]);
            },
            Refuses("ErrBadSnapshot", "snapshot is not metadata that can be used"),
            Refused("Signature"),
        ),
    ]
}

/// B6: Notary takes these, and answers 404 for what they name until the next good publish.
fn named_for_nothing() -> Vec<Row> {
    ["targets/none", "targets/A", "foo", "timestamp", "snapshot", "../targets", "targets/../root"]
        .into_iter()
        .map(|name| {
            Row::new(
                format!("a snapshot that names `{name}`, which was never published"),
                Plain,
                move |case| {
                    case.edit_snapshot(|snapshot| {
                        snapshot.meta.insert(name.to_owned(), FileMeta::of(b"nothing"));
                    });
                },
                Refuses("ErrBadSnapshot", "the snapshot names"),
                Taken,
            )
            .why("a client asks only for what is delegated; an old client would ask for it and find nothing")
        })
        .collect()
}

#[tokio::test]
async fn snapshot_has_both_verdicts() {
    hold(rows()).await;
}
