//! The two readers, of files in canonical form and of all others, read the same, and refuse what has two readings.

use bytes::Bytes;
use countersign_core::author::{AuthorError, Change, Draft};
use countersign_core::limits::Limits;
use countersign_core::metadata::{
    Document, Envelope, FileMeta, MetadataError, Root, Snapshot, Targets, Timestamp,
};

use crate::simulator::{Sim, key, name, now, role};

fn parse(file: impl Into<Bytes>) -> Result<Envelope, MetadataError> {
    Envelope::parse(file.into(), &Limits::default())
}

/// Reads `signed` as it stands, and with a space put before it, which the reader of canonical files leaves to the other.
fn both<T: Document>(signed: &str) -> [Result<T, MetadataError>; 2] {
    ["", " "].map(|space| {
        parse(format!(r#"{{"signed":{space}{signed},"signatures":[]}}"#)).and_then(|file| file.claim())
    })
}

fn refused<T: Document>(signed: &str) -> [MetadataError; 2] {
    both::<T>(signed).map(|read| read.map(|_| signed.to_owned()).expect_err("it must be refused"))
}

fn canonical<T: Document>(document: &T) -> String {
    let mut message = Vec::new();
    document.write_canonical(&mut message);
    String::from_utf8(message).expect("UTF-8")
}

/// Replaces `from`, which must be there.
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

/// A targets document with a target, a delegation and its key.
fn targets() -> String {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &["a"]);
    canonical(sim.targets("targets"))
}

/// The text of the first object after `after`, braces included.
fn object_after<'a>(text: &'a str, after: &str) -> &'a str {
    let start = text.find(after).expect("it is there") + after.len();
    let end = start + text[start..].find('}').expect("it ends");
    &text[start..=end]
}

