//! A Dockerfile as a list of instructions that know their place.
//!
//! Nothing is thrown away: whatever is no reference is handed over byte for byte.

use super::directive::{self, Directives};
use super::error::{DockerfileError, DockerfileProblem};
use super::flags;
use super::heredoc::{self, Body};
use super::text::{Lines, Traced, is_blank};
use super::{MAX_DOCKERFILE_BYTES, MAX_LINE_BYTES};

/// A Dockerfile that was read as Docker's builders read it.
///
/// ```
/// use countersign_engine::build::Dockerfile;
/// let dockerfile = Dockerfile::parse(b"FROM alpine:3.20\nRUN true\n")?;
/// assert_eq!(dockerfile.source(), "FROM alpine:3.20\nRUN true\n");
/// # Ok::<(), countersign_engine::build::DockerfileError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dockerfile {
    source: String,
    directives: Directives,
    instructions: Vec<Instruction>,
}

impl Dockerfile {
    /// Reads a Dockerfile.
    ///
    /// # Errors
    /// [`DockerfileError`]: builders refuse it, or may read it in different ways.
    ///
    /// Source: `moby/buildkit frontend/dockerfile/parser/parser.go`.
    ///
    /// Deviation: text that is no UTF-8, quotes that don't end and non-ASCII characters in flags are refused, because
    /// builders differ there (test `what_builders_read_in_different_ways_is_refused`).
    pub fn parse(bytes: &[u8]) -> Result<Self, DockerfileError> {
        if bytes.len() > MAX_DOCKERFILE_BYTES {
            return Err(DockerfileError { line: 1, problem: DockerfileProblem::Large });
        }
        let source = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            DockerfileError { line, problem: DockerfileProblem::NotText }
        })?;
        if let Some(at) = source.find('\0') {
            let line = source[..at].split('\n').count();
            return Err(DockerfileError { line, problem: DockerfileProblem::NotText });
        }
        let directives = directive::read(source)?;
        Self::read(source, directives)
    }

    /// Reads the same file as a builder does that takes the other escape character, if there is such a builder.
    pub(super) fn other_reading(&self) -> Option<Result<Self, DockerfileError>> {
        self.directives.escape_is_disputed.then(|| {
            let escape = if self.directives.escape == '\\' { '`' } else { '\\' };
            Self::read(&self.source, Directives { escape, ..self.directives.clone() })
        })
    }

    fn read(source: &str, directives: Directives) -> Result<Self, DockerfileError> {
        let mut lines = Lines::new(source);
        let mut instructions = Vec::new();
        while let Some(mut instruction) = next_instruction(&mut lines, directives.escape)? {
            if instruction.may_begin_heredocs() {
                let refused = |error| DockerfileError {
                    line: instruction.line,
                    problem: DockerfileProblem::Heredoc(error),
                };
                for begun in heredoc::begun_by(instruction.text.as_str()).map_err(refused)? {
                    instruction.bodies.push(begun.read(&mut lines, source)?);
                }
            }
            instructions.push(instruction);
        }
        if instructions.is_empty() {
            return Err(DockerfileError { line: 1, problem: DockerfileProblem::Empty });
        }
        Ok(Self { source: source.to_owned(), directives, instructions })
    }

    /// The text as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn directives(&self) -> &Directives {
        &self.directives
    }

    pub(super) fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }
}

/// The kinds of instructions, as far as images go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Keyword {
    From,
    Arg,
    Add,
    Copy,
    Run,
    Onbuild,
    /// Anything else that exists.
    Other,
}

impl Keyword {
    fn parse(word: &str) -> Option<Self> {
        const OTHERS: [&str; 12] = [
            "cmd",
            "entrypoint",
            "env",
            "expose",
            "healthcheck",
            "label",
            "maintainer",
            "shell",
            "stopsignal",
            "user",
            "volume",
            "workdir",
        ];
        Some(match word.to_ascii_lowercase().as_str() {
            "from" => Self::From,
            "arg" => Self::Arg,
            "add" => Self::Add,
            "copy" => Self::Copy,
            "run" => Self::Run,
            "onbuild" => Self::Onbuild,
            other if OTHERS.contains(&other) => Self::Other,
            _ => return None,
        })
    }
}

