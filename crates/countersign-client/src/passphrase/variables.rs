//! Passphrases from the environment.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use countersign_core::key_file::Passphrase;
use thiserror::Error;
use zeroize::Zeroizing;

use super::command::{COMMAND, PassphraseCommand};

const ROOT: &str = "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE";
const REPOSITORY: &str = "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE";
const TARGET: &str = "DOCKER_CONTENT_TRUST_TARGET_PASSPHRASE";
const SNAPSHOT: &str = "DOCKER_CONTENT_TRUST_SNAPSHOT_PASSPHRASE";
/// The names of Docker 1.8.0.
const OFFLINE: &str = "DOCKER_CONTENT_TRUST_OFFLINE_PASSPHRASE";
const TAGGING: &str = "DOCKER_CONTENT_TRUST_TAGGING_PASSPHRASE";

/// Those of Notary's command.
const NOTARY_ROOT: &str = "NOTARY_ROOT_PASSPHRASE";
const NOTARY_TARGETS: &str = "NOTARY_TARGETS_PASSPHRASE";
const NOTARY_SNAPSHOT: &str = "NOTARY_SNAPSHOT_PASSPHRASE";
const NOTARY_DELEGATION: &str = "NOTARY_DELEGATION_PASSPHRASE";

/// What a passphrase is changed to, where nobody is asked.
pub const NEW_PASSPHRASE: &str = "COUNTERSIGN_NEW_PASSPHRASE";

/// What a backup is encrypted with, where nobody is asked.
pub const BACKUP_PASSPHRASE: &str = "COUNTERSIGN_BACKUP_PASSPHRASE";
/// The PIN of a PKCS#11 token, where nobody is asked.
pub const TOKEN_PIN: &str = "COUNTERSIGN_PKCS11_PIN";

/// Largest file with a passphrase, in bytes.
const FILE_BYTES: u64 = 64 << 10;

/// Each variable, and the one that names a file in its place.
const ALL: [(&str, Option<&str>); 9] = [
    (ROOT, Some("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE_FILE")),
    (REPOSITORY, Some("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE_FILE")),
    (TARGET, Some("DOCKER_CONTENT_TRUST_TARGET_PASSPHRASE_FILE")),
    (SNAPSHOT, Some("DOCKER_CONTENT_TRUST_SNAPSHOT_PASSPHRASE_FILE")),
    (OFFLINE, Some("DOCKER_CONTENT_TRUST_OFFLINE_PASSPHRASE_FILE")),
    (TAGGING, Some("DOCKER_CONTENT_TRUST_TAGGING_PASSPHRASE_FILE")),
    (NEW_PASSPHRASE, Some("COUNTERSIGN_NEW_PASSPHRASE_FILE")),
    (BACKUP_PASSPHRASE, Some("COUNTERSIGN_BACKUP_PASSPHRASE_FILE")),
    (TOKEN_PIN, Some("COUNTERSIGN_PKCS11_PIN_FILE")),
];
const NOTARYS: [(&str, Option<&str>); 5] = [
    (NOTARY_ROOT, None),
    (NOTARY_TARGETS, None),
    (NOTARY_SNAPSHOT, None),
    (NOTARY_DELEGATION, None),
    (NEW_PASSPHRASE, Some("COUNTERSIGN_NEW_PASSPHRASE_FILE")),
];

/// The passphrases that `DOCKER_CONTENT_TRUST_…_PASSPHRASE` variables give, by role.
///
/// | Role | Variables, the first that is set and not empty |
/// |---|---|
/// | root | `ROOT`, `OFFLINE` |
/// | targets | `REPOSITORY`, `TARGET`, `TAGGING` |
/// | snapshot | `REPOSITORY`, `SNAPSHOT`, `TARGET`, `TAGGING` |
/// | delegations and signers | `REPOSITORY` |
///
/// Values are taken as they are, white space included, as Docker takes them. A variable that isn't set may have one beside it
/// that ends in `_FILE` and names a file with the value, from which one line break at the end is taken.
#[derive(Debug, Default)]
pub struct PassphraseVariables {
    variables: Vec<Variable>,
    command: Option<PassphraseCommand>,
}

/// A passphrase, and what gave it.
#[derive(Debug)]
pub(super) struct Variable {
    /// The name of the value that was looked up.
    of: &'static str,
    pub(super) name: &'static str,
    pub(super) passphrase: Passphrase,
}

