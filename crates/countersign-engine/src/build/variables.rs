//! The variables that `FROM` sees: the `ARG`s before the first one, and what builders set by themselves.

use std::cell::Cell;
use std::collections::BTreeMap;

use countersign_registry::descriptor::Platform;

use super::dockerfile::Instruction;
use super::error::{BuildRefusal, Reason};
use super::inputs::{BuildInputs, Builder};
use super::shell::{Lookup, ShellError, expand};

const BUILD: [&str; 5] = ["BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION", "BUILDARCH", "BUILDVARIANT"];
const TARGET: [&str; 6] =
    ["TARGETPLATFORM", "TARGETOS", "TARGETOSVERSION", "TARGETARCH", "TARGETVARIANT", "TARGETSTAGE"];
/// Most words with values in one Dockerfile: `FROM`, and `ARG` before it.
const MAX_WORDS: usize = 10_000;
/// What Docker's configuration may set without being asked.
const PROXIES: [&str; 5] = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

/// The variables of one build, for one target platform.
#[derive(Clone, Debug)]
pub(super) struct Variables<'inputs> {
    inputs: &'inputs BuildInputs,
    target: Option<&'inputs Platform>,
    escape: char,
    declared: BTreeMap<String, Lookup>,
    /// Words that may still be expanded.
    left: Cell<usize>,
}

impl<'inputs> Variables<'inputs> {
    /// One set of variables for each target platform; one set when the engine chooses.
    pub(super) fn for_each_platform(inputs: &'inputs BuildInputs, escape: char) -> Vec<Self> {
        let new =
            |target| Self { inputs, target, escape, declared: BTreeMap::new(), left: Cell::new(MAX_WORDS) };
        if inputs.platforms.is_empty() {
            return vec![new(None)];
        }
        inputs.platforms.iter().map(|platform| new(Some(platform))).collect()
    }

    /// Takes an `ARG` from before the first `FROM`.
    pub(super) fn declare(&mut self, instruction: &Instruction) -> Result<(), BuildRefusal> {
        for word in words(instruction.rest.as_str(), self.escape) {
            let (name, default) = match word.split_once('=') {
                Some((name, default)) => (name, Some(default)),
                None => (word.as_str(), None),
            };
            let given = self.inputs.build_args.get(name).cloned();
            let value = match (given, default) {
                (Some(value), _) => Some(Lookup::Value(value)),
                (None, Some(default)) => Some(match self.expand(default) {
                    Ok(value) => Lookup::Value(value),
                    Err(ShellError::Variable { why, .. }) => Lookup::Unknown(why),
                    Err(error) => {
                        let text = instruction.text.as_str();
                        return Err(BuildRefusal::at(instruction.line, text, Reason::Expression(error)));
                    }
                }),
                (None, None) if self.declared.contains_key(name) => Some(Lookup::Unknown(
                    "is declared again without a value, which builders read in different ways",
                )),
                (None, None) => None,
            };
            if let Some(value) = value {
                self.declared.insert(name.to_owned(), value);
            }
        }
        Ok(())
    }

    /// The value of a word of `FROM`.
    pub(super) fn expand(&self, word: &str) -> Result<String, ShellError> {
        let left = self.left.get().checked_sub(1).ok_or(ShellError::Large)?;
        self.left.set(left);
        expand(word, self.escape, &|name| self.lookup(name))
    }

    fn lookup(&self, name: &str) -> Lookup {
        if PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy)) {
            return Lookup::Unknown("may be set by Docker's configuration");
        }
        let declared = self.declared.get(name).cloned();
        if !BUILD.contains(&name) && !TARGET.contains(&name) {
            return declared.unwrap_or(Lookup::Unset);
        }
        if declared.is_some() || self.inputs.build_args.contains_key(name) {
            return Lookup::Unknown("is set by the builder, and versions differ in what replaces it");
        }
        match self.inputs.builder {
            Builder::Classic => Lookup::Unset,
            Builder::BuildKit | Builder::Podman => self.automatic(name),
        }
    }

    fn automatic(&self, name: &str) -> Lookup {
        let (platform, part) = match name.strip_prefix("BUILD") {
            Some(part) => (self.inputs.build_platform.as_ref(), part),
            None => (self.target.or(self.inputs.build_platform.as_ref()), name.trim_start_matches("TARGET")),
        };
        let unknown = Lookup::Unknown("is known to the builder only; name it with `--platform`");
        let Some(platform) = platform else { return unknown };
        let variant = platform.variant.as_deref().unwrap_or_default();
        match part {
            "OS" => Lookup::Value(platform.os.clone()),
            "ARCH" => Lookup::Value(platform.architecture.clone()),
            "VARIANT" => Lookup::Value(variant.to_owned()),
            "PLATFORM" => {
                let slash = if variant.is_empty() { "" } else { "/" };
                Lookup::Value(format!("{}/{}{slash}{variant}", platform.os, platform.architecture))
            }
            _ => Lookup::Unknown("is known to the builder only"),
        }
    }
}

/// Splits the arguments of `ARG` at white space outside of quotes; quotes and escapes stay.
fn words(text: &str, escape: char) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = text.chars();
    while let Some(ch) = chars.next() {
        match quote {
            None if ch.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if matches!(ch, '\'' | '"') => quote = Some(ch),
            Some(open) if ch == open => quote = None,
            _ => {}
        }
        word.push(ch);
        if ch == escape && quote != Some('\'') {
            word.extend(chars.next());
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_split_outside_of_quotes() {
        assert_eq!(words(r#"a=1  b="x y" c='\' d=e\ f"#, '\\'), ["a=1", r#"b="x y""#, r"c='\'", r"d=e\ f"]);
    }
}
