//! Words and variables as Docker's own lexer reads them.
//!
//! Source: `moby/buildkit frontend/dockerfile/shell/lex.go`.

mod expansion;

use thiserror::Error;

use super::error::quoted;

/// Longest value that an expression may have, in characters.
const MAX_VALUE: usize = 4096;

/// What a variable stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Lookup {
    /// This.
    Value(String),
    /// It is not set.
    Unset,
    /// It is only known to the builder; the text says why.
    Unknown(&'static str),
}

/// An expression that has no value.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ShellError {
    /// Something is not closed.
    #[error("`{0}` is missing")]
    Missing(char),
    /// Not an expression.
    #[error("bad substitution")]
    Substitution,
    /// An operator that is not known, or that versions of Docker treat in different ways.
    #[error("versions of Docker do not agree on `${{{}…}}`", quoted(.0))]
    Operator(String),
    /// A variable whose value is not known.
    #[error("`{}` {}", quoted(name), why)]
    Variable {
        /// Its name.
        name: String,
        /// Why it is not known.
        why: &'static str,
    },
    /// `${name:?message}` and there is no value.
    #[error("`{}` is required and not set: {}", quoted(name), quoted(message))]
    Required {
        /// Its name.
        name: String,
        /// What the Dockerfile says.
        message: String,
    },
    /// It grows too long or is nested too deeply.
    #[error("it is longer or deeper than any image reference")]
    Large,
}

/// The value of `word`, which is one word whatever its variables hold.
///
/// # Errors
/// [`ShellError`]: the word has no value, or none that is known before the build.
pub(super) fn expand(
    word: &str,
    escape: char,
    lookup: &dyn Fn(&str) -> Lookup,
) -> Result<String, ShellError> {
    let mode = Mode { raw_quotes: false, raw_escapes: false, keep_unset: false };
    Lexer::new(word, escape, lookup, mode).run(None, false).map(|(text, _)| text)
}

/// The words of a line, quotes and escapes kept, and whether only later versions of Docker can read it.
pub(super) fn raw_words(line: &str) -> Result<(Vec<String>, bool), ShellError> {
    split(line, Mode { raw_quotes: true, raw_escapes: true, keep_unset: true })
}

/// The words of a line, quotes and escapes taken away.
pub(super) fn plain_words(line: &str) -> Result<Vec<String>, ShellError> {
    split(line, Mode { raw_quotes: false, raw_escapes: false, keep_unset: true }).map(|(words, _)| words)
}

fn split(line: &str, mode: Mode) -> Result<(Vec<String>, bool), ShellError> {
    let nothing = |_: &str| Lookup::Unset;
    let mut lexer = Lexer::new(line, '\\', &nothing, mode);
    let (_, words) = lexer.run(None, mode.raw_escapes)?;
    Ok((words, lexer.is_modern))
}

#[derive(Clone, Copy)]
struct Mode {
    raw_quotes: bool,
    raw_escapes: bool,
    /// Variables that are not set stay as they are written.
    keep_unset: bool,
}

struct Lexer<'env> {
    chars: Vec<char>,
    position: usize,
    escape: char,
    lookup: &'env dyn Fn(&str) -> Lookup,
    mode: Mode,
    depth: usize,
    is_modern: bool,
    /// Most characters of a value.
    limit: usize,
}

/// Words in the making.
#[derive(Default)]
struct Words {
    done: Vec<String>,
    current: String,
}

impl Words {
    fn push(&mut self, ch: char) {
        if !ch.is_whitespace() {
            self.current.push(ch);
        } else if !self.current.is_empty() {
            self.done.push(std::mem::take(&mut self.current));
        }
    }

    fn finish(mut self) -> Vec<String> {
        if !self.current.is_empty() {
            self.done.push(self.current);
        }
        self.done
    }
}

impl<'env> Lexer<'env> {
    fn new(text: &str, escape: char, lookup: &'env dyn Fn(&str) -> Lookup, mode: Mode) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let limit = chars.len() + MAX_VALUE;
        Self { chars, position: 0, escape, lookup, mode, depth: 0, is_modern: false, limit }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.position).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.position += usize::from(next.is_some());
        next
    }

    /// Reads up to `stop`, or to the end; gives the text as one word and as several.
    fn run(&mut self, stop: Option<char>, raw_escapes: bool) -> Result<(String, Vec<String>), ShellError> {
        let (mut text, mut words) = (String::new(), Words::default());
        while let Some(ch) = self.peek() {
            if text.len() > self.limit {
                return Err(ShellError::Large);
            }
            if Some(ch) == stop {
                self.position += 1;
                return Ok((text, words.finish()));
            }
            let special = match ch {
                '\'' => Some(self.single_quoted()?),
                '"' => Some(self.double_quoted(raw_escapes)?),
                '<' => Some(self.redirection()),
                '$' => {
                    let value = self.dollar()?;
                    value.chars().for_each(|ch| words.push(ch));
                    text.push_str(&value);
                    continue;
                }
                _ => None,
            };
            if let Some(value) = special {
                words.current.push_str(&value);
                text.push_str(&value);
                continue;
            }
            self.position += 1;
            if ch != self.escape {
                words.push(ch);
                text.push(ch);
                continue;
            }
            if raw_escapes {
                words.current.push(ch);
                text.push(ch);
            }
            let Some(escaped) = self.next() else { break };
            words.current.push(escaped);
            text.push(escaped);
        }
        match stop {
            Some(stop) => Err(ShellError::Missing(stop)),
            None => Ok((text, words.finish())),
        }
    }

    fn single_quoted(&mut self) -> Result<String, ShellError> {
        self.position += 1;
        let rest = &self.chars[self.position..];
        let length = rest.iter().position(|ch| *ch == '\'').ok_or(ShellError::Missing('\''))?;
        let inner: String = rest[..length].iter().collect();
        self.position += length + 1;
        Ok(if self.mode.raw_quotes { format!("'{inner}'") } else { inner })
    }

    fn double_quoted(&mut self, raw_escapes: bool) -> Result<String, ShellError> {
        self.position += 1;
        let quote = if self.mode.raw_quotes { "\"" } else { "" };
        let mut text = quote.to_owned();
        loop {
            if text.len() > self.limit {
                return Err(ShellError::Large);
            }
            match self.peek().ok_or(ShellError::Missing('"'))? {
                '"' => {
                    self.position += 1;
                    return Ok(text + quote);
                }
                '$' => text.push_str(&self.dollar()?),
                ch if ch == self.escape => {
                    self.position += 1;
                    if raw_escapes {
                        text.push(ch);
                    }
                    match self.peek() {
                        None => {}
                        Some(next) if next == '"' || next == '$' || next == self.escape => {
                            self.position += 1;
                            text.push(next);
                        }
                        Some(_) => text.push(ch),
                    }
                }
                ch => {
                    self.position += 1;
                    text.push(ch);
                }
            }
        }
    }

    /// `<`, or `<<` with the blanks after it, which belong to a here-document's word.
    fn redirection(&mut self) -> String {
        self.position += 1;
        if self.peek() != Some('<') {
            return "<".to_owned();
        }
        self.position += 1;
        let mut text = "<<".to_owned();
        while let Some(blank) = self.peek().filter(|ch| matches!(ch, '\t' | '\r' | ' ')) {
            text.push(blank);
            self.position += 1;
        }
        text
    }
}

#[cfg(test)]
mod tests;
