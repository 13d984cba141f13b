//! The build stages of a Dockerfile, and which names mean one of them.

use std::collections::HashMap;

use super::dockerfile::{Instruction, Keyword};
use super::error::Reason;
use super::inputs::Builder;
use super::plan::UseKind;

/// The stages: those that were begun, and the names of all.
#[derive(Clone, Debug)]
pub(super) struct Stages {
    /// The name of every stage, as written.
    names: Vec<Option<String>>,
    /// The stages of each name in lower-case letters.
    by_name: HashMap<String, Vec<usize>>,
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
        let names: Vec<_> = names.collect();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            by_name.entry(name.as_deref().unwrap_or_default().to_ascii_lowercase()).or_default().push(index);
        }
        Self { names, by_name, begun: 0 }
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
        self.has(base, 0..self.begun, builder)
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
        if self.has(text, 0..earlier, builder)? {
            return Ok(true);
        }
        if self.has(text, earlier..self.names.len(), builder)? {
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

    /// Whether one of the stages in `range` is called `name`; the letters' case does not matter.
    fn has(&self, name: &str, range: std::ops::Range<usize>, builder: Builder) -> Result<bool, Reason> {
        let mut other_case = false;
        let found = self.by_name.get(&name.to_ascii_lowercase()).filter(|_| !name.is_empty());
        for index in found.into_iter().flatten().copied().filter(|index| range.contains(index)) {
            if builder != Builder::Podman || self.names[index].as_deref() == Some(name) {
                return Ok(true);
            }
            other_case = true;
        }
        if other_case {
            return Err(Reason::Ambiguous(
                "names a stage in other letters than the stage itself, which podman takes for an image",
            ));
        }
        Ok(false)
    }
}
