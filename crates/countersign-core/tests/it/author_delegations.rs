//! Authoring delegations: created, edited, removed, purged.

use countersign_core::author::{AuthorError, Change, DelegationEdit, Draft, KeyRing};
use countersign_core::metadata::{Delegations, FileMeta, Snapshot, Targets};

use crate::author::claim;
use crate::simulator::{Sim, key, name, now, role, version};

#[test]
fn delegation_is_created_edited_and_removed() {
    let mut sim = Sim::new();
    let collection = sim.first_update(&sim.files()).expect("trusted");
    let (mut draft, delegate) = (Draft::of(&collection), key());
    let released = role("targets/releases");
    let edit = |edit| Change::EditDelegation { role: released.clone(), edit };
    let create = DelegationEdit {
        add_keys: vec![delegate.public_key().clone()],
        add_paths: vec![String::new()],
        ..DelegationEdit::default()
    };
    draft.apply(&edit(create)).expect("created");
    let in_releases =
        |tag: &str| Change::SetTarget { role: released.clone(), name: name(tag), meta: FileMeta::of(b"x") };
    draft.apply(&in_releases("v9")).expect("within its paths");
    sim.ring.insert(delegate.clone());
    let edition = draft.clone().sign(&sim.ring, now()).expect("every key is here");
    let first: Targets = claim(&edition.files[&released]);
    assert_eq!(first.version, version(1));
    let narrow =
        DelegationEdit { clear_paths: true, add_paths: vec!["dev-".to_owned()], ..DelegationEdit::default() };
    draft.apply(&edit(narrow)).expect("edited");
    assert!(matches!(draft.apply(&in_releases("v10")), Err(AuthorError::OutsidePaths { .. })));
    let unsign = DelegationEdit { remove_keys: vec![delegate.id()], ..DelegationEdit::default() };
    draft.apply(&edit(unsign)).expect("edited");
    assert!(draft.targets(&role("targets")).expect("targets").delegations.keys.is_empty());
    draft.apply(&Change::RemoveDelegation { role: released.clone() }).expect("removed");
    assert!(draft.targets(&released).is_none());
    assert!(matches!(draft.apply(&in_releases("v11")), Err(AuthorError::UnknownRole(_))));
}

pub(crate) fn edit(of: &str, edit: DelegationEdit) -> Change {
    Change::EditDelegation { role: role(of), edit }
}

pub(crate) fn set_in(of: &str, tag: &str) -> Change {
    Change::SetTarget { role: role(of), name: name(tag), meta: FileMeta::of(b"x") }
}

/// A draft of what is published by `sim`.
pub(crate) fn draft_of(sim: &Sim) -> Draft {
    Draft::of(&sim.first_update(&sim.files()).expect("trusted"))
}

fn dirty(draft: &Draft) -> Vec<String> {
    draft.dirty().iter().map(ToString::to_string).collect()
}

/// Notary's `targets/*` is every delegation, however deep.
#[test]
fn purged_key_is_gone_at_every_depth() {
    let mut sim = Sim::new();
    let stolen = sim.delegate("targets/c", &[""]);
    let delegate = sim.delegate("targets/a", &[""]);
    sim.delegate("targets/a/b", &[""]);
    let delegations = &mut sim.targets("targets/a").delegations;
    delegations.keys.insert(stolen.id(), stolen.public_key().clone());
    delegations.roles[0].keyids.push(stolen.id());
    let mut draft = draft_of(&sim);
    draft.apply(&Change::PurgeKeys { below: role("targets"), keys: vec![stolen.id()] }).expect("purged");
    assert_eq!(dirty(&draft), ["targets", "targets/a"]);
    let edition = draft.clone().sign(&sim.ring, now()).expect("every key is here");
    assert!(edition.unpurged.is_empty());
    for of in ["targets", "targets/a"] {
        let targets: Targets = claim(&edition.files[&role(of)]);
        assert!(!targets.delegations.keys.contains_key(&stolen.id()), "{of}");
        assert!(targets.delegations.roles.iter().all(|role| !role.keyids.contains(&stolen.id())), "{of}");
    }
    // Without the delegate's key the rest is purged all the same, and the role that isn't is named.
    let mut without = KeyRing::default();
    let wanted = draft.wanted_keys();
    for id in wanted.values().flatten().filter(|id| **id != delegate.id()) {
        without.insert(sim.ring.find(id).expect("held").clone());
    }
    let edition = draft.clone().sign(&without, now()).expect("a delegate's key is not needed");
    assert_eq!(edition.unpurged.iter().collect::<Vec<_>>(), [&role("targets/a")]);
    assert!(!edition.files.contains_key(&role("targets/a")));
    draft.apply(&set_in("targets/a", "v9")).expect("a target");
    assert!(
        matches!(draft.sign(&without, now()), Err(AuthorError::MissingKeys { .. })),
        "it changed otherwise, too"
    );
}

