//! Bytes with two readings, or none: in a file that its own keys signed, where there is something to sign.

use super::table::Outcome::{Means, Refused};
use super::table::{Row, hold};

const ROLES: [&str; 5] = ["root", "timestamp", "snapshot", "targets", "targets/releases"];

/// The `_type` of a role's file.
fn kind(of: &str) -> &'static str {
    match of {
        "root" => "Root",
        "timestamp" => "Timestamp",
        "snapshot" => "Snapshot",
        _ => "Targets",
    }
}

/// Replaces the `_type` member of a file, and signs that. `KIND` stands for the right name.
fn typed(of: &'static str, attack: &str, with: &'static str) -> Row {
    Row::new(format!("{of}: {attack}"), Refused("Metadata", of), move |case| {
        let right = format!(r#""_type":"{}""#, kind(of));
        case.edit_signed(of, &right, &with.replace("KIND", kind(of)));
    })
}

/// Puts other bytes in place of a file.
fn replaced(of: &'static str, attack: &str, with: impl Fn(&[u8]) -> Vec<u8> + 'static) -> Row {
    Row::new(format!("{of}: {attack}"), Refused("Metadata", of), move |case| {
        let file = case.file(of);
        case.put(of, with(&file));
    })
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for of in ROLES {
        rows.extend([
            typed(of, "an unknown `_type`", r#""_type":"Other""#),
            typed(of, "a `_type` in another case", r#""_type":"kIND""#),
            typed(of, "a repeated member", r#""_type":"KIND","_type":"KIND""#),
            typed(of, "a member in another case", r#""_Type":"Root","_type":"KIND""#),
            typed(of, "a member that is escaped", r#""_typ\u0065":"Other","_type":"KIND""#),
            typed(of, "a fraction", r#""_type":"KIND","x":1.0"#),
            typed(of, "a number beyond 2^53", r#""_type":"KIND","x":9007199254740993"#),
            typed(of, "half of a surrogate pair", r#""_type":"KIND","x":"\ud800""#),
            typed(of, "a number that is none", r#""_type":"KIND","x":NaN"#),
            replaced(of, "bytes after the file", |file| [file, b"x"].concat()).ids("Cure53 TUF-01-001"),
            replaced(of, "the file twice", |file| [file, file].concat()).ids("Cure53 TUF-01-001"),
            replaced(of, "a byte order mark", |file| ["\u{feff}".as_bytes(), file].concat()),
            replaced(of, "a member beside the signed part", |file| [b"{\"extra\":1,", &file[1..]].concat())
                .ids("Cure53 TUF-01-001"),
            replaced(of, "bytes that are no UTF-8", |_| {
                b"{\"signed\":{\"a\":\"\xff\"},\"signatures\":[]}".to_vec()
            }),
            replaced(of, "nothing", |_| Vec::new()).ids("CVE-2026-23991"),
            replaced(of, "`null`", |_| b"null".to_vec()).ids("CVE-2026-23991"),
            replaced(of, "a signed part of `null`", |_| br#"{"signed":null,"signatures":[]}"#.to_vec())
                .ids("CVE-2026-23991"),
            replaced(of, "signatures that are an object", |_| br#"{"signed":{},"signatures":{}}"#.to_vec())
                .ids("CVE-2026-23991"),
            replaced(of, "ten thousand levels of lists", |_| {
                let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
                format!("{{\"signed\":{{\"a\":{open}{close}}},\"signatures\":[]}}").into_bytes()
            })
            .ids("CVE-2026-23991"),
        ]);
    }
    rows.push(Row::new("one tag in two spellings of Unicode", Means("second"), |case| {
        case.sim.set_in("targets/releases", "caf\u{e9}", b"one");
        case.sim.set_in("targets/releases", "cafe\u{301}", b"two");
    }));
    rows.push(Row::new("a tag whose look-alike is another", Means("second"), |case| {
        case.sim.set_in("targets/releases", "\u{475}1", b"evil");
        case.sim.set_in("targets/releases", "V1", b"evil");
    }));
    rows
}

#[tokio::test]
async fn document_has_its_outcome() {
    hold(rows()).await;
}
