//! Bytes: JSON with two readings, or none.

use super::Client::{Refuses as Refused, Takes as Taken};
use super::Server::{Refuses, Takes};
use super::Setting::Plain;
use super::case::version;
use super::{Row, hold};

/// What is no metadata at all is answered with another code than what is bad metadata.
const NO_JSON: Server = Refuses("MALFORMED_JSON", "");
const NO_METADATA: Server = Refuses("ErrBadTargets", "targets is not metadata that can be used");
type Server = super::Server;

/// Replaces text of the targets file, signatures as they are.
fn damaged(attack: &'static str, from: &'static str, to: impl Into<String>, server: Server) -> Row {
    let to = to.into();
    Row::new(attack, Plain, move |case| case.damage("targets", from, &to), server, Refused("Metadata"))
}

/// Replaces text of the signed part of the targets file, and signs that.
fn signed(attack: &'static str, from: &'static str, to: &'static str, server: Server) -> Row {
    let edit = move |case: &mut super::case::Case| case.edit_signed("targets", from, to);
    Row::new(attack, Plain, edit, server, Refused("Metadata"))
}

/// Uploads something else as the targets file.
fn replaced(attack: &'static str, with: impl Into<Vec<u8>>, server: Server) -> Row {
    let with = with.into();
    let edit = move |case: &mut super::case::Case| case.put_file("targets", with.clone());
    Row::new(attack, Plain, edit, server, Refused("Metadata"))
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = beside_what_is_signed();
    rows.extend(two_readings());
    rows.extend(other_shapes());
    rows
}

/// Cure53 TUF-01-001: what no signature covers would poison the collection.
fn beside_what_is_signed() -> Vec<Row> {
    let start = r#"{"signed""#;
    let rows = vec![
        damaged("a member beside the signed part", start, r#"{"extra":1,"signed""#, NO_METADATA),
        damaged("a member `Signed` beside the signed part", start, r#"{"Signed":{},"signed""#, NO_METADATA),
        damaged("two lists of signatures", start, r#"{"signatures":[],"signed""#, NO_METADATA),
        damaged("two signed parts", start, r#"{"signed":{},"signed""#, NO_METADATA),
        Row::new(
            "bytes after the file",
            Plain,
            |case| {
                let file = [&case.file("targets")[..], b"x"].concat();
                case.put_file("targets", file);
            },
            NO_JSON,
            Refused("Metadata"),
        ),
        Row::new(
            "the file twice",
            Plain,
            |case| {
                let file = case.file("targets");
                case.put_file("targets", [&file[..], &file].concat());
            },
            NO_JSON,
            Refused("Metadata"),
        ),
        Row::new(
            "a space after the file",
            Plain,
            |case| {
                let file = [&case.file("targets")[..], b" "].concat();
                case.put_file("targets", file);
            },
            Takes,
            Taken,
        ),
    ];
    rows.into_iter().map(|row| row.ids("Cure53 TUF-01-001")).collect()
}

fn two_readings() -> Vec<Row> {
    let kind = r#""_type":"Targets""#;
    vec![
        signed("a repeated member", kind, r#""_type":"Targets","_type":"Targets""#, NO_METADATA),
        signed("a member in another case", kind, r#""_Type":"Root","_type":"Targets""#, NO_METADATA),
        signed(
            "a tag that is there twice",
            r#""v1":{"#,
            r#""v1":{"hashes":{},"length":1},"v1":{"#,
            NO_METADATA,
        ),
        signed("a fraction", r#""length":3"#, r#""length":3.0"#, NO_METADATA),
        signed("an integer beyond 2^53", r#""length":3"#, r#""length":9007199254740993"#, NO_METADATA),
        signed("a negative length", r#""length":3"#, r#""length":-3"#, NO_METADATA),
        signed("half of a surrogate pair", r#""v1":{"#, r#""v1\ud800":{"#, NO_JSON),
        signed("a number that is none", r#""length":3"#, r#""length":NaN"#, NO_JSON),
        replaced("a byte order mark", "\u{feff}{\"signed\":{},\"signatures\":[]}", NO_JSON),
        replaced("bytes that are no UTF-8", *b"{\"signed\":{\"a\":\"\xff\"},\"signatures\":[]}", NO_JSON),
        signed("an unknown `_type`", kind, r#""_type":"Other""#, NO_METADATA),
        signed("a `_type` in another case", kind, r#""_type":"targets""#, NO_METADATA),
        signed("the `_type` of another role", kind, r#""_type":"Root""#, NO_METADATA),
        Row::new(
            "a member in the signed part that nobody knows",
            Plain,
            |case| case.edit_signed("targets", r#"{"_type""#, r#"{"Zebra":[1,"x"],"_type""#),
            Takes,
            Taken,
        )
        .mend(|case| {
            // A publisher that does not know the member does not sign it again: the edition without it follows.
            case.next.clone_from(&case.honest);
            case.edit_targets("targets", |targets| targets.version = version(5));
            case.edit_snapshot(|snapshot| snapshot.version = version(5));
        }),
    ]
}

/// CVE-2026-23991: JSON that is no metadata, before any signature.
fn other_shapes() -> Vec<Row> {
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!("{{\"signed\":{{\"a\":{open}{close}}},\"signatures\":[]}}")
    };
    let rows = vec![
        replaced("nothing", "", NO_JSON),
        replaced("a web page", "<html>", NO_JSON),
        replaced("half a file", "{\"signed\":{", NO_JSON),
        replaced("`null`", "null", NO_METADATA),
        replaced("a list", "[]", NO_METADATA),
        replaced("a number", "1", NO_METADATA),
        replaced("a signed part of `null`", r#"{"signed":null,"signatures":[]}"#, NO_METADATA),
        replaced("a signed part that is a list", r#"{"signed":[],"signatures":[]}"#, NO_METADATA),
        Row::new(
            "a signed part that is empty",
            Plain,
            |case| case.put_file("targets", r#"{"signed":{},"signatures":[]}"#),
            NO_METADATA,
            Refused("Signature"),
        ),
        replaced("signatures that are an object", r#"{"signed":{},"signatures":{}}"#, NO_METADATA),
        replaced("a list for an object around everything", "[{},[]]", NO_METADATA),
        signed("a list of targets", r#""targets":{"#, r#""targets":[],"x":{"#, NO_METADATA),
        signed("a list for delegations", r#""delegations":{"#, r#""delegations":[],"x":{"#, NO_METADATA),
        signed("an expiry that is a number", r#""expires":""#, r#""expires":1,"x":""#, NO_METADATA),
        replaced("200 levels of lists", deep(200), NO_JSON),
        replaced("a million levels of lists", deep(1_000_000), NO_JSON),
    ];
    rows.into_iter().map(|row| row.ids("CVE-2026-23991")).collect()
}

#[tokio::test]
async fn document_has_both_verdicts() {
    hold(rows()).await;
}
