//! The lab, tried with the tools that real people use.
#![expect(clippy::expect_used, reason = "a test says what it needs")]

mod access;
mod faults;
mod proxy;
mod registry;
mod tools;

use countersign_testkit::command::{Invocation, Output};

/// Asks with `curl`, whose output ends with a line that has the status.
fn curl(args: &[&str]) -> Output {
    Invocation::of("curl")
        .args(["--silent", "--show-error", "--write-out", "\n%{http_code}"])
        .args(args)
        .run()
}

/// The status that `curl` saw, and the body.
fn answer(output: &Output) -> (String, String) {
    let (body, status) = output.stdout.rsplit_once('\n').expect("curl writes the status last");
    (status.to_owned(), body.to_owned())
}
