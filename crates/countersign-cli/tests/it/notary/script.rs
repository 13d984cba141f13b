//! A script is run once with Debian's `notary` and once with ours: the same words, the same ends.
//!
//! A line is what follows `notary`. In it stand:
//!
//! ```text
//! ''                an empty word
//! GUN               the collection, which every program has for itself
//! {key ROLE}        the id of the first key that is listed for a role
//! ... <<< answer    what is typed on standard input
//! NAME=value ...    variables, before the command
//! $ command         something for the shell, run in the home directory
//! ```

use std::fmt::Write as _;

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::present_or_skip;

use super::stage::{Desk, Make, Server};

/// Runs a script with both programs against servers of both makes, each program with a home and a collection of its own.
#[track_caller]
pub(super) fn both(prepare: impl Fn(&Desk), script: &str) {
    if !present_or_skip(&["notary"]) {
        return;
    }
    for server in Server::both() {
        both_at(&server, &prepare, script);
    }
}

/// Runs a script with both programs against one server.
#[track_caller]
pub(super) fn both_at(server: &Server, prepare: impl Fn(&Desk), script: &str) {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let [theirs, ours] = [Make::Debian, Make::Ours].map(|make| {
        let desk = Desk::at(server, make);
        desk.write("f", "hello\n");
        prepare(&desk);
        let gun = desk.gun();
        let said = play(&desk, &script.replace("GUN", gun));
        said.iter().map(|step| step.replace(gun, "GUN")).collect::<Vec<_>>()
    });
    let mut differ = String::new();
    for (theirs, ours) in theirs.iter().zip(&ours).filter(|(theirs, ours)| theirs != ours) {
        let _ = write!(differ, "\n--- theirs\n{theirs}+++ ours\n{ours}");
    }
    assert!(differ.is_empty(), "on {}:{differ}", server.url);
}

/// What each line of a script came to.
fn play(desk: &Desk, script: &str) -> Vec<String> {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| step(desk, line)).collect()
}

fn step(desk: &Desk, line: &str) -> String {
    if let Some(command) = line.strip_prefix("$ ") {
        let run = Invocation::of("sh").args(["-c", command]).dir(desk.path("")).run();
        return format!("$ {command}\n{}code {:?}\n", without_keys(&desk.same(&run.stdout)), run.code);
    }
    let (command, answer) = line.split_once(" <<< ").unwrap_or((line, ""));
    let command = with_ids(desk, command);
    let mut words: Vec<_> = command.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
    let variables = words.iter().take_while(|word| is_variable(word)).count();
    let variables: Vec<_> = words.drain(..variables).collect();
    let run = variables.iter().fold(desk.notary(&words), |run, variable| {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        run.env(name, value)
    });
    let run = run.stdin(format!("{answer}\n")).run();
    // What goes wrong is logged by both; why, ours says in its own words.
    let logged = if run.stderr.contains(" level=error ") { "some" } else { "none" };
    // Debian's names whichever hash it compares or lists first.
    let out = desk.same(&run.stdout);
    let out = out.replace("sha512 checksum", "sha256 checksum").replace("sha512, sha256", "sha256, sha512");
    format!("$ notary {line}\n{}errors logged {logged}, code {:?}\n", without_keys(&out), run.code)
}

fn is_variable(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// A line with the ids of keys in the places of `{key ROLE}`.
fn with_ids(desk: &Desk, line: &str) -> String {
    let mut pieces = line.split("{key ");
    let mut with = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (role, rest) = piece.split_once('}').expect("a role ends with a brace");
        with += &desk.key(role);
        with += rest;
    }
    with
}

/// Keys in PEM by their headers alone, in an order that does not follow from their ids.
fn without_keys(text: &str) -> String {
    const END: &str = "-----END ";
    if !text.contains(END) {
        return text.to_owned();
    }
    let mut blocks: Vec<String> = Vec::new();
    let mut block = Vec::new();
    for line in text.lines() {
        let is_header = line.starts_with("-----") || line.contains(": ") || line.is_empty();
        if is_header {
            block.push(line);
        }
        if line.starts_with(END) {
            blocks.push(block.join("\n"));
            block.clear();
        }
    }
    blocks.sort();
    blocks.push(block.join("\n"));
    blocks.join("\n")
}
