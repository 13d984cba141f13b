//! Debian's server on MariaDB, whose SQL store behaves differently from its memory.

use countersign_testkit::peers::{MariaDb, present_or_skip};

use super::rotation::is_exported;
use super::stage::{Person, Server, Shop, gets, line, load, manifest_file};

const TEAM: &str = "team/app";

/// One database serves every test here: it takes seconds to start.
#[test]
fn collections_on_sql_are_read_and_published() {
    if !present_or_skip(&["notary", "notary-server", "mariadbd"]) {
        return;
    }
    let database = MariaDb::start();
    let server = Server::debian_on(&database);
    guess_is_answered_with_500(&server);
    snapshot_key_of_the_server_forgets_no_root(&server, true);
    snapshot_key_of_the_server_forgets_no_root(&server, false);
}

/// `targets/releases` is asked for before anybody knows that it isn't there: this store answers with 500.
fn guess_is_answered_with_500(server: &Server) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let image = shop.add(&Person::of(server), TEAM, "v1");
    assert_eq!(server.file(&gun, "targets/releases.json").0, "500");
    let reader = Person::of(server);
    let first = reader.ours(&["repo", "lookup", &gun, "v1"]).expect_success();
    assert_eq!(first.stdout, line("v1", &image));
    let again = reader.ours(&["repo", "lookup", &gun, "v1"]).expect_success();
    assert_eq!((again.stdout, again.stderr.as_str()), (first.stdout, ""));
    gets(&reader, &gun, "v1", &image);
}

/// This store looks the root up by the hash in a snapshot that the server computed from what it parsed: a file that is not
/// byte for byte what Notary would have written is lost to it.
///
/// Traps: T15b, B7.
fn snapshot_key_of_the_server_forgets_no_root(server: &Server, ours_begins: bool) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let alice = Person::of(server);
    if ours_begins {
        load(&alice, &format!("{gun}:v0"));
        alice.ours(&["push", "--snapshot-key", "server", &format!("{gun}:v0")]).expect_success();
    } else {
        shop.add(&alice, TEAM, "v0");
        alice.theirs(&["key", "rotate", &gun, "snapshot", "--server-managed"]).expect_success();
    }
    for tag in ["v1", "v2"] {
        let image = shop.push(&alice, TEAM, tag);
        for file in ["root.json", "1.root.json", "targets.json", "snapshot.json"] {
            assert_eq!(server.file(&gun, file).0, "200", "{file} after {tag}");
        }
        gets(&Person::of(server), &gun, tag, &image);
    }
    // A name that is not written as it is signed, then a new root: theirs goes on with both.
    let image = shop.offer(TEAM, "odd");
    let file = manifest_file(&alice, &image);
    alice.theirs(&["add", &gun, "a<b&c", &file]).expect_success();
    alice.ours(&["repo", "publish", &gun]).expect_success();
    assert_eq!(server.file(&gun, "root.json").0, "200");
    alice.notary().invocation(&["key", "rotate", &gun, "root"]).stdin("yes\n").run().expect_success();
    shop.push(&alice, TEAM, "v3");
    shop.add(&alice, TEAM, "v4");
    assert_eq!(server.file(&gun, "root.json").0, "200");
    let reader = Person::of(server);
    is_exported(&reader, &gun, if ours_begins { 2 } else { 3 });
    assert_eq!(reader.both_list(&gun), ["a<b&c", "v0", "v1", "v2", "v3", "v4"]);
    assert_eq!(
        reader.ours(&["repo", "lookup", &gun, "a<b&c"]).expect_success().stdout,
        line("a<b&c", &image)
    );
}
