//! How the story is told: headings, short sentences, commands with what they said, in at most 100 columns.

use std::sync::Arc;

use crate::exit::ExitStatus;
use crate::output::{ERROR, FAINT, GOOD, HEADING, Printer};

use super::person::Told;

/// Most columns of a line.
const COLUMNS: usize = 100;
/// Columns before a sentence, and before what a command said.
const INDENT: &str = "   ";
/// Hexadecimal digits that are shown of a digest.
const DIGITS: usize = 12;

/// Tells the story on standard output.
pub(super) struct Narrator {
    printer: Arc<Printer>,
}

/// Which lines of what a command said are shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Show {
    /// Every line.
    All,
    /// Those that contain one of these.
    Only(&'static [&'static str]),
}

impl Narrator {
    pub(super) fn new(printer: Arc<Printer>) -> Self {
        Self { printer }
    }

    /// Begins.
    pub(super) fn title(&self, text: &str) -> anyhow::Result<()> {
        self.line(&format!("{HEADING}{text}{HEADING:#}"))
    }

    /// Begins a part.
    pub(super) fn heading(&self, number: &str, text: &str) -> anyhow::Result<()> {
        self.line("")?;
        self.line(&format!("{HEADING}{number:<3}{text}{HEADING:#}"))
    }

    /// Says something.
    pub(super) fn say(&self, text: &str) -> anyhow::Result<()> {
        for line in wrapped(text, COLUMNS - INDENT.len()) {
            self.line(&format!("{INDENT}{line}"))?;
        }
        Ok(())
    }

    /// Leaves room.
    pub(super) fn pause(&self) -> anyhow::Result<()> {
        self.line("")
    }

    /// Says what would have happened without trust.
    pub(super) fn contrast(&self, text: &str) -> anyhow::Result<()> {
        for line in wrapped(&format!("Plain `docker pull`: {text}"), COLUMNS - INDENT.len()) {
            self.line(&format!("{INDENT}{FAINT}{line}{FAINT:#}"))?;
        }
        Ok(())
    }

    /// Says what went as it should.
    pub(super) fn good(&self, text: &str) -> anyhow::Result<()> {
        let lines = wrapped(&shortened(text), COLUMNS - INDENT.len() - 3);
        for (index, line) in lines.iter().enumerate() {
            let mark = if index == 0 { "=>" } else { "  " };
            self.line(&format!("{INDENT}{GOOD}{mark}{GOOD:#} {line}"))?;
        }
        Ok(())
    }

    /// Shows a command and what it said, as far as it is of interest.
    pub(super) fn show(&self, told: &Told, show: Show) -> anyhow::Result<()> {
        let (person, command) = (told.person, shortened(&told.words.join(" ")));
        self.line(&format!("{INDENT}{FAINT}{person}${FAINT:#} {HEADING}countersign {command}{HEADING:#}"))?;
        let mut skipped = false;
        for line in told.text.lines() {
            let is_wanted = match show {
                Show::All => true,
                Show::Only(words) => words.iter().any(|word| line.contains(word)),
            };
            if is_wanted {
                for part in wrapped(&shortened(line), COLUMNS - INDENT.len()) {
                    self.line(&format!("{INDENT}{part}"))?;
                }
            }
            skipped |= !is_wanted;
        }
        if skipped {
            self.line(&format!("{INDENT}{FAINT}[…]{FAINT:#}"))?;
        }
        if told.status != ExitStatus::Success {
            self.line(&format!("{INDENT}{FAINT}exit code {}{FAINT:#}", told.status.code()))?;
        }
        Ok(())
    }

    /// Says that something did not go as it should.
    pub(super) fn bad(&self, text: &str) -> anyhow::Result<()> {
        self.line(&format!("{INDENT}{ERROR}=> {text}{ERROR:#}"))
    }

    fn line(&self, text: &str) -> anyhow::Result<()> {
        Ok(self.printer.status(text.trim_end())?)
    }
}

/// The text with every digest cut to its first digits.
fn shortened(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(digit) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let run = rest[digit..].bytes().take_while(u8::is_ascii_hexdigit).count();
        out.push_str(&rest[..digit]);
        let word = &rest[digit..digit + run];
        if run == 64 {
            out.push_str(&word[..DIGITS]);
            out.push('…');
        } else {
            out.push_str(word);
        }
        rest = &rest[digit + run..];
    }
    out + rest
}

/// The text in lines of at most `columns`, as far as it has spaces; what is indented stays so. Styles take no columns.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    if width(text) <= columns {
        return vec![text.to_owned()];
    }
    let indent = text.len() - text.trim_start().len();
    let mut lines = vec![text[..indent].to_owned()];
    for word in text[indent..].split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let is_first = line.trim().is_empty();
        if !is_first && width(line) + 1 + width(word) > columns {
            lines.push(format!("{:1$}{word}", "", indent + 2 * usize::from(indent > 0)));
        } else {
            if !is_first {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The columns of a text, without the sequences that set colours.
fn width(text: &str) -> usize {
    let mut columns = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // `ESC [ 31 m`
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            columns += 1;
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_cut_and_other_numbers_are_not() {
        let digest = "9c".repeat(32);
        let text = format!("app@sha256:{digest} is not {digest}0 or cafe");
        assert_eq!(shortened(&text), format!("app@sha256:9c9c9c9c9c9c… is not {digest}0 or cafe"));
    }

    #[test]
    fn lines_are_wrapped_at_spaces_and_styles_take_no_room() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("  one two three", 8), ["  one", "    two", "    three"]);
        let styled = format!("{ERROR}one{ERROR:#} two three");
        assert_eq!(wrapped(&styled, 13), std::slice::from_ref(&styled));
        assert_eq!(wrapped("0123456789", 4), ["0123456789"]);
    }
}
