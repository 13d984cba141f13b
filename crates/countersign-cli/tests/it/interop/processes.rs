//! Several processes at once, and processes killed at any moment.

use std::thread;
use std::time::{Duration, Instant};

use countersign_testkit::image::Image;
use countersign_testkit::peers::present_or_skip;

use super::stage::{Person, Server, Shop, gets, load, manifest_file, serve};

const TEAM: &str = "team/app";

#[test]
fn pulls_at_once_share_a_cache_and_a_store() {
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob) = (Person::of(&server), Person::of(&server));
    let image = shop.push(&alice, TEAM, "v1");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bob.ours(&["pull", &format!("{gun}:v1")]).expect_success());
        }
        scope.spawn(|| bob.theirs(&["lookup", &gun, "v1"]));
    });
    gets(&bob, &gun, "v1", &image);
}

fn pushes_at_once(server: &Server) {
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (here, there) = (Person::of(server), Person::of(server));
    let mut images = vec![("v0".to_owned(), shop.push(&here, TEAM, "v0"))];
    there.take_keys_of(&here);
    let pushes: Vec<_> = [("a", &here), ("b", &here), ("c", &there), ("d", &there)]
        .map(|(tag, person)| (person, tag.to_owned(), load(person, &format!("{gun}:{tag}"))))
        .into();
    thread::scope(|scope| {
        for (person, tag, _) in &pushes {
            let reference = format!("{gun}:{tag}");
            scope.spawn(move || person.ours(&["push", &reference]).expect_success());
        }
    });
    images.extend(pushes.into_iter().map(|(_, tag, image)| (tag, image)));
    let bob = Person::of(server);
    assert_eq!(bob.both_list(&gun), ["a", "b", "c", "d", "v0"]);
    for (tag, image) in &images {
        gets(&bob, &gun, tag, image);
    }
}

#[test]
fn pushes_at_once_from_two_machines_lose_nothing_on_debians_server() {
    let Some(server) = Server::debian() else { return };
    pushes_at_once(&server);
}

#[test]
fn pushes_at_once_from_two_machines_lose_nothing_on_our_server() {
    let Some(server) = Server::ours() else { return };
    pushes_at_once(&server);
}

/// Kills a run of ours at many moments of its life, spread over as long as one takes, until `patience` is over.
///
/// `args` gives the command line of each run; `after` is called when it is dead.
fn killed(
    person: &Person,
    whole: Duration,
    runs: u32,
    args: impl Fn(u32) -> Vec<String>,
    after: impl Fn(u32),
) {
    let begin = Instant::now();
    for run in (0..runs).take_while(|_| begin.elapsed() < PATIENCE) {
        let args = args(run);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let mut child = person.start(&args);
        thread::sleep(whole * run / runs);
        child.kill().expect("it can be killed");
        child.wait().expect("it ended");
        after(run);
    }
}

const PATIENCE: Duration = Duration::from_secs(8);

fn keys_are_whole(person: &Person) {
    let keys = person.ours(&["key", "list"]).expect_success();
    assert_eq!(keys.stderr, "");
    assert_eq!(keys.stdout, person.theirs(&["key", "list"]).expect_success().stdout);
}

#[test]
fn push_killed_at_any_moment_is_either_signed_or_not() {
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let (alice, bob) = (Person::of(&server), Person::of(&server));
    shop.push(&alice, TEAM, "v0");
    let runs = 20;
    let images: Vec<Image> = (0..runs).map(|run| load(&alice, &format!("{gun}:k{run:02}"))).collect();
    let took = alice.ours(&["push", &format!("{gun}:v0")]).took;
    killed(
        &alice,
        took * 2,
        runs,
        |run| vec!["push".to_owned(), format!("{gun}:k{run:02}")],
        |run| {
            if run % 5 == 0 {
                bob.ours(&["repo", "list", &gun]).expect_success();
            }
        },
    );
    let last = shop.push(&alice, TEAM, "last");
    assert_eq!(alice.files(&format!("tuf/{gun}/changelist")).len(), 0);
    keys_are_whole(&alice);
    let signed = bob.both_list(&gun);
    for tag in &signed {
        if let Some(run) = tag.strip_prefix('k') {
            let image = &images[run.parse::<usize>().expect("a number")];
            bob.ours(&["pull", &format!("{gun}:{tag}")]).expect_success();
            let line = bob.ours(&["repo", "lookup", &gun, tag]).expect_success().stdout;
            assert!(line.contains(&image.digest().to_string()), "{line}");
        }
    }
    gets(&bob, &gun, "last", &last);
    shop.add(&alice, TEAM, "theirs");
    assert_eq!(bob.both_list(&gun).len(), signed.len() + 1);
}

