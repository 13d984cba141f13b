//! The page of every verb, `docs/reference/cli.md`, out of the definitions that the program itself reads its command line by.
//!
//! It has what `--help` says, unwrapped, so that nothing in it depends on a terminal.

use std::fmt::Write as _;

use clap::builder::{PossibleValue, StyledStr};
use clap::{Arg, Command};

const INTRODUCTION: &str = "\
# The command line

Every verb of `countersign`, as `--help` explains it. This page is written by the program (`countersign generate reference`); a test
holds it.

`-h` prints a summary of a verb, `--help` all of it. `countersign --version` prints the version.
";

/// The page.
pub(super) fn page(mut program: Command) -> String {
    program.build();
    let verbs: Vec<Command> = shown(&program).cloned().collect();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## Contents\n\n");
    let closing = program.get_after_long_help().map(StyledStr::to_string).unwrap_or_default();
    let closing = sections(&closing);
    for (heading, _) in &closing {
        contents(&mut page, 0, heading, "");
    }
    contents(&mut page, 0, EVERY_VERB, "");
    for verb in &verbs {
        list(&mut page, verb, 0);
    }
    for (heading, rows) in &closing {
        table(&mut page, heading, rows);
    }
    let _ = write!(page, "\n## {EVERY_VERB}\n");
    let globals: Vec<&Arg> = program.get_arguments().filter(|arg| arg.is_global_set()).collect();
    arguments(&mut page, "", &globals);
    for verb in verbs {
        describe(&mut page, verb, 2);
    }
    page
}

const EVERY_VERB: &str = "Options of every verb";

/// What has a place on the page.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
}

/// One line of contents for a verb and each below it.
fn list(page: &mut String, verb: &Command, depth: usize) {
    let about = verb.get_about().map(StyledStr::to_string).unwrap_or_default();
    contents(page, depth, name(verb), &about);
    for below in shown(verb) {
        list(page, below, depth + 1);
    }
}

/// A link to a heading, which GitHub and GitLab make in the same way.
fn contents(page: &mut String, depth: usize, heading: &str, about: &str) {
    let anchor = heading.to_lowercase().replace(' ', "-");
    let _ = write!(page, "{:indent$}- [{heading}](#{anchor})", "", indent = depth * 2);
    if !about.is_empty() {
        let _ = write!(page, ": {}", plain(about));
    }
    page.push('\n');
}

fn name(verb: &Command) -> &str {
    verb.get_bin_name().unwrap_or_else(|| verb.get_name())
}

/// A heading with all that there is to say of a verb, then those below it.
fn describe(page: &mut String, mut verb: Command, level: usize) {
    let usage = verb.render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).trim_end();
    let about = verb.get_long_about().or(verb.get_about()).map(StyledStr::to_string).unwrap_or_default();
    let _ = write!(
        page,
        "\n{} {}\n\n{}\n\n```text\n{usage}\n```\n",
        "#".repeat(level),
        name(&verb),
        paragraphs(&about, "")
    );
    let own = |arg: &&Arg| !arg.is_hide_set() && !arg.is_global_set() && arg.get_long() != Some("help");
    let (positionals, options): (Vec<&Arg>, _) =
        verb.get_arguments().filter(own).partition(|arg| arg.is_positional());
    arguments(page, "Arguments", &positionals);
    arguments(page, "Options", &options);
    if let Some(after) = verb.get_after_long_help().or(verb.get_after_help()) {
        let _ = write!(page, "\n```text\n{}\n```\n", after.to_string().trim_end());
    }
    for below in shown(&verb).cloned().collect::<Vec<_>>() {
        describe(page, below, level + 1);
    }
}

fn arguments(page: &mut String, title: &str, args: &[&Arg]) {
    if args.is_empty() {
        return;
    }
    if !title.is_empty() {
        let _ = write!(page, "\n{title}:\n");
    }
    page.push('\n');
    for arg in args {
        let short = match (arg.get_short(), arg.get_long()) {
            (Some(short), Some(_)) => format!("-{short}, "),
            _ => String::new(),
        };
        let help = arg.get_long_help().or(arg.get_help()).map(StyledStr::to_string).unwrap_or_default();
        let _ = write!(page, "- `{short}{arg}`: {}", paragraphs(&help, "  "));
        page.push_str(&if_left_out(arg));
        page.push('\n');
        values(page, arg);
    }
}

