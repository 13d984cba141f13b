//! Passphrases from the environment.

use std::ffi::OsString;

use countersign_core::key_file::Passphrase;
use thiserror::Error;

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

const ALL: [&str; 7] = [ROOT, REPOSITORY, TARGET, SNAPSHOT, OFFLINE, TAGGING, NEW_PASSPHRASE];
const NOTARYS: [&str; 5] = [NOTARY_ROOT, NOTARY_TARGETS, NOTARY_SNAPSHOT, NOTARY_DELEGATION, NEW_PASSPHRASE];

/// The passphrases that `DOCKER_CONTENT_TRUST_…_PASSPHRASE` variables give, by role.
///
/// | Role | Variables, the first that is set and not empty |
/// |---|---|
/// | root | `ROOT`, `OFFLINE` |
/// | targets | `REPOSITORY`, `TARGET`, `TAGGING` |
/// | snapshot | `REPOSITORY`, `SNAPSHOT`, `TARGET`, `TAGGING` |
/// | delegations and signers | `REPOSITORY` |
///
/// Values are taken as they are, white space included, as Docker takes them.
#[derive(Debug, Default)]
pub struct PassphraseVariables(Vec<Variable>);

#[derive(Debug)]
pub(super) struct Variable {
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
    /// [`VariableError`]: a value is not UTF-8.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, VariableError> {
        Self::of(&ALL, lookup)
    }

    /// Takes the variables of Notary's command instead: `NOTARY_ROOT_PASSPHRASE`, `NOTARY_TARGETS_PASSPHRASE`,
    /// `NOTARY_SNAPSHOT_PASSPHRASE`, and `NOTARY_DELEGATION_PASSPHRASE` for every other role.
    ///
    /// # Errors
    /// [`VariableError`]: a value is not UTF-8.
    ///
    /// Source: notary `cmd/notary/main.go` (`getPassphraseRetriever`).
    pub fn from_notary_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, VariableError> {
        Self::of(&NOTARYS, lookup)
    }

    fn of(names: &[&'static str], lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, VariableError> {
        let mut variables = Vec::new();
        for &name in names {
            let Some(value) = lookup(name).filter(|value| !value.is_empty()) else { continue };
            let passphrase =
                value.into_string().map(Passphrase::new).map_err(|_| VariableError { variable: name })?;
            variables.push(Variable { name, passphrase });
        }
        Ok(Self(variables))
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

    fn named(&self, name: &str) -> Option<&Variable> {
        self.0.iter().find(|variable| variable.name == name)
    }
}

/// A passphrase variable that is not UTF-8.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("`{variable}` is not UTF-8")]
pub struct VariableError {
    /// Its name.
    pub variable: &'static str,
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
        assert_eq!(answer.err(), Some(VariableError { variable: ROOT }));
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
