//! One walk over a file that is already in canonical form, which nearly every file is.
//!
//! The walk finds where things stand and proves that the bytes of `signed` are their own canonical form, so that no
//! generic value need be built: a file of 20,000 targets is read in milliseconds. Whatever is unusual (spaces, escapes
//! other than `\"` and `\\`, unsorted keys, …) makes the walk give up with `None`, and the strict reader decides.

use std::ops::Range;

use crate::metadata::plain::PlainEntry;

/// Deepest nesting that the walk follows.
const MAX_DEPTH: u32 = 64;

/// Where the parts of a canonical file stand, as byte ranges of the file.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The value of `signed`.
    pub(crate) signed: Range<usize>,
    /// The fields of `signed`: name without quotes, value.
    pub(crate) fields: Vec<(Range<usize>, Range<usize>)>,
    /// The entries of `signed.targets`, in order.
    pub(crate) targets: Vec<Entry>,
    /// The value of `signatures`.
    pub(crate) signatures: Range<usize>,
}

/// One entry of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    name: (u32, u32),
    value: (u32, u32),
    is_plain: bool,
}

impl Entry {
    pub(crate) fn name(self) -> Range<usize> {
        self.name.0 as usize..self.name.1 as usize
    }

    pub(crate) fn value(self) -> Range<usize> {
        self.value.0 as usize..self.value.1 as usize
    }

    /// Whether it is one that [`PlainEntry`] reads.
    pub(crate) fn is_plain(self) -> bool {
        self.is_plain
    }
}

/// Walks `{"signed":{…},"signatures":[…]}`; `None` when the file is not exactly of that form.
pub(crate) fn layout(file: &[u8]) -> Option<Layout> {
    u32::try_from(file.len()).ok()?;
    std::str::from_utf8(file).ok()?;
    let mut walk = Walk { text: file, at: 0 };
    let (mut fields, mut targets) = (Vec::new(), Vec::new());
    walk.expect(b"{\"signed\":")?;
    let start = walk.at;
    walk.object(2, &mut |walk, name| {
        let start = walk.at;
        if walk.text[name.clone()] == *b"targets" && walk.text.get(start) == Some(&b'{') {
            walk.object(3, &mut |walk, name| {
                let start = walk.at;
                let plain = PlainEntry::read(&walk.text[start..]);
                match &plain {
                    Some((_, rest)) => walk.at = walk.text.len() - rest.len(),
                    None => walk.value(4)?,
                }
                let value = short(&(start..walk.at))?;
                targets.push(Entry { name: short(&name)?, value, is_plain: plain.is_some() });
                Some(())
            })?;
        } else {
            walk.value(3)?;
        }
        fields.push((name, start..walk.at));
        Some(())
    })?;
    let signed = start..walk.at;
    walk.expect(b",\"signatures\":")?;
    let start = walk.at;
    // Signatures are outside the signed part: their fields stand in Notary's order, which is also sorted.
    walk.value(2)?;
    let signatures = start..walk.at;
    walk.expect(b"}")?;
    (walk.at == file.len()).then_some(Layout { signed, fields, targets, signatures })
}

fn short(range: &Range<usize>) -> Option<(u32, u32)> {
    Some((u32::try_from(range.start).ok()?, u32::try_from(range.end).ok()?))
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn expect(&mut self, literal: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(literal).then(|| self.at += literal.len())
    }

    fn value(&mut self, depth: u32) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.text.get(self.at)? {
            b'"' => self.string().map(drop),
            b'{' => self.object(depth, &mut |walk, _| walk.value(depth + 1)),
            b'[' => self.array(depth),
            b't' => self.expect(b"true"),
            b'f' => self.expect(b"false"),
            b'n' => self.expect(b"null"),
            _ => self.integer(),
        }
    }

    fn object(
        &mut self,
        depth: u32,
        each: &mut dyn FnMut(&mut Self, Range<usize>) -> Option<()>,
    ) -> Option<()> {
        self.expect(b"{")?;
        if depth > MAX_DEPTH || self.expect(b"}").is_some() {
            return (depth <= MAX_DEPTH).then_some(());
        }
        let mut previous: Option<Range<usize>> = None;
        loop {
            let (name, has_escapes) = self.string()?;
            let sorted = previous.is_none_or(|previous| self.text[previous] < self.text[name.clone()]);
            if has_escapes || !sorted {
                return None;
            }
            self.expect(b":")?;
            each(self, name.clone())?;
            previous = Some(name);
            if self.expect(b",").is_none() {
                return self.expect(b"}");
            }
        }
    }

    fn array(&mut self, depth: u32) -> Option<()> {
        self.expect(b"[")?;
        if self.expect(b"]").is_some() {
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            if self.expect(b",").is_none() {
                return self.expect(b"]");
            }
        }
    }

    /// The string's content, and whether it has escapes.
    fn string(&mut self) -> Option<(Range<usize>, bool)> {
        self.expect(b"\"")?;
        let start = self.at;
        let mut has_escapes = false;
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
            match self.text[self.at] {
                b'"' => break,
                b'\\' if matches!(self.text.get(self.at + 1), Some(b'"' | b'\\')) => {
                    has_escapes = true;
                    self.at += 2;
                }
                _ => return None,
            }
        }
        self.at += 1;
        Some((start..self.at - 1, has_escapes))
    }

    fn integer(&mut self) -> Option<()> {
        let start = self.at;
        let negative = self.expect(b"-").is_some();
        let digits_start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let digits = &self.text[digits_start..self.at];
        let plain = match digits {
            [] => false,
            [b'0'] => !negative,
            [first, ..] => *first != b'0',
        };
        // Up to 15 digits are below 2^53; longer ones are the strict reader's to judge.
        (plain && digits.len() <= 15 && self.at > start).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walk_finds_fields_and_targets() {
        let file = br#"{"signed":{"_type":"Targets","targets":{"a":{"length":1},"b":{"length":2}}},"signatures":[]}"#;
        let layout = layout(file).expect("canonical");
        assert_eq!(&file[layout.signed.clone()][..9], b"{\"_type\":");
        let names: Vec<_> = layout.targets.iter().map(|entry| &file[entry.name()]).collect();
        assert_eq!(names, [b"a", b"b"]);
        assert_eq!(&file[layout.targets[1].value()], br#"{"length":2}"#);
        assert_eq!(&file[layout.signatures], b"[]");
    }

    #[test]
    fn walk_gives_up_on_anything_not_canonical() {
        for signed in [
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a": 1}"#,
            r#"{"a":"\u003c"}"#,
            r#"{"a":"\/"}"#,
            r#"{"a":1.0}"#,
            r#"{"a":01}"#,
            r#"{"a":-0}"#,
            r#"{"a":1e3}"#,
            r#"{"a":9007199254740993}"#,
            "{\"a\":\"\n\"}",
            r#"{"a\"b":1}"#,
            "[]",
            r#"{"a":tru}"#,
        ] {
            let file = format!(r#"{{"signed":{signed},"signatures":[]}}"#);
            assert!(layout(file.as_bytes()).is_none(), "{signed} was taken as canonical");
        }
        for file in [
            "",
            "{}",
            r#"{"signed":{},"signatures":[]} "#,
            r#"{"signatures":[],"signed":{}}"#,
            r#"{"signed":{},"signatures":[],"x":1}"#,
        ] {
            assert!(layout(file.as_bytes()).is_none(), "{file} was taken as canonical");
        }
    }
}
