//! `repo`: collections, as Debian's `notary` shows them.

use countersign_testkit::peers;
use countersign_testkit::peers::NotaryClient;

use crate::world::{Site, World};

#[test]
fn lookup_prints_notarys_line() {
    let site = Site::start();
    let image = site.publish(&site.publisher(), "team/app:1", "one");
    let bob = site.person();
    let found = bob.run(&["repo", "lookup", &site.image("team/app"), "1"]).expect_success();
    let size = image.manifest().bytes.len();
    assert_eq!(found.stdout, format!("1 {} {size}\n", image.digest()));
    let missing = bob.run(&["repo", "lookup", &site.image("team/app"), "2"]).expect_code(3);
    let nothing = bob.run(&["repo", "lookup", &site.image("team/nosuch"), "1"]).expect_code(3);
    bob.assert_told("repo_lookup", &[&missing, &nothing]);
}

#[test]
fn collection_is_initialised_staged_and_published_by_hand() {
    let site = Site::start();
    let alice = site.publisher();
    let gun = site.image("team/app");
    let init = alice.run(&["repo", "init", &gun]);
    let twice = alice.run(&["repo", "init", &gun]);
    let unpublished = site.person().run(&["repo", "list", &gun]).expect_code(3);
    let status = alice.run(&["repo", "status", &gun]);
    let publish = alice.run(&["repo", "publish", &gun]);
    let list = alice.run(&["repo", "list", &gun]);
    let other = alice.run(&["repo", "init", "--publish", &site.image("team/other")]);
    alice.assert_told("repo_init", &[&init, &twice, &unpublished, &status, &publish, &list, &other]);
}

#[test]
fn export_holds_every_version() {
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:1", "one");
    site.publish(&alice, "team/app:2", "two");
    let bob = site.person();
    let output = bob.run(&["repo", "export", &site.image("team/app"), "-o", "app.tar"]).expect_success();
    bob.assert_told("repo_export", &[&output]);
    let listing = countersign_testkit::command::Invocation::of("tar")
        .args(["-tf", "app.tar"])
        .dir(bob.path(""))
        .run()
        .expect_success();
    for file in
        ["metadata/root/1.json", "metadata/targets/2.json", "metadata/targets/3.json", "manifest.json"]
    {
        assert!(listing.stdout.lines().any(|line| line == file), "{file} in {}", listing.stdout);
    }
}

#[test]
fn tables_are_notarys_byte_for_byte() {
    if !peers::present_or_skip(&["notary"]) {
        return;
    }
    let site = Site::start();
    let alice = site.publisher();
    site.publish(&alice, "team/app:1", "one");
    site.publish(&alice, "team/app:a-longer-name", "two");
    let gun = site.image("team/app");
    let notary = NotaryClient::with_trust_dir(&alice.path(".docker/trust"), &site.trust_server(), &site.ca());
    let theirs = |args: &[&str]| notary.run(args).expect_success().stdout;
    let ours = |args: &[&str]| alice.run(args).expect_success().stdout;
    assert_eq!(ours(&["repo", "list", &gun]), theirs(&["list", &gun]));
    assert_eq!(ours(&["repo", "lookup", &gun, "1"]), theirs(&["lookup", &gun, "1"]));
    assert_eq!(ours(&["key", "list"]), theirs(&["key", "list"]));
    assert_eq!(ours(&["repo", "status", &gun]), theirs(&["status", &gun]));
    let hash = "0".repeat(64);
    theirs(&["addhash", &gun, "3", "6", "--sha256", &hash]);
    theirs(&["remove", &gun, "1"]);
    theirs(&["witness", &gun, "targets"]);
    assert_eq!(ours(&["repo", "status", &gun]), theirs(&["status", &gun]));
    let reset = ours(&["repo", "reset", &gun, "-n", "2"]);
    assert_eq!(reset, format!("Successfully reset specified changes for repository {gun}\n"));
    ours(&["repo", "publish", &gun]);
    let listed = ours(&["repo", "list", &gun]);
    assert_eq!(listed, theirs(&["list", &gun]));
    assert!(listed.contains("\n3    ") && !listed.contains("\n1    "), "{listed}");
}

#[test]
fn empty_collection_and_empty_key_store_look_as_notarys() {
    if !peers::present_or_skip(&["notary"]) {
        return;
    }
    let site = Site::start();
    let alice = site.publisher();
    let gun = site.image("team/app");
    alice.run(&["repo", "init", "--publish", &gun]).expect_success();
    let notary = NotaryClient::new(&site.trust_server(), &site.ca());
    let theirs = |args: &[&str]| notary.run(args).expect_success().stdout;
    let bob: World = site.person();
    assert_eq!(bob.run(&["repo", "list", &gun]).stdout, theirs(&["list", &gun]));
    assert_eq!(bob.run(&["key", "list"]).stdout, theirs(&["key", "list"]));
}
