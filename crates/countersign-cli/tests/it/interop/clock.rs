//! Clocks that are wrong, and files that are too old, role by role.

use std::time::{Duration, Instant};

use countersign_testkit::command::Output;
use countersign_testkit::peers::present_or_skip;

use super::cache::behind_a_proxy;
use super::stage::{Person, Server, Shop, gets, load, serve};

const TEAM: &str = "team/app";
/// How long a server that was just started may take to renew what is due.
const RENEWAL: Duration = Duration::from_secs(20);

/// A collection on Debian's server, whose certificate never expires, and somebody who saw it.
fn scene() -> Option<(Server, String, Person)> {
    if !present_or_skip(&["faketime"]) {
        return None;
    }
    let server = Server::debian()?;
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    shop.add(&Person::of(&server), TEAM, "v1");
    let reader = Person::of(&server);
    reader.ours(&["repo", "lookup", &gun, "v1"]).expect_success();
    Some((server, gun, reader))
}

fn at(person: &Person, time: &str, args: &[&str]) -> Output {
    person.world().program(args).clock(time).run()
}

#[test]
fn clock_that_is_ahead_makes_the_timestamp_expire_and_nothing_else_changes() {
    let Some((server, gun, reader)) = scene() else { return };
    for person in [&reader, &Person::of(&server)] {
        let before = person.state();
        for time in ["+15 days", "+4 years", "+11 years"] {
            let output = at(person, time, &["repo", "lookup", &gun, "v1"]).expect_code(3);
            // After ten years the root's own certificate is over.
            let what = if time == "+11 years" { "the certificate" } else { "timestamp" };
            assert!(output.stderr.contains(&format!("{what} expired at ")), "{}", output.transcript());
            assert!(output.stderr.contains("clock"), "{}", output.transcript());
            assert_eq!(person.state(), before, "{time}");
        }
        person.ours(&["repo", "lookup", &gun, "v1"]).expect_success();
        at(person, "+13 days", &["repo", "lookup", &gun, "v1"]).expect_success();
    }
}

#[test]
fn clock_that_is_behind_meets_a_root_from_the_future() {
    let Some((server, gun, reader)) = scene() else { return };
    for person in [&reader, &Person::of(&server)] {
        let before = person.state();
        let output = at(person, "2001-01-01 00:00:00", &["repo", "lookup", &gun, "v1"]).expect_code(3);
        assert!(output.stderr.contains("not valid before"), "{}", output.transcript());
        assert_eq!(person.state(), before);
        person.ours(&["repo", "lookup", &gun, "v1"]).expect_success();
    }
}

/// The same server, years later: it has renewed what it signs by itself, and nobody else has signed anything.
#[test]
fn roles_that_nobody_signed_for_years_are_refused_one_after_the_other() {
    if !present_or_skip(&["notary", "faketime"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ca_file = dir.path().join("data/ca.crt");
    let shop = Shop::open();
    let (client_held, server_held) = (shop.gun("client/app"), shop.gun("server/app"));
    {
        let (_server, port) = serve(dir.path(), &|server| server);
        let alice = Person::at(&format!("https://127.0.0.1:{port}"), &ca_file);
        shop.add(&alice, "client/app", "v1");
        shop.add(&alice, "server/app", "v1");
        alice.theirs(&["key", "rotate", &server_held, "snapshot", "--server-managed"]).expect_success();
    }
    for (years, gun, role) in
        [(4, &client_held, "snapshot"), (4, &server_held, "targets"), (9, &server_held, "targets")]
    {
        let time = format!("+{years} years");
        let (_server, port) = serve(dir.path(), &|server| server.clock(&time));
        let bob = Person::at(&format!("https://127.0.0.1:{port}"), &ca_file);
        let lookup = || at(&bob, &time, &["repo", "lookup", gun, "v1"]).expect_code(3);
        let begun = Instant::now();
        let mut output = lookup();
        // The server renews what it signs beside its answers, and was only just started.
        while output.stderr.contains("timestamp expired at ") && begun.elapsed() < RENEWAL {
            output = lookup();
        }
        assert!(output.stderr.contains(&format!("{role} expired at ")), "{years}: {}", output.transcript());
        assert!(output.stderr.contains("its publisher has to sign it again"), "{}", output.transcript());
        assert!(bob.state().is_empty(), "{:?}", bob.state());
    }
}

#[test]
fn publisher_whose_clock_is_wrong_publishes_nothing() {
    if !present_or_skip(&["faketime"]) {
        return;
    }
    let Some(debian) = Server::debian() else { return };
    let Some(ours) = Server::ours() else { return };
    for server in [&debian, &ours] {
        // The proxy's certificate is valid at any time.
        let (_proxy, alice) = behind_a_proxy(server);
        let shop = Shop::open();
        let gun = shop.gun(TEAM);
        let reference = format!("{gun}:v1");
        load(&alice, &reference);
        for time in ["2003-01-01 00:00:00", "+12 years"] {
            let output = at(&alice, time, &["push", &reference]);
            assert_eq!(output.code, Some(1), "{time}: {}", output.transcript());
            assert_eq!(server.file(&gun, "root.json").0, "404", "{time}: {}", output.transcript());
        }
        // With the right clock it is the same collection that is begun.
        let image = shop.push(&alice, TEAM, "v1");
        gets(&Person::of(server), &gun, "v1", &image);
        for time in ["+15 days", "+4 years"] {
            let before = alice.state();
            let output = at(&alice, time, &["push", &reference]);
            assert_ne!(output.code, Some(0), "{time}: {}", output.transcript());
            assert!(output.stderr.contains("expired at"), "{time}: {}", output.transcript());
            assert_eq!(alice.state(), before, "{time}");
        }
    }
}
