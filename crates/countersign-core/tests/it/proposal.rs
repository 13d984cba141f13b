//! Proposals: signatures for one edition, collected from several people.

use std::sync::Arc;

use bytes::Bytes;
use countersign_core::author::{
    AuthorError, Change, Draft, KeyRing, OpenProposal, Proposal, ProposalError, Signatures,
};
use countersign_core::certificate::{CertificateError, self_signed};
use countersign_core::limits::Limits;
use countersign_core::metadata::{Envelope, Root, Targets};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::Threshold;
use countersign_core::sign::SecretKey;
use countersign_core::trust::{LeafError, RootPhase, Seen, TrustError, TrustedCollection};

use crate::author_delegations::set_in;
use crate::simulator::{Files, Sim, finish, key, now, role, version};

fn two() -> Threshold {
    Threshold::new(2).expect("a threshold")
}

fn ring<'a>(keys: impl IntoIterator<Item = &'a Arc<SecretKey>>) -> KeyRing {
    let mut ring = KeyRing::default();
    for key in keys {
        ring.insert(key.clone());
    }
    ring
}

fn need(of: &str) -> Change {
    Change::SetThreshold { role: role(of), threshold: two() }
}

/// A collection whose targets role needs two of three keys.
struct Team {
    sim: Sim,
    people: Vec<Arc<SecretKey>>,
    collection: TrustedCollection,
}

impl Team {
    fn new() -> Self {
        let mut sim = Sim::new();
        let people: Vec<_> = (0..3).map(|_| key()).collect();
        for person in &people {
            sim.ring.insert(person.clone());
        }
        sim.list(TopRole::Targets, people.iter().map(|key| key.public_key().clone()).collect());
        sim.root.roles.get_mut("targets").expect("listed").threshold = two();
        let collection = sim.first_update(&sim.files()).expect("trusted");
        Self { sim, people, collection }
    }

    fn proposed(&self, by: usize) -> Proposal {
        let mut draft = Draft::of(&self.collection);
        draft.apply(&set_in("targets", "v2")).expect("a target");
        draft
            .propose(&self.collection, self.sim.gun.clone(), &ring([&self.people[by]]), now())
            .expect("one of the keys is here")
    }

    fn open(&self, proposal: &Proposal) -> Result<OpenProposal, ProposalError> {
        Proposal::parse(&proposal.to_bytes()).expect("own proposal").open(&self.collection)
    }
}

/// Adds the signature of a key to every file that it may sign.
fn sign(open: &mut OpenProposal, key: &Arc<SecretKey>) {
    let roles = open.roles();
    open.sign(&ring([key]), &roles).expect("signed");
}

/// The edition as a server would publish it.
fn published(sim: &mut Sim, edition: &countersign_core::author::Edition, root: &Bytes) -> Files {
    let file = |name: &str| edition.files.get(&role(name)).cloned();
    sim.timestamp.version = sim.timestamp.version.next().expect("a version");
    sim.timestamp.snapshot = countersign_core::metadata::FileMeta::of(&file("snapshot").expect("signed"));
    let keys = [sim.root.role_keys(TopRole::Timestamp)];
    let timestamp = sim.sign(&TopRole::Timestamp.into(), &sim.timestamp, &keys);
    let roles = edition.files.iter().filter(|(role, _)| role.is_delegation() || **role == TopRole::Targets);
    Files {
        root: file("root").unwrap_or_else(|| root.clone()),
        timestamp,
        snapshot: file("snapshot").expect("signed"),
        roles: roles.map(|(role, file)| (role.clone(), file.clone())).collect(),
    }
}

#[test]
fn one_of_two_signatures_makes_a_proposal_and_no_edition() {
    let team = Team::new();
    let mut draft = Draft::of(&team.collection);
    draft.apply(&set_in("targets", "v2")).expect("a target");
    let alone = ring([&team.people[0]]);
    let refused = draft.clone().sign(&alone, now()).expect_err("one is not enough");
    assert!(matches!(refused, AuthorError::MissingKeys { needed: 2, found: 1, .. }));
    let open = team.open(&team.proposed(0)).expect("the next edition");
    assert!(!open.is_complete());
    let standing = open.standing();
    assert_eq!(standing.len(), 1);
    let group = &standing[0].groups[0];
    assert_eq!((group.needed, group.signed.len(), group.missing.len()), (2, 1, 2));
    assert!(group.signed.contains(&team.people[0].id()));
    let refused = open.finish(&team.sim.ring, now()).expect_err("not complete");
    assert!(
        matches!(refused, AuthorError::MissingKeys { needed: 2, found: 1, ref missing, .. } if missing.len() == 2)
    );
}

