//! Three policies made one decision: the system's, the one that a variable names, and the user's.
//!
//! The variable's comes before the user's, setting by setting. The system's holds against both: where a setting can be stricter
//! or less strict, the stricter one holds; where it names a thing, the system's does.

use std::cmp::{Ordering, Reverse};

use countersign_core::name::Gun;

use super::Policy;
use super::decision::{Decided, Decision, Origin};
use super::rules::{ExpiredCertificates, FirstUse, Offline, Releases, Rules, Said, Settings, Trust};

/// What applies to `gun`.
pub(super) fn decide(policy: &Policy, gun: &Gun) -> Decision {
    let ask = Ask { policy, gun };
    let system_server = policy.system.say(gun, |settings| settings.trust_server.as_ref());
    let first_use = if policy.in_ci {
        Decided { value: FirstUse::Warn, by: Origin::Variable("CI") }
    } else {
        Decided { value: FirstUse::Trust, by: Origin::Default }
    };
    Decision {
        gun: gun.clone(),
        trust: or_default(ask.strictest(|settings| settings.trust.as_ref()), Trust::Required),
        required_server: system_server,
        server: ask.own(|rules| rules.say(gun, |settings| settings.trust_server.as_ref())),
        pin: ask.system_first(|rules| rules.pin(gun)),
        first_use: ask.stricter(|rules| rules.first_use(gun), FirstUse::cmp).unwrap_or(first_use),
        signed_by: ask.signers(),
        offline: or_default(ask.strictest(|settings| settings.offline.as_ref()), Offline::Allow),
        expired_certificates: or_default(
            ask.strictest(|settings| settings.expired_certificates.as_ref()),
            ExpiredCertificates::Warn,
        ),
        max_age: ask.shortest(|settings| settings.max_age.as_ref()),
        max_freeze: ask.shortest(|settings| settings.max_freeze.as_ref()),
        releases: or_default(ask.strictest(|settings| settings.releases.as_ref()), Releases::Require),
        mirror: ask.system_first(|rules| rules.say(gun, |settings| settings.mirror.as_ref())),
    }
}

fn or_default<T>(said: Option<Decided<T>>, default: T) -> Decided<T> {
    said.unwrap_or(Decided { value: default, by: Origin::Default })
}

/// A question about one collection.
struct Ask<'a> {
    policy: &'a Policy,
    gun: &'a Gun,
}

impl Ask<'_> {
    /// What the variable's policy says, else the user's.
    fn own<T>(&self, say: impl Fn(&Rules) -> Option<T>) -> Option<T> {
        say(&self.policy.variable).or_else(|| say(&self.policy.user))
    }

    /// What the system's policy says, else the others.
    fn system_first<T>(&self, say: impl Fn(&Rules) -> Option<T>) -> Option<T> {
        say(&self.policy.system).or_else(|| self.own(say))
    }

    /// The stricter of what the system's policy says and what the others say; `strictness` is greater for the stricter.
    fn stricter<T>(
        &self,
        say: impl Fn(&Rules) -> Option<Decided<T>>,
        strictness: impl Fn(&T, &T) -> Ordering,
    ) -> Option<Decided<T>> {
        match (say(&self.policy.system), self.own(say)) {
            (Some(system), Some(own)) if strictness(&own.value, &system.value).is_gt() => Some(own),
            (Some(system), _) => Some(system),
            (None, own) => own,
        }
    }

    fn strictest<T: Clone + Ord>(
        &self,
        setting: impl Fn(&Settings) -> Option<&Said<T>>,
    ) -> Option<Decided<T>> {
        self.stricter(|rules| rules.say(self.gun, &setting), T::cmp)
    }

    fn shortest<T: Clone + Ord>(
        &self,
        setting: impl Fn(&Settings) -> Option<&Said<T>>,
    ) -> Option<Decided<T>> {
        let stricter = |one: &T, other: &T| Reverse(one).cmp(&Reverse(other));
        self.stricter(|rules| rules.say(self.gun, &setting), stricter)
    }

    /// Who must have signed: whom the system's policy names, and whom the others name.
    fn signers(&self) -> Vec<Decided<countersign_core::name::RoleName>> {
        let say = |rules: &Rules| rules.say(self.gun, |settings| settings.signed_by.as_ref());
        let named = [say(&self.policy.system), self.own(say)].into_iter().flatten();
        let mut signers: Vec<Decided<_>> = Vec::new();
        for Decided { value, by } in named {
            for role in value {
                if !signers.iter().any(|signer| signer.value == role) {
                    signers.push(Decided { value: role, by: by.clone() });
                }
            }
        }
        signers
    }
}

impl Rules {
    /// What is said of a first use; `disable_tofu` of Notary's section says it where no rule and no setting does.
    fn first_use(&self, gun: &Gun) -> Option<Decided<FirstUse>> {
        let said = self.say(gun, |settings| settings.first_use.as_ref());
        said.or_else(|| {
            let line = self.pinning_lines.disable_tofu;
            self.pinning.disable_tofu.then(|| Decided { value: FirstUse::Refuse, by: self.at(line) })
        })
    }
}
