//! Reading a command line as Notary reads it: commands by words, flags anywhere, in the forms of Go's `pflag`.
//!
//! Not with the parser of our own verbs: what scripts may rely on here is which forms are taken and what is said of the others.
//!
//! Source: Go `spf13/pflag`, `spf13/cobra`; observed on Debian's `notary`.

use std::collections::BTreeMap;

use super::fatal::Fatal;
use super::verbs::{Command, GLOBAL, HELP};

/// A flag of a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) short: Option<char>,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Nothing, or `=true` and `=false`.
    Switch,
    /// One text.
    Text,
    /// Texts, separated by commas or given one by one.
    Texts,
    /// A whole number.
    Number,
    /// Whole numbers, separated by commas or given one by one.
    Numbers,
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Line {
    /// The command, by its words.
    pub(super) command: &'static Command,
    /// The words that are no flags.
    pub(super) words: Vec<String>,
    flags: BTreeMap<&'static str, Vec<String>>,
}

impl Line {
    /// Reads the words after the program's name.
    pub(super) fn read(root: &'static Command, args: Vec<String>) -> Result<Self, Fatal> {
        let (command, rest) = find(root, args)?;
        let mut line = Self { command, words: Vec::new(), flags: BTreeMap::new() };
        let mut rest = rest.into_iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                line.words.extend(rest.by_ref());
            } else if let Some(long) = word.strip_prefix("--") {
                line.long(long, &mut rest)?;
            } else if word.len() > 1 && word.starts_with('-') {
                line.shorts(&word, &mut rest)?;
            } else {
                line.words.push(word);
            }
        }
        Ok(line)
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| truth(value) == Some(true))
    }

    /// The last value of a flag, if it is given and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.flags.get(name)?.last().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a flag is given, whatever its value.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.flags.contains_key(name)
    }

    /// Every value of a flag.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let given = self.flags.get(name).into_iter().flatten().filter(|value| !value.is_empty());
        given.flat_map(|value| value.split(',')).map(str::to_owned).collect()
    }

    fn long(&mut self, word: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), Fatal> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        let flag = self.flags().find(|flag| flag.name == name);
        let flag = flag.ok_or_else(|| Fatal::new(format!("unknown flag: --{name}")))?;
        let value = match (flag.kind, value) {
            (_, Some(value)) => value,
            (Kind::Switch, None) => "true".to_owned(),
            (_, None) => {
                rest.next().ok_or_else(|| Fatal::new(format!("flag needs an argument: --{name}")))?
            }
        };
        self.take(flag, value)
    }

    fn shorts(&mut self, word: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), Fatal> {
        for (at, letter) in word[1..].char_indices() {
            let flag = self.flags().find(|flag| flag.short == Some(letter));
            let flag =
                flag.ok_or_else(|| Fatal::new(format!("unknown shorthand flag: '{letter}' in {word}")))?;
            let after = &word[1 + at + letter.len_utf8()..];
            let value = match (after.strip_prefix('='), flag.kind) {
                (Some(value), _) => value.to_owned(),
                (None, Kind::Switch) => {
                    self.take(flag, "true".to_owned())?;
                    continue;
                }
                (None, _) if !after.is_empty() => after.to_owned(),
                (None, _) => rest
                    .next()
                    .ok_or_else(|| Fatal::new(format!("flag needs an argument: '{letter}' in {word}")))?,
            };
            return self.take(flag, value);
        }
        Ok(())
    }

    fn take(&mut self, flag: Flag, value: String) -> Result<(), Fatal> {
        let wrong = |why: &str| {
            let short = flag.short.map(|short| format!("-{short}, ")).unwrap_or_default();
            let shown = value.escape_debug();
            Fatal::new(format!("invalid argument \"{shown}\" for \"{short}--{}\" flag: {why}", flag.name))
        };
        let number = |text: &str, reader: &str| match text.trim().parse::<i64>() {
            Ok(_) => Ok(()),
            Err(_) => {
                Err(wrong(&format!("strconv.{reader}: parsing \"{}\": invalid syntax", text.escape_debug())))
            }
        };
        match flag.kind {
            Kind::Switch if truth(&value).is_none() => {
                return Err(wrong(&format!(
                    "strconv.ParseBool: parsing \"{}\": invalid syntax",
                    value.escape_debug()
                )));
            }
            Kind::Number => number(&value, "ParseInt")?,
            Kind::Numbers => value.split(',').try_for_each(|text| number(text, "Atoi"))?,
            Kind::Switch | Kind::Text | Kind::Texts => {}
        }
        self.flags.entry(flag.name).or_default().push(value);
        Ok(())
    }

    fn flags(&self) -> impl Iterator<Item = Flag> {
        self.command.flags.iter().chain(GLOBAL).chain([&HELP]).copied()
    }
}

