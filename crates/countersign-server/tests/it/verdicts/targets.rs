//! The targets file: its versions and its time.

use countersign_core::metadata::{FileMeta, Targets};
use countersign_core::name::TargetName;

use super::Client::{Refuses as Refused, Takes as Taken};
use super::Server::{Refuses, Takes};
use super::Setting::{Online, Plain};
use super::case::version;
use super::{Row, hold};
use crate::setting::{DAY, role};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = versions();
    rows.extend(times_and_names());
    rows
}

fn versions() -> Vec<Row> {
    vec![
        Row::new(
            "targets of an older version under a new snapshot",
            Plain,
            |case| case.edit_targets("targets", |targets| targets.version = version(1)),
            Refuses("VERSION", ""),
            Refused("Rollback"),
        ),
        Row::new(
            "targets of the trusted version with other content",
            Plain,
            |case| case.edit_targets("targets", |targets| targets.version = version(3)),
            Refuses("VERSION", ""),
            Refused("Equivocation"),
        ),
        Row::new(
            "the first edition's targets, over which the server is to sign a snapshot",
            Online,
            |case| {
                let old = case.old[&role("targets")].clone();
                case.next.clear();
                case.put_file("targets", old);
            },
            Refuses("VERSION", ""),
            Refused("Rollback"),
        ),
        Row::new(
            "targets 1,000 versions ahead",
            Plain,
            |case| case.edit_targets("targets", |targets| targets.version = version(1003)),
            Takes,
            Taken,
        ),
        Row::new(
            "targets 1,001 versions ahead",
            Plain,
            |case| case.edit_targets("targets", |targets| targets.version = version(1004)),
            Refuses("ErrBadTargets", "targets version 1004 is more than 1000 above stored version 3"),
            Taken,
        )
        .ids("NCC 2015-3")
        .why("the server bounds a fast-forward; a client cannot know what lies between"),
        Row::new(
            "targets at the last version there is",
            Plain,
            |case| case.edit_targets("targets", |targets| targets.version = version(2_147_483_647)),
            Refuses("ErrBadTargets", "is more than 1000 above stored version 3"),
            Taken,
        )
        .ids("Cure53 TUF-01-002, NCC 2015-3")
        .why("the server bounds a fast-forward, so that a version is left for the next publish"),
    ]
}

fn times_and_names() -> Vec<Row> {
    vec![
        Row::new(
            "targets that expire at this very instant",
            Plain,
            |case| {
                let now = case.now();
                case.edit_targets("targets", |targets| targets.expires = now);
            },
            Refuses("ErrBadTargets", "targets expired at"),
            Refused("Expired"),
        ),
        Row::new(
            "targets that expire in a second",
            Plain,
            |case| {
                let soon = case.now().plus_seconds(1);
                case.edit_targets("targets", |targets| targets.expires = soon);
            },
            Takes,
            Taken,
        ),
        Row::new(
            "targets in the year 9999",
            Plain,
            |case| {
                let far = "9999-12-31T23:59:59Z".parse().expect("a time");
                case.edit_targets("targets", |targets| targets.expires = far);
            },
            Takes,
            Taken,
        ),
        Row::new(
            "a tag without a digest",
            Plain,
            |case| {
                let mut meta = FileMeta::of(b"x");
                meta.hashes = serde_json::from_str("{}").expect("no hashes");
                let name = TargetName::from("bare".to_owned());
                case.edit_targets("targets", |targets: &mut Targets| {
                    targets.targets.insert(name, meta);
                });
            },
            Takes,
            super::Client::Ignores("bare"),
        )
        .why("an entry without a SHA-256 means nothing, and harms no other; a client does not find it"),
        Row::new(
            "targets that the same key signed for another collection",
            Plain,
            |case| {
                let mut theirs = Targets::new(version(4), case.now().plus_seconds(DAY));
                theirs.targets.insert(TargetName::from("v1".to_owned()), FileMeta::of(b"theirs"));
                case.put("targets", &theirs);
            },
            Takes,
            Taken,
        ),
        Row::new(
            "one tag in two spellings of Unicode",
            Plain,
            |case| {
                case.edit_targets("targets", |targets: &mut Targets| {
                    for name in ["caf\u{e9}", "cafe\u{301}"] {
                        targets
                            .targets
                            .insert(TargetName::from(name.to_owned()), FileMeta::of(name.as_bytes()));
                    }
                });
            },
            Takes,
            Taken,
        ),
    ]
}

#[tokio::test]
async fn targets_have_both_verdicts() {
    hold(rows()).await;
}