/// One instruction, its lines put together.
#[derive(Clone, Debug)]
pub(super) struct Instruction {
    pub(super) keyword: Keyword,
    /// The line that it begins on.
    pub(super) line: usize,
    /// All of it.
    pub(super) text: Traced,
    /// Its flags, quotes and escapes taken away.
    pub(super) flags: Vec<Traced>,
    /// What follows the flags.
    pub(super) rest: Traced,
    /// What an `ONBUILD` puts off.
    pub(super) trigger: Option<Box<Instruction>>,
    pub(super) bodies: Vec<Body>,
}

impl Instruction {
    /// Takes an instruction apart.
    pub(super) fn parse(text: &Traced, line: usize, escape: char) -> Result<Self, DockerfileError> {
        let fail = |problem| DockerfileError { line, problem };
        let text = text.trim();
        let end = text.as_str().find(is_blank).unwrap_or(text.as_str().len());
        let word = &text.as_str()[..end];
        let unknown = || fail(DockerfileProblem::Instruction(word.to_owned()));
        let keyword = Keyword::parse(word).ok_or_else(unknown)?;
        let after = &text.as_str()[end..];
        let start = end + (after.len() - after.trim_start_matches(is_blank).len());
        let arguments = text.slice(start..text.as_str().len());
        let (flags, rest) = match keyword {
            Keyword::Other => (Vec::new(), arguments),
            _ => flags::split(&arguments, escape).map_err(fail)?,
        };
        let rest = rest.trim();
        let trigger = match keyword {
            Keyword::Onbuild if !rest.is_empty() => Some(Box::new(Self::parse(&rest, line, escape)?)),
            _ => None,
        };
        Ok(Self { keyword, line, text, flags, rest, trigger, bodies: Vec::new() })
    }

    fn may_begin_heredocs(&self) -> bool {
        let inner = self.trigger.as_deref().unwrap_or(self);
        matches!(inner.keyword, Keyword::Run | Keyword::Copy | Keyword::Add) && !inner.is_json()
    }

    fn is_json(&self) -> bool {
        self.rest.as_str().starts_with('[') && serde_json::from_str::<Vec<String>>(self.rest.as_str()).is_ok()
    }
}

/// The next instruction, without its here-documents; `None` at the end.
pub(super) fn next_instruction(
    lines: &mut Lines<'_>,
    escape: char,
) -> Result<Option<Instruction>, DockerfileError> {
    while let Some(line) = lines.next() {
        let mut text = Traced::default();
        let start = line.text.len() - line.text.trim_start().len();
        let mut current = if line.is_comment() { "" } else { &line.text[start..] };
        let mut offset = line.offset + start;
        let mut longest = line;
        loop {
            if longest.text.len() > MAX_LINE_BYTES {
                return Err(DockerfileError { line: longest.number, problem: DockerfileProblem::LongLine });
            }
            let continued = continued(current, escape);
            text.push_str(continued.unwrap_or(current), offset);
            if continued.is_none() {
                break;
            }
            let Some(next) = lines.find(|next| !next.is_comment() && !next.text.trim_start().is_empty())
            else {
                break;
            };
            (current, offset, longest) = (next.text, next.offset, next);
        }
        if !text.trim().is_empty() {
            return Instruction::parse(&text, line.number, escape).map(Some);
        }
    }
    Ok(None)
}

/// The line without the escape character that continues it, if one does.
///
/// One that is itself escaped continues nothing.
fn continued(line: &str, escape: char) -> Option<&str> {
    let before = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!before.ends_with(escape)).then_some(before)
}

#[cfg(test)]
mod tests;
