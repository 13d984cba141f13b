//! Authoring: what is written is what Notary would write, and what everybody can verify.

use bytes::Bytes;
use countersign_core::author::{AuthorError, Change, DelegationEdit, Draft, KeyRing, RootKeys, expiry};
use countersign_core::limits::Limits;
use countersign_core::metadata::{Envelope, FileMeta, Root, Snapshot, Targets};
use countersign_core::name::TopRole;
use countersign_core::trust::{RootPhase, Seen};
use serde_json::json;

use crate::author_delegations::{draft_of, edit};
use crate::simulator::{Sim, finish, key, name, now, role, version};

fn first_draft(ring: &mut KeyRing) -> Draft {
    let sim = Sim::new();
    let (root, targets, snapshot, timestamp) = (key(), key(), key(), key());
    for secret in [&root, &targets, &snapshot] {
        ring.insert(secret.clone());
    }
    let public = |secret: &countersign_core::sign::SecretKey| secret.public_key().clone();
    let keys = RootKeys {
        root: sim.certificate(&root),
        targets: public(&targets),
        snapshot: public(&snapshot),
        timestamp: public(&timestamp),
    };
    Draft::first(keys, now())
}

pub(crate) fn claim<T: countersign_core::metadata::Document>(file: &Bytes) -> T {
    Envelope::parse(file.clone(), &Limits::default()).and_then(|envelope| envelope.claim()).expect("own file")
}

fn set(tag: &str, content: &[u8]) -> Change {
    Change::SetTarget { role: role("targets"), name: name(tag), meta: FileMeta::of(content) }
}

#[test]
fn first_edition_has_notarys_versions_and_lifetimes() {
    let mut ring = KeyRing::default();
    let mut draft = first_draft(&mut ring);
    draft.apply(&set("v1", b"x")).expect("a target");
    let edition = draft.sign(&ring, now()).expect("every key is here");
    let root: Root = claim(&edition.files[&role("root")]);
    let targets: Targets = claim(&edition.files[&role("targets")]);
    let snapshot: Snapshot = claim(&edition.files[&role("snapshot")]);
    assert_eq!((root.version, targets.version, snapshot.version), (version(1), version(2), version(2)));
    assert_eq!(root.expires, now().plus_seconds(3650 * 86_400));
    assert_eq!(targets.expires, expiry(&role("targets"), now()));
    assert_eq!(snapshot.meta["targets"], FileMeta::of(&edition.files[&role("targets")]));
    assert_eq!(snapshot.meta["root"], FileMeta::of(&edition.files[&role("root")]));
}

#[test]
fn begun_root_is_published_as_it_was_signed_unless_it_changes() {
    let mut ring = KeyRing::default();
    let first = first_draft(&mut ring).sign(&ring, now()).expect("every key is here");
    let root_file = first.files[&role("root")].clone();
    let root: Root = claim(&root_file);
    let mut draft = Draft::begun(
        root_file.clone(),
        root.clone(),
        claim(&first.files[&role("targets")]),
        claim(&first.files[&role("snapshot")]),
    );
    assert_eq!(draft.dirty().iter().map(ToString::to_string).collect::<Vec<_>>(), ["targets"]);
    let mut without = KeyRing::default();
    for id in draft.wanted_keys().values().flatten() {
        without.insert(ring.find(id).expect("held").clone());
    }
    let edition = draft.clone().sign(&without, now()).expect("the root key is not needed");
    assert_eq!(edition.files[&role("root")], root_file);
    let snapshot: Snapshot = claim(&edition.files[&role("snapshot")]);
    assert_eq!(snapshot.meta["root"], FileMeta::of(&root_file));

    let keys = vec![key().public_key().clone()];
    draft.apply(&Change::ReplaceKeys { role: TopRole::Snapshot, keys }).expect("another key");
    let refused = draft.clone().sign(&without, now()).expect_err("the root has changed");
    assert!(matches!(refused, AuthorError::MissingKeys { ref role, .. } if role.as_str() == "root"));
    let edition = draft.sign(&ring, now()).expect("every key is here");
    let changed: Root = claim(&edition.files[&role("root")]);
    assert_eq!((changed.version, changed == root), (version(1), false));
}