#[test]
fn two_of_three_complete_it_and_everybody_trusts_the_outcome() {
    let mut team = Team::new();
    let before = team.sim.files();
    let mut open = team.open(&team.proposed(2)).expect("the next edition");
    sign(&mut open, &team.people[0]);
    assert!(open.is_complete());
    let edition = open.finish(&team.sim.ring, now()).expect("complete");
    let targets: Targets = crate::author::claim(&edition.files[&role("targets")]);
    assert_eq!(targets.version, version(2));
    let files = published(&mut team.sim, &edition, &before.root);
    let next = team.sim.update(&files, team.collection.seen().clone()).expect("trusted");
    assert_eq!(next.targets(&role("targets")).expect("loaded").signers().len(), 2);
    // The proposal is of no use any more.
    let stale = team.proposed(1).open(&next).expect_err("overtaken");
    assert!(
        matches!(stale, ProposalError::Overtaken { found, expected, .. } if (found, expected) == (version(2), version(3)))
    );
}

#[test]
fn signing_twice_with_one_key_counts_once() {
    let team = Team::new();
    let mut open = team.open(&team.proposed(0)).expect("the next edition");
    sign(&mut open, &team.people[0]);
    assert!(!open.is_complete());
    assert_eq!(open.to_proposal(), team.open(&open.to_proposal()).expect("the same").to_proposal());
}

#[test]
fn signatures_of_two_copies_are_merged() {
    let team = Team::new();
    let begun = team.proposed(0);
    let mut mine = team.open(&begun).expect("the next edition");
    let mut theirs = team.open(&begun).expect("the next edition");
    sign(&mut mine, &team.people[1]);
    sign(&mut theirs, &team.people[2]);
    mine.merge(&theirs).expect("the same documents");
    assert_eq!(mine.standing()[0].groups[0].signed.len(), 3);
    let another = team.open(&team.proposed(1));
    // Signed at the same moment, the same change is the same message.
    mine.merge(&another.expect("the next edition")).expect("the same documents");
    let mut draft = Draft::of(&team.collection);
    draft.apply(&set_in("targets", "v3")).expect("a target");
    let other =
        draft.propose(&team.collection, team.sim.gun.clone(), &KeyRing::default(), now()).expect("unsigned");
    let other = team.open(&other).expect("the next edition");
    assert!(matches!(mine.merge(&other), Err(ProposalError::Another { role: of }) if of == role("targets")));
}

/// A bad signature under a key's id must not keep its true one out.
#[test]
fn signature_that_counts_for_nothing_is_dropped() {
    let team = Team::new();
    let text = String::from_utf8(team.proposed(0).to_bytes()).expect("JSON");
    let forged = text.replace(&team.people[0].id().to_string(), &team.people[1].id().to_string());
    // The listed keys are in root, not here: what was replaced is the signature's id.
    let mut open =
        Proposal::parse(forged.as_bytes()).expect("JSON").open(&team.collection).expect("the next edition");
    assert!(open.standing()[0].groups[0].signed.is_empty());
    sign(&mut open, &team.people[1]);
    assert_eq!(open.standing()[0].groups[0].signed.len(), 1);
}

