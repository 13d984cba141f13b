//! Which images a rule is about: `docker.io/library/alpine`, `registry.example/team/*`, or `*`.
//!
//! A pattern is a prefix or a whole name, so a comparison is one pass over the text, and which of two matching patterns is
//! longer is never in doubt.

use std::fmt;
use std::str::FromStr;

use countersign_core::name::Gun;
use countersign_registry::reference::ImageReference;

/// A whole name, the names below a prefix, or all names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Pattern {
    /// `docker.io/library/alpine`.
    Exact(String),
    /// `docker.io/*`; the prefix ends in `/`. Empty for `*`.
    Below(String),
}

/// How narrow a pattern is: whole names first, then the longest prefix.
pub(crate) type Narrowness = (bool, usize);

impl Pattern {
    /// Whether `gun` is meant.
    pub(crate) fn matches(&self, gun: &Gun) -> bool {
        match self {
            Self::Exact(name) => gun.as_str() == name,
            Self::Below(prefix) => gun.as_str().starts_with(prefix.as_str()),
        }
    }

    /// How narrow it is.
    pub(crate) fn narrowness(&self) -> Narrowness {
        match self {
            Self::Exact(name) => (true, name.len()),
            Self::Below(prefix) => (false, prefix.len()),
        }
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = text.escape_debug();
        let (prefix, sample) = match text.strip_suffix('*') {
            Some("") => return Ok(Self::Below(String::new())),
            // Two more segments, because one below `docker.io` is short for something else.
            Some(prefix) if prefix.ends_with('/') => (Some(prefix), format!("{prefix}x/x")),
            Some(_) => return Err(format!("`{shown}`: `*` stands after a `/`, or alone")),
            None => (None, text.to_owned()),
        };
        let reference = ImageReference::parse(&sample).ok().filter(ImageReference::is_name_only);
        match (reference, prefix) {
            (Some(reference), Some(prefix)) if reference.name() == sample => {
                Ok(Self::Below(prefix.to_owned()))
            }
            (Some(reference), None) if reference.name() == sample => Ok(Self::Exact(sample)),
            (Some(reference), prefix) => {
                let full = reference.name();
                let full = if prefix.is_some() {
                    format!("{}*", full.trim_end_matches("x/x"))
                } else {
                    full.to_owned()
                };
                Err(format!("`{shown}` is no full name; `{full}` is"))
            }
            (None, _) => Err(format!(
                "`{shown}` is no pattern: a repository's full name without a tag, a prefix of one followed by `/*`, or `*`"
            )),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(prefix) => write!(f, "{prefix}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_matches_whole_names_and_names_below() {
        for (pattern, name, expected) in [
            ("docker.io/library/alpine", "docker.io/library/alpine", true),
            ("docker.io/library/alpine", "docker.io/library/alpine2", false),
            ("docker.io/library/alpine", "docker.io/library/alpine/x", false),
            ("docker.io/*", "docker.io/library/alpine", true),
            ("docker.io/library/*", "docker.io/library/alpine", true),
            ("docker.io/library/*", "docker.io/libraryx/alpine", false),
            ("registry.example:5000/team/*", "registry.example:5000/team/a/b", true),
            ("registry.example/team/*", "registry.example/team", false),
            ("registry.example/*", "registry.example.evil/a", false),
            ("localhost/*", "localhost/app", true),
            ("*", "docker.io/library/alpine", true),
        ] {
            let parsed: Pattern = pattern.parse().expect(pattern);
            assert_eq!(parsed.matches(&name.parse().expect(name)), expected, "{pattern} {name}");
            assert_eq!(parsed.to_string(), pattern);
        }
    }

    #[test]
    fn pattern_that_could_match_nothing_is_refused_with_what_was_meant() {
        for (bad, part) in [
            ("alpine", "`docker.io/library/alpine` is"),
            ("team/*", "`docker.io/team/*` is"),
            ("index.docker.io/*", "`docker.io/*` is"),
            ("docker.io/lib*", "stands after a `/`"),
            ("docker.io/*/app", "is no pattern"),
            ("*.example/app", "is no pattern"),
            ("docker.io/library/alpine:3", "is no pattern"),
            ("registry.example/App", "is no pattern"),
            ("", "is no pattern"),
            ("**", "stands after a `/`"),
            ("https://registry.example/*", "is no pattern"),
        ] {
            let refusal = bad.parse::<Pattern>().expect_err(bad);
            assert!(refusal.contains(part), "{bad}: {refusal}");
        }
    }

    #[test]
    fn whole_name_is_narrower_than_any_prefix_and_a_longer_prefix_than_a_shorter() {
        let narrowness = |text: &str| text.parse::<Pattern>().expect(text).narrowness();
        let order =
            ["*", "docker.io/*", "docker.io/library/*", "a.b/c", "docker.io/library/alpine"].map(narrowness);
        assert!(order.is_sorted_by(|one, other| one < other), "{order:?}");
    }
}