/// A server keeps the versions of a role that is gone, and refuses to begin again below them; so do clients.
#[test]
fn delegation_that_comes_back_goes_on_from_its_last_version() {
    let mut sim = Sim::new();
    let key = sim.delegate("targets/a", &[""]);
    for _ in 0..4 {
        sim.publish();
    }
    let again = edit(
        "targets/a",
        DelegationEdit {
            add_keys: vec![key.public_key().clone()],
            add_paths: vec![String::new()],
            ..DelegationEdit::default()
        },
    );
    let with = sim.first_update(&sim.files()).expect("trusted");
    let mut at_once = Draft::of(&with);
    at_once.apply(&Change::RemoveDelegation { role: role("targets/a") }).expect("removed");
    sim.targets("targets").delegations = Delegations::default();
    sim.roles.remove(&role("targets/a"));
    sim.publish();
    let without = sim.update(&sim.files(), with.seen().clone()).expect("nobody is delegated to");
    for mut draft in [at_once, Draft::of(&without)] {
        draft.apply(&again).expect("delegated again");
        draft.apply(&set_in("targets/a", "v2")).expect("a target");
        let edition = draft.sign(&sim.ring, now()).expect("every key is here");
        let targets: Targets = claim(&edition.files[&role("targets/a")]);
        assert_eq!(targets.version, version(6));
        assert_eq!(targets.targets.len(), 1, "it begins empty");
    }
}

/// T10, and what an older tool left in the snapshot goes with it.
#[test]
fn removed_delegation_leaves_the_snapshot_with_all_below_it() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &[""]);
    sim.delegate("targets/a/b", &[""]);
    sim.delegate("targets/ab", &[""]);
    for gone in ["targets/old", "targets/old/er"] {
        sim.snapshot.meta.insert(gone.to_owned(), FileMeta::of(b"x"));
    }
    let mut draft = draft_of(&sim);
    draft.apply(&Change::RemoveDelegation { role: role("targets/a") }).expect("removed");
    draft.apply(&Change::RemoveDelegation { role: role("targets/nobody") }).expect("nothing to remove");
    assert_eq!(dirty(&draft), ["targets"]);
    let edition = draft.sign(&sim.ring, now()).expect("every key is here");
    let snapshot: Snapshot = claim(&edition.files[&role("snapshot")]);
    assert_eq!(snapshot.meta.keys().collect::<Vec<_>>(), ["root", "targets", "targets/ab"]);
    let mut draft = draft_of(&sim);
    draft.apply(&Change::RemoveDelegation { role: role("targets/nobody") }).expect("nothing to remove");
    assert!(draft.dirty().is_empty());
}

/// A path wider than the parent's is dropped by everybody who searches, so nothing is written under it.
#[test]
fn target_that_no_search_would_find_is_refused() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &["a/"]);
    sim.delegate("targets/a/b", &["", "a/b/"]);
    let mut draft = draft_of(&sim);
    assert!(matches!(draft.apply(&set_in("targets/a/b", "a/c")), Err(AuthorError::OutsidePaths { .. })));
    draft.apply(&set_in("targets/a/b", "a/b/c")).expect("within both");
}

#[test]
fn refused_change_leaves_the_draft_as_it_was() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &["a/"]);
    sim.roles.remove(&role("targets/a"));
    let mut draft = draft_of(&sim);
    assert!(matches!(draft.apply(&set_in("targets/a", "b")), Err(AuthorError::OutsidePaths { .. })));
    let nothing = edit("targets/a/b", DelegationEdit::default());
    assert!(matches!(draft.apply(&nothing), Err(AuthorError::UnknownRole(_))));
    let remove = Change::RemoveTarget { role: role("targets/a"), name: name("a/1") };
    draft.apply(&remove).expect("a name that is not there is fine");
    for of in ["root", "snapshot", "timestamp"] {
        assert!(matches!(draft.apply(&set_in(of, "v1")), Err(AuthorError::NotTargets(_))));
        assert!(matches!(draft.apply(&Change::Witness { role: role(of) }), Err(AuthorError::NotTargets(_))));
        assert!(draft.apply(&edit(of, DelegationEdit::default())).is_err());
    }
    assert!(draft.targets(&role("targets/a")).is_none());
    assert!(draft.dirty().is_empty());
}

/// A delegation below one that was never published has that one published, too.
#[test]
fn delegation_below_an_unpublished_one_publishes_both() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &["a/"]);
    sim.roles.remove(&role("targets/a"));
    let mut draft = draft_of(&sim);
    let delegate = key();
    sim.ring.insert(delegate.clone());
    let create = DelegationEdit {
        add_keys: vec![delegate.public_key().clone()],
        add_paths: vec!["a/b/".to_owned()],
        ..DelegationEdit::default()
    };
    draft.apply(&edit("targets/a/b", create)).expect("delegated");
    draft.apply(&set_in("targets/a/b", "a/b/1")).expect("a target");
    assert_eq!(dirty(&draft), ["targets/a", "targets/a/b"]);
    let edition = draft.sign(&sim.ring, now()).expect("every key is here");
    for of in ["targets/a", "targets/a/b"] {
        assert_eq!(claim::<Targets>(&edition.files[&role(of)]).version, version(1));
    }
}

/// A role that is published and could not be loaded would be forgotten by an edition that begins it anew.
#[test]
fn published_role_that_is_not_at_hand_is_not_begun_anew() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &[""]);
    let mut files = sim.files();
    files.roles.remove(&role("targets/a"));
    let mut draft = Draft::of(&sim.first_update(&files).expect("trusted"));
    for change in [set_in("targets/a", "v2"), Change::Witness { role: role("targets/a") }] {
        assert!(matches!(draft.apply(&change), Err(AuthorError::NotLoaded(_))));
    }
    draft.apply(&Change::RemoveDelegation { role: role("targets/a") }).expect("it may go");
    assert_eq!(dirty(&draft), ["targets"]);
}