#[test]
fn snapshot_is_left_out_when_its_key_is_the_servers() {
    let mut ring = KeyRing::default();
    let draft = first_draft(&mut ring);
    let mut without = KeyRing::default();
    for (wanted, ids) in draft.wanted_keys() {
        for id in ids.iter().filter(|_| wanted != TopRole::Snapshot) {
            without.insert(ring.find(id).expect("held").clone());
        }
    }
    let edition = draft.sign(&without, now()).expect("the server signs the snapshot");
    assert_eq!(edition.files.keys().map(ToString::to_string).collect::<Vec<_>>(), ["root", "targets"]);
}

#[test]
fn missing_key_says_which_one_and_signs_nothing() {
    let mut ring = KeyRing::default();
    let draft = first_draft(&mut ring);
    let refused = draft.sign(&KeyRing::default(), now()).expect_err("no keys at all");
    assert!(
        matches!(refused, AuthorError::MissingKeys { needed: 1, found: 0, ref missing, .. } if missing.len() == 1)
    );
}

#[test]
fn same_target_again_changes_nothing() {
    let sim = Sim::new();
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let mut draft = Draft::of(&collection);
    draft.apply(&set("v1", b"first")).expect("as it is");
    assert!(draft.dirty().is_empty());
    draft.apply(&set("v1", b"second")).expect("another");
    assert_eq!(draft.dirty().iter().map(ToString::to_string).collect::<Vec<_>>(), ["targets"]);
}

#[test]
fn next_edition_is_trusted_after_the_one_before() {
    let mut sim = Sim::new();
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let mut draft = Draft::of(&collection);
    draft.apply(&set("v2", b"second")).expect("a target");
    let edition = draft.sign(&sim.ring, now()).expect("every key is here");
    let files = {
        let snapshot: Snapshot = claim(&edition.files[&role("snapshot")]);
        sim.timestamp.version = version(2);
        let mut files = sim.seal(
            sim.files().root,
            &snapshot,
            [(role("targets"), edition.files[&role("targets")].clone())].into(),
        );
        // The same document signed again has another ECDSA signature: the edition's own snapshot is not the sealed one.
        files.roles.insert(role("targets"), edition.files[&role("targets")].clone());
        files
    };
    let next = sim.update(&files, collection.seen().clone()).expect("trusted");
    assert_eq!(next.list(&[role("targets")]).len(), 2);
}

/// 13 B1: Notary signs a note as it was typed, and then nobody can verify it.
#[test]
fn custom_is_canonical_before_it_is_signed() {
    let sim = Sim::new();
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let with = |custom| {
        let mut meta = FileMeta::of(b"x");
        meta.custom = Some(custom);
        let mut draft = Draft::of(&collection);
        draft.apply(&Change::SetTarget { role: role("targets"), name: name("c"), meta }).map(|()| draft)
    };
    let edition = with(json!({"b": "x<y&z>\u{e9}", "a": [1, true, null]}))
        .and_then(|draft| draft.sign(&sim.ring, now()))
        .expect("signed");
    let file = &edition.files[&role("targets")];
    let envelope = Envelope::parse(file.clone(), &Limits::default()).expect("own file");
    assert!(sim.root.role_keys(TopRole::Targets).verify::<Targets>(&envelope).is_ok());
    assert!(
        String::from_utf8_lossy(envelope.message())
            .contains("\"custom\":{\"a\":[1,true,null],\"b\":\"x<y&z>\u{e9}\"}")
    );
    for bad in [json!(1.5), json!({"a": 9_007_199_254_740_993_u64}), json!("line\nfeed")] {
        assert!(matches!(with(bad), Err(AuthorError::Custom { .. })));
    }
}

#[test]
fn target_name_with_a_control_character_is_refused() {
    let sim = Sim::new();
    let mut draft = Draft::of(&sim.first_update(&sim.files()).expect("trusted"));
    assert!(matches!(draft.apply(&set("a\nb", b"x")), Err(AuthorError::ControlCharacter(_))));
}

