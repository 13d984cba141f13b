//! How the paths of a delegation say which target names it speaks of.

use crate::digest::Digest;

/// How the paths of a delegation are read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PathRule {
    /// Byte prefixes of the name, as in Notary's files.
    #[default]
    Prefix,
    /// Shell patterns: `*` and `?` stand for anything but a `/`. Everything else stands for itself.
    Pattern,
    /// Prefixes of the name's SHA-256 in lower-case hex.
    HashPrefix,
}

impl PathRule {
    /// Whether one of `paths` covers the target `name`.
    pub(crate) fn covers(self, paths: &[String], name: &str) -> bool {
        match self {
            Self::Prefix => paths.iter().any(|path| name.starts_with(path)),
            Self::Pattern => paths.iter().any(|pattern| matches(pattern, name)),
            Self::HashPrefix => {
                let hash = Digest::sha256(name.as_bytes()).hex();
                paths.iter().any(|prefix| hash.starts_with(prefix))
            }
        }
    }
}

/// Whether `name` fits a shell pattern: segment by segment, each in at most its length times the pattern's steps.
///
/// Source: TUF 1.0.34 §4.5 (`PATHPATTERN`).
fn matches(pattern: &str, name: &str) -> bool {
    let (mut patterns, mut names) = (pattern.split('/'), name.split('/'));
    loop {
        match (patterns.next(), names.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) if segment_matches(pattern, name) => {}
            _ => return false,
        }
    }
}

fn segment_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read) = (0, 0);
    // Where the last `*` stood, and how much of the name it has taken: the only place to come back to.
    let mut star = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((position, taken)) = star else { return false };
                star = Some((position, taken + 1));
                at = position + 1;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_stays_within_a_segment() {
        for (pattern, name, fits) in [
            ("*", "a", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("*.md", "README.md", true),
            ("*.md", "README.MD", false),
            ("foo-?.tgz", "foo-1.tgz", true),
            ("foo-?.tgz", "foo-é.tgz", true),
            ("foo-?.tgz", "foo-alpha.tgz", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("", "", true),
            ("a", "", false),
            ("", "a", false),
            ("a/", "a", false),
            ("[ab]", "a", false),
            ("[ab]", "[ab]", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    /// An expression that goes back would take years for this.
    #[test]
    fn pattern_of_many_stars_ends() {
        let pattern = "*a".repeat(1000);
        assert!(!matches(&pattern, &"a".repeat(999)));
        assert!(matches(&pattern, &"a".repeat(5000)));
    }

    #[test]
    fn hash_prefix_is_of_the_names_hash() {
        let hash = Digest::sha256(b"file.txt").hex();
        assert!(PathRule::HashPrefix.covers(&[hash[..3].to_owned()], "file.txt"));
        assert!(!PathRule::HashPrefix.covers(&[hash[..3].to_owned()], "file"));
        assert!(!PathRule::HashPrefix.covers(&[hash[..3].to_ascii_uppercase() + "X"], "file.txt"));
    }
}