/// The default, in one line with what the argument is.
fn if_left_out(arg: &Arg) -> String {
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if defaults.is_empty() || !arg.get_action().takes_values() || arg.is_hide_default_value_set() {
        return String::new();
    }
    format!(" (default: `{}`)", defaults.join(" "))
}

fn values(page: &mut String, arg: &Arg) {
    if !arg.get_action().takes_values() || arg.is_hide_possible_values_set() {
        return;
    }
    let values: Vec<PossibleValue> = arg.get_possible_values();
    let values: Vec<_> = values.iter().filter(|value| !value.is_hide_set()).collect();
    if values.is_empty() {
        return;
    }
    if values.iter().all(|value| value.get_help().is_none()) {
        let names: Vec<_> = values.iter().map(|value| format!("`{}`", value.get_name())).collect();
        let _ = write!(page, "\n  One of {}.\n", names.join(", "));
        return;
    }
    page.push('\n');
    for value in values {
        let help = value.get_help().map(StyledStr::to_string).unwrap_or_default();
        let _ = writeln!(page, "  - `{}`: {}", value.get_name(), plain(&help));
    }
}

/// Text of several paragraphs, each line after the first behind `indent`.
fn paragraphs(text: &str, indent: &str) -> String {
    let mut lines = text.trim_end().lines();
    let mut out = plain(lines.next().unwrap_or_default());
    for line in lines {
        out.push('\n');
        if !line.is_empty() {
            // What stands apart in the help, such as a command line, stands apart here.
            let is_apart = line.starts_with("    ");
            out.push_str(indent);
            out.push_str(&if is_apart { line.to_owned() } else { plain(line) });
        }
    }
    out
}

/// Text in which nothing outside backticks is read as markup.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for (at, piece) in text.split('`').enumerate() {
        if at > 0 {
            out.push('`');
        }
        let is_code = at % 2 == 1;
        for character in piece.chars() {
            if !is_code && matches!(character, '<' | '*') {
                out.push('\\');
            }
            out.push(character);
        }
    }
    out
}

/// The headed parts of the program's closing help: what stands left, and what is said of it.
fn sections(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut sections: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in text.lines() {
        let entry = line.trim_start();
        match (line.len() - entry.len(), sections.last_mut()) {
            (_, _) if entry.is_empty() => {}
            (0, _) => sections.push((entry.trim_end_matches(':').to_owned(), Vec::new())),
            (2, Some((_, rows))) => {
                let (left, right) = entry.split_once("  ").unwrap_or((entry, ""));
                rows.push((left.to_owned(), right.trim_start().to_owned()));
            }
            (_, Some((_, rows))) => {
                if let Some((_, right)) = rows.last_mut() {
                    if !right.is_empty() {
                        right.push(' ');
                    }
                    right.push_str(entry);
                }
            }
            (_, None) => {}
        }
    }
    sections
}

fn table(page: &mut String, heading: &str, rows: &[(String, String)]) {
    let _ = write!(page, "\n## {heading}\n\n");
    if rows.iter().all(|(_, right)| right.is_empty()) {
        for (left, _) in rows {
            let _ = writeln!(page, "{}", plain(left));
        }
        return;
    }
    page.push_str("| | |\n|---|---|\n");
    for (left, right) in rows {
        let names: Vec<_> = left.split(", ").map(|name| format!("`{name}`")).collect();
        let _ = writeln!(page, "| {} | {} |", names.join(", "), plain(right).replace('|', "\\|"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_with_their_continued_lines() {
        let read = sections("Files:\n  a, b   one\n         two\n  c\n         three\n\nCodes:\n  0 done\n");
        let pair = |left: &str, right: &str| (left.to_owned(), right.to_owned());
        assert_eq!(read[0], ("Files".to_owned(), vec![pair("a, b", "one two"), pair("c", "three")]));
        assert_eq!(read[1], ("Codes".to_owned(), vec![pair("0 done", "")]));
    }

    #[test]
    fn closing_help_is_no_wider_than_what_help_is_wrapped_to() {
        let program = <crate::args::Cli as clap::CommandFactory>::command();
        let closing = program.get_after_long_help().expect("it closes with variables").to_string();
        let wide = closing.lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None);
    }

    #[test]
    fn markup_outside_backticks_is_taken_for_text() {
        assert_eq!(plain("<GUN> and `<GUN>*`, a*"), "\\<GUN> and `<GUN>*`, a\\*");
        assert_eq!(paragraphs("one\n\n    $ <x>\ntwo", "  "), "one\n\n      $ <x>\n  two");
    }
}
