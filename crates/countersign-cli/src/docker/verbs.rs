//! Every command of Docker and podman, and what is done about it while trust is on.
//!
//! A command is covered, or it starts nothing that wasn't there before, or it is refused. What is in none of the lists is
//! refused too: it may be a plugin, or newer than this program.

mod docker;
mod podman;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::flags;
use super::line::{Flags, Learned, Line, LineError, Order, read};

/// Whose command line it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Docker,
    Podman,
}

/// What is done about a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verb {
    /// Trust is enforced.
    Covered(Covered),
    /// `trust` itself, which we are.
    Trust,
    /// Starts nothing that wasn't there before.
    Passes,
    /// Could start an image that nobody verified. The text is the way round.
    Refused(&'static str),
}

/// The commands that trust covers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Covered {
    Build,
    Create,
    PluginInstall,
    PluginPush,
    PluginUpgrade,
    Pull,
    Push,
    Run,
    ServiceCreate,
    ServiceUpdate,
}

/// The commands of one program.
pub(crate) struct Table {
    pub(crate) covered: &'static [(&'static str, Covered)],
    /// What starts nothing: the first word, empty for none, and the words that follow it.
    pub(crate) passes: &'static [(&'static str, &'static str)],
    /// What is refused, and the way round.
    pub(crate) refused: &'static [(&'static str, &'static str)],
    /// What is refused with one of these words among its arguments, and the way round.
    pub(crate) guarded: &'static [(&'static str, &'static [&'static str], &'static str)],
}

/// What is refused because nobody knows it.
pub(crate) const UNKNOWN: &str = "countersign does not know this command. If it starts no image, or only images that are named by \
     digest, run it once with `DOCKER_CONTENT_TRUST=0`";

/// A command that was found in a command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    /// Its words: `image pull`. Empty when there is none.
    pub(crate) words: String,
    /// What is done about it.
    pub(crate) verb: Verb,
    /// Where its own arguments begin.
    pub(crate) rest: usize,
    /// The values of Docker's `--config`, which moves everything.
    pub(crate) config: Option<OsString>,
    /// How many words come before it.
    pub(crate) globals: usize,
}

impl Kind {
    /// The program's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// Its commands.
    pub(crate) fn table(self) -> &'static Table {
        match self {
            Self::Docker => &docker::TABLE,
            Self::Podman => &podman::TABLE,
        }
    }

    /// The flags before its command.
    pub(crate) fn global_flags(self) -> &'static Flags {
        match self {
            Self::Docker => &flags::DOCKER,
            Self::Podman => &flags::PODMAN,
        }
    }

    /// Finds the command in `args`, the command line without the program's name.
    pub(crate) fn find(
        self,
        args: &[OsString],
        learn: &mut dyn FnMut() -> Vec<Learned>,
    ) -> Result<Found, LineError> {
        let line = read(args, 0, self.global_flags(), Order::FlagsFirst, learn)?;
        let config = line.last("config").filter(|_| self == Self::Docker).and_then(|flag| flag.value.clone());
        refuse_two_readings(args, 0, &line)?;
        let Some(first) = line.words.first().copied() else {
            let (words, rest) = (String::new(), args.len());
            return Ok(Found { words, verb: Verb::Passes, rest, config, globals: rest });
        };
        let found =
            |words: String, verb, rest| Found { words, verb, rest, config: config.clone(), globals: first };
        let word = args[first].to_string_lossy().into_owned();
        let table = self.table();
        if word == "help" {
            let about = args.get(first + 1).and_then(|word| word.to_str());
            let verb =
                if about == Some("trust") && self == Self::Docker { Verb::Trust } else { Verb::Passes };
            return Ok(found(word, verb, first + 1));
        }
        if word == "trust" && self == Self::Docker {
            return Ok(found(word, Verb::Trust, first + 1));
        }
        if !table.is_group(&word) {
            let rest = first + 1;
            return Ok(found(word.clone(), table.verb(&word, &args[rest..]), rest));
        }
        let flags = match (self, word.as_str()) {
            (_, "compose") => &flags::COMPOSE,
            (Self::Docker, "buildx") => &flags::BUILDX,
            (Self::Podman, _) => &flags::PODMAN,
            _ => &flags::GROUP,
        };
        let line = read(args, first + 1, flags, Order::FlagsFirst, &mut Vec::new)?;
        refuse_two_readings(args, first + 1, &line)?;
        let Some(second) = line.words.first().copied() else {
            // A group alone says what is in it.
            return Ok(found(word, Verb::Passes, args.len()));
        };
        let words = format!("{word} {}", args[second].to_string_lossy());
        let rest = second + 1;
        let verb = table.verb(&words, &args[rest..]);
        Ok(found(words, verb, rest))
    }
}

