//! One change to one file of a valid collection: a client trusts what it would have trusted, or nothing.
//!
//! `PROPTEST_CASES` says how many changes are tried of each kind. With `--nocapture` the tests say what became of them.
#![expect(clippy::disallowed_methods, reason = "a long run is asked for by a variable, as proptest has it")]

mod damage;
mod plan;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use countersign_core::metadata::{FileMeta, Root, Snapshot, Targets, Timestamp};
use countersign_core::name::RoleName;
use countersign_core::trust::{RootPhase, Seen, TrustError, TrustedCollection, TrustedTarget};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use self::damage::{Change, Damage, damage};
use self::plan::{Published, plan};
use crate::simulator::{Files, Sim, finish, name, role};

/// Changes of each kind, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 4000;

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

impl Published {
    /// The same with one file changed, of all or of those that no online key signs.
    fn damaged(&self, which: usize, damage: &Damage, with_online: bool) -> (Vec<Bytes>, Files) {
        let (mut roots, mut files) = (self.roots.clone(), self.files.clone());
        let mut all: Vec<&mut Bytes> = roots.iter_mut().chain(files.roles.values_mut()).collect();
        if with_online {
            all.extend([&mut files.timestamp, &mut files.snapshot]);
        }
        let at = which % all.len();
        *all[at] = damage.apply(all[at]);
        files.root = roots.last().expect("there is a root").clone();
        (roots, files)
    }

    /// A whole update, by somebody who meets the collection or trusts its first edition.
    fn update(&self, roots: &[Bytes], files: &Files) -> Result<TrustedCollection, TrustError> {
        let environment = self.sim.environment();
        let mut root = match &self.seen {
            None => RootPhase::trust_first(environment, roots[0].clone(), Seen::default())?,
            // The first root is in the cache, where nobody changes it.
            Some(seen) => RootPhase::trust_cached(environment, self.roots[0].clone(), seen.clone())?,
        };
        for next in &roots[1..] {
            root = root.accept_root(next.clone())?;
        }
        finish(root, files)
    }
}

/// What became of the changes.
#[derive(Debug, Default)]
struct Tally {
    /// The file is what it was.
    unchanged: Cell<u64>,
    refused: Cell<u64>,
    /// The file differs and what is trusted does not.
    same: Cell<u64>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unchanged, refused, same) = (self.unchanged.get(), self.refused.get(), self.same.get());
        let tried = unchanged + refused + same;
        write!(f, "{tried} tried, {refused} refused, {same} the same state, {unchanged} no change")
    }
}

impl Tally {
    fn count(counter: &Cell<u64>) {
        counter.set(counter.get() + 1);
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES)
}

/// Tries changes on random collections. `reseal` makes of the changed files what the attacker serves; without `with_hashes`
/// it signs timestamp and snapshot anew.
fn try_changes(
    kind: &str,
    with_hashes: bool,
    reseal: impl Fn(&Sim, Vec<Bytes>, Files) -> (Vec<Bytes>, Files),
) -> Tally {
    let config = ProptestConfig { source_file: Some(file!()), ..ProptestConfig::with_cases(cases()) };
    let tally = Tally::default();
    let outcome =
        TestRunner::new(config).run(&(plan(), any::<usize>(), damage()), |(plan, which, damage)| {
            let published = plan.publish();
            let honest = published.update(&published.roots, &published.files);
            let honest = Meaning::of(&honest.expect("as it was signed"), with_hashes);
            let (roots, files) = published.damaged(which, &damage, with_hashes);
            let is_changed = (&roots, &files) != (&published.roots, &published.files);
            let (roots, files) = reseal(&published.sim, roots, files);
            match published.update(&roots, &files) {
                Err(_) if !is_changed => return Err(TestCaseError::fail("it was as it was signed")),
                Err(_) => Tally::count(&tally.refused),
                Ok(trusted) => {
                    prop_assert_eq!(Meaning::of(&trusted, with_hashes), honest);
                    Tally::count(if is_changed { &tally.same } else { &tally.unchanged });
                }
            }
            Ok(())
        });
    outcome.expect(kind);
    tally
}

/// By anybody between the server and the client.
#[test]
fn changed_file_changes_nothing_that_is_trusted() {
    let tally = try_changes("served as it is", true, |_, roots, files| (roots, files));
    println!("served as it is: {tally}");
    assert!(tally.refused.get() > 0, "{tally:?}");
}

/// By somebody who holds the keys of a trust server: snapshot and timestamp name the changed file truly.
#[test]
fn changed_file_that_is_truly_named_changes_nothing_that_is_trusted() {
    let tally = try_changes("truly named", false, |sim, roots, changed| {
        let mut snapshot = sim.snapshot.clone();
        snapshot.meta.insert("root".to_owned(), FileMeta::of(&changed.root));
        for (role, file) in &changed.roles {
            snapshot.meta.insert(role.to_string(), FileMeta::of(file));
        }
        (roots, sim.seal(changed.root, &snapshot, changed.roles))
    });
    println!("truly named: {tally}");
    assert!(tally.refused.get() > 0 && tally.same.get() > 0, "{tally:?}");
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
