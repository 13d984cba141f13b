//! The policy: what may be trusted, as the system and the user of this machine have written it down.
//!
//! ```toml
//! offline = "forbid"                  # a setting at the top holds where no rule says otherwise
//!
//! [[rule]]                            # the longest match decides, for each setting by itself
//! match = "docker.io/*"
//! trust_server = "https://trust.example"
//! max_age = "5m"
//!
//! [trust_pinning.certs]               # in Notary's syntax
//! "registry.example/team/*" = ["69c3…"]
//! ```
//!
//! `docs/reference/policy.md` has every key. There are three policies: the system's, one that a variable names, and the user's.
//! What the system's requires or refuses, nothing overrides: no flag, no variable, no file of a user. An unknown key is an error,
//! because a rule that is misspelt would be no rule.

mod decision;
mod document;
mod error;
mod file;
mod merge;
mod pattern;
mod pinning;
mod pins;
mod rules;
mod span;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use countersign_core::name::Gun;
use countersign_core::trust::TrustPinning;
use url::Url;

pub(crate) use self::decision::{Decided, Decision, Origin};
pub(crate) use self::error::PolicyError;
pub(crate) use self::pinning::Pin;
pub(crate) use self::pins::{PIN_VARIABLE, pin_line};
pub(crate) use self::rules::{FirstUse, Offline, Releases, SnapshotKey, Trust};

use self::rules::Rules;

/// The variable that names a policy file.
pub(crate) const POLICY_VARIABLE: &str = "COUNTERSIGN_POLICY";

/// The rules of the system, of a variable, and of the user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    system: Rules,
    variable: Rules,
    user: Rules,
    in_ci: bool,
}

/// Where rules are read from.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// The system's file.
    pub(crate) system: PathBuf,
    /// The file that [`POLICY_VARIABLE`] names.
    pub(crate) variable: Option<PathBuf>,
    /// The value of [`PIN_VARIABLE`].
    pub(crate) pins: Option<String>,
    /// Where the user's file may be: at one of these places.
    pub(crate) user: Vec<PathBuf>,
    /// Whether this is a machine of continuous integration, on which every use is the first.
    pub(crate) in_ci: bool,
}

impl Policy {
    /// Reads every file; the system's and the user's need not be there.
    pub(crate) fn load(sources: &Sources) -> Result<Self, PolicyError> {
        let mut variable = match &sources.variable {
            Some(path) => Rules::load(path)?.ok_or_else(|| PolicyError::Missing { path: path.clone() })?,
            None => Rules::default(),
        };
        if let Some(pins) = &sources.pins {
            variable.pins.extend(pins::from_variable(pins)?);
        }
        let mut users = Vec::new();
        for path in &sources.user {
            users.extend(Rules::load(path)?);
        }
        if let [one, other, ..] = &users[..] {
            let path = |rules: &Rules| rules.path.clone().unwrap_or_default();
            return Err(PolicyError::Two { one: path(one), other: path(other) });
        }
        let mut user = users.pop().unwrap_or_default();
        // One place only: what lies beside Docker's keys is theirs.
        if let Some(first) = sources.user.first() {
            user.pins.extend(pins::beside(first)?);
        }
        let mut system = Rules::load(&sources.system)?.unwrap_or_default();
        system.pins.extend(pins::beside(&sources.system)?);
        Ok(Self { system, variable, user, in_ci: sources.in_ci })
    }

    /// The system's policy, and these pins as the user's.
    pub(crate) fn of_system_with(system: &Path, pinning: TrustPinning) -> Result<Self, PolicyError> {
        let sources =
            Sources { system: system.to_owned(), variable: None, pins: None, user: Vec::new(), in_ci: false };
        let policy = Self::load(&sources)?;
        Ok(Self { user: Rules { pinning, ..policy.user }, ..policy })
    }

    /// The line of the system's policy that requires trust for `gun`, or refuses it.
    pub(crate) fn requirement(&self, gun: &Gun) -> Option<Origin> {
        let said = self.system.say(gun, |settings| settings.trust.as_ref())?;
        (said.value >= Trust::Required).then_some(said.by)
    }

    /// A line of the system's policy that does so for any collection.
    pub(crate) fn first_requirement(&self) -> Option<Origin> {
        let said = self.system.narrowest_first.iter().filter_map(|rule| rule.settings.trust.as_ref());
        let mut required = said.filter(|said| said.value >= Trust::Required);
        required.next().map(|said| self.system.at(said.line))
    }

    /// The policy files that were read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.layers().into_iter().filter_map(|rules| rules.path.as_deref())
    }

    /// What applies to `gun`, and why.
    pub(crate) fn decide(&self, gun: &Gun) -> Decision {
        merge::decide(self, gun)
    }

    /// How the roots of `gun` are pinned.
    pub(crate) fn pinning(&self, gun: &Gun) -> TrustPinning {
        self.decide(gun).pinning()
    }

    /// How many rules pin certificates, and how many authorities.
    pub(crate) fn pin_counts(&self) -> (usize, usize) {
        let counts = self.layers().map(Rules::pin_counts);
        (counts.iter().map(|count| count.0).sum(), counts.iter().map(|count| count.1).sum())
    }

    /// Who holds a new collection's snapshot key: the flag, else the rule of the variable's policy or the user's, within what
    /// the system requires.
    pub(crate) fn snapshot_key(&self, flag: Option<SnapshotKey>) -> Result<SnapshotKey, PolicyError> {
        match (self.system.snapshot_key, flag) {
            (Some(required), Some(asked)) if asked != required => Err(PolicyError::Required {
                path: self.system.path.clone().unwrap_or_default(),
                key: "snapshot_key",
            }),
            (Some(required), _) => Ok(required),
            (None, asked) => {
                Ok(asked.or(self.variable.snapshot_key).or(self.user.snapshot_key).unwrap_or_default())
            }
        }
    }

    /// The token services that may see credentials because this machine's owner says so.
    pub(crate) fn token_realms(&self) -> Vec<Url> {
        self.layers().into_iter().flat_map(|rules| &rules.token_realms).cloned().collect()
    }

    /// The registries that plain HTTP may be spoken with.
    pub(crate) fn insecure_registries(&self) -> BTreeSet<String> {
        self.layers().into_iter().flat_map(|rules| &rules.insecure_registries).cloned().collect()
    }

    fn layers(&self) -> [&Rules; 3] {
        [&self.system, &self.variable, &self.user]
    }
}
