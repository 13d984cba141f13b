//! The flags of an instruction: `--name=value` before anything else, perhaps quoted.

use super::error::DockerfileProblem;
use super::text::Traced;

/// Splits arguments into flags, without their quotes and escapes, and the rest.
///
/// Source: `moby/buildkit frontend/dockerfile/parser/split_command.go`.
pub(super) fn split(arguments: &Traced, escape: char) -> Result<(Vec<Traced>, Traced), DockerfileProblem> {
    let text = arguments.as_str();
    let mut flags = Vec::new();
    let mut position = 0;
    loop {
        position += text[position..].len() - text[position..].trim_start().len();
        if !text[position..].starts_with("--") {
            return Ok((flags, arguments.slice(position..text.len())));
        }
        let (flag, end) = flag(arguments, position, escape)?;
        position = end;
        if flag.as_str() == "--" {
            return Ok((flags, arguments.slice(position..text.len())));
        }
        flags.push(flag);
    }
}

/// Reads one flag from `start` on, and says where it ends.
fn flag(arguments: &Traced, start: usize, escape: char) -> Result<(Traced, usize), DockerfileProblem> {
    let text = arguments.as_str();
    let (mut flag, mut quote) = (Traced::default(), None);
    let mut chars = text[start..].char_indices().map(|(at, ch)| (start + at, ch)).peekable();
    let refuse =
        |flag: &Traced, problem| Err(DockerfileProblem::Flag { flag: flag.as_str().to_owned(), problem });
    while let Some((at, ch)) = chars.next() {
        if !ch.is_ascii() {
            return refuse(&flag, "has a character that is not ASCII, which builders read in different ways");
        }
        match quote {
            None if ch.is_whitespace() => return Ok((flag, at)),
            None if matches!(ch, '\'' | '"') => quote = Some(ch),
            Some(open) if ch == open => quote = None,
            _ if ch == escape => match chars.next() {
                Some((at, escaped)) if escaped.is_ascii() => flag.extend(arguments, at..at + 1),
                Some(_) => {
                    return refuse(
                        &flag,
                        "has a character that is not ASCII, which builders read in different ways",
                    );
                }
                None => return refuse(&flag, "ends with an escape"),
            },
            _ => flag.extend(arguments, at..at + 1),
        }
    }
    if quote.is_some() {
        return refuse(&flag, "has a quote that does not end");
    }
    Ok((flag, text.len()))
}

/// A flag's name and value; the value is `None` without `=`.
pub(super) fn name_and_value(flag: &Traced) -> (&str, Option<Traced>) {
    let text = flag.as_str();
    match text.find('=') {
        Some(equals) => (&text[..equals], Some(flag.slice(equals + 1..text.len()))),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_text(text: &str) -> Result<(Vec<String>, String), DockerfileProblem> {
        let mut traced = Traced::default();
        traced.push_str(text, 0);
        let (flags, rest) = split(&traced, '\\')?;
        Ok((flags.iter().map(|flag| flag.as_str().to_owned()).collect(), rest.as_str().to_owned()))
    }

    #[test]
    fn flags_end_where_docker_ends_them() {
        let found = |text| split_text(text).expect("flags");
        assert_eq!(
            found("--a=b  --c d --e"),
            (vec!["--a=b".to_owned(), "--c".to_owned()], "d --e".to_owned())
        );
        assert_eq!(found("--a=\"b c\"'d' e").0, ["--a=b cd"]);
        assert_eq!(found("--a=b\\ c d").0, ["--a=b c"]);
        assert_eq!(found("-- --from=x y"), (vec![], " --from=x y".to_owned()));
        assert_eq!(found("-x y"), (vec![], "-x y".to_owned()));
    }

    #[test]
    fn flags_that_builders_read_differently_are_refused() {
        for text in ["--a=\"b c", "--a=é x", "--a=b\\"] {
            assert!(matches!(split_text(text), Err(DockerfileProblem::Flag { .. })), "{text}");
        }
    }
}
