//! Who signed which tags of a collection, and with which keys anybody may: what `docker trust inspect` shows.
//!
//! Source: docker/cli `cli/command/trust/{common,inspect}.go`; reference behaviour 7.1.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};

use countersign_core::key::KeyId;
use countersign_core::metadata::Root;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::trust::{TrustedCollection, TrustedTarget};

/// What is known of a collection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inspection {
    /// The released tags in their natural order: `v2` before `v10`.
    pub tags: Vec<SignedTag>,
    /// The signers, by name, each with the canonical ids of his keys in the file's order.
    pub signers: Vec<(String, Vec<KeyId>)>,
    /// The root keys as root lists them: ids of certificates.
    pub root_keys: Vec<KeyId>,
    /// The keys of `targets` as root lists them.
    pub repository_keys: Vec<KeyId>,
}

/// A released tag with what it means. Where `targets/releases` and `targets` differ there are two.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedTag {
    /// The tag.
    pub tag: TargetName,
    /// The SHA-256 in hex.
    pub digest: String,
    /// The names of the signers who say the same; empty when only the owner of the collection does.
    pub signers: Vec<String>,
}

/// Looks into a collection that was loaded with all its delegations; at one tag, if one is given.
pub fn inspect(collection: &TrustedCollection, tag: Option<&TargetName>) -> Inspection {
    let roles = in_order_of_walk(collection);
    let released = [RoleName::releases(), TopRole::Targets.into()];
    let (mut tags, mut met) = (Vec::new(), BTreeSet::new());
    for target in released.iter().flat_map(|role| said_by(collection, role, tag)) {
        let digest = target.digest.hex();
        if met.insert((target.name.clone(), digest.clone())) {
            tags.push(SignedTag { tag: target.name, digest, signers: Vec::new() });
        }
    }
    tags.sort_by(|left, right| natural(left.tag.as_str(), right.tag.as_str()));
    for row in &mut tags {
        let agrees = |role: &&RoleName| {
            collection.find(role, &row.tag).is_some_and(|target| target.digest.hex() == row.digest)
        };
        let others = roles.iter().filter(|role| !released.contains(role));
        row.signers = others.filter(agrees).map(signer_name).collect();
    }
    Inspection {
        tags,
        signers: signers(collection, &roles),
        root_keys: listed(collection.root(), TopRole::Root),
        repository_keys: listed(collection.root(), TopRole::Targets),
    }
}

/// Compares names with the numbers in them as numbers.
///
/// Source: `fvbommel/sortorder` (`NaturalLess`), which docker/cli sorts by.
pub fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        let (Some(one), Some(other)) = (left.first(), right.first()) else {
            return left.len().cmp(&right.len());
        };
        match (one.is_ascii_digit(), other.is_ascii_digit()) {
            (false, false) if one == other => (left, right) = (&left[1..], &right[1..]),
            (false, false) => return one.cmp(other),
            (true, true) => {
                let ((zeros, number, rest), (other_zeros, other_number, other_rest)) =
                    (leading_number(left), leading_number(right));
                let order = number.len().cmp(&other_number.len());
                let order = order.then(number.cmp(other_number)).then(zeros.cmp(&other_zeros));
                if order.is_ne() {
                    return order;
                }
                (left, right) = (rest, other_rest);
            }
            (is_digit, _) => return if is_digit { Ordering::Less } else { Ordering::Greater },
        }
    }
}

/// Zeros, the digits after them, and what follows.
fn leading_number(text: &[u8]) -> (usize, &[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    (zeros, &digits[zeros..], rest)
}

/// What exactly this role says, of one tag or of all.
fn said_by(collection: &TrustedCollection, role: &RoleName, tag: Option<&TargetName>) -> Vec<TrustedTarget> {
    if let Some(tag) = tag {
        return collection.find(role, tag).into_iter().collect();
    }
    let entries = collection.targets(role).into_iter().flat_map(|file| file.targets.entries());
    entries.filter_map(|(name, _)| collection.find(role, &name)).collect()
}

fn signers(collection: &TrustedCollection, roles: &[RoleName]) -> Vec<(String, Vec<KeyId>)> {
    let mut signers = Vec::new();
    for role in roles {
        let Some(targets) = collection.targets(role) else { continue };
        let delegations = &targets.delegations;
        for declared in delegations.roles.iter().filter(|declared| declared.name != RoleName::releases()) {
            let canonical = |id: &KeyId| {
                let key = delegations.keys.get(id);
                key.and_then(|key| key.canonical_id().ok()).unwrap_or(*id)
            };
            signers.push((signer_name(&declared.name), declared.keyids.iter().map(canonical).collect()));
        }
    }
    signers.sort();
    signers
}

/// `targets`, then what it delegates to, level by level in the files' order.
fn in_order_of_walk(collection: &TrustedCollection) -> Vec<RoleName> {
    let mut queue = VecDeque::from([RoleName::from(TopRole::Targets)]);
    let mut roles = Vec::new();
    while let Some(role) = queue.pop_front() {
        if let Some(targets) = collection.targets(&role) {
            queue.extend(targets.delegations.roles.iter().map(|declared| declared.name.clone()));
            roles.push(role);
        }
    }
    roles
}

/// A signer's name: that of his role below `targets`.
pub fn signer_name(role: &RoleName) -> String {
    role.as_str().strip_prefix("targets/").unwrap_or(role.as_str()).to_owned()
}

fn listed(root: &Root, role: TopRole) -> Vec<KeyId> {
    root.roles.get(role.name()).map(|spec| spec.keyids.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_by_the_numbers_in_them() {
        let mut names = ["v10", "v2", "v02", "latest", "v1.10", "v1.9", "1", "v", "v1", "v1a"];
        names.sort_by(|left, right| natural(left, right));
        assert_eq!(names, ["1", "latest", "v", "v1", "v1.9", "v1.10", "v1a", "v2", "v02", "v10"]);
    }
}
