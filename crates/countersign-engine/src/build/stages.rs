//! The build stages of a Dockerfile, and which names mean one of them.

use super::dockerfile::{Instruction, Keyword};
use super::error::Reason;
use super::inputs::Builder;
use super::plan::UseKind;

/// The stages: those that were begun, and the names of all.
#[derive(Clone, Debug)]
pub(super) struct Stages {
    /// The name of every stage, as written.
    names: Vec<Option<String>>,
    begun: usize,
}

impl Stages {
    /// Looks ahead for the names of all stages.
    pub(super) fn of(instructions: &[Instruction]) -> Self {
        let froms = instructions.iter().filter(|instruction| instruction.keyword == Keyword::From);
        let names = froms.map(|from| match from.rest.words().as_slice() {
            [_, _, name] => Some(name.as_str().to_owned()),
            _ => None,
        });
        Self { names: names.collect(), begun: 0 }
    }

    /// The stage that instructions go to, counted from zero; `None` before the first.
    pub(super) fn current(&self) -> Option<usize> {
        self.begun.checked_sub(1)
    }

    /// The names of the stages before number `stage`.
    pub(super) fn names_before(&self, stage: usize) -> Vec<String> {
        self.names.iter().take(stage).flatten().cloned().collect()
    }

    /// Begins the next stage.
    pub(super) fn begin(&mut self, name: Option<&str>) -> Result<(), Reason> {
        self.begun += 1;
        let legal = name.is_none_or(|name| {
            name.starts_with(|ch: char| ch.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        });
        if legal { Ok(()) } else { Err(Reason::Ambiguous("has a name that no stage can have")) }
    }

    /// Whether `FROM base` builds on a stage that was begun before.
    ///
    /// BuildKit looks for it in lower-case letters only; so do we, and what is left is no image either.
    pub(super) fn is_base(&self, base: &str, builder: Builder) -> Result<bool, Reason> {
        if builder == Builder::BuildKit && base.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Ok(false);
        }
        Ok(self.position(base, 0..self.begun, builder)?.is_some())
    }

    /// Whether the source of a `COPY` or a mount is a stage.
    ///
    /// The builder takes a later stage for an image or for a mistake, by its kind; so it is refused.
    pub(super) fn is_source(
        &self,
        text: &str,
        kind: UseKind,
        builder: Builder,
        is_trigger: bool,
    ) -> Result<bool, Reason> {
        // A trigger runs in a later stage, for which this one is an earlier one.
        let earlier = if is_trigger { self.begun } else { self.begun.saturating_sub(1) };
        if self.position(text, 0..earlier, builder)?.is_some() {
            return Ok(true);
        }
        if self.position(text, earlier..self.names.len(), builder)?.is_some() {
            return Err(Reason::Stage(format!("`{text}`")));
        }
        let digits = text.trim_start_matches(['+', '-']);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(false);
        }
        let index = (digits.len() == text.len()).then(|| digits.parse::<usize>().ok()).flatten();
        match (index, kind, builder, is_trigger) {
            (Some(index), UseKind::CopyFrom, _, false) if index < earlier => Ok(true),
            (Some(index), UseKind::CopyFrom, Builder::BuildKit | Builder::Classic, true)
                if index < earlier =>
            {
                Ok(true)
            }
            (_, UseKind::CopyFrom, ..) => Err(Reason::Stage(format!("number {text}"))),
            _ => Err(Reason::Ambiguous(
                "has a number for a source, which is a stage to some builders and an image to others",
            )),
        }
    }

    /// Which of the stages in `range` is called `name`; the letters' case does not matter.
    fn position(
        &self,
        name: &str,
        range: std::ops::Range<usize>,
        builder: Builder,
    ) -> Result<Option<usize>, Reason> {
        let mut other_case = false;
        for index in range.rev() {
            let Some(found) = self.names.get(index).and_then(Option::as_deref) else { continue };
            if found == name || (builder != Builder::Podman && found.eq_ignore_ascii_case(name)) {
                return Ok(Some(index));
            }
            other_case |= found.eq_ignore_ascii_case(name);
        }
        if other_case {
            return Err(Reason::Ambiguous(
                "names a stage in other letters than the stage itself, which podman takes for an image",
            ));
        }
        Ok(None)
    }
}
