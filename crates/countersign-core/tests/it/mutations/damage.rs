//! One change to one file: a byte, some bytes, or a value.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What is done to a file.
#[derive(Clone, Debug)]
pub(super) enum Damage {
    Replace { at: usize, with: u8 },
    Insert { at: usize, byte: u8 },
    Cut { at: usize, len: usize },
    Field { at: usize, change: Change, pretty: bool },
}

/// What is done to one value in a file.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Remove,
    Replace(Value),
    /// The member's name in upper case, in place of the right one or beside it.
    OtherCase {
        beside: bool,
    },
    Repeat,
    Nothing,
}

/// Any of them.
pub(super) fn damage() -> impl Strategy<Value = Damage> {
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
    pub(super) fn apply(&self, file: &Bytes) -> Bytes {
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
