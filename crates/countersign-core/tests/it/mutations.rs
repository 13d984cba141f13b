//! One change to one file of a valid collection: a client trusts what it would have trusted, or nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_core::metadata::{FileMeta, Root, Snapshot, Targets, Timestamp};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::trust::{TrustedCollection, TrustedTarget};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::simulator::{Files, Sim, key, name, role};

/// What is done to a file.
#[derive(Clone, Debug)]
enum Damage {
    Replace { at: usize, with: u8 },
    Insert { at: usize, byte: u8 },
    Cut { at: usize, len: usize },
    Field { at: usize, change: Change, pretty: bool },
}

/// What is done to one value in a file.
#[derive(Clone, Debug)]
enum Change {
    Remove,
    Replace(Value),
    /// The member's name in upper case, in place of the right one or beside it.
    OtherCase {
        beside: bool,
    },
    Repeat,
    Nothing,
}

fn damage() -> impl Strategy<Value = Damage> {
    let values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(2),
        json!(2_147_483_648_u64),
        json!(1.5),
        json!(""),
        json!("targets"),
        json!("2036-01-01T00:00:00Z"),
        json!([]),
        json!({}),
        json!([[]]),
        json!({"keyids": [], "threshold": 1}),
    ];
    let change = prop_oneof![
        Just(Change::Remove),
        proptest::sample::select(values).prop_map(Change::Replace),
        any::<bool>().prop_map(|beside| Change::OtherCase { beside }),
        Just(Change::Repeat),
        Just(Change::Nothing),
    ];
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(b"\"\\{}[]:,0 \n".to_vec())];
    prop_oneof![
        (any::<usize>(), byte.clone()).prop_map(|(at, with)| Damage::Replace { at, with }),
        (any::<usize>(), byte).prop_map(|(at, byte)| Damage::Insert { at, byte }),
        (any::<usize>(), 1_usize..40).prop_map(|(at, len)| Damage::Cut { at, len }),
        (any::<usize>(), change, any::<bool>()).prop_map(|(at, change, pretty)| Damage::Field {
            at,
            change,
            pretty
        }),
    ]
}

impl Damage {
    fn apply(&self, file: &Bytes) -> Bytes {
        let mut bytes = file.to_vec();
        match self {
            Self::Replace { at, with } => bytes[at % file.len()] = *with,
            Self::Insert { at, byte } => bytes.insert(at % file.len(), *byte),
            Self::Cut { at, len } => {
                let at = at % file.len();
                bytes.drain(at..(at + len).min(file.len()));
            }
            Self::Field { at, change, pretty } => {
                let mut value: Value = serde_json::from_slice(file).expect("a valid file");
                let mut pointers = Vec::new();
                collect_pointers(&value, "", &mut pointers);
                change.apply(&mut value, &pointers[at % pointers.len()]);
                let written =
                    if *pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
                bytes = written.expect("JSON");
                if let Change::Repeat = change {
                    // A member twice is nothing that a value could hold.
                    let text = String::from_utf8(bytes).expect("UTF-8");
                    bytes = text.replacen("\"REPEATED ", "\"", 1).into_bytes();
                }
            }
        }
        Bytes::from(bytes)
    }
}

impl Change {
    fn apply(&self, value: &mut Value, pointer: &str) {
        let (parent, last) = pointer.rsplit_once('/').expect("below the top");
        let last = last.replace("~1", "/").replace("~0", "~");
        let parent = value.pointer_mut(parent).expect("it was collected");
        match (self, parent) {
            (Self::Remove, Value::Object(members)) => drop(members.remove(&last)),
            (Self::Remove, Value::Array(items)) => drop(items.remove(last.parse().expect("an index"))),
            (Self::Replace(with), Value::Object(members)) => drop(members.insert(last, with.clone())),
            (Self::Replace(with), Value::Array(items)) => {
                items[last.parse::<usize>().expect("an index")] = with.clone();
            }
            (Self::OtherCase { beside }, Value::Object(members)) => {
                let value = members[&last].clone();
                let other = last.to_uppercase();
                if !beside {
                    members.remove(&last);
                }
                members.insert(other, value);
            }
            (Self::Repeat, Value::Object(members)) => {
                members.insert(format!("REPEATED {last}"), json!(1));
            }
            (Self::OtherCase { .. } | Self::Repeat, Value::Array(items)) => {
                items.push(items[last.parse::<usize>().expect("an index")].clone());
            }
            // Nothing was asked for, or there is no such thing.
            (_, _) => {}
        }
    }
}

fn collect_pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut below = |name: String, value: &Value| {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        found.push(at.clone());
        collect_pointers(value, &at, found);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| below(name.clone(), value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| below(index.to_string(), value));
        }
        _ => {}
    }
}

/// What a collection is made of.
#[derive(Clone, Debug)]
struct Plan {
    tags: Vec<String>,
    releases: bool,
    nested: bool,
    two_root_keys: bool,
    editions: usize,
}

