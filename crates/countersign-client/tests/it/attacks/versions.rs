//! Old files, mixed files, files that are missing, and versions that run ahead.

use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;

use super::table::Outcome::{Means, Refused, Unheard};
use super::table::{Row, hold};
use crate::collection::{role, version};

/// What is no version.
const NUMBERS: [&str; 9] =
    ["0", "-1", "1.5", "10.0", "1e1", "\"10\"", "2147483648", "9007199254740993", "18446744073709551626"];

pub(super) fn rows() -> Vec<Row> {
    let mut rows = old();
    rows.extend(missing());
    rows.extend(mixed());
    rows.extend(equal_and_last());
    rows.extend(numbers());
    rows
}

/// Rollback of one role inside of what is newer.
fn old() -> Vec<Row> {
    vec![
        Row::new(
            "a new snapshot of the first edition's targets",
            Refused("Rollback", "targets version 1"),
            |case| {
                let old = case.old.roles[&role("targets")].clone();
                case.put("targets", old);
            },
        )
        .known()
        .ids("CVE-2025-2887"),
        Row::new(
            "a new snapshot of the first edition's `targets/releases`",
            Refused("Rollback", "targets/releases version 1"),
            |case| {
                let old = case.old.roles[&role("targets/releases")].clone();
                case.put("targets/releases", old);
            },
        )
        .known()
        .ids("CVE-2022-29173"),
        Row::new(
            "the first edition's snapshot under a new timestamp",
            Refused("Rollback", "snapshot version 1"),
            |case| {
                let old = case.old.snapshot.clone();
                case.put("snapshot", old);
            },
        )
        .known(),
        Row::new("the first edition's timestamp", Refused("Rollback", "timestamp version 1"), |case| {
            let old = case.old.timestamp.clone();
            case.put("timestamp", old);
        })
        .known()
        .ids("CVE-2025-2888"),
    ]
}

/// Roles that disappear.
fn missing() -> Vec<Row> {
    vec![
        Row::new(
            "a snapshot without `targets/releases`",
            Refused("RoleRemoved", "no longer lists it"),
            |case| {
                case.unlist("targets/releases");
            },
        )
        .known(),
        Row::new(
            "a snapshot without `targets/releases`, at first use",
            Refused("Releases", "nothing of it"),
            |case| {
                case.unlist("targets/releases");
            },
        )
        .stranger(),
        Row::new(
            "a snapshot without `targets/releases`, whose delegation was taken back",
            Means("first"),
            |case| {
                case.unlist("targets/releases");
                case.sim.targets("targets").delegations.roles.clear();
                case.sim.targets("targets").delegations.keys.clear();
                case.sim.roles.remove(&role("targets/releases"));
                case.sim.snapshot.meta.remove("targets/releases");
            },
        ),
        Row::new("a snapshot without targets", Refused("Metadata", "snapshot"), |case| {
            case.unlist("targets");
        }),
    ]
}

/// Files that do not belong together.
fn mixed() -> Vec<Row> {
    vec![
        Row::new(
            "a snapshot of the first edition's root, under a later root",
            Refused("OtherRoot", "another root"),
            |case| {
                case.sim.next_root();
                case.sim.root.expires = case.sim.root.expires.plus_seconds(1);
                let old = case.old.root.clone();
                let files = case.files();
                let mut snapshot = case.sim.snapshot.clone();
                for (of, file) in &files.roles {
                    snapshot.meta.insert(of.to_string(), FileMeta::of(file));
                }
                snapshot.meta.insert("root".to_owned(), FileMeta::of(&[&old[..], b" "].concat()));
                let keys = case.keys("snapshot");
                let file =
                    countersign_core::author::sign(&role("snapshot"), &snapshot, &[keys], &case.sim.ring);
                case.put("snapshot", file.expect("signed"));
            },
        ),
        Row::new(
            "targets of another snapshot than the one that is served",
            Refused("Hash", "targets"),
            |case| {
                let snapshot = case.file("snapshot");
                case.put("snapshot", snapshot);
                case.sim.set_in("targets", "v1", b"other");
                case.sim.targets("targets").version = version(11);
            },
        ),
        Row::new(
            "a snapshot of another timestamp than the one that is served",
            Refused("Hash", "snapshot"),
            |case| {
                let timestamp = case.file("timestamp");
                case.put("timestamp", timestamp);
                case.sim.snapshot.version = version(11);
            },
        ),
        Row::new("a role in the snapshot that nobody delegates to", Unheard, |case| {
            case.sim.snapshot.meta.insert("targets/evil".to_owned(), FileMeta::of(b"evil"));
            case.sim.snapshot.meta.insert("../root".to_owned(), FileMeta::of(b"evil"));
        }),
    ]
}

fn equal_and_last() -> Vec<Row> {
    let equal = ["timestamp", "snapshot", "targets", "targets/releases"].into_iter().map(|of| {
        Row::new(
            format!("the trusted version of {of} with other content"),
            Refused("Equivocation", "differs"),
            move |case| {
                let later = case.sim.timestamp.expires.plus_seconds(60);
                let second = version(2);
                match of {
                    "timestamp" => (case.sim.timestamp.version, case.sim.timestamp.expires) = (second, later),
                    "snapshot" => (case.sim.snapshot.version, case.sim.snapshot.expires) = (second, later),
                    of => {
                        let targets = case.sim.targets(of);
                        (targets.version, targets.expires) = (second, later);
                    }
                }
            },
        )
        .known()
    });
    let last = [TopRole::Timestamp, TopRole::Snapshot, TopRole::Targets].into_iter().map(|top| {
        // What was seen of this is void once its key is another: `fast_forward_is_recovered_from_by_new_keys`.
        Row::new(format!("the last {top} version there is"), Means("second"), move |case| {
            let last = version(0x7fff_ffff);
            match top {
                TopRole::Timestamp => case.sim.timestamp.version = last,
                TopRole::Snapshot => case.sim.snapshot.version = last,
                _ => case.sim.targets("targets").version = last,
            }
        })
        .ids("NCC 2015-3")
    });
    equal.chain(last).collect()
}

fn numbers() -> Vec<Row> {
    let roles = ["timestamp", "snapshot", "targets", "targets/releases", "root"];
    let row = |of: &'static str| {
        NUMBERS.map(|number| {
            let row = Row::new(format!("{of} version `{number}`"), Refused("Metadata", of), move |case| {
                let written = if of == "root" { "\"version\":1}" } else { "\"version\":10}" };
                case.edit_signed(of, written, &format!("\"version\":{number}}}"));
            });
            row.ids("Cure53 TUF-01-002")
        })
    };
    roles.into_iter().flat_map(row).collect()
}

#[tokio::test]
async fn version_has_its_outcome() {
    hold(rows()).await;
}
