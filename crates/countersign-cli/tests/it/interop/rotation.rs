//! Keys that Debian's client rotates: ours follows with the cache that it has.

use countersign_testkit::command::Invocation;

use super::stage::{Person, Server, Shop, gets};

const TEAM: &str = "team/app";

/// Somebody published, somebody else saw it; then one key after the other is replaced.
fn follow(server: &Server) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob) = (Person::of(server), Person::of(server));
    let first = shop.add(&alice, TEAM, "v0");
    bob.ours(&["repo", "list", &gun]).expect_success();
    let rotations = [
        &["key", "rotate", &gun, "targets"][..],
        &["key", "rotate", &gun, "snapshot"],
        &["key", "rotate", &gun, "timestamp", "--server-managed"],
        &["key", "rotate", &gun, "snapshot", "--server-managed"],
        &["key", "rotate", &gun, "root"],
    ];
    for (turn, rotation) in rotations.iter().enumerate() {
        alice.notary().invocation(rotation).stdin("yes\n").run().expect_success();
        let seen = bob.ours(&["repo", "lookup", &gun, "v0"]).expect_success();
        assert_eq!(seen.stderr, "", "nothing is worth a word after {rotation:?}");
        let root = bob.cached(&gun, "root");
        assert_eq!(root["signed"]["version"], turn + 2, "after {rotation:?}");
        // What is published with the new keys is seen, too.
        let tag = format!("v{}", turn + 1);
        // Both clients go on with the new keys.
        let image = if turn % 2 == 0 { shop.push(&alice, TEAM, &tag) } else { shop.add(&alice, TEAM, &tag) };
        gets(&bob, &gun, &tag, &image);
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
fn catch_up(server: &Server) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob, carol) = (Person::of(server), Person::of(server), Person::of(server));
    shop.add(&alice, TEAM, "v0");
    bob.ours(&["repo", "list", &gun]).expect_success();
    carol.theirs(&["list", &gun]).expect_success();
    for _ in 0..3 {
        alice.notary().invocation(&["key", "rotate", &gun, "root"]).stdin("yes\n").run().expect_success();
        alice.theirs(&["key", "rotate", &gun, "targets"]).expect_success();
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
    follow(&server);
    catch_up(&server);
}

#[test]
fn each_key_rotated_on_our_server_is_followed() {
    let Some(server) = Server::ours() else { return };
    follow(&server);
    catch_up(&server);
}
