//! Keys that Debian's client or ours rotates: both, and Docker, follow with the caches that they have.

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::find_program;

use super::stage::{Person, Server, Shop, gets};

const TEAM: &str = "team/app";

/// Who rotates: `notary` of either make.
type Rotator = fn(&Person, &[&str]) -> Invocation;

fn theirs(person: &Person, args: &[&str]) -> Invocation {
    person.notary().invocation(args)
}

fn ours(person: &Person, args: &[&str]) -> Invocation {
    person.face(args)
}

/// The tags that Docker's client sees with the cache that it has, where it is installed and has `docker trust`.
fn docker_sees(person: &Person, gun: &str) -> Option<String> {
    let docker = find_program("docker")?;
    if Invocation::of(&docker).args(["trust", "--help"]).run().code != Some(0) {
        return None;
    }
    let seen = person.world().program_at(&docker, &["trust", "inspect", gun]).run().expect_success();
    Some(seen.stdout)
}

/// Somebody published, somebody else saw it; then one key after the other is replaced.
fn follow(server: &Server, rotator: Rotator) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob, dora) = (Person::of(server), Person::of(server), Person::of(server));
    let first = shop.add(&alice, TEAM, "v0");
    bob.ours(&["repo", "list", &gun]).expect_success();
    docker_sees(&dora, &gun);
    let rotations = [
        &["key", "rotate", &gun, "targets"][..],
        &["key", "rotate", &gun, "snapshot"],
        &["key", "rotate", &gun, "timestamp", "--server-managed"],
        &["key", "rotate", &gun, "snapshot", "--server-managed"],
        &["key", "rotate", &gun, "snapshot", "--server-managed"],
        &["key", "rotate", &gun, "root"],
        &["key", "rotate", &gun, "snapshot"],
    ];
    for (turn, rotation) in rotations.iter().enumerate() {
        rotator(&alice, rotation).stdin("yes\n").run().expect_success();
        let seen = bob.ours(&["repo", "lookup", &gun, "v0"]).expect_success();
        assert_eq!(seen.stderr, "", "nothing is worth a word after {rotation:?}");
        let root = bob.cached(&gun, "root");
        assert_eq!(root["signed"]["version"], turn + 2, "after {rotation:?}");
        // What is published with the new keys is seen, too.
        let tag = format!("v{}", turn + 1);
        // Both clients go on with the new keys.
        let image = if turn % 2 == 0 { shop.push(&alice, TEAM, &tag) } else { shop.add(&alice, TEAM, &tag) };
        gets(&bob, &gun, &tag, &image);
        if let Some(seen) = docker_sees(&dora, &gun) {
            assert!(seen.contains(&format!("\"{tag}\"")), "Docker after {rotation:?}: {seen}");
        }
        shop.push(&alice, TEAM, &format!("{tag}-ours"));
    }
    gets(&bob, &gun, "v0", &first);
    gets(&Person::of(server), &gun, "v0", &first);
    is_exported(&bob, &gun, rotations.len() + 1);
}

/// Every version that a server still has goes into one file, whatever keys signed it.
pub(super) fn is_exported(person: &Person, gun: &str, roots: usize) {
    person.ours(&["repo", "export", gun, "-o", "collection.tar"]).expect_success();
    let list = Invocation::of("tar").args(["-tf", "collection.tar"]).dir(person.world().path("")).run();
    let list = list.expect_success().stdout;
    let has = |file: &str| list.lines().any(|line| line == file);
    let newest = person.cached(gun, "targets")["signed"]["version"].as_u64().expect("a version");
    assert!((1..=roots).all(|version| has(&format!("metadata/root/{version}.json"))), "{list}");
    assert!((2..=newest).all(|version| has(&format!("metadata/targets/{version}.json"))), "{list}");
}

/// A cache of before all rotations leads to the end of them.
fn catch_up(server: &Server, rotator: Rotator) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob, carol) = (Person::of(server), Person::of(server), Person::of(server));
    shop.add(&alice, TEAM, "v0");
    bob.ours(&["repo", "list", &gun]).expect_success();
    carol.theirs(&["list", &gun]).expect_success();
    for _ in 0..3 {
        rotator(&alice, &["key", "rotate", &gun, "root"]).stdin("yes\n").run().expect_success();
        rotator(&alice, &["key", "rotate", &gun, "targets"]).run().expect_success();
    }
    let image = shop.add(&alice, TEAM, "v1");
    // Bob's cache is ours, Carol's was made by theirs.
    for person in [bob, carol] {
        let seen = person.ours(&["repo", "lookup", &gun, "v1"]).expect_success();
        assert!(!seen.stderr.contains("first use"), "{}", seen.stderr);
        assert_eq!(person.cached(&gun, "root")["signed"]["version"], 7);
        gets(&person, &gun, "v1", &image);
    }
}

#[test]
fn each_key_rotated_on_debians_server_is_followed() {
    let Some(server) = Server::debian() else { return };
    follow(&server, theirs);
    catch_up(&server, theirs);
}

#[test]
fn each_key_rotated_on_our_server_is_followed() {
    let Some(server) = Server::ours() else { return };
    follow(&server, theirs);
    catch_up(&server, theirs);
}

#[test]
fn each_key_that_ours_rotates_on_debians_server_is_followed() {
    let Some(server) = Server::debian() else { return };
    follow(&server, ours);
    catch_up(&server, ours);
}

#[test]
fn each_key_that_ours_rotates_on_our_server_is_followed() {
    let Some(server) = Server::ours() else { return };
    follow(&server, ours);
    catch_up(&server, ours);
}

/// Clients that only look at the newest root follow over several rotations when older keys sign as well.
#[test]
fn older_root_keys_sign_for_both_makes() {
    for rotator in [theirs as Rotator, ours] {
        let Some(server) = Server::debian() else { return };
        let shop = Shop::open();
        let gun = shop.gun(TEAM);
        let alice = Person::of(&server);
        shop.add(&alice, TEAM, "v0");
        for _ in 0..2 {
            rotator(&alice, &["key", "rotate", &gun, "root"]).stdin("yes\n").run().expect_success();
        }
        let all = ["key", "rotate", &gun, "root", "--legacy", "-1"];
        rotator(&alice, &all).stdin("yes\n").run().expect_success();
        let (_, root) = server.file(&gun, "root.json");
        let root: serde_json::Value = serde_json::from_str(&root).expect("metadata is JSON");
        assert_eq!(root["signatures"].as_array().map(Vec::len), Some(4), "new, present and two older");
        alice.both_list(&gun);
    }
}
