//! Trust pinning: which root certificates may stand at the beginning.

use std::collections::{BTreeMap, BTreeSet};

use crate::certificate::{CertificateAuthorities, CertificateBundle};
use crate::key::{KeyId, PublicKey};
use crate::name::Gun;
use crate::time::UpdateStart;

/// The `trust_pinning` section of a Notary configuration, with its files read.
///
/// Source: notary `trustpinning/trustpin.go`. Deviation: names keep their case, a pin holds for every root and not only the
/// first, and a certificate may be named by its own id or by that of the key inside.
#[derive(Clone, Debug, Default)]
pub struct TrustPinning {
    /// `certs`: a GUN, or a prefix of one followed by `*`, to the ids of its root certificates.
    pub certs: BTreeMap<String, BTreeSet<KeyId>>,
    /// `ca`: a prefix of a GUN to the authorities that its root certificates chain to.
    pub ca: BTreeMap<String, CertificateAuthorities>,
    /// `disable_tofu`: a collection without a pin is refused at first use.
    pub disable_tofu: bool,
}

/// The one rule that applies to a collection.
#[derive(Clone, Copy, Debug)]
pub enum PinRule<'a> {
    /// One of these certificates.
    Certificates(&'a BTreeSet<KeyId>),
    /// A certificate that chains to one of these authorities.
    Authorities(&'a CertificateAuthorities),
    /// Whatever is met first (trust on first use).
    FirstUse,
    /// Nothing, at first use.
    Refused,
}

impl TrustPinning {
    /// The rule for `gun`: an exact name, else the longest `*` name, else the longest CA prefix, else first use.
    pub fn rule(&self, gun: &Gun) -> PinRule<'_> {
        if let Some(ids) = self.certs.get(gun.as_str()) {
            return PinRule::Certificates(ids);
        }
        let wildcards = self.certs.iter().filter_map(|(name, ids)| Some((name.strip_suffix('*')?, ids)));
        if let Some(ids) = longest_prefix(gun, wildcards) {
            return PinRule::Certificates(ids);
        }
        if let Some(authorities) =
            longest_prefix(gun, self.ca.iter().map(|(prefix, ca)| (prefix.as_str(), ca)))
        {
            return PinRule::Authorities(authorities);
        }
        if self.disable_tofu { PinRule::Refused } else { PinRule::FirstUse }
    }
}

impl PinRule<'_> {
    /// Whether a root certificate that is otherwise valid may be trusted under this rule.
    pub(super) fn admits(&self, key: &PublicKey, bundle: &CertificateBundle, start: UpdateStart) -> bool {
        match self {
            Self::Certificates(ids) => {
                ids.contains(&key.id()) || key.canonical_id().is_ok_and(|id| ids.contains(&id))
            }
            Self::Authorities(authorities) => bundle.chains_to(authorities, start).is_ok(),
            // Refused is about first use only; a root that is trusted already stays so.
            Self::FirstUse | Self::Refused => true,
        }
    }
}

fn longest_prefix<'a, T>(gun: &Gun, rules: impl Iterator<Item = (&'a str, &'a T)>) -> Option<&'a T> {
    rules
        .filter(|(prefix, _)| gun.as_str().starts_with(prefix))
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, rule)| rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinning(names: &[&str]) -> TrustPinning {
        let id = |name: &str| PublicKey::new(crate::key::KeyType::Ed25519, name.as_bytes().to_vec()).id();
        TrustPinning {
            certs: names.iter().map(|name| ((*name).to_owned(), [id(name)].into())).collect(),
            ..TrustPinning::default()
        }
    }

    fn chosen<'a>(pinning: &'a TrustPinning, gun: &str) -> Option<&'a str> {
        let gun = gun.parse().expect("a legal GUN");
        let PinRule::Certificates(ids) = pinning.rule(&gun) else { return None };
        pinning.certs.iter().find(|(_, listed)| *listed == ids).map(|(name, _)| name.as_str())
    }

    #[test]
    fn exact_name_beats_wildcards_and_the_longest_wildcard_wins() {
        let pinning = pinning(&["*", "docker.io/*", "docker.io/lib*", "docker.io/library/app"]);
        assert_eq!(chosen(&pinning, "docker.io/library/app"), Some("docker.io/library/app"));
        assert_eq!(chosen(&pinning, "docker.io/library/other"), Some("docker.io/lib*"));
        assert_eq!(chosen(&pinning, "docker.io/x"), Some("docker.io/*"));
        assert_eq!(chosen(&pinning, "quay.io/x"), Some("*"));
    }

    #[test]
    fn pinned_name_keeps_its_case() {
        let pinning = pinning(&["Example.com/App"]);
        assert_eq!(chosen(&pinning, "Example.com/App"), Some("Example.com/App"));
        assert_eq!(chosen(&pinning, "example.com/app"), None);
    }

    #[test]
    fn without_a_pin_first_use_is_trusted_unless_disabled() {
        let gun: Gun = "a/b".parse().expect("a legal GUN");
        assert!(matches!(TrustPinning::default().rule(&gun), PinRule::FirstUse));
        let strict = TrustPinning { disable_tofu: true, ..TrustPinning::default() };
        assert!(matches!(strict.rule(&gun), PinRule::Refused));
    }
}
