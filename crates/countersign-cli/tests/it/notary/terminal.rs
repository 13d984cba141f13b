//! What both programs ask at a terminal.

use countersign_testkit::peers::present_or_skip;
use countersign_testkit::terminal::Terminal;

use super::stage::{Desk, Make, Server};

const NEW: [&str; 9] = [
    "short",
    "a long passphrase",
    "another passphrase",
    "a long passphrase",
    "a long passphrase",
    "for the targets",
    "for the targets",
    "for the snapshot",
    "for the snapshot",
];

/// What is on the screen once the questions are answered, without ids.
fn session(desk: &Desk, args: &[&str], answers: &[&str]) -> String {
    let mut terminal = Terminal::run(desk.bare(args));
    for answer in answers {
        terminal.expect("passphrase for ");
        terminal.expect(": ");
        terminal.answer_hidden(answer);
    }
    let session = terminal.finish();
    let screen = desk.same(&session.screen);
    let mut pieces = screen.split("with ID ");
    let first = pieces.next().unwrap_or_default().to_owned();
    let screen =
        pieces.fold(first, |screen, piece| screen + "with ID #" + piece.get(7..).unwrap_or_default());
    format!("{screen}code {:?}", session.code)
}

#[test]
fn questions_are_the_same() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let server = Server::ours();
    let [theirs, ours] = [Make::Debian, Make::Ours].map(|make| {
        let desk = Desk::at(&server, make);
        desk.write("f", "hello\n");
        let gun = if make == Make::Ours { "ours/asked" } else { "them/asked" };
        let mut said = vec![session(&desk, &["init", gun, "-p"], &NEW)];
        let answers = ["wrong passphrase", "for the targets", "for the snapshot"];
        said.push(session(&desk, &["add", gun, "v1", "f", "-p"], &answers));
        let key = desk.key("targets");
        let answers = ["wrong passphrase", "for the targets", "a new passphrase", "a new passphrase"];
        said.push(session(&desk, &["key", "passwd", &key], &answers));
        said.push(session(&desk, &["add", gun, "v2", "f", "-p"], &["a new passphrase", "for the snapshot"]));
        said.iter().map(|step| step.replace(gun, "GUN")).collect::<Vec<_>>()
    });
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn wrong_answers_end_the_asking() {
    let server = Server::ours();
    let desk = Desk::at(&server, Make::Ours);
    desk.write("f", "hello\n");
    desk.run(&["init", "a/b", "-p"]).expect_success();
    let said =
        session(&desk, &["add", "a/b", "v1", "f", "-p"], &["wrong 1", "wrong 2", "wrong 3", "wrong 4"]);
    assert_eq!(said.matches("Passphrase incorrect. Please retry.").count(), 3, "{said}");
    assert!(said.ends_with("* fatal: password invalid, operation has failed.\ncode Some(1)"), "{said}");
}