/// Go reads an object into a struct, and never a list.
#[test]
fn list_in_place_of_an_object_is_refused() {
    let root = canonical(&Sim::new().root);
    let spec = object_after(&root, r#""targets":"#);
    let listed = with(&with(spec, r#"{"keyids":"#, "["), r#","threshold":1}"#, ",1]");
    refused::<Root>(&with(&root, spec, &listed));
    let keyval = object_after(&root, r#""keyval":"#);
    let listed = with(&with(keyval, r#"{"private":"#, "["), r#""public":"#, "").replace('}', "]");
    refused::<Root>(&with(&root, keyval, &listed));
    for file in [
        "[{},[]]",
        r#"[{"a":1},[]]"#,
        r#"{"signed":{},"signatures":[["a","ecdsa","AAAA"]]}"#,
        r#"{"signed":{}, "signatures":[["a","ecdsa","AAAA"]]}"#,
    ] {
        assert!(parse(file).is_err(), "{file} was accepted");
    }
}

/// The name by which the JSON library asks itself for unread text is a name like any other in a file.
#[test]
fn text_is_never_read_as_json() {
    let text = serde_json::to_string(&canonical(&Sim::new().root)).expect("JSON");
    refused::<Root>(&format!(r#"{{"$serde_json::private::RawValue":{text}}}"#));
    let custom = r#"{"$serde_json::private::RawValue":"1.5"}"#;
    let targets = with(&targets(), r#""v1":{"#, &format!(r#""v1":{{"custom":{custom},"#));
    for read in both::<Targets>(&targets) {
        let meta =
            read.expect("an odd note is a note").targets.find(&name("v1")).expect("there").into_owned();
        assert_eq!(meta.custom.expect("it has a note").to_string(), custom);
    }
}

/// Notary's reader takes a field in any case, and the last of several; ours takes none but the right one.
#[test]
fn field_in_another_case_is_refused_wherever_it_stands() {
    let (root, targets) = (canonical(&Sim::new().root), targets());
    let spec = object_after(&root, r#""targets":"#);
    for near in ["Keyids", "KEYIDS", "\u{212a}eyids", "keyid\u{17f}", "Threshold"] {
        let two = with(spec, "{", &format!(r#"{{"{near}":1,"#));
        for error in refused::<Root>(&with(&root, spec, &two)) {
            assert!(matches!(&error, MetadataError::NearMiss { found, .. } if found == near), "{error:?}");
        }
    }
    for near in ["Keytype", "KeyVal"] {
        refused::<Root>(&with(&root, r#"{"keytype":"#, &format!(r#"{{"{near}":1,"keytype":"#)));
    }
    for near in ["Private", "PUBLIC"] {
        refused::<Root>(&with(&root, r#""keyval":{"#, &format!(r#""keyval":{{"{near}":"","#)));
    }
    for (at, near) in [
        (r#""delegations":{"#, "Roles"),
        (r#"{"keyids":"#, "Paths"),
        (r#""v1":{"#, "Custom"),
        ("{", "Version"),
        ("{", "expire\u{17f}"),
    ] {
        let field = format!(r#""{near}":[],"#);
        let brace = at.find('{').expect("an object") + 1;
        let two = format!("{}{field}{}", &at[..brace], &at[brace..]);
        for error in refused::<Targets>(&with(&targets, at, &two)) {
            assert!(matches!(&error, MetadataError::NearMiss { found, .. } if found == near), "{error:?}");
        }
    }
    for near in ["KeyID", "Method", "\u{17f}ig"] {
        let signature = format!(r#"{{"{near}":"","keyid":"a","method":"ecdsa","sig":"AAAA"}}"#);
        for space in ["", " "] {
            let file = format!(r#"{{"signed":{{}},{space}"signatures":[{signature}]}}"#);
            assert!(parse(file.clone()).is_err(), "{file} was accepted");
        }
    }
}

/// Design decision 9: a field that signing again would lose is named, wherever it stands.
#[test]
fn unknown_field_in_a_part_is_read_and_not_signed_away() {
    let root = canonical(&Sim::new().root);
    let spec = object_after(&root, r#""targets":"#);
    let roots = [
        with(&root, spec, &with(spec, "}", r#","unheard":1}"#)),
        with(&root, r#"{"keytype":"#, r#"{"keyid_hash_algorithms":["sha256"],"keytype":"#),
        with(&root, r#""keyval":{"#, r#""keyval":{"certificate":"","#),
    ];
    for (text, field) in roots.iter().zip(["unheard", "keyid_hash_algorithms", "certificate"]) {
        for read in both::<Root>(text) {
            assert_eq!(read.expect("an unknown field is no harm").unknown_field(), Some(field));
        }
    }
    let targets = targets();
    let declared = [
        with(&targets, r#"{"keytype":"#, r#"{"scheme":"x","keytype":"#),
        with(&targets, r#"{"keyids":"#, r#"{"terminating":true,"keyids":"#),
    ];
    for (text, field) in declared.iter().zip(["scheme", "terminating"]) {
        for read in both::<Targets>(text) {
            assert_eq!(read.expect("an unknown field is no harm").unknown_field(), Some(field));
        }
    }
}

/// A small file could otherwise name a large key so often that copies of it fill the memory.
#[test]
fn role_that_names_a_key_twice_is_refused() {
    let mut sim = Sim::new();
    let twice = |keyids: &mut Vec<_>| keyids.push(keyids[0]);
    sim.delegate("targets/releases", &[""]);
    twice(&mut sim.root.roles.get_mut("timestamp").expect("listed").keyids);
    for error in refused::<Root>(&canonical(&sim.root)) {
        assert!(
            matches!(&error, MetadataError::RepeatedKey { role, .. } if role == "timestamp"),
            "{error:?}"
        );
    }
    twice(&mut sim.targets("targets").delegations.roles[0].keyids);
    for error in refused::<Targets>(&canonical(sim.targets("targets"))) {
        assert!(matches!(&error, MetadataError::RepeatedKey { role, .. } if role == "targets/releases"));
    }
}

/// Versions and thresholds at every edge (attack Cure53 TUF-01-002, CVE-2026-23992).
#[test]
fn number_that_cannot_be_meant_is_refused() {
    let root = canonical(&Sim::new().root);
    let (last, first) = (r#""version":1}"#, r#""version":2147483647}"#);
    for read in both::<Root>(&with(&root, last, first)) {
        assert_eq!(read.expect("the last version").version().get(), 2_147_483_647);
    }
    for number in [
        "0",
        "-1",
        "-0",
        "1.0",
        "1e0",
        "01",
        "\"1\"",
        "null",
        "true",
        "[1]",
        "2147483648",
        "4294967297",
        "9007199254740992",
        "9007199254740993",
        "9223372036854775807",
        "18446744073709551617",
    ] {
        refused::<Root>(&with(&root, last, &format!(r#""version":{number}}}"#)));
    }
    for number in ["0", "-1", "1.5", "\"1\"", "null", "1099511627776", "4294967296"] {
        refused::<Root>(&with(&root, r#""threshold":1"#, &format!(r#""threshold":{number}"#)));
    }
    let targets = targets();
    let length = r#""length":5"#;
    for read in both::<Targets>(&with(&targets, length, r#""length":9007199254740992"#)) {
        let meta =
            read.expect("what a double can carry").targets.find(&name("v1")).expect("there").into_owned();
        assert_eq!(meta.length, 1 << 53);
    }
    for number in ["-5", "5.0", "05", "\"5\"", "null", "9007199254740993"] {
        refused::<Targets>(&with(&targets, length, &format!(r#""length":{number}"#)));
    }
}

/// Go writes an empty list or map that was never made as `null`.
#[test]
fn null_is_read_as_the_empty_list_or_map() {
    let targets = canonical(&Targets::new(crate::simulator::version(1), now()));
    for (from, to) in [
        (r#""delegations":{"keys":{},"roles":[]}"#, r#""delegations":null"#),
        (r#"{"keys":{},"roles":[]}"#, r#"{"keys":null,"roles":null}"#),
        (r#""targets":{}"#, r#""targets":null"#),
        (r#""targets":{}"#, r#""targets":{"a":{"custom":null,"hashes":null,"length":1}}"#),
    ] {
        let read = both::<Targets>(&with(&targets, from, to)).map(|read| read.expect("Go writes this"));
        assert_eq!(read[0], read[1]);
        assert!(read[0].delegations.roles.is_empty());
    }
    for bad in [r#""targets":[]"#, r#""targets":0"#, r#""targets":"""#, r#""targets":{"a":null}"#] {
        refused::<Targets>(&with(&targets, r#""targets":{}"#, bad));
    }
}

/// A document of one role is none of another.
#[test]
fn document_of_another_role_is_refused() {
    let sim = Sim::new();
    let (root, targets) = (canonical(&sim.root), targets());
    refused::<Targets>(&root);
    refused::<Snapshot>(&root);
    refused::<Root>(&targets);
    refused::<Timestamp>(&canonical(&sim.snapshot));
    for kind in ["targets", "TARGETS", "", "Root"] {
        let other = with(&targets, r#""_type":"Targets""#, &format!(r#""_type":"{kind}""#));
        assert!(refused::<Targets>(&other).iter().all(|error| matches!(error, MetadataError::Type { .. })));
    }
}

/// What a peer writes into a name never reaches a terminal as it is.
#[test]
fn messages_escape_what_a_peer_wrote() {
    let root = canonical(&Sim::new().root);
    let spec = object_after(&root, r#""targets":"#).to_owned();
    let evil = "\u{1b}]0;owned\u{7}";
    let json = serde_json::to_string(evil).expect("JSON");
    let foreign = with(&spec, "[\"", &format!("[\"{}\",\"", key().public_key().id()));
    let texts = [
        with(&root, r#""roles":{"#, &format!(r#""roles":{{{json}:{foreign},"#)),
        with(
            &root,
            r#""keys":{""#,
            &format!(r#""keys":{{{json}:{{"keytype":"x","keyval":{{"public":""}}}},""#),
        ),
        with(&root, r#""_type":"Root""#, &format!(r#""_type":{json}"#)),
        with(&root, r#"{"keytype":""#, &format!(r#"{{{json}:1,{json}:2,"keytype":""#)),
    ];
    for text in texts {
        for error in refused::<Root>(&text) {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let message = format!("{error}: {source:?}");
            assert!(!message.contains('\u{1b}') && !message.contains('\u{7}'), "{message:?}");
        }
    }
    let targets = targets();
    for text in [
        with(&targets, r#""hashes":{"#, &format!(r#""hashes":{{{json}:"%","#)),
        with(&targets, r#""name":"targets/releases""#, &format!(r#""name":{json}"#)),
        with(
            &targets,
            r#""name":"targets/releases""#,
            &format!(r#""name":"targets/{}""#, "\\u001b".repeat(300)),
        ),
    ] {
        for error in refused::<Targets>(&text) {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            assert!(!error.to_string().contains('\u{1b}') && !source.contains('\u{1b}'), "{source:?}");
        }
    }
}

/// A root with a field beside a role's own cannot be rotated away by us.
#[test]
fn root_with_an_unknown_field_in_a_role_is_not_signed_again() {
    let sim = Sim::new();
    let root = canonical(&sim.root);
    let spec = object_after(&root, r#""targets":"#);
    let text = with(&root, spec, &with(spec, "}", r#","unheard":1}"#));
    let [Ok(read), _] = both::<Root>(&text) else { panic!("an unknown field is no harm") };
    let targets = Targets::new(crate::simulator::version(1), now());
    let mut draft = Draft::unpublished(read, targets, sim.snapshot.clone());
    let meta = FileMeta::of(b"x");
    draft.apply(&Change::SetTarget { role: role("targets"), name: name("v1"), meta }).expect("a target");
    let refused = draft.sign(&sim.ring, now()).expect_err("the field would be lost");
    assert!(
        matches!(refused, AuthorError::UnknownField { ref field, .. } if field == "unheard"),
        "{refused:?}"
    );
}
