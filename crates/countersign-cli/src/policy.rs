//! The policy: what may be trusted, as the system and the user of this machine have written it down.
//!
//! ```toml
//! offline = "forbid"                  # or "allow": a cached timestamp that has not expired, when no server answers
//! releases = "require"                # or "fall-back": `targets`, when `targets/releases` cannot be used
//! snapshot_key = "client"             # or "server": who holds a new collection's snapshot key
//! insecure_registries = ["10.0.0.5:5000"]            # plain HTTP may be spoken with these
//! token_realms = ["https://auth.example/token"]      # these may see a registry's credentials for its trust server
//!
//! [trust_pinning]                     # in Notary's syntax
//! disable_tofu = true
//! [trust_pinning.certs]
//! "registry.example/team/*" = ["69c3…"]
//! [trust_pinning.ca]
//! "registry.example/" = "ca.crt"      # relative to this file
//! ```
//!
//! The user's file is `<config>/trust/policy.toml`, the system's `/etc/countersign/policy.toml`. What the system's file
//! requires or refuses, nothing overrides: no flag, no variable, no file of a user. An unknown key is an error, because a
//! rule that is misspelt would be no rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use countersign_core::certificate::{CertificateAuthorities, CertificateError};
use countersign_core::key::KeyId;
use countersign_core::name::Gun;
use countersign_core::trust::{PinRule, TrustPinning};
use serde::Deserialize;
use thiserror::Error;
use url::Url;

/// Largest policy or CA file, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// The system's and the user's rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    system: Rules,
    user: Rules,
}

/// Who holds the snapshot key of a new collection.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SnapshotKey {
    /// The publisher, so that a stolen server cannot mix old and new files
    #[default]
    Client,
    /// The server, so that delegated signers can publish by themselves
    Server,
}

impl Policy {
    /// Reads both files; one that isn't there has no rules.
    pub(crate) fn load(system: &Path, user: &Path) -> Result<Self, PolicyError> {
        Ok(Self { system: Rules::load(system)?, user: Rules::load(user)? })
    }

    /// The same, with these pins in place of the user's.
    pub(crate) fn with_user_pinning(mut self, pinning: TrustPinning) -> Self {
        self.user.pinning = pinning;
        self
    }

    /// The files that were read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.system, &self.user].into_iter().filter_map(|rules| rules.path.as_deref())
    }

    /// How the roots of `gun` are pinned: by the system's pin, where it has one for this name, else by the user's.
    pub(crate) fn pinning(&self, gun: &Gun) -> TrustPinning {
        let system = &self.system.pinning;
        match system.rule(gun) {
            PinRule::Certificates(_) | PinRule::Authorities(_) => system.clone(),
            PinRule::FirstUse | PinRule::Refused => {
                let user = self.user.pinning.clone();
                TrustPinning { disable_tofu: !self.allows_first_use(), ..user }
            }
        }
    }

    /// How many rules pin certificates, and how many authorities.
    pub(crate) fn pin_counts(&self) -> (usize, usize) {
        let both = [&self.system.pinning, &self.user.pinning];
        (
            both.iter().map(|pinning| pinning.certs.len()).sum(),
            both.iter().map(|pinning| pinning.ca.len()).sum(),
        )
    }

    /// Whether a collection without a pin is trusted when it is first met.
    pub(crate) fn allows_first_use(&self) -> bool {
        !self.system.pinning.disable_tofu && !self.user.pinning.disable_tofu
    }

    /// Whether a cached timestamp that has not expired may be used when no server answers.
    pub(crate) fn allows_offline(&self) -> bool {
        let forbidden = |rules: &Rules| rules.offline == Some(Offline::Forbid);
        !forbidden(&self.system) && !forbidden(&self.user)
    }

    /// Whether `targets` speaks where a delegated `targets/releases` cannot be used.
    pub(crate) fn releases_fall_back(&self) -> bool {
        self.system.releases.or(self.user.releases) == Some(Releases::FallBack)
    }

    /// Who holds a new collection's snapshot key: the flag, else the user's rule, within what the system requires.
    pub(crate) fn snapshot_key(&self, flag: Option<SnapshotKey>) -> Result<SnapshotKey, PolicyError> {
        match (self.system.snapshot_key, flag) {
            (Some(required), Some(asked)) if asked != required => Err(PolicyError::Required {
                path: self.system.path.clone().unwrap_or_default(),
                key: "snapshot_key",
            }),
            (Some(required), _) => Ok(required),
            (None, asked) => Ok(asked.or(self.user.snapshot_key).unwrap_or_default()),
        }
    }

    /// The token services that may see credentials because this machine's owner says so.
    pub(crate) fn token_realms(&self) -> Vec<Url> {
        self.system.token_realms.iter().chain(&self.user.token_realms).cloned().collect()
    }

    /// The registries that plain HTTP may be spoken with.
    pub(crate) fn insecure_registries(&self) -> BTreeSet<String> {
        self.system.insecure_registries.union(&self.user.insecure_registries).cloned().collect()
    }
}

