//! The first lines: `# syntax=`, `# escape=`, `# check=`.

use super::error::{DockerfileError, DockerfileProblem};
use super::text::{Line, Lines, Traced};

/// What the parser directives of a file say.
#[derive(Clone, Debug)]
pub(super) struct Directives {
    /// The character that escapes and that continues lines.
    pub(super) escape: char,
    /// Whether another builder may take the other character, because the directive is not on the first line.
    pub(super) escape_is_disputed: bool,
    /// Every image that some version of BuildKit takes for the frontend, and its line.
    pub(super) syntax: Vec<(Traced, usize)>,
}

/// Reads the directives at the top of `source`.
///
/// Source: `moby/buildkit frontend/dockerfile/parser/directives.go`; older versions go on after a directive that they don't know.
pub(super) fn read(source: &str) -> Result<Directives, DockerfileError> {
    let mut escape = None;
    let mut seen: Vec<String> = Vec::new();
    for line in Lines::new(source) {
        let Some((key, value)) = parse(line.text.trim_start()) else { break };
        let key = key.to_ascii_lowercase();
        if !matches!(key.as_str(), "syntax" | "escape" | "check") {
            break;
        }
        let refuse = |problem| DockerfileError { line: line.number, problem };
        if seen.contains(&key) {
            return Err(refuse(DockerfileProblem::DirectiveTwice(key)));
        }
        if key == "escape" {
            let ch = match value {
                "\\" => '\\',
                "`" => '`',
                other => return Err(refuse(DockerfileProblem::Escape(other.to_owned()))),
            };
            escape = Some((ch, line.number));
        }
        seen.push(key);
    }
    let escape_is_disputed = Lines::new(source)
        .take_while(Line::is_comment)
        .filter(|line| line.number > 1)
        .filter_map(|line| parse(line.text.trim_start()))
        .any(|(key, _)| key.eq_ignore_ascii_case("escape"));
    Ok(Directives { escape: escape.map_or('\\', |(ch, _)| ch), escape_is_disputed, syntax: syntax(source) })
}

/// Every `# syntax=` in the first lines, as the most lenient version reads them.
fn syntax(source: &str) -> Vec<(Traced, usize)> {
    let mut found = Vec::new();
    for line in Lines::new(source) {
        if line.number == 1 && line.text.starts_with("#!") {
            continue;
        }
        let Some((key, value)) = parse(line.text) else { break };
        if key.eq_ignore_ascii_case("syntax") {
            let image = value.split(' ').next().unwrap_or_default();
            let mut text = Traced::default();
            text.push_str(image, line.offset + offset_in(line.text, value));
            found.push((text, line.number));
        }
    }
    found
}

/// Where `part`, a part of `whole`, begins in it.
fn offset_in(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

/// Splits `# key = value`.
fn parse(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.strip_prefix('#')?.trim_start().split_once('=')?;
    let (key, value) = (key.trim_end(), value.trim());
    let mut bytes = key.bytes();
    let legal = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric());
    (legal && !value.is_empty()).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(source: &str) -> Vec<&str> {
        syntax(source).iter().map(|(text, _)| &source[text.span()]).collect()
    }

    #[test]
    fn syntax_is_found_where_some_version_finds_it() {
        assert_eq!(images("# syntax=docker/dockerfile:1\nFROM a"), ["docker/dockerfile:1"]);
        assert_eq!(images("#SYNTAX =  x:1  with words \r\nFROM a"), ["x:1"]);
        assert_eq!(images("\u{feff}#syntax=x"), ["x"]);
        assert_eq!(images("#!/usr/bin/env x\n# syntax=x"), ["x"]);
        assert_eq!(images("# other=1\n# syntax=x\n# syntax=y"), ["x", "y"]);
        for none in
            ["\n# syntax=x", "# a comment\n# syntax=x", "FROM a\n# syntax=x", " # syntax=x", "# syntax="]
        {
            assert!(images(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn escape_is_read_once_and_is_one_of_two() {
        let escape = |source| read(source).map(|found| (found.escape, found.escape_is_disputed));
        assert_eq!(escape("# escape=`\nFROM a"), Ok(('`', false)));
        assert_eq!(escape("# syntax=x\n# Escape = `\nFROM a"), Ok(('`', true)));
        assert_eq!(escape("# note\n# escape=`\nFROM a"), Ok(('\\', true)));
        assert_eq!(escape("FROM a\n# escape=`\n"), Ok(('\\', false)));
        let problem = |source| read(source).map(|_| ()).map_err(|error| error.problem);
        assert_eq!(problem("# escape=x"), Err(DockerfileProblem::Escape("x".to_owned())));
        assert_eq!(
            problem("# escape=`\n# ESCAPE=`"),
            Err(DockerfileProblem::DirectiveTwice("escape".to_owned()))
        );
    }
}