fn plan() -> impl Strategy<Value = Plan> {
    let tags = prop::collection::vec("[a-c]/?[<&\u{e9}\"x]{0,2}", 0..4);
    (tags, any::<[bool; 3]>(), 1..3_usize).prop_map(|(tags, [releases, nested, two_root_keys], editions)| {
        Plan { tags, releases, nested, two_root_keys, editions }
    })
}

impl Plan {
    fn collection(&self) -> Sim {
        let mut sim = Sim::new();
        if self.nested {
            sim.delegate("targets/a", &["a", "b"]);
            sim.delegate("targets/a/b", &["a/", ""]);
        }
        if self.releases {
            sim.delegate("targets/releases", &[""]);
        }
        let roles: Vec<RoleName> = sim.roles.keys().cloned().collect();
        for (index, tag) in self.tags.iter().enumerate() {
            sim.set_in(roles[index % roles.len()].as_str(), tag, tag.as_bytes());
        }
        if self.two_root_keys {
            let second = key();
            let certificates = vec![sim.certificate(&sim.root_key), sim.certificate(&second)];
            sim.ring.insert(second);
            sim.list(TopRole::Root, certificates);
        }
        for _ in 1..self.editions {
            sim.publish();
        }
        sim
    }
}

/// What a trusted collection means, however its files are written.
#[derive(Debug, PartialEq)]
struct Meaning {
    root: Root,
    timestamp: Option<Timestamp>,
    snapshot: Option<Snapshot>,
    roles: BTreeMap<RoleName, Targets>,
    found: Vec<TrustedTarget>,
}

impl Meaning {
    fn of(collection: &TrustedCollection, with_hashes: bool) -> Self {
        let roles = collection.roles().iter();
        Self {
            root: (**collection.root()).clone(),
            timestamp: with_hashes.then(|| (**collection.timestamp()).clone()),
            snapshot: with_hashes.then(|| (**collection.snapshot()).clone()),
            roles: roles.map(|(role, targets)| (role.clone(), (**targets).clone())).collect(),
            found: collection.list(&[role("targets/releases"), role("targets")]),
        }
    }
}

/// The files with one of them changed.
fn damaged(files: &Files, which: usize, damage: &Damage) -> Files {
    let mut files = files.clone();
    let mut all: Vec<&mut Bytes> = vec![&mut files.root, &mut files.timestamp, &mut files.snapshot];
    all.extend(files.roles.values_mut());
    let at = which % all.len();
    *all[at] = damage.apply(all[at]);
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// By anybody between the server and the client.
    #[test]
    fn changed_file_changes_nothing_that_is_trusted(plan in plan(), which in any::<usize>(), damage in damage()) {
        let sim = plan.collection();
        let files = sim.files();
        let honest = Meaning::of(&sim.first_update(&files).expect("as it was signed"), true);
        if let Ok(trusted) = sim.first_update(&damaged(&files, which, &damage)) {
            prop_assert_eq!(Meaning::of(&trusted, true), honest);
        }
    }

    /// By somebody who holds the keys of a trust server: snapshot and timestamp name the changed file truly.
    #[test]
    fn changed_file_that_is_truly_named_changes_nothing_that_is_trusted(
        plan in plan(), which in any::<usize>(), damage in damage()
    ) {
        let sim = plan.collection();
        let files = sim.files();
        let honest = Meaning::of(&sim.first_update(&files).expect("as it was signed"), false);
        let changed = damaged(&files, which, &damage);
        let mut snapshot = sim.snapshot.clone();
        snapshot.meta.insert("root".to_owned(), FileMeta::of(&changed.root));
        for (role, file) in &changed.roles {
            snapshot.meta.insert(role.to_string(), FileMeta::of(file));
        }
        let sealed = sim.seal(changed.root, &snapshot, changed.roles);
        if let Ok(trusted) = sim.first_update(&sealed) {
            prop_assert_eq!(Meaning::of(&trusted, false), honest);
        }
    }
}

/// The changes above are not all refused for a trifle: some reach what they are about.
#[test]
fn rewritten_file_that_means_the_same_is_trusted() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    sim.set_in("targets/releases", "a<b&c>\u{e9}", b"x");
    let files = sim.files();
    let honest = Meaning::of(&sim.first_update(&files).expect("as it was signed"), false);
    let rewrite = Damage::Field { at: 0, change: Change::Nothing, pretty: true };
    let roles: BTreeMap<_, _> =
        files.roles.iter().map(|(role, file)| (role.clone(), rewrite.apply(file))).collect();
    let root = rewrite.apply(&files.root);
    let mut snapshot = sim.snapshot.clone();
    snapshot.meta.insert("root".to_owned(), FileMeta::of(&root));
    for (role, file) in &roles {
        assert_ne!(file, &files.roles[role]);
        snapshot.meta.insert(role.to_string(), FileMeta::of(file));
    }
    let trusted = sim.first_update(&sim.seal(root, &snapshot, roles)).expect("only the form differs");
    assert_eq!(Meaning::of(&trusted, false), honest);
    assert!(trusted.search(&[role("targets")], &name("a<b&c>\u{e9}")).is_some());
}
