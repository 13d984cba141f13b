//! Text of one instruction that knows where each of its bytes stands in the file.
//!
//! An instruction is put together from several lines, and a flag loses its quotes; a reference found in it must still be
//! replaced in the file itself.

use std::ops::Range;

/// A piece of an instruction, and the offset in the file of each of its bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Traced {
    text: String,
    offsets: Vec<usize>,
}

impl Traced {
    /// Adds text that stands in the file at `offset`, byte by byte.
    pub(super) fn push_str(&mut self, text: &str, offset: usize) {
        self.text.push_str(text);
        self.offsets.extend(offset..offset + text.len());
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The characters, each with the range of its bytes in this piece.
    pub(super) fn chars(&self) -> impl Iterator<Item = (char, Range<usize>)> {
        self.text.char_indices().map(|(start, ch)| (ch, start..start + ch.len_utf8()))
    }

    /// A part of this piece; `range` counts its bytes. Empty when the range cuts a character.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        let Some(text) = self.text.get(range.clone()) else { return Self::default() };
        Self { text: text.to_owned(), offsets: self.offsets[range].to_vec() }
    }

    /// Adds a part of `other`.
    pub(super) fn extend(&mut self, other: &Self, range: Range<usize>) {
        let part = other.slice(range);
        self.text.push_str(&part.text);
        self.offsets.extend(part.offsets);
    }

    /// The part without white space around it.
    pub(super) fn trim(&self) -> Self {
        let start = self.text.len() - self.text.trim_start().len();
        self.slice(start..start + self.text.trim().len())
    }

    /// The parts between runs of blanks: `[\t\v\f\r ]+`.
    pub(super) fn words(&self) -> Vec<Self> {
        let (mut words, mut start) = (Vec::new(), None);
        for (ch, range) in self.chars() {
            match (is_blank(ch), start) {
                (false, None) => start = Some(range.start),
                (true, Some(from)) => {
                    words.push(self.slice(from..range.start));
                    start = None;
                }
                _ => {}
            }
        }
        words.extend(start.map(|from| self.slice(from..self.text.len())));
        words
    }

    /// Where it stands in the file, from its first byte to its last, whatever lies between.
    pub(super) fn span(&self) -> Range<usize> {
        match (self.offsets.first(), self.offsets.last()) {
            (Some(first), Some(last)) => *first..*last + 1,
            _ => 0..0,
        }
    }
}

/// What separates the words of an instruction.
pub(super) fn is_blank(ch: char) -> bool {
    matches!(ch, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// A physical line without its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'source> {
    pub(super) text: &'source str,
    /// Offset of the text in the file.
    pub(super) offset: usize,
    /// Counted from one.
    pub(super) number: usize,
}

impl Line<'_> {
    /// Whether it is a comment: `#` after any white space.
    pub(super) fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with('#')
    }
}

/// The lines of a file, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Lines<'source> {
    source: &'source str,
    position: usize,
    number: usize,
}

impl<'source> Lines<'source> {
    /// Starts at the top, after a byte order mark.
    pub(super) fn new(source: &'source str) -> Self {
        let position = if source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { source, position, number: 0 }
    }

    /// Offset of the next line.
    pub(super) fn offset(&self) -> usize {
        self.position
    }
}

impl<'source> Iterator for Lines<'source> {
    type Item = Line<'source>;

    fn next(&mut self) -> Option<Line<'source>> {
        let rest = self.source.get(self.position..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let line = Line {
            text: rest[..length].trim_end_matches(['\r', '\n']),
            offset: self.position,
            number: self.number + 1,
        };
        self.position += length;
        self.number += 1;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_place() {
        let mut text = Traced::default();
        text.push_str("FROM al", 10);
        text.push_str("pine AS x", 40);
        let words = text.words();
        let found: Vec<_> = words.iter().map(|word| (word.as_str(), word.span())).collect();
        assert_eq!(found, [("FROM", 10..14), ("alpine", 15..44), ("AS", 45..47), ("x", 48..49)]);
    }

    #[test]
    fn lines_end_in_any_way_and_skip_the_mark() {
        let lines: Vec<_> = Lines::new("\u{feff}a\r\n\nb\r").map(|line| (line.text, line.offset)).collect();
        assert_eq!(lines, [("a", 3), ("", 6), ("b", 7)]);
    }
}
