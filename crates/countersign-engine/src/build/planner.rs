//! The walk over the instructions that finds the images.

use super::dockerfile::{Dockerfile, Instruction, Keyword};
use super::error::{BuildRefusal, Reason};
use super::flags::name_and_value;
use super::heredoc::hides_an_image;
use super::inputs::{BuildInputs, Builder};
use super::mount;
use super::plan::{ImageUse, Place, UseKind, image};
use super::stages::Stages;
use super::text::Traced;
use super::variables::Variables;

/// What is known on the way through a Dockerfile.
pub(super) struct Planner<'inputs> {
    inputs: &'inputs BuildInputs,
    variables: Vec<Variables<'inputs>>,
    stages: Stages,
    uses: Vec<ImageUse>,
}

impl<'inputs> Planner<'inputs> {
    pub(super) fn new(dockerfile: &Dockerfile, inputs: &'inputs BuildInputs) -> Self {
        Self {
            inputs,
            variables: Variables::for_each_platform(inputs, dockerfile.directives().escape),
            stages: Stages::of(dockerfile.instructions()),
            uses: Vec::new(),
        }
    }

    pub(super) fn run(mut self, dockerfile: &Dockerfile) -> Result<(Vec<ImageUse>, Stages), BuildRefusal> {
        let directives = dockerfile.directives();
        if self.inputs.builder == Builder::BuildKit {
            for (text, line) in &directives.syntax {
                self.add(text, text.as_str(), UseKind::Syntax, *line, None)?;
            }
        }
        for instruction in dockerfile.instructions() {
            self.instruction(instruction)?;
            for body in &instruction.bodies {
                if let Some((line, text)) = hides_an_image(body, directives.escape, self.inputs.builder) {
                    return Err(BuildRefusal::at(line, &text, Reason::Hidden));
                }
            }
        }
        if self.stages.current().is_none() {
            return Err(BuildRefusal::at(1, "", Reason::Ambiguous("there is no `FROM`")));
        }
        Ok((self.uses, self.stages))
    }

    fn instruction(&mut self, instruction: &Instruction) -> Result<(), BuildRefusal> {
        if self.stages.current().is_none() && !matches!(instruction.keyword, Keyword::From | Keyword::Arg) {
            let reason = Reason::Ambiguous("comes before the first `FROM`");
            return Err(BuildRefusal::at(instruction.line, instruction.text.as_str(), reason));
        }
        match instruction.keyword {
            Keyword::From => self.from(instruction),
            Keyword::Arg if self.stages.current().is_none() => {
                self.variables.iter_mut().try_for_each(|variables| variables.declare(instruction))
            }
            Keyword::Onbuild => self.onbuild(instruction),
            _ => self.command(instruction, false),
        }
    }

    fn from(&mut self, instruction: &Instruction) -> Result<(), BuildRefusal> {
        let refuse = |reason| BuildRefusal::at(instruction.line, instruction.text.as_str(), reason);
        let mut platform = None;
        for flag in &instruction.flags {
            match name_and_value(flag) {
                ("--platform", Some(value)) => platform = Some(value),
                (name, _) => return Err(refuse(Reason::Flag(name.to_owned()))),
            }
        }
        let words = instruction.rest.words();
        let (word, name) = match words.as_slice() {
            [word] => (word, None),
            [word, keyword, name] if keyword.as_str().eq_ignore_ascii_case("as") => {
                (word, Some(name.as_str()))
            }
            _ => return Err(refuse(Reason::Ambiguous("is not `FROM IMAGE` or `FROM IMAGE AS NAME`"))),
        };
        let base = self.value(word.as_str()).map_err(refuse)?;
        let platform = platform.map(|value| self.value(value.as_str()).unwrap_or_default());
        let builder = self.inputs.builder;
        let replaced = match name {
            Some(name) => self.inputs.contexts.replaces(&name.to_lowercase(), builder).map_err(refuse)?,
            None => false,
        };
        let is_stage = self.stages.is_base(&base, builder).map_err(refuse)?;
        self.stages.begin(name).map_err(refuse)?;
        if replaced
            || is_stage
            || base == "scratch"
            || self.inputs.contexts.replaces(&base, builder).map_err(refuse)?
        {
            return Ok(());
        }
        self.add(word, &base, UseKind::From, instruction.line, platform)
    }

