//! Which root keys a policy says are right for a collection.

use std::collections::BTreeSet;

use countersign_core::certificate::CertificateAuthorities;
use countersign_core::key::KeyId;
use countersign_core::name::Gun;

use super::decision::{Decided, Origin};
use super::rules::Rules;

/// Whose word counts for a collection's root.
#[derive(Clone, Debug)]
pub(crate) enum Pin {
    /// One of these keys.
    Keys {
        /// Their ids.
        ids: BTreeSet<KeyId>,
        /// Whether this collection itself is named, and not only names below a prefix.
        is_named: bool,
    },
    /// A certificate of one of these authorities.
    Authorities(CertificateAuthorities),
}

/// How narrow a pin is: whole names, then the longest prefix; keys before authorities.
type Narrowness = (bool, usize, bool);

impl Rules {
    /// The narrowest pin for `gun`. Keys that are named equally narrowly add up.
    pub(super) fn pin(&self, gun: &Gun) -> Option<Decided<Pin>> {
        let mut best: Option<(Narrowness, Decided<Pin>)> = None;
        for (narrowness, candidate) in
            self.rule_pins(gun).chain(self.line_pins(gun)).chain(self.section_pin(gun))
        {
            best = Some(match best {
                None => (narrowness, candidate),
                Some((other, pin)) if other > narrowness => (other, pin),
                Some((other, pin)) if other < narrowness => {
                    drop(pin);
                    (narrowness, candidate)
                }
                Some((other, pin)) => (other, together(pin, candidate)),
            });
        }
        best.map(|(_, pin)| pin)
    }

    /// How many pins are by key, and how many by authority.
    pub(super) fn pin_counts(&self) -> (usize, usize) {
        let settings = || self.narrowest_first.iter().map(|rule| &rule.settings);
        let keys = settings().filter(|settings| settings.root_keys.is_some()).count();
        let authorities = settings().filter(|settings| settings.root_ca.is_some()).count();
        (keys + self.pins.len() + self.pinning.certs.len(), authorities + self.pinning.ca.len())
    }

    /// The pins of matching rules.
    fn rule_pins(&self, gun: &Gun) -> impl Iterator<Item = (Narrowness, Decided<Pin>)> {
        let gun = gun.clone();
        self.narrowest_first.iter().filter(move |rule| rule.pattern.matches(&gun)).filter_map(|rule| {
            let (is_named, length) = rule.pattern.narrowness();
            let settings = &rule.settings;
            let (pin, line, by_key) = match (&settings.root_keys, &settings.root_ca) {
                (Some(keys), _) => (Pin::Keys { ids: keys.value.clone(), is_named }, keys.line, true),
                (None, Some(ca)) => (Pin::Authorities(ca.value.clone()), ca.line, false),
                (None, None) => return None,
            };
            Some(((is_named, length, by_key), Decided { value: pin, by: self.at(line) }))
        })
    }

    /// The lines of files of pins.
    fn line_pins(&self, gun: &Gun) -> impl Iterator<Item = (Narrowness, Decided<Pin>)> {
        let gun = gun.clone();
        self.pins.iter().filter(move |pin| pin.gun == gun).map(|pin| {
            let value = Pin::Keys { ids: [pin.key].into(), is_named: true };
            let by = Origin::Line(pin.place.clone());
            ((true, pin.gun.as_str().len(), true), Decided { value, by })
        })
    }

    /// What Notary's section says, in its own order: a whole name, the longest `*` name, the longest prefix of an authority.
    fn section_pin(&self, gun: &Gun) -> Option<(Narrowness, Decided<Pin>)> {
        let lines = &self.pinning_lines;
        let line = |lines: &std::collections::BTreeMap<String, usize>, name: &str| {
            lines.get(name).copied().unwrap_or(1)
        };
        let keys = |name: &str, ids: &BTreeSet<KeyId>, is_named: bool| Decided {
            value: Pin::Keys { ids: ids.clone(), is_named },
            by: self.at(line(&lines.certs, name)),
        };
        if let Some(ids) = self.pinning.certs.get(gun.as_str()) {
            return Some(((true, gun.as_str().len(), true), keys(gun.as_str(), ids, true)));
        }
        let wildcards =
            self.pinning.certs.iter().filter_map(|(name, ids)| Some((name, name.strip_suffix('*')?, ids)));
        let wildcard = wildcards
            .filter(|(_, prefix, _)| gun.as_str().starts_with(prefix))
            .max_by_key(|(_, prefix, _)| prefix.len());
        if let Some((name, prefix, ids)) = wildcard {
            return Some(((false, prefix.len(), true), keys(name, ids, false)));
        }
        let prefixes = self.pinning.ca.iter().filter(|(prefix, _)| gun.as_str().starts_with(prefix.as_str()));
        let (prefix, authorities) = prefixes.max_by_key(|(prefix, _)| prefix.len())?;
        let value = Pin::Authorities(authorities.clone());
        Some(((false, prefix.len(), false), Decided { value, by: self.at(line(&lines.ca, prefix)) }))
    }
}

/// Two pins that are equally narrow. Of authorities the first one's hold.
fn together(one: Decided<Pin>, other: Decided<Pin>) -> Decided<Pin> {
    match (one, other.value) {
        (Decided { value: Pin::Keys { ids, is_named }, by }, Pin::Keys { ids: more, .. }) => {
            Decided { value: Pin::Keys { ids: ids.into_iter().chain(more).collect(), is_named }, by }
        }
        (one, _) => one,
    }
}
