//! Short names, as podman completes them: by its aliases, or by the one registry that it searches. Never by a guess.
//!
//! Source: containers/image `docs/containers-registries.conf.5.md`, `pkg/shortnames`.

use std::collections::BTreeMap;

use countersign_registry::reference::{ImageReference, ReferenceError};
use serde::Deserialize;
use thiserror::Error;

/// What podman's configuration says of names without a registry, as its files are written.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub struct ShortNames {
    /// The registries that are searched; `None` where a file says nothing of them.
    #[serde(rename = "unqualified-search-registries")]
    pub search: Option<Vec<String>>,
    /// Whole names for short ones.
    pub aliases: BTreeMap<String, String>,
}

/// A name that is not known to mean one image.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ShortNameError {
    /// Nothing says where it is.
    #[error(
        "has no registry, and podman's configuration has neither an alias for it nor a registry to search"
    )]
    Nowhere,
    /// Several registries are searched.
    #[error("may be in any of {}", .0.join(", "))]
    Several(Vec<String>),
    /// It is no name at all, or what an alias makes of it is none.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

impl ShortNames {
    /// Adds what a later file says, which wins.
    pub fn add(&mut self, later: Self) {
        self.search = later.search.or(self.search.take());
        self.aliases.extend(later.aliases);
    }

    /// The image that `word` names for podman.
    pub fn reference(&self, word: &str) -> Result<ImageReference, ShortNameError> {
        let image = ImageReference::parse(word)?;
        if has_registry(word) { Ok(image) } else { Ok(ImageReference::parse(&self.complete(word)?)?) }
    }

    /// The whole name.
    fn complete(&self, word: &str) -> Result<String, ShortNameError> {
        let end = word.find('@').unwrap_or(word.len());
        let end = word[..end].find(':').unwrap_or(end);
        let (name, rest) = word.split_at(end);
        if let Some(alias) = self.aliases.get(name) {
            return Ok(format!("{alias}{rest}"));
        }
        match self.search.as_deref().unwrap_or_default() {
            [registry] => Ok(format!("{registry}/{word}")),
            [] => Err(ShortNameError::Nowhere),
            several => Err(ShortNameError::Several(several.to_vec())),
        }
    }
}

/// Whether a name begins with its registry.
///
/// Source: distribution `reference/normalize.go` (`splitDockerDomain`).
pub fn has_registry(word: &str) -> bool {
    let first = word.split_once('/').map_or("", |(first, _)| first);
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> ShortNames {
        toml::from_str(text).expect("a configuration")
    }

    #[test]
    fn short_name_has_one_meaning_or_none() {
        let names = names(
            "unqualified-search-registries = [\"quay.example\"]\n[aliases]\n\"centos\" = \"quay.io/centos/centos\"",
        );
        let whole = |word: &str| names.reference(word).expect("one meaning").to_string();
        assert_eq!(whole("centos:9"), "quay.io/centos/centos:9");
        assert_eq!(whole("a/b"), "quay.example/a/b");
        let digest = format!("a@sha256:{}", "0".repeat(64));
        assert_eq!(whole(&digest), format!("quay.example/{digest}"));
        for text in
            ["", "unqualified-search-registries = []", "unqualified-search-registries = [\"a.io\", \"b.io\"]"]
        {
            assert!(self::names(text).reference("app").is_err(), "{text}");
        }
    }

    #[test]
    fn names_with_a_registry_are_whole() {
        for whole in ["docker.io/app", "localhost/app", "localhost:5000/app", "r.example/a/b"] {
            assert!(has_registry(whole), "{whole}");
        }
        for short in ["app", "app:1.4", "team/app", "app@sha256:00"] {
            assert!(!has_registry(short), "{short}");
        }
    }

    #[test]
    fn later_file_wins() {
        let mut all = names("unqualified-search-registries = [\"a.io\", \"b.io\"]");
        all.add(names("unqualified-search-registries = [\"c.io\"]"));
        all.add(names("[aliases]\n\"x\" = \"d.io/x\""));
        assert_eq!(all.reference("x").expect("an alias").to_string(), "d.io/x");
        assert_eq!(all.reference("y").expect("one registry").to_string(), "c.io/y");
    }
}
