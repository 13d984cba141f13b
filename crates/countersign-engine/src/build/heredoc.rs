//! Here-documents: `RUN <<EOF` and the lines up to `EOF`.
//!
//! A builder that knows no here-documents (BuildKit before Dockerfile 1.4, the classic builder, podman before 4.8) takes
//! their lines for instructions. So their bodies are kept, and [`hides_an_image`] says whether such a builder would find
//! an image in one.

use super::dockerfile::{Instruction, Keyword, next_instruction};
use super::error::{DockerfileError, DockerfileProblem};
use super::inputs::Builder;
use super::shell::{ShellError, plain_words, raw_words};
use super::text::Lines;

/// A here-document that a line begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Heredoc {
    /// The line that ends it.
    pub(super) name: String,
    /// Whether tabs before the end are ignored.
    pub(super) chomp: bool,
}

/// The lines of a here-document, its last one included.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Body {
    pub(super) line: usize,
    pub(super) text: String,
}

/// The here-documents that an instruction begins.
///
/// # Errors
/// Builders do not agree on what the line begins.
///
/// Source: `moby/buildkit frontend/dockerfile/parser/parser.go`.
pub(super) fn begun_by(line: &str) -> Result<Vec<Heredoc>, ShellError> {
    if !line.contains("<<") {
        return Ok(Vec::new());
    }
    let (words, is_modern) = raw_words(line)?;
    let mut found = Vec::new();
    for word in words {
        found.extend(heredoc(&word)?);
    }
    if is_modern && !found.is_empty() {
        return Err(ShellError::Operator(String::new()));
    }
    Ok(found)
}

/// Reads `3<<-"NAME"`.
fn heredoc(word: &str) -> Result<Option<Heredoc>, ShellError> {
    let Some(rest) = word.trim_start_matches(|ch: char| ch.is_ascii_digit()).strip_prefix("<<") else {
        return Ok(None);
    };
    let (chomp, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    Ok(match plain_words(rest)?.as_slice() {
        [name] => Some(Heredoc { name: name.clone(), chomp }),
        _ => None,
    })
}

impl Heredoc {
    /// Reads the lines up to the end of this here-document.
    pub(super) fn read(&self, lines: &mut Lines<'_>, source: &str) -> Result<Body, DockerfileError> {
        let start = lines.offset();
        let mut first = None;
        while let Some(line) = lines.next() {
            let first = *first.get_or_insert(line.number);
            let text = if self.chomp { line.text.trim_start_matches('\t') } else { line.text };
            if text == self.name {
                return Ok(Body { line: first, text: source[start..lines.offset()].to_owned() });
            }
        }
        let problem = DockerfileProblem::Unterminated(self.name.clone());
        Err(DockerfileError { line: first.unwrap_or(1), problem })
    }
}

/// The line and text of an image reference that a builder without here-documents finds in `body`.
///
/// Docker's builders read the whole file before they begin, so that a line which is no instruction keeps them from it;
/// podman begins with what it understands.
pub(super) fn hides_an_image(body: &Body, escape: char, builder: Builder) -> Option<(usize, String)> {
    let mut lines = Lines::new(&body.text);
    let mut hidden = None;
    loop {
        match next_instruction(&mut lines, escape) {
            Ok(None) => return hidden,
            Ok(Some(instruction)) => {
                if hidden.is_none() && names_an_image(&instruction) {
                    let line = body.line + instruction.line - 1;
                    hidden = Some((line, instruction.text.as_str().to_owned()));
                }
            }
            Err(error) => match error.problem {
                DockerfileProblem::Instruction(word) if word.is_ascii() => {
                    if builder != Builder::Podman {
                        return None;
                    }
                }
                _ => return Some((body.line + error.line - 1, String::new())),
            },
        }
    }
}

/// Whether it may bring in an image that is not named by its digest.
fn names_an_image(instruction: &Instruction) -> bool {
    let is_open = |text: &str| text != "scratch" && !text.contains("@sha256:");
    match instruction.keyword {
        Keyword::From => {
            let words = instruction.rest.words();
            let whole =
                words.len() == 1 || (words.len() == 3 && words[1].as_str().eq_ignore_ascii_case("as"));
            whole && is_open(words[0].as_str())
        }
        Keyword::Copy | Keyword::Run => {
            let flags = instruction.flags.iter().map(|flag| flag.as_str().to_lowercase());
            flags.into_iter().any(|flag| flag.contains("from=") && is_open(&flag))
        }
        Keyword::Onbuild => instruction.trigger.as_deref().is_none_or(names_an_image),
        Keyword::Arg | Keyword::Add | Keyword::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_what_docker_sees() {
        let names = |line: &str| {
            begun_by(line).map(|found| found.into_iter().map(|doc| (doc.name, doc.chomp)).collect::<Vec<_>>())
        };
        let one = |name: &str, chomp| Ok(vec![(name.to_owned(), chomp)]);
        assert_eq!(names("RUN <<EOF"), one("EOF", false));
        assert_eq!(names("RUN <<-EOF cat"), one("EOF", true));
        assert_eq!(names("RUN cat 3<< \"E F\""), one("E F", false));
        assert_eq!(names("COPY <<a <<'b' /x").map(|found| found.len()), Ok(2));
        for none in
            ["RUN cat <file", "RUN cat <<<word", "RUN echo $((1<<2))", "RUN echo '<<EOF'", "RUN a<<EOF"]
        {
            assert_eq!(names(none), Ok(Vec::new()), "{none}");
        }
        assert!(names("RUN echo it's <<EOF").is_err());
        assert!(names("RUN echo ${a%b} <<EOF").is_err());
        assert!(names("RUN echo ${a%b} $((1<<2))").is_ok());
    }

    #[test]
    fn bodies_hide_an_image_only_if_every_line_is_an_instruction() {
        let hidden = |text: &str, builder| {
            let body = Body { line: 3, text: text.to_owned() };
            hides_an_image(&body, '\\', builder).map(|(line, _)| line)
        };
        assert_eq!(hidden("apt-get update\nEOF\n", Builder::BuildKit), None);
        assert_eq!(hidden("LABEL a=b\nFROM evil\n#end\n", Builder::Classic), Some(4));
        assert_eq!(hidden("FROM evil\nEOF\n", Builder::BuildKit), None);
        assert_eq!(hidden("FROM evil\nEOF\n", Builder::Podman), Some(3));
        assert_eq!(hidden("COPY --from=evil a b\n#end\n", Builder::BuildKit), Some(3));
        assert_eq!(hidden("ONBUILD RUN --mount=from=evil x\n#end\n", Builder::BuildKit), Some(3));
        assert_eq!(hidden("FROM scratch\n#end\n", Builder::BuildKit), None);
        assert_eq!(hidden("from os import path\nEOF", Builder::Podman), None);
    }
}
