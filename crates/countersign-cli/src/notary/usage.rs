//! Help, laid out as Notary lays it out.
//!
//! Source: Go `spf13/cobra` (its default templates); observed on Debian's `notary`.

use std::fmt::Write as _;

use super::line::{Flag, Kind};
use super::verbs::{Command, GLOBAL, HELP, NOTARY};

/// What `--help` prints.
pub(super) fn help(command: &Command) -> String {
    format!("{}\n\n{}", command.long, usage(command))
}

/// How a command is called: what a wrong call prints.
pub(super) fn usage(command: &Command) -> String {
    let is_program = command.name == "notary";
    let mut text = String::from("Usage:\n");
    if is_program {
        text.push_str("  notary [flags]\n  notary [command]\n");
    } else if command.commands.is_empty() {
        let _ = writeln!(text, "  {} [flags]", command.usage);
    } else {
        let _ = writeln!(text, "  {}", command.usage);
    }
    if !command.commands.is_empty() {
        text.push_str("\nAvailable Commands:\n");
        let mut rows: Vec<_> = command.commands.iter().map(|below| (below.name, below.about)).collect();
        if is_program {
            rows.push(("help", "Help about any command"));
            rows.sort_unstable();
        }
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default().max(MIN_NAME);
        for (name, about) in rows {
            let _ = writeln!(text, "  {name:<width$} {about}");
        }
    }
    let mut own: Vec<Flag> = command.flags.to_vec();
    own.push(HELP);
    if is_program {
        own.extend(GLOBAL);
    }
    own.sort_unstable_by_key(|flag| flag.name);
    let _ = write!(text, "\nFlags:\n{}", flags(&own, command.name));
    if !is_program {
        let _ = write!(text, "\nGlobal Flags:\n{}", flags(GLOBAL, command.name));
    }
    if !command.commands.is_empty() {
        let path = command.usage.trim_end_matches(" [command]");
        let _ = writeln!(text, "\nUse \"{path} [command] --help\" for more information about a command.");
    }
    text
}

/// How the program is called, as it is shown to who asks for help on what there is not: without the flag for help.
pub(super) fn of_unknown_topic() -> String {
    let text = usage(&NOTARY);
    text.split_inclusive('\n').filter(|line| !line.contains("-h, --help ")).collect()
}

/// Narrowest column of command names.
const MIN_NAME: usize = 11;

fn flags(flags: &[Flag], command: &str) -> String {
    let left = |flag: &Flag| {
        let short = flag.short.map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
        let takes = match flag.kind {
            Kind::Switch => "",
            Kind::Text => " string",
            Kind::Texts => " strings",
            Kind::Number => " int",
            Kind::Numbers => " ints",
        };
        format!("  {short}--{}{takes}", flag.name)
    };
    let width = flags.iter().map(|flag| left(flag).len()).max().unwrap_or_default() + 3;
    let mut text = String::new();
    for flag in flags {
        let of = if flag.name == HELP.name { command } else { "" };
        let _ = writeln!(text, "{:<width$}{}{of}", left(flag), flag.about);
    }
    text
}