impl PassphraseVariables {
    /// No variable at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes what `lookup` finds, such as `|name| std::env::var_os(name)`.
    ///
    /// # Errors
    /// [`VariableError`]: a value is not UTF-8, or a file cannot be read.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, VariableError> {
        Self::of(&ALL, lookup)
    }

    /// Takes the variables of Notary's command instead: `NOTARY_ROOT_PASSPHRASE`, `NOTARY_TARGETS_PASSPHRASE`,
    /// `NOTARY_SNAPSHOT_PASSPHRASE`, and `NOTARY_DELEGATION_PASSPHRASE` for every other role.
    ///
    /// # Errors
    /// [`VariableError`]: a value is not UTF-8, or a file cannot be read.
    ///
    /// Source: notary `cmd/notary/main.go` (`getPassphraseRetriever`).
    pub fn from_notary_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, VariableError> {
        Self::of(&NOTARYS, lookup)
    }

    fn of(
        names: &[(&'static str, Option<&'static str>)],
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, VariableError> {
        let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let mut variables = Vec::new();
        for &(of, file) in names {
            if let Some(value) = set(of) {
                variables.push(Variable { of, name: of, passphrase: Passphrase::new(utf8(of, value)?) });
            } else if let Some((file, path)) = file.and_then(|file| Some((file, set(file)?))) {
                let passphrase = read(file, Path::new(&path))?;
                variables.push(Variable { of, name: file, passphrase });
            }
        }
        let command = set(COMMAND).map(|command| utf8(COMMAND, command)).transpose()?;
        Ok(Self { variables, command: command.map(PassphraseCommand::new) })
    }

    pub(super) fn command(&self) -> Option<&PassphraseCommand> {
        self.command.as_ref()
    }

    pub(super) fn of_role(&self, role: &str) -> Option<&Variable> {
        let names: &[&str] = match role {
            "root" => &[ROOT, OFFLINE, NOTARY_ROOT],
            "targets" => &[REPOSITORY, TARGET, TAGGING, NOTARY_TARGETS],
            "snapshot" => &[REPOSITORY, SNAPSHOT, TARGET, TAGGING, NOTARY_SNAPSHOT],
            _ => &[REPOSITORY, NOTARY_DELEGATION],
        };
        names.iter().find_map(|name| self.named(name))
    }

    pub(super) fn of_change(&self) -> Option<&Variable> {
        self.named(NEW_PASSPHRASE)
    }

    pub(super) fn named(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.of == name)
    }
}

impl Variable {
    /// What a command said.
    pub(super) fn of_command(passphrase: Passphrase) -> Self {
        Self { of: COMMAND, name: COMMAND, passphrase }
    }
}

fn utf8(variable: &'static str, value: OsString) -> Result<String, VariableError> {
    value.into_string().map_err(|_| VariableError::NotUtf8 { variable })
}

