//! What makes a root the right one, beside its signatures.

use std::collections::BTreeMap;

use crate::certificate::CertificateBundle;
use crate::key::{KeyId, KeyType, PublicKey};
use crate::metadata::Root;
use crate::name::{Gun, TopRole};
use crate::signature::RoleKeys;
use crate::time::UpdateStart;
use crate::trust::{LeafError, PinRule, TrustError, TrustPinning};

/// Where trust begins.
#[derive(Clone, Debug)]
pub enum Anchor {
    /// Certificates that name the collection, under Notary's pins.
    Certificates {
        /// The collection.
        gun: Gun,
        /// How its first root, and every later one, is pinned.
        pinning: TrustPinning,
    },
    /// The very root file that somebody was given: its keys count as they are.
    GivenRoot,
}

/// Which root certificates count.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Leaves {
    /// Those that name the collection and are strong enough, expired or not.
    Named,
    /// Those that are also valid now, in Notary's exact form, and pinned.
    ValidAndPinned,
}

impl Anchor {
    /// The collection, where certificates name it.
    pub fn gun(&self) -> Option<&Gun> {
        match self {
            Self::Certificates { gun, .. } => Some(gun),
            Self::GivenRoot => None,
        }
    }

    /// The rule that pins the collection's root; `None` where the root was given.
    pub fn pin_rule(&self) -> Option<PinRule<'_>> {
        match self {
            Self::Certificates { gun, pinning } => Some(pinning.rule(gun)),
            Self::GivenRoot => None,
        }
    }

    /// Refuses a root that would be the first one, where nothing is pinned and first use is switched off.
    pub(super) fn admit_first(&self) -> Result<(), TrustError> {
        match self {
            Self::Certificates { gun, pinning } if matches!(pinning.rule(gun), PinRule::Refused) => {
                Err(TrustError::NoPin(gun.clone()))
            }
            Self::Certificates { .. } | Self::GivenRoot => Ok(()),
        }
    }

    /// Refuses `next` if a root key that `before` does not list has a certificate that nobody would count at `start`.
    pub(crate) fn admit_new_leaves(
        &self,
        before: &Root,
        next: &Root,
        start: UpdateStart,
    ) -> Result<(), (KeyId, LeafError)> {
        let Self::Certificates { gun, .. } = self else { return Ok(()) };
        let listed: Vec<_> = before.keys_of(TopRole::Root).map(|(id, _)| id).collect();
        let new = next.keys_of(TopRole::Root).filter(|(id, _)| !listed.contains(id));
        new.map(|(id, key)| (key.canonical_id().unwrap_or(*id), key)).try_for_each(|(id, key)| {
            leaf(gun, key, Leaves::ValidAndPinned, start).map(drop).map_err(|error| (id, error))
        })
    }

    /// The keys of `root` that everybody counts for its own role at `start`, pins included, under its threshold.
    ///
    /// # Errors
    /// [`TrustError::NoLeaf`], [`TrustError::Pin`]: there is none.
    pub(crate) fn counted_root_keys(&self, root: &Root, start: UpdateStart) -> Result<RoleKeys, TrustError> {
        self.root_keys(root, Leaves::ValidAndPinned, start)
    }

    /// The keys of `root` that count for its own role, under its threshold.
    pub(super) fn root_keys(
        &self,
        root: &Root,
        which: Leaves,
        start: UpdateStart,
    ) -> Result<RoleKeys, TrustError> {
        let all = root.role_keys(TopRole::Root);
        match self {
            Self::GivenRoot => Ok(all),
            Self::Certificates { gun, pinning } => {
                let keys = leaves(gun, pinning, root, which, start)?;
                Ok(RoleKeys::new(keys, all.threshold()))
            }
        }
    }
}

/// The root keys whose certificates count.
fn leaves(
    gun: &Gun,
    pinning: &TrustPinning,
    root: &Root,
    which: Leaves,
    start: UpdateStart,
) -> Result<BTreeMap<KeyId, PublicKey>, TrustError> {
    let rule = pinning.rule(gun);
    let mut keys = BTreeMap::new();
    let mut unpinned = Vec::new();
    let mut refusal = None;
    for (id, key) in root.keys_of(TopRole::Root) {
        match leaf(gun, key, which, start) {
            Ok(bundle) if which == Leaves::Named || rule.admits(key, &bundle, start) => {
                keys.insert(*id, key.clone());
            }
            Ok(_) => unpinned.push(key.canonical_id().unwrap_or(*id).to_string()),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    if keys.is_empty() {
        let gun = gun.clone();
        return Err(if unpinned.is_empty() {
            TrustError::NoLeaf { gun, source: refusal }
        } else {
            TrustError::Pin { gun, found: unpinned }
        });
    }
    Ok(keys)
}

fn leaf(
    gun: &Gun,
    key: &PublicKey,
    which: Leaves,
    start: UpdateStart,
) -> Result<CertificateBundle, LeafError> {
    if !key.key_type().is_some_and(KeyType::is_certificate) {
        return Err(LeafError::Bare(key.keytype().to_owned()));
    }
    let bundle = CertificateBundle::parse(key.as_bytes())?;
    if !bundle.names_gun(gun) {
        return Err(LeafError::Name(bundle.common_name().to_owned()));
    }
    match which {
        Leaves::Named => bundle.check_strength()?,
        Leaves::ValidAndPinned => {
            bundle.check_leaf(start)?;
            if !bundle.is_exact(key.as_bytes(), start) {
                return Err(LeafError::Form);
            }
        }
    }
    Ok(bundle)
}
