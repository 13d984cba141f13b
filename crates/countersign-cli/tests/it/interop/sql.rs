//! Debian's server on MariaDB, whose SQL store behaves differently from its memory.

use countersign_testkit::peers::{MariaDb, present_or_skip};

use super::stage::{Person, Server, Shop, gets, line};

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