/// Reads a file that holds a passphrase.
fn read(variable: &'static str, path: &Path) -> Result<Passphrase, VariableError> {
    let unread =
        |source: io::Error| VariableError::File { variable, path: path.to_owned(), kind: source.kind() };
    // Never moved to a larger place, so that nothing of it stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(FILE_BYTES + 1).unwrap_or_default()));
    File::open(path).and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(unread)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(unread(io::ErrorKind::FileTooLarge.into()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unread(io::ErrorKind::InvalidData.into()))?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(unread(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(Passphrase::new(text.to_owned()))
}

/// A passphrase variable that cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum VariableError {
    /// It is not UTF-8.
    #[error("`{variable}` is not UTF-8")]
    NotUtf8 {
        /// Its name.
        variable: &'static str,
    },
    /// The file that it names cannot be read, or holds no text of at most 64 KiB.
    #[error("`{variable}` names `{}`, which holds no passphrase: {kind}", path.display())]
    File {
        /// Its name.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        kind: io::ErrorKind,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(set: &[&str]) -> PassphraseVariables {
        PassphraseVariables::from_lookup(|name| {
            let short = name.strip_prefix("DOCKER_CONTENT_TRUST_")?.strip_suffix("_PASSPHRASE")?;
            set.contains(&short).then(|| short.into())
        })
        .expect("UTF-8")
    }

    fn found(set: &[&str], role: &str) -> Option<Passphrase> {
        variables(set).of_role(role).map(|variable| variable.passphrase.clone())
    }

    #[test]
    fn variables_are_taken_by_role_and_in_order() {
        let all = ["ROOT", "REPOSITORY", "TARGET", "SNAPSHOT", "OFFLINE", "TAGGING"];
        for (set, role, expected) in [
            (&all[..], "root", Some("ROOT")),
            (&["OFFLINE"], "root", Some("OFFLINE")),
            (&["REPOSITORY", "TARGET", "SNAPSHOT", "TAGGING"], "root", None),
            (&all, "targets", Some("REPOSITORY")),
            (&all[2..], "targets", Some("TARGET")),
            (&["SNAPSHOT", "TAGGING"], "targets", Some("TAGGING")),
            (&["SNAPSHOT", "OFFLINE"], "targets", None),
            (&all, "snapshot", Some("REPOSITORY")),
            (&all[2..], "snapshot", Some("SNAPSHOT")),
            (&["TARGET", "TAGGING"], "snapshot", Some("TARGET")),
            (&["TAGGING"], "snapshot", Some("TAGGING")),
            (&all, "bob", Some("REPOSITORY")),
            (&["ROOT", "TARGET", "SNAPSHOT", "OFFLINE", "TAGGING"], "targets/releases", None),
        ] {
            assert_eq!(
                found(set, role),
                expected.map(|text| Passphrase::new(text.to_owned())),
                "{set:?} for {role}"
            );
        }
    }

    #[test]
    fn empty_variable_is_as_if_unset() {
        let variables = PassphraseVariables::from_lookup(|name| match name {
            REPOSITORY => Some(OsString::new()),
            TARGET => Some("second".into()),
            _ => None,
        })
        .expect("UTF-8");
        assert_eq!(variables.of_role("targets").map(|variable| variable.name), Some(TARGET));
    }

    #[cfg(unix)]
    #[test]
    fn variable_that_is_not_utf8_is_named() {
        use std::os::unix::ffi::OsStringExt as _;
        let answer =
            PassphraseVariables::from_lookup(|name| (name == ROOT).then(|| OsString::from_vec(vec![0xff])));
        assert_eq!(answer.err(), Some(VariableError::NotUtf8 { variable: ROOT }));
    }

    #[test]
    fn file_stands_in_for_a_variable_that_is_not_set() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("passphrase");
        let lookup = |name: &str| match name {
            "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE_FILE" | "DOCKER_CONTENT_TRUST_TARGET_PASSPHRASE_FILE" => {
                Some(path.clone().into_os_string())
            }
            TARGET => Some("of the variable".into()),
            _ => None,
        };
        for (content, expected) in
            [("a b \n", "a b "), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("a\r", "a\r")]
        {
            std::fs::write(&path, content).expect("ours");
            let variables = PassphraseVariables::from_lookup(lookup).expect("a file");
            let of =
                |role| variables.of_role(role).map(|variable| (variable.name, variable.passphrase.clone()));
            let file = "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE_FILE";
            assert_eq!(of("root"), Some((file, Passphrase::new(expected.to_owned()))), "{content:?}");
            assert_eq!(of("targets"), Some((TARGET, Passphrase::new("of the variable".to_owned()))));
        }
        for content in [&b""[..], b"\n", b"\xff", &vec![b'a'; (64 << 10) + 1]] {
            std::fs::write(&path, content).expect("ours");
            assert!(matches!(PassphraseVariables::from_lookup(lookup), Err(VariableError::File { .. })));
        }
        std::fs::remove_file(&path).expect("ours");
        let missing = PassphraseVariables::from_lookup(lookup).err();
        assert!(matches!(missing, Some(VariableError::File { kind: io::ErrorKind::NotFound, .. })));
    }

    #[test]
    fn notarys_variables_are_its_own() {
        let variables = PassphraseVariables::from_notary_lookup(|name| Some(name.into())).expect("UTF-8");
        for (role, expected) in [
            ("root", "NOTARY_ROOT_PASSPHRASE"),
            ("targets", "NOTARY_TARGETS_PASSPHRASE"),
            ("snapshot", "NOTARY_SNAPSHOT_PASSPHRASE"),
            ("targets/x", "NOTARY_DELEGATION_PASSPHRASE"),
            ("", "NOTARY_DELEGATION_PASSPHRASE"),
        ] {
            assert_eq!(variables.of_role(role).map(|variable| variable.name), Some(expected));
        }
    }
}
