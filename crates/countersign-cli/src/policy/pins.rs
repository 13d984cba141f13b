//! Pins, one a line, as SSH's known hosts: a collection, and the id of its root key.
//!
//! ```text
//! # the base images that our builds begin with
//! docker.io/library/alpine 69c3…          a comment goes on to the end of the line
//! registry.example/team/app sha256:41be…
//! ```
//!
//! The id may be the key's own or that of its certificate. Several lines for one collection add up: each key is right. The
//! variable [`PIN_VARIABLE`] holds such lines, or a path: what begins with `/` or `.` is a path, since no line does.

use std::io;
use std::path::{Path, PathBuf};

use countersign_core::key::KeyId;
use countersign_core::name::Gun;

use super::error::PolicyError;
use super::file::read;
use super::pattern::Pattern;
use super::rules::Place;

/// The variable that holds pins, or names a file of them.
pub(crate) const PIN_VARIABLE: &str = "COUNTERSIGN_PINS";
/// The file of pins beside a policy.
const FILE: &str = "pins";

/// One pin, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PinLine {
    pub(super) gun: Gun,
    pub(super) key: KeyId,
    pub(super) place: Place,
}

/// The line that pins a collection to a key.
pub(crate) fn pin_line(gun: &Gun, key: &KeyId) -> String {
    format!("{gun} {key}")
}

/// The pins of the variable's value.
pub(super) fn from_variable(value: &str) -> Result<Vec<PinLine>, PolicyError> {
    if value.starts_with(['/', '.']) {
        return from_file(Path::new(value));
    }
    parse(Path::new(PIN_VARIABLE), value)
}

/// The pins of the file beside this policy, if there is one.
pub(super) fn beside(policy: &Path) -> Result<Vec<PinLine>, PolicyError> {
    match from_file(&policy.with_file_name(FILE)) {
        Err(PolicyError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        pins => pins,
    }
}

/// The pins of a file that must be there.
pub(super) fn from_file(path: &Path) -> Result<Vec<PinLine>, PolicyError> {
    let text = read(path).map_err(|source| PolicyError::Read { path: path.to_owned(), source })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<PinLine>, PolicyError> {
    let mut pins = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let place = Place { path: path.to_owned(), line: line_number };
        let refused =
            |problem: String| PolicyError::Line { path: PathBuf::from(path), line: line_number, problem };
        pins.extend(pin(line, place).map_err(refused)?);
    }
    Ok(pins)
}

/// The pin of a line; none if it is empty or a comment.
fn pin(line: &str, place: Place) -> Result<Option<PinLine>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(name), Some(id)) = (words.next(), words.next()) else {
        return Err(format!("`{}` is followed by no key id", line.escape_debug()));
    };
    match name.parse::<Pattern>()? {
        Pattern::Exact(_) => {}
        Pattern::Below(_) => {
            return Err(format!("`{}`: a pin is of one collection", name.escape_debug()));
        }
    }
    let key = id.strip_prefix("sha256:").unwrap_or(id).parse().map_err(|_| {
        format!("`{}` is no key id, which is 64 hexadecimal digits in small letters", id.escape_debug())
    })?;
    if words.next().is_some_and(|word| !word.starts_with('#')) {
        return Err("a line holds a collection and one key id; `#` begins a comment".to_owned());
    }
    let gun = name.parse().map_err(|_| format!("`{}` is no name of a collection", name.escape_debug()))?;
    Ok(Some(PinLine { gun, key, place }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0000000000000000000000000000000000000000000000000000000000000001";

    #[test]
    fn pins_are_read_from_lines_with_comments() {
        let text = format!(
            "# ours\n\n  registry.example/app {ID}  # signed by ada\nregistry.example/b\tsha256:{ID}\r\n"
        );
        let pins = from_variable(&text).expect("pins");
        let read: Vec<_> = pins.iter().map(|pin| (pin_line(&pin.gun, &pin.key), pin.place.line)).collect();
        assert_eq!(
            read,
            [(format!("registry.example/app {ID}"), 3), (format!("registry.example/b {ID}"), 4)]
        );
        let again = from_variable(&read[0].0).expect("what was printed is read");
        assert_eq!((&again[0].gun, &again[0].key), (&pins[0].gun, &pins[0].key));
    }

    #[test]
    fn line_that_is_no_pin_is_named() {
        for (bad, part) in [
            ("registry.example/app".to_owned(), "no key id"),
            (format!("registry.example/* {ID}"), "one collection"),
            (format!("app {ID}"), "`docker.io/library/app` is"),
            ("registry.example/app 12".to_owned(), "64 hexadecimal"),
            (format!("registry.example/app {}", "A".repeat(64)), "64 hexadecimal"),
            (format!("registry.example/app {ID} {ID}"), "one key id"),
        ] {
            let error = from_variable(&format!("#\n{bad}")).expect_err(&bad).to_string();
            assert!(error.starts_with("`COUNTERSIGN_PINS`, line 2: ") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn value_that_begins_like_a_path_is_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("pins");
        std::fs::write(&path, format!("registry.example/app {ID}\n")).expect("a file");
        let pins = from_variable(path.to_str().expect("text")).expect("pins");
        assert_eq!(pins[0].place, Place { path: path.clone(), line: 1 });
        assert_eq!(beside(&dir.path().join("policy.toml")).expect("pins"), pins);
        assert_eq!(beside(&dir.path().join("nosuch/policy.toml")).expect("none"), []);
        let missing = from_variable("./nosuch/pins").expect_err("a file that was named must be there");
        assert!(matches!(missing, PolicyError::Read { .. }), "{missing:?}");
    }
}