/// The rules of one file.
#[derive(Clone, Debug, Default)]
struct Rules {
    path: Option<PathBuf>,
    offline: Option<Offline>,
    releases: Option<Releases>,
    snapshot_key: Option<SnapshotKey>,
    insecure_registries: BTreeSet<String>,
    token_realms: Vec<Url>,
    pinning: TrustPinning,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Offline {
    Allow,
    Forbid,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Releases {
    Require,
    FallBack,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    offline: Option<Offline>,
    releases: Option<Releases>,
    snapshot_key: Option<SnapshotKey>,
    #[serde(default)]
    insecure_registries: BTreeSet<String>,
    #[serde(default)]
    token_realms: Vec<String>,
    #[serde(default)]
    trust_pinning: Pinning,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinning {
    #[serde(default)]
    certs: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    ca: BTreeMap<String, PathBuf>,
    #[serde(default)]
    disable_tofu: bool,
}

impl Rules {
    fn load(path: &Path) -> Result<Self, PolicyError> {
        match read(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(PolicyError::Read { path: path.to_owned(), source }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, PolicyError> {
        let document: Document = toml::from_str(text).map_err(|error| PolicyError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1),
            problem: error.message().to_owned(),
        })?;
        Ok(Self {
            path: Some(path.to_owned()),
            offline: document.offline,
            releases: document.releases,
            snapshot_key: document.snapshot_key,
            insecure_registries: document.insecure_registries,
            token_realms: document
                .token_realms
                .iter()
                .map(|text| realm(path, text))
                .collect::<Result<_, _>>()?,
            pinning: document.trust_pinning.resolve(path)?,
        })
    }
}

fn realm(policy: &Path, text: &str) -> Result<Url, PolicyError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    url.ok_or_else(|| PolicyError::Realm { path: policy.to_owned(), text: text.to_owned() })
}

impl Pinning {
    fn resolve(self, policy: &Path) -> Result<TrustPinning, PolicyError> {
        let mut pinning = TrustPinning { disable_tofu: self.disable_tofu, ..TrustPinning::default() };
        for (name, ids) in self.certs {
            let parse = |id: String| {
                id.parse::<KeyId>().map_err(|_| PolicyError::KeyId {
                    path: policy.to_owned(),
                    name: name.clone(),
                    id,
                })
            };
            let ids = ids.into_iter().map(parse).collect::<Result<_, _>>()?;
            pinning.certs.insert(name, ids);
        }
        for (prefix, file) in self.ca {
            let path = policy.parent().unwrap_or(Path::new("")).join(file);
            let text = read(&path).map_err(|source| PolicyError::Read { path: path.clone(), source })?;
            let authorities = CertificateAuthorities::parse(text.as_bytes())
                .map_err(|source| PolicyError::Authorities { path: path.clone(), source })?;
            pinning.ca.insert(prefix, authorities);
        }
        Ok(pinning)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {FILE_BYTES} bytes"),
        ));
    }
    Ok(text)
}

/// A policy that cannot be followed; nothing is done without it.
#[derive(Debug, Error)]
pub(crate) enum PolicyError {
    /// A file that is there and can't be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The policy or a file that it names.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Not the TOML that it should be.
    #[error("`{}`, line {line}: {problem}", path.display())]
    Syntax {
        /// The policy.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A pin that is no key id.
    #[error("`{}` pins `{}` to `{}`, expected a key id of 64 hexadecimal digits", path.display(), name.escape_debug(), id.escape_debug())]
    KeyId {
        /// The policy.
        path: PathBuf,
        /// The collections that are pinned.
        name: String,
        /// What is no key id.
        id: String,
    },
    /// A token service that is no URL.
    #[error("`{}` names the token realm `{}`, which is no URL", path.display(), text.escape_debug())]
    Realm {
        /// The policy.
        path: PathBuf,
        /// What is no URL.
        text: String,
    },
    /// A CA file without certificates.
    #[error("`{}` is no file of certificates", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// Something else than the system's policy requires was asked for.
    #[error("`{}` requires another `{key}` than was asked for", path.display())]
    Required {
        /// The system's policy.
        path: PathBuf,
        /// The rule.
        key: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0000000000000000000000000000000000000000000000000000000000000001";

    fn rules(text: &str) -> Rules {
        Rules::parse(Path::new("/p/policy.toml"), text).expect("a policy")
    }

    fn gun() -> Gun {
        "registry.example/team/app".parse().expect("a GUN")
    }

    #[test]
    fn policy_refuses_unknown_keys_with_their_line() {
        let error =
            Rules::parse(Path::new("p.toml"), "offline = \"forbid\"\noffine = 1\n").expect_err("refused");
        assert!(error.to_string().starts_with("`p.toml`, line 2: unknown field `offine`"), "{error}");
        for text in
            ["[trust_pinning]\ncert = {}", "releases = \"maybe\"", "[trust_pinning.certs]\na = [\"12\"]"]
        {
            assert!(Rules::parse(Path::new("p.toml"), text).is_err(), "{text}");
        }
    }

    #[test]
    fn policy_without_files_has_no_rules() {
        let policy =
            Policy::load(Path::new("/nonexistent/a"), Path::new("/nonexistent/b")).expect("no rules");
        assert!(policy.allows_offline());
        assert!(!policy.releases_fall_back());
        assert!(matches!(policy.pinning(&gun()).rule(&gun()), PinRule::FirstUse));
    }

    #[test]
    fn system_pin_holds_where_the_user_pins_more_exactly() {
        let system = rules(&format!("[trust_pinning.certs]\n\"registry.example/*\" = [\"{ID}\"]"));
        let user = rules("[trust_pinning.certs]\n\"registry.example/team/app\" = []");
        let policy = Policy { system, user };
        let pinning = policy.pinning(&gun());
        let PinRule::Certificates(ids) = pinning.rule(&gun()) else { panic!("no certificates") };
        assert_eq!(ids.iter().map(ToString::to_string).collect::<Vec<_>>(), [ID]);
    }

    #[test]
    fn system_policy_cannot_be_loosened() {
        let strict = "offline = \"forbid\"\nreleases = \"require\"\n[trust_pinning]\ndisable_tofu = true";
        let loose = "offline = \"allow\"\nreleases = \"fall-back\"\n[trust_pinning]\ndisable_tofu = false";
        let policy = Policy { system: rules(strict), user: rules(loose) };
        assert!(!policy.allows_offline());
        assert!(!policy.releases_fall_back());
        assert!(matches!(policy.pinning(&gun()).rule(&gun()), PinRule::Refused));
    }

    #[test]
    fn user_policy_may_be_stricter_than_the_system() {
        let policy = Policy { system: rules("offline = \"allow\""), user: rules("offline = \"forbid\"") };
        assert!(!policy.allows_offline());
    }

    #[test]
    fn flag_beats_the_user_and_not_the_system() {
        let policy = Policy { system: Rules::default(), user: rules("snapshot_key = \"server\"") };
        assert_eq!(policy.snapshot_key(None).expect("allowed"), SnapshotKey::Server);
        assert_eq!(policy.snapshot_key(Some(SnapshotKey::Client)).expect("allowed"), SnapshotKey::Client);
        let policy = Policy { system: rules("snapshot_key = \"client\""), user: policy.user };
        assert_eq!(policy.snapshot_key(None).expect("allowed"), SnapshotKey::Client);
        assert!(policy.snapshot_key(Some(SnapshotKey::Server)).is_err());
    }
}