/// A field that a next version would lose is not lost in silence.
#[test]
fn file_with_an_unknown_field_is_not_signed_again() {
    let mut sim = Sim::new();
    let files = sim.files();
    let text = String::from_utf8(files.roles[&role("targets")].to_vec()).expect("UTF-8");
    let signed_part = |text: &str| {
        let end = text.find(",\"signatures\"").expect("signatures");
        text["{\"signed\":".len()..end].replace(",\"version\":", ",\"unheard\":[1],\"version\":")
    };
    let key = sim.keys[&role("targets")][0].clone();
    let message = signed_part(&text);
    let (method, sig) = countersign_core::sign::Sign::sign(&*key, message.as_bytes()).expect("signed");
    let sig = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sig);
    let file = format!(
        "{{\"signed\":{message},\"signatures\":[{{\"keyid\":\"{}\",\"method\":\"{}\",\"sig\":\"{sig}\"}}]}}",
        key.id(),
        method.name()
    );
    let mut snapshot = sim.snapshot.clone();
    snapshot.meta.insert("root".to_owned(), FileMeta::of(&files.root));
    snapshot.meta.insert("targets".to_owned(), FileMeta::of(file.as_bytes()));
    sim.snapshot = snapshot.clone();
    let files = sim.seal(files.root, &snapshot, [(role("targets"), Bytes::from(file.clone()))].into());
    let collection = sim.first_update(&files).expect("an unknown field is covered by the signature");
    assert_eq!(collection.files()[&role("targets")], file.as_bytes(), "the received bytes are kept");
    let mut draft = Draft::of(&collection);
    draft.apply(&set("v2", b"x")).expect("a target");
    let refused = draft.sign(&sim.ring, now()).expect_err("the field would be lost");
    assert!(
        matches!(refused, AuthorError::UnknownField { ref field, .. } if field == "unheard"),
        "{refused:?}"
    );
}

#[test]
fn rotated_root_is_signed_by_old_and_new_keys_and_keeps_old_certificates() {
    let mut sim = Sim::new();
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let (mut draft, new) = (Draft::of(&collection), key());
    let certificate = sim.certificate(&new);
    draft
        .apply(&Change::ReplaceKeys { role: TopRole::Root, keys: vec![certificate.clone()] })
        .expect("replaced");
    sim.ring.insert(new);
    let edition = draft.sign(&sim.ring, now()).expect("both keys are here");
    let file = &edition.files[&role("root")];
    let root: Root = claim(file);
    assert_eq!(root.version, version(2));
    assert_eq!(root.roles["root"].keyids, [certificate.id()]);
    assert!(collection.root().keys.keys().all(|id| root.keys.contains_key(id)));
    assert_eq!(Envelope::parse(file.clone(), &Limits::default()).expect("own file").signatures().len(), 2);
}

/// What could be signed, and could never be read, is refused before it is signed.
#[test]
fn change_that_no_file_can_carry_is_refused() {
    let sim = Sim::new();
    let mut draft = draft_of(&sim);
    let path = DelegationEdit { add_paths: vec!["a\nb".to_owned()], ..DelegationEdit::default() };
    assert!(matches!(draft.apply(&edit("targets/a", path)), Err(AuthorError::Unwritable(_))));
    let odd: countersign_core::key::PublicKey =
        serde_json::from_value(json!({"keytype": "a\nb", "keyval": {"public": ""}})).expect("a key");
    let keys = DelegationEdit { add_keys: vec![odd.clone()], ..DelegationEdit::default() };
    assert!(matches!(draft.apply(&edit("targets/a", keys)), Err(AuthorError::Unwritable(_))));
    let replace = Change::ReplaceKeys { role: TopRole::Snapshot, keys: vec![odd] };
    assert!(matches!(draft.apply(&replace), Err(AuthorError::Unwritable(_))));
    let with = |meta| Change::SetTarget { role: role("targets"), name: name("v2"), meta };
    for (length, is_writable) in [(1 << 53, true), ((1 << 53) + 1, false)] {
        let meta = FileMeta::new(FileMeta::of(b"x").hashes, length);
        let applied = draft.clone().apply(&with(meta));
        assert_eq!(applied.is_ok(), is_writable, "{length}");
        assert!(is_writable || matches!(applied, Err(AuthorError::Length { .. })));
    }
    let meta: FileMeta =
        serde_json::from_value(json!({"hashes": {"a\nb": "AA=="}, "length": 1})).expect("a target");
    assert!(matches!(draft.apply(&with(meta)), Err(AuthorError::Unwritable(_))));
    assert!(draft.dirty().is_empty() && draft.targets(&role("targets/a")).is_none());
    assert_eq!(draft.root(), &sim.root);
}

