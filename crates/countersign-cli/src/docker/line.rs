//! A command line, read as Docker and podman read theirs.
//!
//! Short flags run together (`-itd`), values follow or stick (`-e A`, `-eA`, `-e=A`, `--env A`, `--env=A`), flags that stand
//! alone take a value only after `=`, and `--` ends the flags. What is found keeps its place, so that one word can be replaced
//! and all others stay as they are.
//!
//! Source: spf13/pflag `flag.go`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use thiserror::Error;

/// Whether a flag takes the word that follows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// It stands alone: a boolean, or one whose value is optional.
    Alone,
    /// It takes a value.
    Takes,
}

/// The flags of a command: words such as `quiet` or `q:quiet`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    /// Those that stand alone.
    pub(crate) alone: &'static [&'static str],
    /// Those that take a value.
    pub(crate) takes: &'static [&'static str],
}

/// A flag that was learned from the help of the installed program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Learned {
    pub(crate) short: Option<u8>,
    pub(crate) long: String,
    pub(crate) shape: Shape,
}

/// Whether flags may come after the first word that is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// The first such word ends them: what follows belongs to somebody else.
    FlagsFirst,
    /// They may come anywhere.
    Mixed,
}

/// A command line that was read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Line {
    /// The flags, in their order.
    pub(crate) flags: Vec<Given>,
    /// Where the other words are.
    pub(crate) words: Vec<usize>,
}

/// A flag that was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Given {
    /// Its long name.
    pub(crate) name: String,
    /// Its value, if it has one.
    pub(crate) value: Option<OsString>,
    /// Which word it is in.
    at: usize,
    /// Where its value begins: in which word, and at which byte.
    value_at: Option<(usize, usize)>,
}

/// A command line of which it can't be told what its words mean.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum LineError {
    /// Nobody knows the flag.
    #[error("unknown flag: --{0}")]
    Unknown(String),
    /// Nobody knows the short flag.
    #[error("unknown shorthand flag: '{flag}' in {word}")]
    UnknownShort {
        /// The flag.
        flag: char,
        /// The word that it is in.
        word: String,
    },
    /// A value is missing at the end.
    #[error("flag needs an argument: {0}")]
    NoValue(String),
    /// No flag could be written so.
    #[error("bad flag syntax: {0}")]
    Syntax(String),
}

impl Flags {
    fn long(&self, name: &str) -> Option<Shape> {
        self.find(|word| word.split(':').next_back() == Some(name)).map(|(_, shape)| shape)
    }

    fn short(&self, short: u8) -> Option<(&'static str, Shape)> {
        let is_it = |word: &str| word.as_bytes().get(..2) == Some(&[short, b':']);
        self.find(is_it).map(|(word, shape)| (&word[2..], shape))
    }

    fn find(&self, is_it: impl Fn(&str) -> bool) -> Option<(&'static str, Shape)> {
        let all = [(self.alone, Shape::Alone), (self.takes, Shape::Takes)];
        all.into_iter().find_map(|(lists, shape)| {
            let mut words = lists.iter().flat_map(|list| list.split_ascii_whitespace());
            words.find(|word| is_it(word)).map(|word| (word, shape))
        })
    }

    /// Every flag: its short form, its name, its shape.
    #[cfg(test)]
    pub(crate) fn all(&self) -> Vec<Learned> {
        let all = [(self.alone, Shape::Alone), (self.takes, Shape::Takes)];
        let all = all.into_iter().flat_map(|(lists, shape)| {
            lists.iter().flat_map(|list| list.split_ascii_whitespace()).map(move |word| (word, shape))
        });
        all.map(|(word, shape)| match word.split_once(':') {
            Some((short, long)) => Learned { short: short.bytes().next(), long: long.to_owned(), shape },
            None => Learned { short: None, long: word.to_owned(), shape },
        })
        .collect()
    }
}

/// Reads `args` from `start` on. `learn` is asked once, if there is a flag that `flags` does not have: it says which flags the
/// installed program has.
pub(crate) fn read(
    args: &[OsString],
    start: usize,
    flags: &Flags,
    order: Order,
    learn: &mut dyn FnMut() -> Vec<Learned>,
) -> Result<Line, LineError> {
    let mut reader = Reader { args, flags, learned: None, learn, line: Line::default(), next: start };
    reader.read(order)?;
    Ok(reader.line)
}

struct Reader<'a> {
    args: &'a [OsString],
    flags: &'a Flags,
    learned: Option<Vec<Learned>>,
    learn: &'a mut dyn FnMut() -> Vec<Learned>,
    line: Line,
    next: usize,
}

