//! Text of daemons and programs, made fit for a terminal.

use std::borrow::Cow;

/// The text without control characters: line ends and tabs become blanks, others their escapes.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => clean.push(' '),
            '\r' => {}
            character if character.is_control() => clean.extend(character.escape_default()),
            character => clean.push(character),
        }
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_reach_no_terminal() {
        assert_eq!(printable("Pull complete"), "Pull complete");
        assert_eq!(printable("one\r\ntwo\x1b[2J\u{9b}1m"), "one two\\u{1b}[2J\\u{9b}1m");
    }
}