/// An old server would write such a note away, and then name another hash than that of the file.
#[test]
fn note_of_null_is_no_note() {
    let sim = Sim::new();
    let mut draft = draft_of(&sim);
    let mut meta = FileMeta::of(b"x");
    meta.custom = Some(serde_json::Value::Null);
    draft.apply(&Change::SetTarget { role: role("targets"), name: name("v2"), meta }).expect("a target");
    let edition = draft.sign(&sim.ring, now()).expect("every key is here");
    assert!(!String::from_utf8_lossy(&edition.files[&role("targets")]).contains("custom"));
}

/// Attack Cure53 TUF-01-002: the last version is the end, and nothing wraps.
#[test]
fn role_at_the_last_version_is_not_signed_again() {
    for of in ["root", "targets", "snapshot"] {
        let mut sim = Sim::new();
        let last = version(2_147_483_647);
        match of {
            "root" => sim.root.version = last,
            "targets" => sim.targets("targets").version = last,
            _ => sim.snapshot.version = last,
        }
        let mut draft = draft_of(&sim);
        draft.renew_root();
        draft.apply(&set("v2", b"x")).expect("a target");
        let refused = draft.sign(&sim.ring, now()).expect_err("there is no next version");
        assert!(
            matches!(refused, AuthorError::Version { role: ref at, .. } if *at == role(of)),
            "{refused:?}"
        );
    }
}

/// An ordinary re-signing of root after a rotation is by the new keys alone (reference behaviour 5.4).
#[test]
fn root_signed_again_after_a_rotation_is_signed_by_its_own_keys() {
    let mut sim = Sim::new();
    let first = sim.files();
    sim.next_root();
    sim.give_root(&key());
    let second = sim.files();
    let root = RootPhase::trust_first(sim.environment(), first.root, Seen::default())
        .and_then(|root| root.accept_root(second.root.clone()));
    let collection = finish(root.expect("the next root"), &second).expect("trusted");
    let mut draft = Draft::of(&collection);
    draft.renew_root();
    let edition = draft.sign(&sim.ring, now()).expect("every key is here");
    let file = Envelope::parse(edition.files[&role("root")].clone(), &Limits::default()).expect("own file");
    let signers: Vec<_> = file.signatures().iter().map(|signature| signature.keyid.clone()).collect();
    let own: Vec<_> = sim.root.roles["root"].keyids.iter().map(ToString::to_string).collect();
    assert_eq!(signers, own);
    assert_eq!(
        claim::<Root>(&edition.files[&role("root")]).keys.len(),
        5,
        "the old certificate stays listed"
    );
}

/// A file written with a peer's signatures is still one file.
#[test]
fn signature_with_an_odd_key_id_is_written_as_text() {
    use countersign_core::signature::Signature;
    let odd = Signature { keyid: "\"}],<".to_owned(), method: "\\\n".to_owned(), sig: vec![1] };
    let file = countersign_core::author::encode(&Sim::new().root, std::slice::from_ref(&odd));
    let read = Envelope::parse(file, &Limits::default()).expect("one file");
    assert_eq!(read.signatures(), [odd]);
}

/// Another tool may list a key that nobody here can read; its holder is simply not us.
#[test]
fn key_that_cannot_be_read_is_no_reason_not_to_sign() {
    use countersign_core::key::{KeyType, PublicKey};
    let mut sim = Sim::new();
    let odd = PublicKey::new(KeyType::EcdsaX509, b"no certificate".to_vec());
    let own = sim.keys[&role("targets")][0].public_key().clone();
    sim.list(TopRole::Targets, vec![odd.clone(), own]);
    let mut draft = draft_of(&sim);
    draft.apply(&set("v2", b"x")).expect("a target");
    assert!(draft.clone().sign(&sim.ring, now()).is_ok());
    let refused = draft.sign(&KeyRing::default(), now()).expect_err("no keys at all");
    assert!(matches!(refused, AuthorError::MissingKeys { ref missing, .. } if missing.contains(&odd.id())));
}

/// A name that came in escapes, and was signed by somebody, cannot be written by us.
#[test]
fn document_with_a_control_character_is_not_signed() {
    let mut sim = Sim::new();
    sim.targets("targets").targets.insert(name("a\nb"), FileMeta::of(b"x"));
    let targets = sim.roles[&role("targets")].clone();
    let draft = Draft::unpublished(sim.root.clone(), targets, sim.snapshot.clone());
    assert!(matches!(draft.sign(&sim.ring, now()), Err(AuthorError::Unwritable(_))));
}
