//! Short names, as podman completes them: by its aliases, or by the one registry that it searches. Never by a guess.
//!
//! Source: containers/image `docs/containers-registries.conf.5.md`, `pkg/shortnames`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use countersign_registry::reference::{ImageReference, ReferenceError};
use serde::Deserialize;
use thiserror::Error;

/// Largest file of registries, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// What podman's configuration says of names without a registry.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
struct ShortNames {
    #[serde(rename = "unqualified-search-registries")]
    search: Option<Vec<String>>,
    aliases: BTreeMap<String, String>,
}

/// A name that is not known to mean one image.
#[derive(Debug, Error)]
pub(super) enum ShortNameError {
    /// Nothing says where it is, or several things do.
    #[error("short name `{name}` {why}; nothing was done")]
    Ambiguous {
        /// The name.
        name: String,
        /// What the configuration makes of it.
        why: String,
    },
    /// The configuration cannot be read.
    #[error("`{}`, which says what short names mean, cannot be used: {why}; nothing was done", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It is no name at all.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

/// The image that `word` names for podman.
pub(super) fn reference(word: &str) -> Result<ImageReference, ShortNameError> {
    let image = ImageReference::parse(word)?;
    if has_registry(word) {
        return Ok(image);
    }
    let names = ShortNames::load(&crate::variable)?;
    Ok(ImageReference::parse(&names.complete(word)?)?)
}

/// Source: distribution `reference/normalize.go` (`splitDockerDomain`).
fn has_registry(word: &str) -> bool {
    let first = word.split_once('/').map_or("", |(first, _)| first);
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

impl ShortNames {
    /// Reads what podman reads, in its order: later files win.
    fn load(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ShortNameError> {
        let home = variable("HOME").map(PathBuf::from);
        let named = ["CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"].into_iter().find_map(variable);
        let own = home.as_ref().map(|home| home.join(".config/containers"));
        let system = PathBuf::from("/etc/containers");
        let main = match (&named, &own) {
            (Some(path), _) => PathBuf::from(path),
            (None, Some(own)) if own.join("registries.conf").exists() => own.join("registries.conf"),
            _ => system.join("registries.conf"),
        };
        let mut names = Self::default();
        names.add(&main)?;
        // A file that a variable names stands alone.
        if named.is_none() {
            for dir in [Some(system), own].into_iter().flatten() {
                for file in drop_ins(&dir.join("registries.conf.d")) {
                    names.add(&file)?;
                }
            }
        }
        Ok(names)
    }

    fn add(&mut self, path: &Path) -> Result<(), ShortNameError> {
        let unusable = |why: String| ShortNameError::Configuration { path: path.to_owned(), why };
        let mut text = String::new();
        match File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_string(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unusable(error.to_string())),
        }
        let more: Self = toml::from_str(&text).map_err(|error| unusable(error.message().to_owned()))?;
        self.search = more.search.or(self.search.take());
        self.aliases.extend(more.aliases);
        Ok(())
    }

    /// The whole name.
    fn complete(&self, word: &str) -> Result<String, ShortNameError> {
        let end = word.find('@').unwrap_or(word.len());
        let end = word[..end].find(':').unwrap_or(end);
        let (name, rest) = word.split_at(end);
        if let Some(alias) = self.aliases.get(name) {
            return Ok(format!("{alias}{rest}"));
        }
        let ambiguous = |why: String| ShortNameError::Ambiguous { name: name.to_owned(), why };
        match self.search.as_deref().unwrap_or_default() {
            [registry] => Ok(format!("{registry}/{word}")),
            [] => Err(ambiguous(
                "has no registry, and podman's configuration has neither an alias for it nor a registry to search".to_owned(),
            )),
            several => Err(ambiguous(format!("may be in any of {}", several.join(", ")))),
        }
    }
}

fn drop_ins(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "conf")).collect();
    files.sort();
    files
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
        assert_eq!(names.complete("centos:9").expect("an alias"), "quay.io/centos/centos:9");
        assert_eq!(names.complete("a/b").expect("one registry"), "quay.example/a/b");
        let digest = format!("a@sha256:{}", "0".repeat(64));
        assert_eq!(names.complete(&digest).expect("one registry"), format!("quay.example/{digest}"));
        for text in
            ["", "unqualified-search-registries = []", "unqualified-search-registries = [\"a.io\", \"b.io\"]"]
        {
            assert!(self::names(text).complete("app").is_err(), "{text}");
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
    fn later_file_wins_and_an_unreadable_one_stops() {
        let home = tempfile::tempdir().expect("a directory");
        let dir = home.path().join(".config/containers/registries.conf.d");
        fs::create_dir_all(&dir).expect("a directory");
        let write = |name: &str, text: &str| fs::write(dir.join(name), text).expect("a file");
        fs::write(dir.join("../registries.conf"), "unqualified-search-registries = [\"a.io\", \"b.io\"]")
            .expect("a file");
        write("10.conf", "unqualified-search-registries = [\"c.io\"]");
        write("20.conf", "[aliases]\n\"x\" = \"d.io/x\"");
        write("30.txt", "not read");
        let variable = |name: &str| (name == "HOME").then(|| home.path().as_os_str().to_owned());
        let names = ShortNames::load(&variable).expect("readable");
        assert_eq!(names.complete("x").expect("an alias"), "d.io/x");
        assert_eq!(names.complete("no-alias-has-this").expect("one registry"), "c.io/no-alias-has-this");
        write("40.conf", "= broken");
        assert!(matches!(ShortNames::load(&variable), Err(ShortNameError::Configuration { .. })));
    }
}