#[test]
fn proposal_for_another_time_place_or_form_is_refused() {
    let team = Team::new();
    let text = String::from_utf8(team.proposed(0).to_bytes()).expect("JSON");
    let open =
        |text: &str| Proposal::parse(text.as_bytes()).and_then(|proposal| proposal.open(&team.collection));
    let elsewhere = text.replace("docker.io/library/app", "docker.io/library/other");
    assert!(matches!(open(&elsewhere), Err(ProposalError::OtherCollection(_))));
    let later = text.replace(r#"\"version\":2"#, r#"\"version\":3"#);
    assert!(matches!(open(&later), Err(ProposalError::Overtaken { .. })));
    let past = text.replace(r#"\"expires\":\"2029"#, r#"\"expires\":\"2019"#);
    assert_ne!(past, text);
    assert!(matches!(open(&past), Err(ProposalError::Expired { .. })));
    let extra = text.replace(r#"\"version\":2"#, r#"\"version\":2,\"x\":1"#);
    assert!(matches!(open(&extra), Err(ProposalError::Form { .. })));
    // Nor in an entry, where nobody would be shown it.
    for (plain, hidden) in [
        (r#"\"length\":1}"#, r#"\"length\":1,\"x\":1}"#),
        (r#"{\"hashes\""#, r#"{\"custom\":null,\"hashes\""#),
    ] {
        let entry = text.replacen(plain, hidden, 1);
        assert_ne!(entry, text);
        assert!(matches!(open(&entry), Err(ProposalError::Form { .. })), "{hidden}");
    }
    let snapshot = text.replace(r#""targets": "#, r#""snapshot": "#);
    assert!(matches!(open(&snapshot), Err(ProposalError::NotProposable(_))));
    let nobodys = text.replace(r#""targets": "#, r#""targets/nobody": "#);
    assert!(matches!(open(&nobodys), Err(ProposalError::Author(AuthorError::UnknownRole(_)))));
    for bad in ["", "{}", "null", r#"{"format":"x","gun":"a/b","files":{}}"#, &text[..text.len() / 2]] {
        assert!(matches!(open(bad), Err(ProposalError::Unreadable { .. })), "{bad}");
    }
}

#[test]
fn proposed_root_needs_the_keys_before_and_its_own() {
    let sim = Sim::new();
    let files = sim.files();
    let collection = sim.first_update(&files).expect("trusted");
    let (old, new) = (Arc::clone(&sim.root_key), [key(), key()]);
    let keys = new.iter().map(|key| sim.certificate(key)).collect();
    let mut draft = Draft::of(&collection);
    draft.apply(&Change::ReplaceKeys { role: TopRole::Root, keys }).expect("certificates");
    draft.apply(&need("root")).expect("two keys");
    let begun =
        draft.propose(&collection, sim.gun.clone(), &ring([&new[0]]), now()).expect("one of the keys");
    let mut open = begun.open(&collection).expect("the next edition");
    let met =
        |open: &OpenProposal| open.standing()[0].groups.iter().map(Signatures::is_met).collect::<Vec<_>>();
    assert_eq!(met(&open), [false, false]);
    sign(&mut open, &old);
    assert_eq!(met(&open), [true, false]);
    sign(&mut open, &new[1]);
    assert!(open.is_complete());
    let edition = open.finish(&sim.ring, now()).expect("complete");
    let root: Root = crate::author::claim(&edition.files[&role("root")]);
    assert_eq!(root.roles["root"].threshold, two());
    let envelope =
        Envelope::parse(edition.files[&role("root")].clone(), &Limits::default()).expect("own file");
    root.role_keys(TopRole::Root).verify::<Root>(&envelope).expect("two of its own keys");
    collection.root().role_keys(TopRole::Root).verify::<Root>(&envelope).expect("the key before");
}

/// A root that is proposed is checked as clients will check it, before anybody signs it.
#[test]
fn root_that_clients_would_refuse_is_not_for_signing() {
    const DAY: i64 = 24 * 60 * 60;
    let sim = Sim::new();
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let other = "docker.io/library/other".parse().expect("a GUN");
    let proposed = |keys: Vec<_>, threshold| {
        let mut draft = Draft::of(&collection);
        draft.apply(&Change::ReplaceKeys { role: TopRole::Root, keys }).expect("keys");
        draft.apply(&Change::SetThreshold { role: role("root"), threshold }).expect("a threshold");
        draft.propose(&collection, sim.gun.clone(), &KeyRing::default(), now()).expect("written")
    };
    let old = sim.root.keys_of(TopRole::Root).next().expect("a root key").1.clone();
    let made =
        |gun, days: i64| self_signed(gun, &key(), now().plus_seconds(days * DAY)).expect("a certificate");
    for (bad, what) in [
        (made(&other, 0), "name"),
        (made(&sim.gun, -3651), "over"),
        (made(&sim.gun, 2), "early"),
        (key().public_key().clone(), "bare"),
    ] {
        let proposal = proposed(vec![old.clone(), bad.clone()], Threshold::ONE);
        let alone = proposal.open_root(&sim.environment(), Seen::default()).expect_err(what);
        for refused in [proposal.open(&collection).expect_err(what), alone] {
            let ProposalError::RootCertificate { key, source } = refused else {
                panic!("{what}: {refused:?}")
            };
            assert_eq!(key, bad.canonical_id().expect("an id"));
            let is_why = match what {
                "name" => matches!(&source, LeafError::Name(named) if *named == other.to_string()),
                "bare" => matches!(source, LeafError::Bare(_)),
                "over" => matches!(source, LeafError::Certificate(CertificateError::Expired { .. })),
                _ => matches!(source, LeafError::Certificate(CertificateError::Early { .. })),
            };
            assert!(is_why, "{what}: {source:?}");
        }
    }
    let fine = proposed(vec![old, sim.certificate(&key())], two());
    fine.open(&collection).expect("two that count");
    fine.open_root(&sim.environment(), Seen::default()).expect("two that count");
}

/// A key whose certificate is over stays where it is listed, and nothing that it signs counts for clients.
#[test]
fn root_key_that_clients_do_not_count_does_not_complete_a_root() {
    const DAY: i64 = 24 * 60 * 60;
    let mut sim = Sim::new();
    let old = key();
    sim.ring.insert(old.clone());
    let over = self_signed(&sim.gun, &old, now().plus_seconds(-3651 * DAY)).expect("a certificate");
    let valid = sim.root.keys_of(TopRole::Root).next().expect("a root key").1.clone();
    sim.list(TopRole::Root, vec![valid, over]);
    let collection = sim.first_update(&sim.files()).expect("one key counts");
    let mut draft = Draft::of(&collection);
    draft.renew_root();
    let begun = draft.clone().propose(&collection, sim.gun.clone(), &ring([&old]), now()).expect("written");
    let mut open = begun.open(&collection).expect("the next edition");
    assert!(!open.is_complete());
    sign(&mut open, &sim.root_key);
    assert!(open.is_complete());
    draft.apply(&need("root")).expect("two keys");
    let begun = draft.propose(&collection, sim.gun.clone(), &KeyRing::default(), now()).expect("written");
    let refused = begun.open(&collection).expect_err("one counts");
    assert!(matches!(refused, ProposalError::TooFewRootKeys { counted: 1, threshold: 2 }), "{refused:?}");
}

#[test]
fn raised_threshold_has_what_the_role_says_signed_anew() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    let second = key();
    sim.ring.insert(second.clone());
    let of = role("targets/releases");
    let delegations = &mut sim.targets("targets").delegations;
    delegations.keys.insert(second.id(), second.public_key().clone());
    delegations.roles[0].keyids.push(second.id());
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let dirty = |draft: &Draft| draft.dirty().iter().map(RoleName::to_string).collect::<Vec<_>>();
    let mut draft = Draft::of(&collection);
    draft.apply(&need("targets/releases")).expect("two keys");
    assert_eq!(dirty(&draft), ["targets", "targets/releases"]);
    let file = draft.clone().sign(&sim.ring, now()).expect("every key is here").files[&of].clone();
    let envelope = Envelope::parse(file, &Limits::default()).expect("own file");
    let declared =
        draft.targets(&role("targets")).expect("targets").delegations.keys_of(&of).expect("declared");
    assert_eq!(declared.verify::<Targets>(&envelope).expect("two signatures").signers().len(), 2);
    // Lowered, it says what it said.
    let mut lowered = Draft::of(&collection);
    let one = Change::SetThreshold { role: of.clone(), threshold: Threshold::ONE };
    lowered.apply(&one).expect("as it is");
    assert!(lowered.dirty().is_empty());
    lowered.apply(&need("targets/releases")).expect("two keys");
}

#[test]
fn threshold_above_the_number_of_keys_is_refused() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let mut draft = Draft::of(&collection);
    let refused = draft.apply(&need("targets/releases")).expect_err("one key");
    assert!(matches!(refused, AuthorError::Threshold { keys: 1, threshold: 2, .. }));
    assert!(draft.dirty().is_empty());
    assert!(matches!(draft.apply(&need("targets/x")), Err(AuthorError::UnknownRole(_))));
    for of in ["snapshot", "timestamp"] {
        assert!(matches!(draft.apply(&need(of)), Err(AuthorError::OneKey(_))), "{of}");
    }
    // Root's keys may come in any order: the whole is looked at when it is written.
    draft.apply(&need("root")).expect("not looked at");
    let refused = draft.sign(&sim.ring, now()).expect_err("one key");
    assert!(
        matches!(refused, AuthorError::Threshold { ref role, keys: 1, threshold: 2 } if *role == TopRole::Root)
    );
}

/// Nobody is talked into trusting a proposal: it has no timestamp and no snapshot, and its file alone is refused.
#[test]
fn file_of_an_incomplete_proposal_is_not_trusted() {
    let mut team = Team::new();
    let mut files = team.sim.files();
    let open = team.open(&team.proposed(0)).expect("the next edition");
    let text = String::from_utf8(open.to_proposal().to_bytes()).expect("JSON");
    let wire: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let file = Bytes::from(wire["files"]["targets"].as_str().expect("a file").to_owned());
    let mut snapshot = team.sim.snapshot.clone();
    snapshot.version = version(2);
    for (name, file) in [("root", &files.root), ("targets", &file)] {
        snapshot.meta.insert(name.to_owned(), countersign_core::metadata::FileMeta::of(file));
    }
    team.sim.timestamp.version = version(2);
    files = team.sim.seal(files.root, &snapshot, [(role("targets"), file)].into());
    let refused = team.sim.update(&files, team.collection.seen().clone()).expect_err("one signature");
    assert!(matches!(refused, TrustError::Signature { role: of, .. } if of == role("targets")));
}

#[test]
fn same_change_by_somebody_else_goes_on_with_the_proposal() {
    let team = Team::new();
    let mut open = team.open(&team.proposed(0)).expect("the next edition");
    let later = now().plus_seconds(600);
    let mut same = Draft::of(&team.collection);
    same.apply(&set_in("targets", "v2")).expect("a target");
    let before = open.to_proposal();
    open.absorb(&same, later).expect("it says the same");
    assert_eq!(open.to_proposal(), before);
    let mut other = Draft::of(&team.collection);
    other.apply(&set_in("targets", "v3")).expect("a target");
    assert!(
        matches!(open.absorb(&other, later), Err(ProposalError::Another { role: of }) if of == role("targets"))
    );
}

/// Whoever signs the same has not looked at the proposal: it may differ from what they would write by its age alone.
#[test]
fn same_change_for_another_time_or_of_another_version_is_not_gone_on_with() {
    const DAY: i64 = 24 * 60 * 60;
    let team = Team::new();
    let mut same = Draft::of(&team.collection);
    same.apply(&set_in("targets", "v2")).expect("a target");
    let open = team.open(&team.proposed(0)).expect("the next edition");
    let whole = 1095 * DAY;
    let absorb = |at: i64| open.clone().absorb(&same, now().plus_seconds(at));
    for (at, what) in
        [(-DAY, "a clock that is a day slow"), (0, "the same"), (whole * 9 / 10, "a tenth is left")]
    {
        absorb(at).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let until = now().plus_seconds(whole);
    let refused = absorb(-DAY - 1).expect_err("valid for longer");
    assert!(matches!(refused, ProposalError::TooLong { role: of, expires, usual }
            if of == role("targets") && expires == until && usual == until.plus_seconds(-DAY - 1)));
    for at in [whole * 9 / 10 + 1, whole] {
        let refused = absorb(at).expect_err("nearly over");
        assert!(
            matches!(refused, ProposalError::TooShort { expires, .. } if expires == until),
            "{refused:?}"
        );
    }
    // Signed again meanwhile, as it was: the same change has a later version.
    let mut later = team.sim.clone();
    let files = later.publish();
    let next = later.update(&files, team.collection.seen().clone()).expect("trusted");
    let mut again = Draft::of(&next);
    again.apply(&set_in("targets", "v2")).expect("a target");
    let mut kept = open.clone();
    let refused = kept.absorb(&again, now()).expect_err("overtaken");
    assert!(
        matches!(refused, ProposalError::Overtaken { found, expected, .. } if (found, expected) == (version(2), version(3)))
    );
    assert_eq!(kept.to_proposal(), open.to_proposal());
}

#[test]
fn root_that_is_the_same_but_for_its_time_is_not_gone_on_with() {
    let sim = Sim::new();
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let mut renewal = Draft::of(&collection);
    renewal.renew_root();
    let at = |now| {
        let begun = renewal.clone().propose(&collection, sim.gun.clone(), &KeyRing::default(), now);
        begun.expect("written").open(&collection).expect("the next edition")
    };
    at(now()).absorb(&renewal, now()).expect("the same");
    let century = now().plus_seconds(100 * 365 * 24 * 60 * 60);
    let refused = at(century).absorb(&renewal, now()).expect_err("valid for longer");
    assert!(
        matches!(refused, ProposalError::TooLong { role: ref of, .. } if *of == TopRole::Root),
        "{refused:?}"
    );
    let past = now().plus_seconds(-3649 * 24 * 60 * 60);
    let refused = at(past).absorb(&renewal, now()).expect_err("over in a day");
    assert!(
        matches!(refused, ProposalError::TooShort { role: ref of, .. } if *of == TopRole::Root),
        "{refused:?}"
    );
}

#[test]
fn what_another_role_says_is_added_and_only_that_is_signed() {
    let mut sim = Sim::new();
    let (alice, bob) = (sim.delegate("targets/alice", &[""]), sim.delegate("targets/bob", &[""]));
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let mut draft = Draft::of(&collection);
    draft.apply(&set_in("targets/alice", "v2")).expect("a target");
    let begun = draft.propose(&collection, sim.gun.clone(), &ring([&alice]), now()).expect("written");
    let mut open = begun.open(&collection).expect("the next edition");
    let mut bobs = Draft::of(&collection);
    bobs.apply(&set_in("targets/bob", "v2")).expect("a target");
    open.absorb(&bobs, now()).expect("another role");
    open.sign(&ring([&alice, &bob]), &[role("targets/bob")].into()).expect("signed");
    assert!(open.is_complete());
    let again = Proposal::parse(&open.to_proposal().to_bytes()).expect("own proposal");
    assert!(again.open(&collection).expect("the next edition").is_complete());
}

/// A key that never meets a network: it sees the root that is published and the next one, as they travelled.
#[test]
fn root_is_signed_where_nothing_else_is_known() {
    let sim = Sim::new();
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let (old, new, targets) = (Arc::clone(&sim.root_key), key(), key());
    let keys = vec![sim.certificate(&old), sim.certificate(&new)];
    let mut draft = Draft::of(&collection);
    draft.apply(&Change::ReplaceKeys { role: TopRole::Root, keys }).expect("certificates");
    let keys = vec![targets.public_key().clone()];
    draft.apply(&Change::ReplaceKeys { role: TopRole::Targets, keys }).expect("a key");
    draft.apply(&need("root")).expect("two keys");
    let begun =
        draft.propose(&collection, sim.gun.clone(), &ring([&targets]), now()).expect("one of the keys");
    let mut away = begun.open_root(&sim.environment(), Seen::default()).expect("the next root");
    assert_eq!(away.roles(), [role("root")].into());
    for key in [&old, &new] {
        sign(&mut away, key);
    }
    assert!(!away.is_complete(), "what was not looked at is not vouched for");
    let back = Proposal::parse(&away.to_proposal().to_bytes()).expect("own proposal");
    let open = back.open(&collection).expect("the next edition");
    assert!(open.is_complete());
    open.finish(&sim.ring, now()).expect("complete");
    // With another root before it, or none proposed, there is nothing to sign.
    let mut seen = collection.seen().clone();
    assert!(begun.open_root(&sim.environment(), seen.clone()).is_ok());
    let mut later = sim.clone();
    later.next_root();
    let files = later.publish();
    let phase = RootPhase::trust_cached(sim.environment(), sim.files().root, seen).expect("trusted");
    seen = finish(phase.accept_root(files.root.clone()).expect("the next"), &files)
        .expect("trusted")
        .seen()
        .clone();
    let refused = begun.open_root(&sim.environment(), seen).expect_err("there is a newer root");
    assert!(matches!(refused, ProposalError::Base(TrustError::Rollback { .. })), "{refused:?}");
    let mut only_tags = Draft::of(&collection);
    only_tags.apply(&set_in("targets", "v2")).expect("a target");
    let tags = only_tags.propose(&collection, sim.gun.clone(), &KeyRing::default(), now()).expect("written");
    assert!(matches!(tags.open_root(&sim.environment(), Seen::default()), Err(ProposalError::NoRoot)));
    let mut other = Sim::new();
    other.gun = "docker.io/library/other".parse().expect("a GUN");
    let refused = begun.open_root(&other.environment(), Seen::default());
    assert!(matches!(refused, Err(ProposalError::OtherCollection(_))));
}

/// Each verification takes a look at the whole file: opening a proposal costs no more of them than verifying its files.
#[test]
fn no_more_signatures_are_verified_than_of_a_published_file() {
    let mut sim = Sim::new();
    let people: Vec<_> = (0..70).map(|_| key()).collect();
    for person in &people {
        sim.ring.insert(person.clone());
    }
    sim.list(TopRole::Targets, people.iter().map(|key| key.public_key().clone()).collect());
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let mut draft = Draft::of(&collection);
    draft.apply(&set_in("targets", "v2")).expect("a target");
    let all = draft.propose(&collection, sim.gun.clone(), &ring(&people), now()).expect("every key is here");
    let open = all.open(&collection).expect("the next edition");
    assert_eq!(open.standing()[0].groups[0].signed.len(), Limits::default().verifications);
}
