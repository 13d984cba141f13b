use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_core::certificate::self_signed;
use countersign_core::digest::{Digest, Hashes};
use countersign_core::key::PublicKey;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Delegation, Document, Envelope, RoleSpec, Root, Targets};
use countersign_core::name::{Gun, TargetName};
use countersign_core::number::{MetaVersion, Threshold};
use countersign_core::sign::SecretKey;
use countersign_core::time::DateTime;
use serde_json::{Value, json};

use super::*;

fn now() -> DateTime {
    "2026-11-24T12:00:00Z".parse().expect("a time")
}

fn key() -> SecretKey {
    SecretKey::generate_ecdsa().expect("randomness")
}

fn certificate(key: &SecretKey, days: i64) -> PublicKey {
    let gun: Gun = "example.com/app".parse().expect("a GUN");
    self_signed(&gun, key, now().plus_seconds(days * 24 * 60 * 60)).expect("a certificate")
}

/// A root with two root keys, and two more certificates that no role has: of another key, and of one of the two.
fn root() -> Root {
    let (first, second) = (key(), key());
    let mut root = Root::new(MetaVersion::FIRST, now());
    let mut list = |role: &str, keys: Vec<PublicKey>| {
        let keyids = keys.iter().map(PublicKey::id).collect();
        root.keys.extend(keys.into_iter().map(|key| (key.id(), key)));
        root.roles.insert(role.to_owned(), RoleSpec { keyids, threshold: Threshold::ONE });
    };
    list("root", vec![certificate(&first, 0), certificate(&second, 0)]);
    for role in ["targets", "snapshot", "timestamp"] {
        list(role, vec![key().public_key().clone()]);
    }
    for further in [certificate(&first, 1), certificate(&key(), 0)] {
        root.keys.insert(further.id(), further);
    }
    root
}

/// Targets with three delegations of three keys, a key of none, and tags with all that may be said of one.
fn targets() -> Targets {
    let mut targets = Targets::new(MetaVersion::FIRST, now());
    let keys = [(); 4].map(|()| key().public_key().clone());
    for (name, count) in [("targets/releases", 3), ("targets/alice", 2), ("targets/bob", 1)] {
        let mut delegation = Delegation::new(name.parse().expect("a role"), Threshold::ONE);
        delegation.keyids = keys.iter().take(count).map(PublicKey::id).collect();
        delegation.paths = ["", "v1", "a, b"].iter().take(count).map(|path| (*path).to_owned()).collect();
        targets.delegations.roles.push(delegation);
    }
    targets.delegations.keys = keys.into_iter().map(|key| (key.id(), key)).collect();
    let mut full = FileMeta::new(Hashes::of(b"one"), 3);
    full.custom = Some(json!({ "note": "\u{202e}x", "list": [1, "2"] }));
    let only_sha256 = FileMeta::new(Digest::sha256(b"two").into(), 3);
    for (name, meta) in [("v1", full), ("v2 = sha256:0", only_sha256.clone()), ("\u{430}", only_sha256)] {
        targets.targets.insert(TargetName::from(name.to_owned()), meta);
    }
    targets
}

fn written<T: Document>(document: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.write_canonical(&mut bytes);
    bytes
}

fn value<T: Document>(document: &T) -> Value {
    serde_json::from_slice(&written(document)).expect("JSON")
}

