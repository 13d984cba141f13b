//! The patterns of `${name#…}`, `${name%…}` and `${name/…}`: `*`, `?` and plain characters.
//!
//! What would need Docker's regular expressions to be told exactly (escapes, line breaks, empty matches) has no answer here.

/// Longest value and longest pattern, in characters: matching takes their product, replacing takes it once a character.
const MAX_VALUE: usize = 256;
const MAX_PATTERN: usize = 64;

/// `value` without the shortest or longest start that fits; `None` if that can't be told.
pub(super) fn trim_prefix(value: &str, pattern: &str, longest: bool) -> Option<String> {
    let (value, pattern) = prepare(value, pattern)?;
    let ends = ends(&value, &pattern);
    let cut = if longest { ends.iter().rposition(|end| *end) } else { ends.iter().position(|end| *end) };
    Some(value[cut.unwrap_or(0)..].iter().collect())
}

/// `value` without the shortest or longest end that fits; `None` if that can't be told.
pub(super) fn trim_suffix(value: &str, pattern: &str, longest: bool) -> Option<String> {
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    let trimmed = trim_prefix(&backwards(value), &backwards(pattern), longest)?;
    Some(backwards(&trimmed))
}

/// `value` with the first or every fitting part replaced; `None` if that can't be told.
pub(super) fn replace(value: &str, pattern: &str, replacement: &str, all: bool) -> Option<String> {
    if pattern.is_empty() || replacement.contains(['\\', '$']) {
        return None;
    }
    let (value, pattern) = prepare(value, pattern)?;
    if value.is_empty() && ends(&value, &pattern)[0] {
        return None;
    }
    let (mut result, mut position, mut replaced) = (String::new(), 0, false);
    while position < value.len() {
        let end = (all || !replaced).then(|| ends(&value[position..], &pattern).iter().rposition(|end| *end));
        match end.flatten() {
            Some(0) => return None,
            Some(length) => {
                result.push_str(replacement);
                position += length;
                replaced = true;
            }
            None => {
                result.push(value[position]);
                position += 1;
            }
        }
    }
    Some(result)
}

fn prepare(value: &str, pattern: &str) -> Option<(Vec<char>, Vec<char>)> {
    let value: Vec<char> = value.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let tellable = value.len() <= MAX_VALUE
        && pattern.len() <= MAX_PATTERN
        && !pattern.contains(&'\\')
        && !value.contains(&'\n');
    tellable.then_some((value, pattern))
}

/// For each length, whether the pattern fits the start of `value` of that length.
fn ends(value: &[char], pattern: &[char]) -> Vec<bool> {
    let mut reached = vec![false; value.len() + 1];
    reached[0] = true;
    for symbol in pattern {
        let mut next = vec![false; value.len() + 1];
        let mut any_before = false;
        for position in 0..=value.len() {
            any_before |= reached[position];
            next[position] = match symbol {
                '*' => any_before,
                _ if position == 0 => false,
                '?' => reached[position - 1],
                plain => reached[position - 1] && value[position - 1] == *plain,
            };
        }
        reached = next;
        if !reached.contains(&true) {
            break;
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_the_shortest_or_the_longest() {
        assert_eq!(trim_prefix("a/b/c", "*/", false).as_deref(), Some("b/c"));
        assert_eq!(trim_prefix("a/b/c", "*/", true).as_deref(), Some("c"));
        assert_eq!(trim_suffix("a.b.c", ".*", false).as_deref(), Some("a.b"));
        assert_eq!(trim_suffix("a.b.c", ".*", true).as_deref(), Some("a"));
        assert_eq!(trim_prefix("abc", "x*", true).as_deref(), Some("abc"));
        assert_eq!(trim_suffix("abc", "??", false).as_deref(), Some("a"));
        assert_eq!(replace("aXbXc", "X*", "-", false).as_deref(), Some("a-"));
        assert_eq!(replace("aXbXc", "X?", "-", true).as_deref(), Some("a--"));
    }

    #[test]
    fn what_only_docker_can_tell_has_no_answer() {
        assert_eq!(trim_prefix("abc", "\\a", false), None);
        assert_eq!(trim_prefix("a\nb", "*", false), None);
        assert_eq!(replace("abc", "", "x", true), None);
        assert_eq!(replace("abc", "*", "$1", true), None);
        assert_eq!(trim_prefix(&"a".repeat(MAX_VALUE + 1), "a", false), None);
    }
}
