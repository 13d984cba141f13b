//! Names as podman completes them, by what its files say on this machine.
//!
//! Source: containers/image `docs/containers-registries.conf.5.md`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use countersign_engine::podman::{ShortNameError, ShortNames, has_registry};
use countersign_registry::reference::{ImageReference, ReferenceError};
use thiserror::Error;

/// Largest file of registries, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// A name that is not known to mean one image.
#[derive(Debug, Error)]
pub(super) enum NameError {
    /// Nothing says where it is, or several things do.
    #[error("short name `{name}` {why}; nothing was done")]
    Ambiguous {
        /// The name, without tag and digest.
        name: String,
        /// What the configuration makes of it.
        why: ShortNameError,
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
pub(super) fn reference(word: &str) -> Result<ImageReference, NameError> {
    let image = ImageReference::parse(word)?;
    if has_registry(word) {
        return Ok(image);
    }
    let names = load(&crate::variable)?;
    names.reference(word).map_err(|why| match why {
        ShortNameError::Reference(error) => NameError::Reference(error),
        why => {
            let end = word.find([':', '@']).unwrap_or(word.len());
            NameError::Ambiguous { name: word[..end].to_owned(), why }
        }
    })
}

/// Reads what podman reads, in its order: later files win.
pub(super) fn load(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<ShortNames, NameError> {
    let home = variable("HOME").map(PathBuf::from);
    let named = ["CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"].into_iter().find_map(variable);
    let own = home.as_ref().map(|home| home.join(".config/containers"));
    let system = PathBuf::from("/etc/containers");
    let main = match (&named, &own) {
        (Some(path), _) => PathBuf::from(path),
        (None, Some(own)) if own.join("registries.conf").exists() => own.join("registries.conf"),
        _ => system.join("registries.conf"),
    };
    let mut names = ShortNames::default();
    add(&mut names, &main)?;
    // A file that a variable names stands alone.
    if named.is_none() {
        for dir in [Some(system), own].into_iter().flatten() {
            for file in drop_ins(&dir.join("registries.conf.d")) {
                add(&mut names, &file)?;
            }
        }
    }
    Ok(names)
}

fn add(names: &mut ShortNames, path: &Path) -> Result<(), NameError> {
    let unusable = |why: String| NameError::Configuration { path: path.to_owned(), why };
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(error.to_string())),
    }
    names.add(toml::from_str(&text).map_err(|error| unusable(error.message().to_owned()))?);
    Ok(())
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
        let names = load(&variable).expect("readable");
        assert_eq!(names.reference("x").expect("an alias").to_string(), "d.io/x");
        let found = names.reference("no-alias-has-this").expect("one registry");
        assert_eq!(found.to_string(), "c.io/no-alias-has-this");
        write("40.conf", "= broken");
        assert!(matches!(load(&variable), Err(NameError::Configuration { .. })));
    }
}
