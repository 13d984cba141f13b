//! The rules of one policy, read and checked.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;
use countersign_client::trust_server::TrustServer;
use countersign_core::certificate::CertificateAuthorities;
use countersign_core::key::KeyId;
use countersign_core::name::{Gun, RoleName};
use countersign_core::trust::TrustPinning;
use countersign_registry::reference::ImageReference;
use serde::{Deserialize, Serialize};
use url::Url;

use super::decision::{Decided, Origin};
use super::pattern::Pattern;
use super::pins::PinLine;
use super::span::Span;

/// The rules of one policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// The file; absent where there is none.
    pub(super) path: Option<PathBuf>,
    pub(super) snapshot_key: Option<SnapshotKey>,
    pub(super) insecure_registries: BTreeSet<String>,
    pub(super) token_realms: Vec<Url>,
    /// The settings at the top of the file are the last.
    pub(super) narrowest_first: Vec<Rule>,
    /// Notary's section.
    pub(super) pinning: TrustPinning,
    pub(super) pinning_lines: PinningLines,
    pub(super) pins: Vec<PinLine>,
}

/// Where the entries of Notary's section stand.
#[derive(Clone, Debug, Default)]
pub(super) struct PinningLines {
    pub(super) certs: std::collections::BTreeMap<String, usize>,
    pub(super) ca: std::collections::BTreeMap<String, usize>,
    pub(super) disable_tofu: usize,
}

/// What is said of the images that match.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    pub(super) settings: Settings,
}

/// What can be said of an image.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) trust: Option<Said<Trust>>,
    pub(super) trust_server: Option<Said<TrustServer>>,
    pub(super) mirror: Option<Said<Mirror>>,
    pub(super) signed_by: Option<Said<Vec<RoleName>>>,
    pub(super) first_use: Option<Said<FirstUse>>,
    pub(super) offline: Option<Said<Offline>>,
    pub(super) releases: Option<Said<Releases>>,
    pub(super) expired_certificates: Option<Said<ExpiredCertificates>>,
    pub(super) max_age: Option<Said<Span>>,
    pub(super) max_freeze: Option<Said<Span>>,
    pub(super) root_keys: Option<Said<BTreeSet<KeyId>>>,
    pub(super) root_ca: Option<Said<CertificateAuthorities>>,
}

/// A value and its line.
#[derive(Clone, Debug)]
pub(super) struct Said<T> {
    pub(super) value: T,
    pub(super) line: usize,
}

/// A line of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// The file; for pins perhaps a variable's name.
    pub(crate) path: PathBuf,
    /// Counted from 1.
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.path.display(), self.line)
    }
}

impl Rules {
    /// What the narrowest rule that says anything of it says.
    pub(super) fn say<T: Clone>(
        &self,
        gun: &Gun,
        setting: impl Fn(&Settings) -> Option<&Said<T>>,
    ) -> Option<Decided<T>> {
        let mut matching = self.narrowest_first.iter().filter(|rule| rule.pattern.matches(gun));
        let said = matching.find_map(|rule| setting(&rule.settings))?;
        Some(Decided { value: said.value.clone(), by: self.at(said.line) })
    }

    /// A line of this policy.
    pub(super) fn at(&self, line: usize) -> Origin {
        Origin::Line(Place { path: self.path.clone().unwrap_or_default(), line })
    }
}

/// Whether images must be signed. Later is stricter.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trust {
    /// What nobody ever signed is pulled all the same.
    Optional,
    /// What is not signed is not pulled.
    Required,
    /// Nothing is pulled.
    Refused,
}

/// What happens when a collection without a pin is first met. Later is stricter.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FirstUse {
    /// It is trusted from then on.
    Trust,
    /// The same, and the line that would pin it is printed.
    Warn,
    /// It is refused, and the line is printed.
    Refuse,
}

/// Whether a cached timestamp may stand in for a server that cannot be reached. Later is stricter.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Offline {
    /// It may.
    Allow,
    /// It may not.
    Forbid,
}

/// What happens when the certificate around a key of a role other than root is over. Later is stricter.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExpiredCertificates {
    /// It is said, and the key counts.
    Warn,
    /// Nothing is trusted.
    Refuse,
}

/// What happens when a delegated `targets/releases` cannot be used. Later is stricter.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Releases {
    /// `targets` speaks alone.
    FallBack,
    /// Nothing is pulled.
    Require,
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

/// Where images are pulled from, in place of what stands before the `*` of the rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mirror {
    base: String,
    /// How much of a name it takes the place of, in bytes; absent where it takes the place of all.
    replaces: Option<usize>,
}

impl Mirror {
    /// The mirror `base` for what matches `pattern`.
    pub(super) fn new(base: &str, pattern: &Pattern) -> Result<Self, String> {
        let replaces = match pattern {
            Pattern::Exact(_) => None,
            Pattern::Below(prefix) => Some(prefix.len()),
        };
        let mirror = Self { base: base.to_owned(), replaces };
        let sample = if replaces.is_some() { format!("{base}/x/x") } else { base.to_owned() };
        let reference = ImageReference::parse(&sample).ok().filter(ImageReference::is_name_only);
        if reference.is_none_or(|reference| reference.name() != sample) {
            let shown = base.escape_debug();
            return Err(format!(
                "`{shown}` is no mirror: a registry's full name, perhaps with a path, without a tag"
            ));
        }
        Ok(mirror)
    }

    /// The repository that is pulled from in place of `gun`'s, or the name that cannot be one.
    pub(crate) fn of(&self, gun: &Gun) -> Result<ImageReference, String> {
        let name = match self.replaces {
            None => self.base.clone(),
            Some(prefix) => format!("{}/{}", self.base, gun.as_str().get(prefix..).unwrap_or_default()),
        };
        ImageReference::parse(&name).map_err(|_| name)
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}
