//! Why a build is not handed to an engine.

use std::fmt;

use countersign_registry::reference::ReferenceError;
use thiserror::Error;

use super::shell::ShellError;
use crate::podman::ShortNameError;

/// Longest text that a message quotes, in characters.
const MAX_QUOTED: usize = 200;

/// A Dockerfile that can't be read as builders read it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("line {line}: {problem}")]
pub struct DockerfileError {
    /// The line, counted from one.
    pub line: usize,
    /// What is wrong.
    pub problem: DockerfileProblem,
}

/// What is wrong with a Dockerfile.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DockerfileProblem {
    /// It is too long.
    #[error("the Dockerfile has more than {} bytes", super::MAX_DOCKERFILE_BYTES)]
    Large,
    /// It is no UTF-8, or has a null character.
    #[error("the Dockerfile is no UTF-8 text from here on, so that builders may read it in different ways")]
    NotText,
    /// A line is too long for Docker.
    #[error("the line has more than {} bytes, which Docker does not read", super::MAX_LINE_BYTES)]
    LongLine,
    /// There is nothing to build.
    #[error("the Dockerfile has no instructions")]
    Empty,
    /// Not a word of the language.
    #[error("unknown instruction `{}`", quoted(.0))]
    Instruction(String),
    /// A parser directive is given twice.
    #[error("the parser directive `{}` is there twice", quoted(.0))]
    DirectiveTwice(String),
    /// An escape character that does not exist.
    #[error("the escape character is `{}`, only a backslash or a backtick is possible", quoted(.0))]
    Escape(String),
    /// A here-document does not end.
    #[error("the here-document `{}` does not end", quoted(.0))]
    Unterminated(String),
    /// A line with `<<` that builders may read in different ways.
    #[error("whether the line begins a here-document can't be known: {0}")]
    Heredoc(ShellError),
    /// A flag that builders may read in different ways.
    #[error("the flag `{}` {}", quoted(flag), problem)]
    Flag {
        /// The flag.
        flag: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// A build that is refused before anything was sent to an engine.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{place}: {}{reason}; nothing was sent to the engine", prefix(text))]
pub struct BuildRefusal {
    /// Where it stands.
    pub place: RefusalPlace,
    /// The text in question, as written; empty when the place says it all.
    pub text: String,
    /// Why it is refused.
    pub reason: Reason,
}

impl BuildRefusal {
    pub(super) fn at(line: usize, text: &str, reason: Reason) -> Self {
        Self { place: RefusalPlace::Line(line), text: text.to_owned(), reason }
    }

    pub(super) fn flag(flag: &'static str, text: &str, reason: Reason) -> Self {
        Self { place: RefusalPlace::Flag(flag), text: text.to_owned(), reason }
    }
}

impl From<DockerfileError> for BuildRefusal {
    fn from(error: DockerfileError) -> Self {
        Self::at(error.line, "", Reason::Unreadable(error.problem))
    }
}

/// Where something stands that names an image.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RefusalPlace {
    /// A line of the Dockerfile, counted from one.
    Line(usize),
    /// A flag of the command.
    Flag(&'static str),
    /// The argument that names the build context.
    Context,
    /// The configuration of a base image, by the image's name.
    Base(String),
}

impl fmt::Display for RefusalPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "Dockerfile line {line}"),
            Self::Flag(flag) => write!(f, "`{flag}`"),
            Self::Context => f.write_str("build context"),
            Self::Base(image) => write!(f, "base image {image}"),
        }
    }
}

/// Why something is refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The Dockerfile can't be read.
    #[error("{0}")]
    Unreadable(DockerfileProblem),
    /// Not an image reference.
    #[error("is no image reference: {0}")]
    Reference(ReferenceError),
    /// A name without a registry, which podman's configuration does not complete to one image.
    #[error("is a short name that {0}")]
    ShortName(ShortNameError),
    /// An expression without a value that is known now.
    #[error("can't be known before the build: {0}")]
    Expression(ShellError),
    /// An expression that means several images.
    #[error(
        "means `{}` for one platform and `{}` for another; build each platform by itself",
        quoted(first),
        quoted(second)
    )]
    Platforms {
        /// What it means for the first platform.
        first: String,
        /// What it means for a later one.
        second: String,
    },
    /// Something that builders do not read alike, or not at all.
    #[error("{0}")]
    Ambiguous(&'static str),
    /// A flag that may name an image, for all that is known.
    #[error("has the flag `{}`, which is not known here and may bring in an image", quoted(.0))]
    Flag(String),
    /// A stage that does not exist at that point.
    #[error("names build stage {0}, which does not come before this line")]
    Stage(String),
    /// A here-document that is instructions to a builder that knows none.
    #[error("names an image for builders that know no here-documents")]
    Hidden,
    /// The second look found a reference that is not pinned.
    #[error("is still not pinned after the Dockerfile was rewritten")]
    StillOpen,
    /// Nobody resolved the reference.
    #[error("has no trusted digest")]
    Unresolved,
    /// The digest that was written is not the one that was signed.
    #[error("names another digest than its tag stands for, which is {0}")]
    Disagrees(String),
    /// A trigger of a base image brings in another image.
    #[error("is a trigger that brings in an image, which cannot be pinned from here")]
    Trigger,
    /// Content that no reference names.
    #[error("brings in content that cannot be verified: {0}")]
    Unverifiable(&'static str),
}

/// Text from outside, made safe for a message.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(MAX_QUOTED).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", short.escape_debug())
}

fn prefix(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}` ", quoted(text)) }
}
