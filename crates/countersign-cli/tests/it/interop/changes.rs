//! Staged changes of one client, seen and published by the other.

use std::fs;

use countersign_lab::fault::Fault;
use countersign_lab::proxy::{At, Proxy};
use http::Method;
use serde_json::json;

use super::cache::behind_a_proxy;
use super::stage::{Person, Server, Shop, gets, line, load, manifest_file};

const TEAM: &str = "team/app";
/// Names that JSON, HTML and tables treat each in their way.
const NAMES: [&str; 5] = ["v1", "a<b&c>d", "two words", "ünï✓", r#"quo"te\slash"#];
/// A name that Notary prints as it is, and ours spelled out.
const INVISIBLE: &str = "\u{2028}line\u{202e}";

/// The same table from both, and how many changes it has.
#[track_caller]
fn both_show(person: &Person, gun: &str) -> usize {
    let theirs = person.theirs(&["status", gun]).expect_success().stdout;
    let ours = person.ours(&["repo", "status", gun]).expect_success().stdout;
    assert_eq!(ours, theirs, "both print one table");
    ours.lines().skip_while(|line| !line.starts_with("-    ")).skip(1).filter(|line| !line.is_empty()).count()
}

fn staged_by_theirs(server: &Server) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let alice = Person::of(server);
    alice.theirs(&["init", &gun]).expect_success();
    let image = shop.offer(TEAM, "v1");
    let file = manifest_file(&alice, &image);
    let custom = alice.world().path("custom.json");
    fs::write(&custom, r#"{"built":{"at":1700000000,"by":"alice"},"names":["é",null,true]}"#)
        .expect("a file");
    let custom = custom.display().to_string();
    for name in NAMES {
        alice.theirs(&["add", &gun, name, &file]).expect_success();
    }
    alice.theirs(&["add", &gun, "noted", &file, "--custom", &custom]).expect_success();
    assert_eq!(both_show(&alice, &gun), NAMES.len() + 1);
    alice.ours(&["repo", "publish", &gun]).expect_success();
    assert_eq!(both_show(&alice, &gun), 0);

    let bob = Person::of(server);
    let listed = bob.both_list(&gun);
    assert_eq!(listed.len(), NAMES.len() + 1, "{listed:?}");
    for name in NAMES {
        let signed = line(name, &image);
        assert_eq!(bob.theirs(&["lookup", &gun, name]).expect_success().stdout, signed);
        assert_eq!(bob.ours(&["repo", "lookup", &gun, name]).expect_success().stdout, signed);
    }
    gets(&bob, &gun, "v1", &image);
    let noted = &bob.cached(&gun, "targets")["signed"]["targets"]["noted"]["custom"];
    let expected = json!({ "built": { "at": 1_700_000_000, "by": "alice" }, "names": ["é", null, true] });
    assert_eq!(*noted, expected);

    // Removals, one by each, of names that the other signed.
    alice.theirs(&["add", &gun, INVISIBLE, &file]).expect_success();
    alice.ours(&["repo", "publish", &gun]).expect_success();
    bob.theirs(&["lookup", &gun, INVISIBLE]).expect_success();
    let listed = bob.ours(&["repo", "list", "--quiet", &gun]).expect_success().stdout;
    assert!(listed.contains("\\u{2028}line\\u{202e}\n"), "{listed}");
    alice.theirs(&["remove", &gun, INVISIBLE, "-p"]).expect_success();
    for name in &NAMES[1..] {
        alice.theirs(&["remove", &gun, name]).expect_success();
    }
    assert_eq!(both_show(&alice, &gun), NAMES.len() - 1);
    alice.ours(&["repo", "publish", &gun]).expect_success();
    assert_eq!(bob.both_list(&gun), ["noted", "v1"]);
    alice.theirs(&["remove", &gun, "noted", "-p"]).expect_success();
    assert_eq!(bob.both_list(&gun), ["v1"]);
}

#[test]
fn changes_that_theirs_staged_are_published_by_ours_to_debians_server() {
    let Some(server) = Server::debian() else { return };
    staged_by_theirs(&server);
}

#[test]
fn changes_that_theirs_staged_are_published_by_ours_to_our_server() {
    let Some(server) = Server::ours() else { return };
    staged_by_theirs(&server);
}

#[test]
fn push_publishes_its_own_change_and_no_other() {
    let Some(server) = Server::debian() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob) = (Person::of(&server), Person::of(&server));
    shop.push(&alice, TEAM, "v1");
    let file = manifest_file(&alice, &shop.offer(TEAM, "staged"));
    alice.theirs(&["add", &gun, "staged", &file]).expect_success();
    let image = shop.push(&alice, TEAM, "v2");
    assert_eq!(both_show(&alice, &gun), 1);
    assert_eq!(bob.both_list(&gun), ["v1", "v2"]);
    gets(&bob, &gun, "v2", &image);
    alice.ours(&["repo", "publish", &gun]).expect_success();
    assert_eq!(bob.both_list(&gun), ["staged", "v1", "v2"]);
}

/// Runs a push of ours until its upload is under way, and kills it there.
fn killed_at_its_upload(person: &Person, proxy: &Proxy, reference: &str) {
    proxy.forget_exchanges();
    proxy.misbehave(At::Uploads, Fault::Hang);
    let mut push = person.start(&["push", reference]);
    let is_upload = |exchange: &countersign_lab::proxy::Exchange| exchange.method == Method::POST;
    while !proxy.exchanges().iter().any(is_upload) {
        assert!(push.try_wait().expect("a status").is_none(), "the push ended before its upload");
        std::thread::yield_now();
    }
    push.kill().expect("it can be killed");
    push.wait().expect("it ended");
    proxy.forward();
}

#[test]
fn change_of_a_push_that_was_killed_is_seen_by_both_and_published_by_neither_of_ours() {
    let Some(server) = Server::debian() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (proxy, alice) = behind_a_proxy(&server);
    shop.push(&alice, TEAM, "v1");
    load(&alice, &format!("{gun}:v2"));
    killed_at_its_upload(&alice, &proxy, &format!("{gun}:v2"));
    assert_eq!(both_show(&alice, &gun), 1);
    alice.ours(&["repo", "publish", &gun]).expect_success();
    let bob = Person::of(&server);
    assert_eq!(bob.both_list(&gun), ["v1"]);

    load(&alice, &format!("{gun}:v3"));
    let next = alice.ours(&["push", &format!("{gun}:v3")]).expect_success();
    assert!(next.stderr.contains("an earlier push of `v2` was cut off"), "{}", next.transcript());
    assert_eq!(both_show(&alice, &gun), 0);
    assert_eq!(bob.both_list(&gun), ["v1", "v3"]);
    let again = alice.ours(&["push", &format!("{gun}:v2")]).expect_success();
    assert!(again.stdout.contains("Successfully signed"), "{}", again.transcript());
    assert_eq!(bob.both_list(&gun), ["v1", "v2", "v3"]);
}