impl Reader<'_> {
    fn read(&mut self, order: Order) -> Result<(), LineError> {
        while let Some(word) = self.args.get(self.next).map(|word| word.as_bytes()) {
            let at = self.next;
            self.next += 1;
            match word {
                b"--" => {
                    self.line.words.extend(self.next..self.args.len());
                    return Ok(());
                }
                [b'-', b'-', name @ ..] => self.long(at, name)?,
                [b'-', shorts @ ..] if !shorts.is_empty() => self.shorts(at, shorts)?,
                _ if order == Order::FlagsFirst => {
                    self.line.words.extend(at..self.args.len());
                    return Ok(());
                }
                _ => self.line.words.push(at),
            }
        }
        Ok(())
    }

    fn long(&mut self, at: usize, word: &[u8]) -> Result<(), LineError> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if matches!(word.first(), Some(b'-' | b'=')) {
            return Err(LineError::Syntax(format!("--{}", text(word))));
        }
        let end = word.iter().position(|byte| *byte == b'=').unwrap_or(word.len());
        let name = text(&word[..end]);
        let shape = if let Some(shape) = self.flags.long(&name) {
            shape
        } else {
            let learned = self.learned().iter().find(|flag| flag.long == name);
            learned.ok_or_else(|| LineError::Unknown(name.clone()))?.shape
        };
        if end < word.len() {
            self.give(name, at, Some((at, end + 3)));
        } else if shape == Shape::Alone {
            self.give(name, at, None);
        } else {
            let missing = LineError::NoValue(format!("--{name}"));
            let value = self.value_word().ok_or(missing)?;
            self.give(name, at, Some((value, 0)));
        }
        Ok(())
    }

    fn shorts(&mut self, at: usize, shorts: &[u8]) -> Result<(), LineError> {
        let word = || format!("-{}", String::from_utf8_lossy(shorts));
        let mut index = 0;
        while let Some(short) = shorts.get(index).copied() {
            let (name, shape) = if let Some((name, shape)) = self.flags.short(short) {
                (name.to_owned(), shape)
            } else {
                let learned = self.learned().iter().find(|flag| flag.short == Some(short));
                let unknown = || LineError::UnknownShort { flag: char::from(short), word: word() };
                let learned = learned.ok_or_else(unknown)?;
                (learned.long.clone(), learned.shape)
            };
            index += 1;
            let rest = &shorts[index..];
            // The word begins with `-`, hence one more.
            if rest.len() > 1 && rest[0] == b'=' {
                self.give(name, at, Some((at, index + 2)));
                return Ok(());
            }
            if shape == Shape::Alone {
                self.give(name, at, None);
            } else if !rest.is_empty() {
                self.give(name, at, Some((at, index + 1)));
                return Ok(());
            } else {
                let missing = LineError::NoValue(format!("'{}' in {}", char::from(short), word()));
                let value = self.value_word().ok_or(missing)?;
                self.give(name, at, Some((value, 0)));
            }
        }
        Ok(())
    }

    fn value_word(&mut self) -> Option<usize> {
        let at = self.next;
        self.next += 1;
        (at < self.args.len()).then_some(at)
    }

    fn give(&mut self, name: String, at: usize, value_at: Option<(usize, usize)>) {
        let value =
            value_at.map(|(word, byte)| OsStr::from_bytes(&self.args[word].as_bytes()[byte..]).to_owned());
        self.line.flags.push(Given { name, value, at, value_at });
    }

    fn learned(&mut self) -> &[Learned] {
        let learn = &mut self.learn;
        self.learned.get_or_insert_with(learn)
    }
}

impl Line {
    /// The last flag of this name: the one that counts.
    pub(crate) fn last(&self, name: &str) -> Option<&Given> {
        self.flags.iter().rev().find(|flag| flag.name == name)
    }

    /// Whether a flag that stands alone is on: the last one counts, `=false` is off.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        let off = |value: &OsStr| value.to_str().and_then(parse_bool) == Some(false);
        self.last(name).is_some_and(|flag| !flag.value.as_deref().is_some_and(off))
    }
}

impl Given {
    /// The value as text.
    pub(crate) fn text(&self) -> Option<&str> {
        self.value.as_deref()?.to_str()
    }

    /// Replaces the value in `args`, the command line that this flag was read from.
    pub(crate) fn set(&self, args: &mut [OsString], value: impl AsRef<OsStr>) {
        if let Some((word, byte)) = self.value_at {
            let mut bytes = args[word].as_bytes()[..byte].to_vec();
            bytes.extend_from_slice(value.as_ref().as_bytes());
            args[word] = OsString::from_vec(bytes);
        }
    }

    /// The words that it takes up, if it is not run together with others.
    pub(crate) fn words(&self) -> std::ops::RangeInclusive<usize> {
        self.at..=self.value_at.map_or(self.at, |(word, _)| word)
    }
}

/// A boolean as Go reads it; `None` for what is none.
///
/// Source: Go `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
