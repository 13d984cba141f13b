use std::time::{Duration, Instant};

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::present_or_skip;

#[test]
fn environment_of_the_test_stays_outside() {
    let output = Invocation::of("env").env("OURS", "1").run().expect_success();
    let mut names: Vec<&str> = output.stdout.lines().filter_map(|line| line.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LC_ALL", "OURS", "PATH", "TZ"]);
}

#[test]
fn output_larger_than_a_pipe_is_kept_whole() {
    let output = Invocation::of("seq").arg("200000").run().expect_success();
    assert_eq!(output.stdout.lines().count(), 200_000);
}

#[test]
fn program_past_its_deadline_is_killed_with_its_children() {
    let started = Instant::now();
    let hanging =
        Invocation::of("sh").args(["-c", "sleep 600 & sleep 600"]).deadline(Duration::from_millis(100));
    let panic = std::panic::catch_unwind(|| hanging.run()).expect_err("a deadline ends the test");
    let message = panic.downcast_ref::<String>().expect("the panic says why");
    assert!(message.contains("still running after 100ms"), "{message}");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn clock_is_where_it_was_set() {
    if !present_or_skip(&["faketime"]) {
        return;
    }
    let output = Invocation::of("date").arg("+%Y-%m-%d").clock("2031-05-01 12:00:00").run().expect_success();
    assert_eq!(output.stdout, "2031-05-01\n");
}

#[test]
fn program_ended_by_a_signal_has_no_code() {
    assert_eq!(Invocation::of("sh").args(["-c", "kill -9 $$"]).run().code, None);
}