/// Finds the command that the words name, and leaves the others.
fn find(root: &'static Command, args: Vec<String>) -> Result<(&'static Command, Vec<String>), Fatal> {
    let (mut command, mut rest) = (root, Vec::new());
    let mut args = args.into_iter();
    while let Some(word) = args.next() {
        if word.starts_with('-') && word.len() > 1 && word != "--" {
            let takes_next = takes_the_next_word(command, &word);
            rest.push(word);
            if takes_next {
                rest.extend(args.next());
            }
        } else if let Some(found) = command.commands.iter().find(|found| found.name == word) {
            command = found;
        } else if word != "--" && word != "help" && std::ptr::eq(command, root) {
            return Err(Fatal::new(format!("unknown command \"{}\" for \"notary\"", word.escape_debug())));
        } else {
            rest.push(word);
            rest.extend(args.by_ref());
        }
    }
    Ok((command, rest))
}

/// Whether this flag's value is the next word.
fn takes_the_next_word(command: &Command, word: &str) -> bool {
    let known = || command.flags.iter().chain(GLOBAL);
    if word.contains('=') {
        return false;
    }
    if let Some(name) = word.strip_prefix("--") {
        return known().any(|flag| flag.name == name && flag.kind != Kind::Switch);
    }
    let last = word.chars().last();
    let is_last = |flag: &Flag| flag.short.is_some() && flag.short == last && flag.kind != Kind::Switch;
    word.chars().count() == 2 && known().any(is_last)
}

/// Source: Go `strconv.ParseBool`.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::verbs::NOTARY;
    use super::*;

    fn read(words: &str) -> Result<Line, String> {
        Line::read(&NOTARY, words.split(' ').map(str::to_owned).collect()).map_err(|fatal| fatal.text)
    }

    #[test]
    fn flags_stand_anywhere_and_in_every_form() {
        for words in [
            "-s https://s add -p g -r a,b v1 f",
            "add g v1 f --roles a --roles=b --server=https://s --publish",
            "add g -pra,b v1 -shttps://s f",
            "add --publish=T -r=a -r b g v1 -- f",
        ] {
            let line = read(words).expect("a line");
            assert_eq!((line.command.name, line.words.join(" ")), ("add", "g v1 f".to_owned()), "{words}");
            assert_eq!((line.texts("roles"), line.is_on("publish")), (vec!["a".into(), "b".into()], true));
        }
    }

    #[test]
    fn command_is_found_behind_flags_and_not_behind_words() {
        let line = read("-d key key list").expect("a line");
        assert_eq!((line.command.usage, line.text("trustDir")), ("notary key list", Some("key")));
        let line = read("add list key").expect("a line");
        assert_eq!((line.command.name, line.words.len()), ("add", 2));
        assert!(!read("add g --publish=false").expect("a line").is_on("publish"));
    }

    #[test]
    fn what_cannot_be_read_is_told_as_pflag_tells_it() {
        for (words, said) in [
            ("bogus", "unknown command \"bogus\" for \"notary\""),
            ("list --foo=1", "unknown flag: --foo"),
            ("add -pZ", "unknown shorthand flag: 'Z' in -pZ"),
            ("add -pr", "flag needs an argument: 'r' in -pr"),
            ("add --roles", "flag needs an argument: --roles"),
            (
                "reset -n 1,x",
                "invalid argument \"1,x\" for \"-n, --number\" flag: strconv.Atoi: parsing \"x\": invalid syntax",
            ),
        ] {
            assert_eq!(read(words).err().as_deref(), Some(said));
        }
    }
}