#[test]
fn first_push_killed_at_any_moment_can_be_made_again() {
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let alice = Person::of(&server);
    let took = {
        let fresh = Person::of(&server);
        let reference = format!("{}:v1", shop.gun("team/measured"));
        load(&fresh, &reference);
        fresh.ours(&["push", &reference]).expect_success().took
    };
    let image = load(&alice, "app:v1");
    let runs = 12;
    let repository = |run: u32| format!("team/app{run}");
    for run in 0..runs {
        alice
            .ours(&["load", "image.tar", "--as", &format!("{}:v1", shop.gun(&repository(run)))])
            .expect_success();
    }
    killed(
        &alice,
        took * 5 / 4,
        runs,
        |run| vec!["push".to_owned(), format!("{}:v1", shop.gun(&repository(run)))],
        |run| {
            let gun = shop.gun(&repository(run));
            alice.ours(&["push", &format!("{gun}:v1")]).expect_success();
            let found = Person::of(&server).theirs(&["lookup", &gun, "v1"]).expect_success();
            assert!(found.stdout.contains(&image.digest().to_string()), "{}", found.stdout);
        },
    );
    keys_are_whole(&alice);
}

#[test]
fn publish_of_staged_changes_killed_at_any_moment_loses_none() {
    let Some(server) = Server::debian() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let alice = Person::of(&server);
    shop.push(&alice, TEAM, "v0");
    let file = manifest_file(&alice, &shop.offer(TEAM, "v0"));
    let stage = |name: &str| {
        alice.theirs(&["add", &gun, name, &file]).expect_success();
    };
    stage("whole");
    let took = alice.ours(&["repo", "publish", &gun]).expect_success().took;
    let runs = 15;
    stage("k00");
    killed(
        &alice,
        took * 5 / 4,
        runs,
        |_| vec!["repo".to_owned(), "publish".to_owned(), gun.clone()],
        |run| stage(&format!("k{:02}", run + 1)),
    );
    alice.ours(&["repo", "publish", &gun]).expect_success();
    let status = alice.theirs(&["status", &gun]).expect_success();
    assert!(status.stdout.contains("No unpublished changes"), "{}", status.stdout);
    let listed = Person::of(&server).both_list(&gun);
    let staged: Vec<_> = listed.iter().filter(|name| name.starts_with('k')).collect();
    let expected: Vec<_> = (0..staged.len()).map(|number| format!("k{number:02}")).collect();
    assert_eq!(staged, expected.iter().collect::<Vec<_>>(), "none is missing");
    assert!(staged.len() > 2, "{listed:?}");
}

/// Our server, killed while people push: what it said that it took is there, and every edition is whole.
#[test]
fn server_killed_at_any_moment_keeps_what_it_took() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let ca_file = dir.path().join("data/ca.crt");
    let mut alice: Option<Person> = None;
    // The server is somewhere else each time, and Alice moves there with all that she has.
    let moved = |before: Option<&Person>, port: u16| {
        let there = Person::at(&format!("https://127.0.0.1:{port}"), &ca_file);
        if let Some(before) = before {
            there.take_trust_of(before);
        }
        there
    };
    let mut signed: Vec<String> = Vec::new();
    let mut took = Duration::ZERO;
    for round in 0_u32..8 {
        let (server, port) = serve(dir.path(), &|server| server);
        let person = moved(alice.as_ref(), port);
        let tag = format!("r{round}");
        let reference = format!("{gun}:{tag}");
        load(&person, &reference);
        let outcome = thread::scope(|scope| {
            let push = scope.spawn(|| person.ours(&["push", &reference]));
            if round > 0 {
                thread::sleep(took * round / 8);
                drop(server);
            }
            push.join().expect("a run has an end")
        });
        took = took.max(if round == 0 { outcome.took } else { Duration::ZERO });
        if outcome.stdout.contains("Successfully signed") {
            signed.push(tag);
        }
        alice = Some(person);
    }
    let (_server, port) = serve(dir.path(), &|server| server);
    let (alice, bob) =
        (moved(alice.as_ref(), port), Person::at(&format!("https://127.0.0.1:{port}"), &ca_file));
    let listed = bob.both_list(&gun);
    assert!(!signed.is_empty() && signed.iter().all(|tag| listed.contains(tag)), "{signed:?} in {listed:?}");
    let last = shop.push(&alice, TEAM, "last");
    gets(&bob, &gun, "last", &last);
}

#[test]
fn pull_killed_at_any_moment_leaves_what_can_be_continued() {
    let Some(server) = Server::ours() else { return };
    let shop = Shop::open();
    let gun = shop.gun(TEAM);
    let alice = Person::of(&server);
    let image = shop.push(&alice, TEAM, "v1");
    let pull = ["pull".to_owned(), format!("{gun}:v1")];
    let took = Person::of(&server).ours(&["pull", &pull[1]]).expect_success().took;
    let bob = Person::of(&server);
    killed(
        &bob,
        took * 5 / 4,
        20,
        |_| pull.to_vec(),
        |_| {
            bob.ours(&["images"]).expect_success();
        },
    );
    bob.ours(&["repo", "lookup", &gun, "v1"]).expect_success();
    gets(&bob, &gun, "v1", &image);
}
