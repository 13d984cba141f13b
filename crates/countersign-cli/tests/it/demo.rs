//! `demo`, as whoever types it first sees it.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::present_or_skip;
use countersign_testkit::terminal::Terminal;

use crate::world::{World, assert_snapshot};

/// A world with a directory of its own for temporary files.
fn world() -> (World, PathBuf) {
    let mut world = World::new();
    let temporary = world.path("tmp");
    fs::create_dir(&temporary).expect("a directory");
    world.set("TMPDIR", &temporary.display().to_string());
    (world, temporary)
}

/// What is in a directory.
fn names(dir: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn demo_shows_every_attack_refused_and_leaves_nothing() {
    let (world, temporary) = world();
    let output = world.run(&["demo"]).expect_success();
    assert!(names(&temporary).is_empty(), "{:?}", names(&temporary));
    assert_eq!(names(&world.path("")), ["tmp"], "nothing is made in the user's own directories");
    let wide: Vec<_> = output.stdout.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "too wide: {wide:?}");
    assert!(!output.stdout.contains('\u{1b}'), "no colours where nobody sees them");
    assert_eq!(output.stdout.matches("=> refused").count(), 5);
    let (before, after) = output.stdout.split_once("configuration and layers, ").expect("bytes are compared");
    let compared = after.split_once(' ').expect("a number of bytes").0;
    let told = world.normalise(&output.transcript().replace(compared, "<count>"));
    assert!(before.contains("=> byte-identical"));
    assert_snapshot("demo", &steady(&told));
}

/// Names what differs from run to run and is cut too short to be known for what it is.
fn steady(text: &str) -> String {
    let mut out = String::new();
    // A second may pass between the timestamp and the question.
    for line in text.replace("(in 13 days)", "(in 14 days)").lines() {
        let words: Vec<String> = line.split(' ').map(word).collect();
        out.push_str(&words.join(" "));
        out.push('\n');
    }
    out
}

fn word(word: &str) -> String {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let core = word.trim_start_matches(['(', '`']).trim_end_matches([':', ',', ';', '…', ')', '`', '.']);
    if core.starts_with('/') && word.starts_with('`') {
        return word.replace(core, "<file>");
    }
    let (start, digits) = core.rsplit_once(':').map_or(("", core), |(start, digits)| (start, digits));
    let digits = digits.trim_start_matches('`');
    if matches!(digits.len(), 7 | 12) && is_hex(digits) {
        return word.replace(digits, if start.is_empty() { "<id>" } else { "<digest>" });
    }
    if core.len() > 2 && core.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.replace(core, "<count>");
    }
    let shape: String = core.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    match shape.as_str() {
        "0000-00-00" => word.replace(core, "<day>"),
        "00:00" => word.replace(core, "<minute>"),
        _ => word.to_owned(),
    }
}

#[test]
fn demo_is_coloured_at_a_terminal() {
    let (world, temporary) = world();
    let session = Terminal::run(world.program(&["demo"])).finish();
    assert_eq!(session.code, Some(0), "{}", session.screen);
    assert!(session.screen.contains("\u{1b}[1m1  Publish"), "{}", session.screen);
    assert!(names(&temporary).is_empty(), "{:?}", names(&temporary));
}

#[test]
fn interrupted_demo_leaves_nothing() {
    let (world, temporary) = world();
    let mut terminal = Terminal::run(world.program(&["demo"]));
    terminal.expect("1  Publish");
    terminal.type_keys("\u{3}");
    let session = terminal.finish();
    assert_eq!(session.code, Some(1), "{}", session.screen);
    assert!(
        session.screen.contains("interrupted; everything that was made for it is removed"),
        "{}",
        session.screen
    );
    assert!(names(&temporary).is_empty(), "{:?}", names(&temporary));
}

#[test]
fn demo_that_is_told_to_end_leaves_nothing() {
    let (world, temporary) = world();
    let mut child = world.program(&["demo", "--quiet"]).start();
    let started = Instant::now();
    while names(&temporary).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(30), "it makes a directory");
        thread::sleep(Duration::from_millis(1));
    }
    let pid = child.id().to_string();
    Invocation::of("sh").args(["-c", &format!("kill -TERM {pid}")]).run().expect_success();
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(1));
    assert!(names(&temporary).is_empty(), "{:?}", names(&temporary));
}

#[test]
fn demo_without_a_place_for_its_files_says_so() {
    let mut world = World::new();
    world.set("TMPDIR", "/nonexistent");
    let output = world.run(&["demo"]).expect_code(1);
    assert!(output.stderr.starts_with("error: no temporary directory can be made"), "{}", output.stderr);
    assert_eq!(output.stdout, "");
}

#[test]
fn demo_needs_no_network_and_looks_for_none() {
    if !present_or_skip(&["unshare", "busybox"]) {
        return;
    }
    let (world, temporary) = world();
    let script = "busybox ip link set lo up && \"$0\" demo --quiet; code=$?; cat /proc/net/snmp /proc/net/snmp6; exit $code";
    let alone = |args: &[&str]| {
        let unshare = Invocation::of("unshare").args(["--user", "--map-root-user", "--net"]).args(args);
        let unshare = unshare.env("HOME", world.path("")).env("TMPDIR", &temporary);
        // Whoever followed these would be noticed.
        let unshare = unshare.env("HTTPS_PROXY", "http://192.0.2.1:3128");
        unshare.env("DOCKER_CONTENT_TRUST_SERVER", "https://192.0.2.2")
    };
    if alone(&["true"]).run().code != Some(0) {
        // A kernel that lets nobody have a network of their own.
        return;
    }
    let output = alone(&["sh", "-c", script, env!("CARGO_BIN_EXE_countersign")]).run().expect_success();
    assert_eq!(unreachable(&output.stdout), 0, "{}", output.stdout);
    assert!(names(&temporary).is_empty(), "{:?}", names(&temporary));
    // Somebody who does look outside is counted.
    let counted =
        alone(&["sh", "-c", "busybox nc -w 1 192.0.2.1 80; cat /proc/net/snmp /proc/net/snmp6"]).run();
    assert_eq!(unreachable(&counted.stdout), 1, "{}", counted.stdout);
}

/// How many packets found no way out, by the kernel's counters.
fn unreachable(counters: &str) -> u64 {
    let lines: Vec<_> = counters.lines().filter(|line| line.starts_with("Ip:")).collect();
    assert_eq!(lines.len(), 2, "names and values: {counters}");
    let columns = lines[0].split_whitespace().zip(lines[1].split_whitespace());
    let version_4 = columns.filter(|(name, _)| *name == "OutNoRoutes").map(|(_, value)| value);
    let version_6 = counters.lines().filter_map(|line| line.strip_prefix("Ip6OutNoRoutes"));
    version_4.chain(version_6).map(|value| value.trim().parse::<u64>().expect("a number")).sum()
}