    /// The value of a word of `FROM`, which must be the same for every platform.
    fn value(&self, word: &str) -> Result<String, Reason> {
        let mut values =
            self.variables.iter().map(|variables| variables.expand(word).map_err(Reason::Expression));
        let first = values.next().unwrap_or_else(|| Ok(word.to_owned()))?;
        for second in values {
            let second = second?;
            if second != first {
                return Err(Reason::Platforms { first, second });
            }
        }
        Ok(first)
    }

    fn onbuild(&mut self, instruction: &Instruction) -> Result<(), BuildRefusal> {
        let refuse = |reason| Err(BuildRefusal::at(instruction.line, instruction.text.as_str(), reason));
        if let Some(flag) = instruction.flags.first() {
            return refuse(Reason::Flag(flag.as_str().to_owned()));
        }
        match instruction.trigger.as_deref() {
            Some(trigger) if !matches!(trigger.keyword, Keyword::From | Keyword::Onbuild) => {
                self.command(trigger, true)
            }
            _ => refuse(Reason::Ambiguous("is no trigger that Docker takes")),
        }
    }

    /// `COPY`, `ADD` and `RUN`, the only ones in a stage that can bring in an image.
    fn command(&mut self, instruction: &Instruction, is_trigger: bool) -> Result<(), BuildRefusal> {
        let refuse = |reason| BuildRefusal::at(instruction.line, instruction.text.as_str(), reason);
        for flag in &instruction.flags {
            let (name, value) = name_and_value(flag);
            match (instruction.keyword, name, value) {
                (Keyword::Copy, "--from", Some(value)) => {
                    self.source(&value, UseKind::CopyFrom, instruction, is_trigger)?;
                }
                (Keyword::Run, "--mount", Some(value)) => {
                    for source in mount::sources(&value, self.inputs.builder).map_err(refuse)? {
                        self.source(&source, UseKind::MountFrom, instruction, is_trigger)?;
                    }
                }
                (Keyword::Copy, "--chown" | "--chmod" | "--link" | "--exclude" | "--parents", _)
                | (Keyword::Run, "--network" | "--security" | "--device", _)
                | (
                    Keyword::Add,
                    "--chown" | "--chmod" | "--link" | "--exclude" | "--keep-git-dir" | "--checksum"
                    | "--unpack",
                    _,
                ) => {}
                _ => return Err(refuse(Reason::Flag(name.to_owned()))),
            }
        }
        Ok(())
    }

    /// What `COPY --from=` or `RUN --mount=from=` names: a stage, an image, or a named context.
    fn source(
        &mut self,
        value: &Traced,
        kind: UseKind,
        instruction: &Instruction,
        is_trigger: bool,
    ) -> Result<(), BuildRefusal> {
        let refuse = |reason| BuildRefusal::at(instruction.line, instruction.text.as_str(), reason);
        let (text, builder) = (value.as_str(), self.inputs.builder);
        if text.is_empty() {
            return Ok(());
        }
        if text.contains(|ch: char| !ch.is_ascii_graphic() || matches!(ch, '$' | '\\' | '`' | '"' | '\'')) {
            let reason = Reason::Ambiguous(
                "has a source with variables or quotes, which builders read in different ways; give it a name with `FROM … AS …`",
            );
            return Err(refuse(reason));
        }
        if self.stages.is_source(text, kind, builder, is_trigger).map_err(refuse)? {
            return Ok(());
        }
        if text == "scratch" && builder == Builder::BuildKit {
            return Ok(());
        }
        if self.inputs.contexts.replaces(text, builder).map_err(refuse)? {
            return Ok(());
        }
        let kind = if is_trigger { UseKind::Onbuild } else { kind };
        self.add(value, text, kind, instruction.line, None)
    }

    fn add(
        &mut self,
        word: &Traced,
        text: &str,
        kind: UseKind,
        line: usize,
        platform: Option<String>,
    ) -> Result<(), BuildRefusal> {
        let refuse = |reason| BuildRefusal::at(line, word.as_str(), reason);
        let reference = image(text, self.inputs.builder, self.inputs.short_names.as_ref()).map_err(refuse)?;
        let place = Place::Dockerfile { line, span: word.span() };
        self.uses.push(ImageUse { reference, kind, place, platform, stage: self.stages.current() });
        Ok(())
    }
}
