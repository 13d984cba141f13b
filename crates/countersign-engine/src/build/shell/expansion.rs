//! What a dollar sign begins: `$name`, `${name}`, and the operators in braces.

use super::super::glob;
use super::{Lexer, Lookup, ShellError};

/// Deepest nesting of `${…}`.
const MAX_DEPTH: usize = 16;

impl Lexer<'_> {
    /// Reads an expression and gives its value.
    pub(super) fn dollar(&mut self) -> Result<String, ShellError> {
        self.position += 1;
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            let value = self.value(&name)?;
            return Ok(match value {
                None if self.mode.keep_unset => format!("${name}"),
                value => value.unwrap_or_default(),
            });
        }
        self.position += 1;
        match self.peek() {
            None => return Err(ShellError::Missing('}')),
            Some('{' | '}' | ':') => return Err(ShellError::Substitution),
            Some(_) => {}
        }
        if self.depth >= MAX_DEPTH {
            return Err(ShellError::Large);
        }
        self.depth += 1;
        let name = self.name();
        let value = self.braces(&name);
        self.depth -= 1;
        value
    }

    /// What follows the name in `${name…}`.
    fn braces(&mut self, name: &str) -> Result<String, ShellError> {
        let mut operator = String::from(self.next().ok_or(ShellError::Missing('}'))?);
        if operator == "}" {
            return Ok(match self.value(name)? {
                None if self.mode.keep_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            });
        }
        if operator == ":" {
            operator.push(self.next().ok_or(ShellError::Missing('}'))?);
        }
        match operator.as_str() {
            "-" | ":-" | "+" | ":+" => {
                let (word, _) = self.run(Some('}'), false)?;
                let value = self.value(name)?;
                if self.mode.keep_unset && value.is_none() {
                    return Ok(format!("${{{name}{operator}{word}}}"));
                }
                let value = value.filter(|value| !(operator.starts_with(':') && value.is_empty()));
                Ok(match (operator.ends_with('-'), value) {
                    (true, value) => value.unwrap_or(word),
                    (false, Some(_)) => word,
                    (false, None) => String::new(),
                })
            }
            "?" | ":?" => {
                self.is_modern = true;
                let (message, _) = self.run(Some('}'), false)?;
                let value = self.value(name)?;
                if self.mode.keep_unset && value.is_none() {
                    return Ok(format!("${{{name}{operator}{message}}}"));
                }
                let value = value.filter(|value| !(operator.starts_with(':') && value.is_empty()));
                value.ok_or_else(|| ShellError::Required { name: name.to_owned(), message })
            }
            "#" | "%" => {
                self.is_modern = true;
                let (pattern, _) = self.run(Some('}'), true)?;
                let Some(value) = self.value(name)? else {
                    return Ok(if self.mode.keep_unset { format!("${{{name}}}") } else { String::new() });
                };
                let (pattern, longest) = match pattern.strip_prefix(&operator) {
                    Some(pattern) => (pattern, true),
                    None => (pattern.as_str(), false),
                };
                let trimmed = if operator == "#" {
                    glob::trim_prefix(&value, pattern, longest)
                } else {
                    glob::trim_suffix(&value, pattern, longest)
                };
                trimmed.ok_or_else(|| ShellError::Operator(format!("{name}{operator}")))
            }
            "/" => {
                self.is_modern = true;
                let all = self.peek() == Some('/');
                self.position += usize::from(all);
                let (pattern, _) = self.run(Some('/'), true)?;
                let (replacement, _) = self.run(Some('}'), true)?;
                let Some(value) = self.value(name)? else {
                    return Ok(if self.mode.keep_unset { format!("${{{name}}}") } else { String::new() });
                };
                glob::replace(&value, &pattern, &replacement, all)
                    .filter(|value| value.len() <= self.limit)
                    .ok_or_else(|| ShellError::Operator(format!("{name}/")))
            }
            _ => Err(ShellError::Operator(format!("{name}{operator}"))),
        }
    }

    fn value(&self, name: &str) -> Result<Option<String>, ShellError> {
        match (self.lookup)(name) {
            Lookup::Value(value) => Ok(Some(value)),
            Lookup::Unset => Ok(None),
            Lookup::Unknown(why) => Err(ShellError::Variable { name: name.to_owned(), why }),
        }
    }

    /// A name, a positional number, or one of the shell's own parameters.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(ch) = self.peek() {
            let first = name.is_empty();
            if first && ch.is_numeric() {
                while let Some(digit) = self.peek().filter(|ch| ch.is_numeric()) {
                    name.push(digit);
                    self.position += 1;
                }
                return name;
            }
            if first && matches!(ch, '@' | '*' | '#' | '?' | '-' | '$' | '!') {
                self.position += 1;
                return ch.to_string();
            }
            if !ch.is_alphanumeric() && ch != '_' {
                break;
            }
            name.push(ch);
            self.position += 1;
        }
        name
    }
}