/// The document, if it is one in the form in which it would be written here.
fn document<T: Document>(value: &Value) -> Option<T> {
    // With a space in it, so that each entry is decoded and written again.
    let file = Bytes::from(format!(r#"{{ "signed":{value},"signatures":[]}}"#));
    let document: T = Envelope::parse(file, &Limits::default()).ok()?.claim().ok()?;
    (serde_json::from_slice::<Value>(&written(&document)).ok().as_ref() == Some(value)).then_some(document)
}

/// Everything that differs from `value` in one place; `texts` may stand for any text, `keys` among any keys.
fn mutated(value: &Value, texts: &[String], keys: &[(String, Value)]) -> Vec<Value> {
    let mut all = Vec::new();
    match value {
        Value::Null => {}
        Value::Bool(is) => all.push(json!(!is)),
        Value::Number(number) => all.push(json!(number.as_u64().unwrap_or_default() + 1)),
        Value::String(text) => {
            all.push(json!(format!("{text}x")));
            all.extend(texts.iter().map(|text| json!(text)));
        }
        Value::Array(items) => {
            let mut push = |change: &dyn Fn(&mut Vec<Value>)| {
                let mut items = items.clone();
                change(&mut items);
                all.push(Value::Array(items));
            };
            for text in texts {
                push(&|items| items.push(json!(text)));
            }
            for at in 0..items.len() {
                push(&|items| drop(items.remove(at)));
                push(&|items| items.push(items[at].clone()));
                push(&|items| items.swap(at, 0));
                for item in mutated(&items[at], texts, keys) {
                    push(&|items| items[at] = item.clone());
                }
            }
        }
        Value::Object(members) => {
            let mut push = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
                let mut members = members.clone();
                change(&mut members);
                all.push(Value::Object(members));
            };
            for (id, key) in keys {
                push(&|members| drop(members.insert(id.clone(), key.clone())));
            }
            for (name, member) in members {
                push(&|members| drop(members.remove(name)));
                push(&|members| drop(members.insert(format!("{name}x"), member.clone())));
                push(&|members| {
                    members.remove(name);
                    members.insert(format!("{name}x"), member.clone());
                });
                for member in mutated(member, texts, keys) {
                    push(&|members| drop(members.insert(name.clone(), member.clone())));
                }
            }
        }
    }
    all
}

/// That `lines` tells every two documents apart that differ from `before` in one place or two. How many there were, which depends on
/// the ids of the keys.
fn tells_apart<T: Document>(before: &Value, further: &PublicKey, lines: impl Fn(&T) -> String) -> usize {
    let ids = before.pointer("/delegations/keys").or_else(|| before.pointer("/keys"));
    let mut texts: Vec<_> = ids.and_then(Value::as_object).expect("keys").keys().cloned().collect();
    // Another time, another digest, another name, and one that looks like what stands around it.
    texts.extend(["2027-01-01T00:00:00Z", "targets/carol", "", "v", "v1*, v"].map(str::to_owned));
    texts.push(value_of_digest(b"other"));
    let keys = [(further.id().to_string(), serde_json::to_value(further).expect("JSON"))];
    let fits = |value: &Value| document::<T>(value);
    let once: Vec<_> =
        mutated(before, &texts, &keys).into_iter().filter(|value| fits(value).is_some()).collect();
    let twice = once.iter().step_by(once.len() / 6 + 1).flat_map(|value| mutated(value, &texts, &keys));
    let mut met: BTreeMap<String, Value> = BTreeMap::new();
    for value in once.iter().cloned().chain(twice) {
        let Some(document) = fits(&value) else { continue };
        let text = lines(&document);
        assert_eq!(text.is_empty(), value == *before, "{value}");
        if let Some(other) = met.insert(text.clone(), value.clone()) {
            assert_eq!(other, value, "both are shown as\n{text}");
        }
    }
    met.len()
}

fn value_of_digest(content: &[u8]) -> String {
    let hashes = serde_json::to_value(Hashes::of(content)).expect("JSON");
    hashes["sha256"].as_str().expect("a digest").to_owned()
}

#[test]
fn two_roots_that_differ_are_shown_differently() {
    let before = root();
    let count = tells_apart(&value(&before), &certificate(&key(), 0), |after: &Root| {
        let mut preview = Preview::default();
        preview.add_root(&before, after);
        lines(&preview)
    });
    assert!(count > 100, "only {count} roots were compared");
}

#[test]
fn two_targets_files_that_differ_are_shown_differently() {
    let (before, role) = (targets(), RoleName::releases());
    let shown = |old: Option<&Targets>, after: &Targets| {
        let mut preview = Preview::default();
        preview.add_targets(&role, old, Some(after));
        lines(&preview)
    };
    let further = key().public_key().clone();
    let count = tells_apart(&value(&before), &further, |after| shown(Some(&before), after));
    assert!(count > 200, "only {count} files were compared");
}

#[test]
fn certificate_order_and_what_is_said_of_a_tag_are_shown() {
    let (before, mut after) = (root(), root());
    after.clone_from(&before);
    let listed = before.roles["root"].keyids[0];
    let same = |id: &KeyId| before.keys[id].canonical_id().ok() == before.keys[&listed].canonical_id().ok();
    let other = *before.keys.keys().find(|id| **id != listed && same(id)).expect("of the same key");
    after.roles.get_mut("root").expect("listed").keyids[0] = other;
    let mut preview = Preview::default();
    preview.add_root(&before, &after);
    let text = lines(&preview);
    assert!(text.contains("  ~ root the same keys, listed otherwise: 1 of "), "{text}");
    let until = "for example.com/app, 2026-11-25T12:00:00Z to 2036-11-22T12:00:00Z, listed as ";
    assert!(text.contains(&format!("{until}{other}\n")), "{text}");

    let (before, releases) = (targets(), RoleName::releases());
    let mut after = before.clone();
    after.delegations.roles.swap(0, 2);
    let tag = TargetName::from("v1".to_owned());
    let mut meta = before.targets.find(&tag).expect("a tag").into_owned();
    (meta.length, meta.custom) = (4, None);
    after.targets.insert(tag, meta);
    let mut preview = Preview::default();
    preview.add_targets(&releases, Some(&before), Some(&after));
    let text = lines(&preview);
    assert!(text.contains("asks, in this order, targets/bob, targets/alice, targets/releases\n"), "{text}");
    let sha256 = Digest::sha256(b"one");
    let line = format!("  ~ v1 = {sha256}, as before, 4 bytes (was 3 bytes), no note (was note {{\"list\":");
    assert!(text.contains(&line), "{text}");
}
