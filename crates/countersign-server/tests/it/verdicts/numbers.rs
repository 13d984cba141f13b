//! Numbers at every edge: versions and thresholds.

use super::Client::Refuses as Refused;
use super::Server::Refuses;
use super::Setting::{Delegated, Plain};
use super::{Row, hold};

/// What is no version: each in a file that its own keys signed.
const VERSIONS: &[&str] = &[
    "0",
    "-1",
    "-0",
    "1.5",
    "4.0",
    "4e0",
    "\"4\"",
    "null",
    "true",
    "[4]",
    "2147483648",
    "4294967300",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551620",
];
/// What is no threshold.
const THRESHOLDS: &[&str] =
    &["0", "-1", "1.5", "1.0", "\"1\"", "null", "[1]", "4294967296", "1099511627776", "18446744073709551617"];

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for number in VERSIONS {
        for (of, name, found) in [
            ("targets", "ErrBadTargets", r#""version":4}"#),
            ("snapshot", "ErrBadSnapshot", r#""version":4}"#),
            ("root", "ErrBadRoot", r#""version":2}"#),
        ] {
            let edit = move |case: &mut super::case::Case| {
                if of == "root" {
                    case.edit_root(|_| {});
                }
                case.edit_signed(of, found, &format!(r#""version":{number}}}"#));
            };
            let attack = format!("{of} version `{number}`");
            let server = Refuses(name, "is not metadata that can be used");
            rows.push(Row::new(attack, Plain, edit, server, Refused("Metadata")).ids("Cure53 TUF-01-002"));
        }
    }
    for number in THRESHOLDS {
        rows.extend(threshold(&format!("`{number}`"), format!(r#","threshold":{number}}}"#)));
    }
    rows.extend(threshold("that is missing", "}".to_owned()));
    rows
}

/// A threshold of a role in root, and of a delegation.
fn threshold(which: &str, written: String) -> [Row; 2] {
    let (in_root, in_targets) = (written.clone(), written);
    let rows = [
        Row::new(
            format!("a threshold {which} in root"),
            Plain,
            move |case| {
                case.edit_root(|_| {});
                case.edit_signed("root", r#","threshold":1}"#, &in_root);
            },
            Refuses("ErrBadRoot", "is not metadata that can be used"),
            Refused("Metadata"),
        ),
        Row::new(
            format!("a threshold {which} of a delegation"),
            Delegated,
            move |case| case.edit_signed("targets", r#","threshold":1}"#, &in_targets),
            Refuses("ErrBadTargets", "is not metadata that can be used"),
            Refused("Metadata"),
        ),
    ];
    rows.map(|row| row.ids("CVE-2026-23992"))
}

#[tokio::test]
async fn number_has_both_verdicts() {
    hold(rows()).await;
}
