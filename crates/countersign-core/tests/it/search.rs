//! Search: who may say what a name means.

use countersign_core::name::RoleName;
use countersign_core::trust::TrustedCollection;

use crate::simulator::{Sim, name, role};

fn collection(sim: &Sim) -> TrustedCollection {
    sim.first_update(&sim.files()).expect("trusted")
}

fn found(collection: &TrustedCollection, order: &[&str], tag: &str) -> Option<String> {
    let order: Vec<RoleName> = order.iter().map(|of| role(of)).collect();
    collection.search(&order, &name(tag)).map(|target| target.role.to_string())
}

#[test]
fn first_role_of_the_order_that_knows_the_name_wins() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    sim.set_in("targets/releases", "v1", b"released");
    sim.set_in("targets/releases", "v2", b"released");
    let collection = collection(&sim);
    assert_eq!(
        found(&collection, &["targets/releases", "targets"], "v1").as_deref(),
        Some("targets/releases")
    );
    assert_eq!(found(&collection, &["targets"], "v1").as_deref(), Some("targets"));
    assert_eq!(found(&collection, &["targets"], "v2").as_deref(), Some("targets/releases"));
    assert_eq!(found(&collection, &["targets"], "v3"), None);
}

/// CVE-2024-47534: the same name by several delegates; the file's order decides, breadth first.
#[test]
fn search_is_breadth_first_in_the_files_order() {
    let mut sim = Sim::new();
    sim.delegate("targets/b", &[""]);
    sim.delegate("targets/a", &[""]);
    sim.delegate("targets/b/deep", &[""]);
    sim.set_in("targets/a", "x", b"a");
    sim.set_in("targets/b/deep", "x", b"deep");
    assert_eq!(found(&collection(&sim), &["targets"], "x").as_deref(), Some("targets/a"));
    sim.set_in("targets/b", "x", b"b");
    assert_eq!(found(&collection(&sim), &["targets"], "x").as_deref(), Some("targets/b"));
}

#[test]
fn delegate_is_heard_only_within_its_paths() {
    let mut sim = Sim::new();
    sim.delegate("targets/dev", &["dev-"]);
    sim.set_in("targets/dev", "dev-1", b"dev");
    sim.set_in("targets/dev", "prod", b"out of its paths");
    let collection = collection(&sim);
    assert_eq!(found(&collection, &["targets"], "dev-1").as_deref(), Some("targets/dev"));
    assert_eq!(found(&collection, &["targets"], "prod"), None);
    assert!(collection.find(&role("targets/dev"), &name("prod")).is_none());
    let listed: Vec<_> =
        collection.list(&[role("targets")]).into_iter().map(|target| target.name.to_string()).collect();
    assert_eq!(listed, ["dev-1", "v1"]);
}

#[test]
fn path_wider_than_the_parents_is_dropped_and_no_path_speaks_of_nothing() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &["a/"]);
    sim.delegate("targets/a/wide", &["", "a/b/"]);
    sim.delegate("targets/mute", &[]);
    for (of, tag) in [("targets/a/wide", "a/b/1"), ("targets/a/wide", "a/1"), ("targets/mute", "m")] {
        sim.set_in(of, tag, b"x");
    }
    let collection = collection(&sim);
    assert_eq!(found(&collection, &["targets"], "a/b/1").as_deref(), Some("targets/a/wide"));
    assert_eq!(found(&collection, &["targets"], "a/1"), None);
    assert_eq!(found(&collection, &["targets"], "m"), None);
    assert_eq!(collection.excluded_paths(), [(&role("targets/a/wide"), vec![""])]);
}

#[test]
fn path_outside_of_any_role_above_is_excluded() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &["a/"]);
    sim.delegate("targets/a/b", &["b/", "a/b/"]);
    sim.delegate("targets/a/b/c", &["b/c/", "a/b/c/", "a/"]);
    let collection = collection(&sim);
    let excluded = [("targets/a/b", vec!["b/"]), ("targets/a/b/c", vec!["b/c/", "a/"])];
    let excluded = excluded.map(|(of, paths)| (role(of), paths));
    let found = collection.excluded_paths();
    assert_eq!(found, excluded.iter().map(|(of, paths)| (of, paths.clone())).collect::<Vec<_>>());
}

#[test]
fn role_named_later_in_the_order_is_asked_at_its_own_turn_only() {
    let mut sim = Sim::new();
    sim.delegate("targets/a", &[""]);
    sim.delegate("targets/b", &[""]);
    sim.set_in("targets/a", "x", b"a");
    sim.set_in("targets/b", "x", b"b");
    let collection = collection(&sim);
    assert_eq!(found(&collection, &["targets", "targets/a"], "x").as_deref(), Some("targets/b"));
    assert_eq!(found(&collection, &["targets/b", "targets/a"], "x").as_deref(), Some("targets/b"));
}

#[test]
fn target_without_a_known_digest_is_not_found() {
    let mut sim = Sim::new();
    let nothing = countersign_core::metadata::FileMeta::new(countersign_core::digest::Hashes::default(), 1);
    sim.targets("targets").targets.insert(name("blank"), nothing);
    assert_eq!(found(&collection(&sim), &["targets"], "blank"), None);
}

/// What the first role says is not made up for by a later one: nobody may say that a name means what it likes.
#[test]
fn entry_without_a_known_digest_hides_those_of_later_roles() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    let nothing = countersign_core::metadata::FileMeta::new(countersign_core::digest::Hashes::default(), 1);
    sim.targets("targets/releases").targets.insert(name("v1"), nothing);
    let collection = collection(&sim);
    assert_eq!(found(&collection, &["targets/releases", "targets"], "v1"), None);
    assert_eq!(found(&collection, &["targets"], "v1").as_deref(), Some("targets"));
    assert!(collection.list(&[role("targets/releases"), role("targets")]).is_empty());
}

/// As Notary's walk: a role that is not `targets` nor below it has no subtree.
#[test]
fn role_without_targets_speaks_of_nothing() {
    let collection = collection(&Sim::new());
    for order in ["root", "snapshot", "timestamp", "targets/nobody"] {
        assert_eq!(found(&collection, &[order], "v1"), None, "{order}");
        assert!(collection.list(&[role(order)]).is_empty(), "{order}");
    }
}

/// A delegate can declare very many paths below very many paths; comparing each with each would take minutes.
#[test]
fn very_many_paths_on_every_level_are_searched_at_once() {
    let mut sim = Sim::new();
    let paths: Vec<String> = (0..30_000).map(|number| format!("{number:05}/")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    sim.delegate("targets/a", &paths);
    sim.delegate("targets/a/b", &paths);
    sim.delegate("targets/a/b/c", &paths);
    sim.set_in("targets/a/b/c", "29999/x", b"x");
    sim.set_in("targets/a/b/c", "30000/x", b"x");
    let collection = collection(&sim);
    assert_eq!(found(&collection, &["targets"], "29999/x").as_deref(), Some("targets/a/b/c"));
    assert_eq!(found(&collection, &["targets"], "30000/x"), None);
    assert_eq!(collection.list(&[role("targets")]).len(), 2);
}
