//! Properties that hold for every input.

use bytes::Bytes;
use countersign_core::canonical;
use countersign_core::digest::{Digest, Hashes};
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, FileMeta, Targets};
use countersign_core::name::{Gun, RoleName, TargetName};
use proptest::prelude::*;
use serde_json::Value;

use crate::simulator::{now, version};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-(1_i64 << 53)..=(1_i64 << 53)).prop_map(Value::from),
        ".*".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(".*", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn targets() -> impl Strategy<Value = Targets> {
    let meta = (
        any::<Vec<u8>>(),
        any::<bool>(),
        prop::option::of(json().prop_filter("no control characters", |value| {
            canonical::to_vec(value).iter().all(|byte| *byte >= b' ')
        })),
        0_u64..(1 << 53),
    );
    let meta = meta.prop_map(|(content, both, custom, length)| {
        let hashes = if both { Hashes::of(&content) } else { Digest::sha256(&content).into() };
        let mut meta = FileMeta::new(hashes, length);
        meta.custom = custom.filter(|custom| !custom.is_null());
        meta
    });
    prop::collection::btree_map("[^\\x00-\\x1f]*", meta, 0..8).prop_map(|entries| {
        let mut targets = Targets::new(version(1), now());
        for (name, meta) in entries {
            targets.targets.insert(TargetName::from(name), meta);
        }
        targets
    })
}

proptest! {
    #[test]
    fn canonical_form_is_stable(value in json()) {
        let once = canonical::to_vec(&value);
        // The form may hold raw control characters, which no JSON reader takes; without them it reads back as itself.
        if once.iter().all(|byte| *byte >= b' ') {
            let read = canonical::strict(&once).expect("canonical JSON is JSON");
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(canonical::to_vec(&read), once);
        }
        let ordinary = serde_json::to_vec_pretty(&value).expect("JSON");
        prop_assert_eq!(canonical::strict(&ordinary).expect("JSON"), value);
    }

    #[test]
    fn targets_written_and_read_are_the_same(targets in targets()) {
        let mut message = Vec::new();
        targets.write_canonical(&mut message);
        let file = [b"{\"signed\":", &message[..], b",\"signatures\":[]}"].concat();
        let envelope = Envelope::parse(Bytes::from(file), &Limits::default()).expect("own file");
        prop_assert_eq!(envelope.message(), &message[..]);
        let read: Targets = envelope.claim().expect("own document");
        let mut again = Vec::new();
        read.write_canonical(&mut again);
        prop_assert_eq!(&again, &message);
        prop_assert_eq!(read, targets);
    }

    #[test]
    fn reader_never_panics_and_never_changes_a_message(bytes in any::<Vec<u8>>(), cut in any::<prop::sample::Index>(), targets in targets()) {
        let _ = Envelope::parse(Bytes::from(bytes.clone()), &Limits::default());
        let mut file = b"{\"signed\":".to_vec();
        targets.write_canonical(&mut file);
        file.extend_from_slice(b",\"signatures\":[]}");
        let at = cut.index(file.len());
        file.splice(at..at, bytes.into_iter().take(3));
        if let Ok(envelope) = Envelope::parse(Bytes::from(file), &Limits::default()) {
            let value = serde_json::from_slice::<Value>(envelope.bytes()).expect("what was read is JSON");
            prop_assert_eq!(canonical::to_vec(&value["signed"]), envelope.message());
            let _ = envelope.claim::<Targets>();
        }
    }

    /// The reader of canonical files, and the one of all others, which a space calls for.
    #[test]
    fn both_readers_read_the_same(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'0'), Just(b'-')], 1..4),
        at: usize,
        cut in 0_usize..3,
        targets in targets(),
    ) {
        let mut signed = Vec::new();
        targets.write_canonical(&mut signed);
        let at = at % signed.len();
        signed.splice(at..(at + cut).min(signed.len()), bytes);
        let read = |space: &[u8]| {
            let file = [b"{\"signed\":", space, &signed[..], b",\"signatures\":[]}"].concat();
            let envelope = Envelope::parse(Bytes::from(file), &Limits::default()).ok()?;
            Some((envelope.message().to_vec(), envelope.claim::<Targets>().ok()))
        };
        prop_assert_eq!(read(b""), read(b" "));
    }

    #[test]
    fn names_never_leave_their_directory(text in ".*") {
        if let Ok(gun) = text.parse::<Gun>() {
            prop_assert!(gun.as_str().split('/').all(|segment| !matches!(segment, "" | "." | "..")));
            prop_assert!(!gun.as_str().contains(['\\', '\0', '%']));
        }
        if let Ok(role) = text.parse::<RoleName>() {
            prop_assert!(role.as_str().split('/').all(|segment| !matches!(segment, "" | "." | "..")));
        }
    }
}
