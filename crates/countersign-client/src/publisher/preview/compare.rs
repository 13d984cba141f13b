//! What one document says that another does not: whatever is signed of them shows up in what is found here, or they are the same.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::certificate::CertificateBundle;
use countersign_core::key::{KeyId, KeyType, PublicKey};
use countersign_core::metadata::{Delegations, FileMeta, Root, Targets};
use countersign_core::name::{RoleName, TargetName, TopRole};

use super::{
    CertificateTerms, DelegationChange, FileChange, KeysChange, ListedKey, OrderChange, Preview, TagChange,
    Terms, UnusedKeysChange,
};

impl Preview {
    /// Adds what `new` changes of the root `old`.
    pub fn add_root(&mut self, old: &Root, new: &Root) {
        let role = RoleName::from(TopRole::Root);
        let names: BTreeSet<_> = old.roles.keys().chain(new.roles.keys()).collect();
        // The top-level roles first, in their order.
        let tops = TopRole::ALL.map(TopRole::name);
        let rest = names.into_iter().map(String::as_str).filter(|name| !tops.contains(name));
        self.keys.extend(tops.into_iter().chain(rest).filter_map(|name| keys(name, old, new)));
        let used = |root: &Root| root.roles.values().flat_map(|spec| spec.keyids.clone()).collect();
        self.unused.extend(unused(&role, (&old.keys, used(old)), (&new.keys, used(new))));
        if old.consistent_snapshot != new.consistent_snapshot {
            self.consistent_snapshot = Some(new.consistent_snapshot);
        }
        if (old.version, old.expires) != (new.version, new.expires) {
            self.files.push(FileChange { role, version: new.version, expires: new.expires });
        }
    }

    /// Adds what `new` changes of what `role` says, `old`. Without a document it says nothing.
    pub fn add_targets(&mut self, role: &RoleName, old: Option<&Targets>, new: Option<&Targets>) {
        self.tags.extend(tags(role, old, new));
        let none = Delegations::default();
        let of = |file: Option<&Targets>| file.map_or(none.clone(), |file| file.delegations.clone());
        let (before, after) = (of(old), of(new));
        self.delegations.extend(delegations(&before, &after));
        let names = |of: &Delegations| of.roles.iter().map(|role| role.name.clone()).collect::<Vec<_>>();
        let (first, then) = (names(&before), names(&after));
        if is_rearranged(&first, &then) {
            self.orders.push(OrderChange { role: role.clone(), before: first, after: then });
        }
        let used = |of: &Delegations| of.roles.iter().flat_map(|role| role.keyids.clone()).collect();
        self.unused.extend(unused(role, (&before.keys, used(&before)), (&after.keys, used(&after))));
        if let Some(new) = new
            && old.is_none_or(|old| (old.version, old.expires) != (new.version, new.expires))
        {
            self.files.push(FileChange { role: role.clone(), version: new.version, expires: new.expires });
        }
    }
}

/// Whether `after` is something else than `before` without what is gone, and then what came.
pub fn is_rearranged<T: PartialEq>(before: &[T], after: &[T]) -> bool {
    let kept = before.iter().filter(|one| after.contains(one));
    let come = after.iter().filter(|one| !before.contains(one));
    !kept.chain(come).eq(after)
}

fn tags(role: &RoleName, old: Option<&Targets>, new: Option<&Targets>) -> Vec<TagChange> {
    let entries = |file: Option<&Targets>| -> BTreeMap<TargetName, FileMeta> {
        file.into_iter().flat_map(|file| file.targets.entries()).collect()
    };
    let (mut old, mut new) = (entries(old), entries(new));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    let change = |tag: TargetName| {
        let (entry_before, entry_after) = (old.remove(&tag), new.remove(&tag));
        let digest = |meta: &Option<FileMeta>| meta.as_ref().and_then(|meta| meta.hashes.sha256());
        let (before, after) = (digest(&entry_before), digest(&entry_after));
        let change = TagChange { role: role.clone(), tag, before, after, entry_before, entry_after };
        (change.entry_before != change.entry_after).then_some(change)
    };
    names.into_iter().filter_map(change).collect()
}

/// The delegations that differ: those that were there in their order, then those that came in theirs.
fn delegations(old: &Delegations, new: &Delegations) -> Vec<DelegationChange> {
    let come = new.roles.iter().filter(|role| old.role(&role.name).is_none());
    let names = old.roles.iter().chain(come).map(|role| role.name.clone());
    let change = |role: RoleName| {
        let (before, after) = (terms(old, &role), terms(new, &role));
        (before != after).then_some(DelegationChange { role, before, after })
    };
    names.filter_map(change).collect()
}

fn terms(delegations: &Delegations, role: &RoleName) -> Option<Terms> {
    let declared = delegations.role(role)?;
    Some(Terms {
        keys: delegations.role_keys(declared).canonical_ids(),
        threshold: declared.threshold.get(),
        paths: declared.paths.clone(),
        listed: listed(&declared.keyids, &delegations.keys),
    })
}

fn keys(role: &str, before: &Root, after: &Root) -> Option<KeysChange> {
    let (old, new) = (before.roles.get(role), after.roles.get(role));
    if old == new {
        return None;
    }
    let of = |root: &Root| {
        let spec = root.roles.get(role)?;
        Some((listed(&spec.keyids, &root.keys), spec.threshold.get()))
    };
    let (listed_before, threshold_before) = of(before).unwrap_or_default();
    let (listed_after, threshold_after) = of(after).unwrap_or_default();
    let ids = |listed: &[ListedKey]| listed.iter().map(|key| key.id).collect();
    Some(KeysChange {
        role: role.to_owned(),
        before: ids(&listed_before),
        threshold_before,
        after: ids(&listed_after),
        threshold_after,
        listed_before,
        listed_after,
    })
}

/// The keys that stand in a document, and the ids of those that a role of it names.
type Keys<'a> = (&'a BTreeMap<KeyId, PublicKey>, BTreeSet<KeyId>);

fn unused(role: &RoleName, old: Keys<'_>, new: Keys<'_>) -> Option<UnusedKeysChange> {
    let of = |(keys, used): Keys<'_>| {
        let ids: Vec<_> = keys.keys().filter(|id| !used.contains(id)).copied().collect();
        listed(&ids, keys)
    };
    let (before, after) = (of(old), of(new));
    (before != after).then(|| UnusedKeysChange { role: role.clone(), before, after })
}

fn listed(ids: &[KeyId], keys: &BTreeMap<KeyId, PublicKey>) -> Vec<ListedKey> {
    let key = |id: &KeyId| {
        let key = keys.get(id)?;
        let is_certificate = key.key_type().is_some_and(KeyType::is_certificate);
        let bundle = is_certificate.then(|| CertificateBundle::parse(key.as_bytes()).ok()).flatten();
        Some(ListedKey {
            id: key.canonical_id().unwrap_or(*id),
            listed: *id,
            keytype: key.keytype().to_owned(),
            certificate: bundle.map(|bundle| CertificateTerms {
                name: bundle.common_name().to_owned(),
                not_before: bundle.not_before(),
                not_after: bundle.not_after(),
            }),
        })
    };
    ids.iter().filter_map(key).collect()
}