/// Refuses `--` and values like `-x` before a command: cobra looks for the command's name in another way than it reads flags, and
/// takes the `--` in `image -- ls pull x` for a flag with the value `ls`, so that it pulls.
///
/// Source: spf13/cobra `command.go` (`Traverse`).
fn refuse_two_readings(args: &[OsString], start: usize, line: &Line) -> Result<(), LineError> {
    let before = args.get(start..line.words.first().copied().unwrap_or(args.len())).unwrap_or_default();
    let ends = before.iter().find(|word| *word == "--");
    let values = line.flags.iter().filter(|flag| flag.words().count() > 1);
    let values = values.filter_map(|flag| args.get(*flag.words().end()));
    let odd = ends.or_else(|| values.into_iter().find(|value| value.as_bytes().starts_with(b"-")));
    match odd {
        Some(word) => Err(LineError::Syntax(format!("{} before a command", word.to_string_lossy()))),
        None => Ok(()),
    }
}

impl Table {
    /// Whether `word` begins commands of two words.
    fn is_group(&self, word: &str) -> bool {
        let of = |words: &str| words.split_once(' ').is_some_and(|(first, _)| first == word);
        self.passes.iter().any(|(group, _)| *group == word)
            || self.covered.iter().any(|(words, _)| of(words))
            || self.refused.iter().any(|(words, _)| of(words))
    }

    fn verb(&self, words: &str, args: &[OsString]) -> Verb {
        if let Some((_, covered)) = self.covered.iter().find(|(name, _)| *name == words) {
            return Verb::Covered(*covered);
        }
        if let Some((_, way)) = self.refused.iter().find(|(name, _)| *name == words) {
            return Verb::Refused(way);
        }
        if let Some((_, bad, way)) = self.guarded.iter().find(|(name, ..)| *name == words)
            && args.iter().any(|arg| bad.iter().any(|bad| is_this(arg, bad)))
        {
            return Verb::Refused(way);
        }
        let (group, word) = words.split_once(' ').unwrap_or(("", words));
        let passes = self.passes.iter().filter(|(name, _)| *name == group);
        if passes.flat_map(|(_, list)| list.split_ascii_whitespace()).any(|passes| passes == word) {
            return Verb::Passes;
        }
        Verb::Refused(UNKNOWN)
    }

    /// Every command that is listed, and what is done about it.
    #[cfg(test)]
    pub(crate) fn all(&self) -> Vec<(String, Verb)> {
        let covered =
            self.covered.iter().map(|(words, covered)| ((*words).to_owned(), Verb::Covered(*covered)));
        let refused = self.refused.iter().map(|(words, way)| ((*words).to_owned(), Verb::Refused(way)));
        let passes = self.passes.iter().flat_map(|(group, list)| {
            let words = list.split_ascii_whitespace();
            words.map(move |word| (format!("{group} {word}").trim().to_owned(), Verb::Passes))
        });
        covered.chain(refused).chain(passes).collect()
    }
}

/// Whether an argument is this word, or this flag with its value.
fn is_this(arg: &OsStr, word: &str) -> bool {
    let arg = arg.to_string_lossy();
    arg == word
        || (word.starts_with("--") && arg.strip_prefix(word).is_some_and(|rest| rest.starts_with('=')))
}

#[cfg(test)]
mod tests;
