//! Search: which role may say what a name means, and which one says it first.

use std::collections::{BTreeMap, VecDeque};

use crate::metadata::{Delegation, FileMeta};
use crate::name::{RoleName, TargetName, TopRole};
use crate::trust::{TrustedCollection, TrustedTarget};

/// A role met on a walk, with the name prefixes that it may speak of.
struct Stop<'a> {
    role: &'a RoleName,
    paths: Vec<&'a str>,
}

impl TrustedCollection {
    /// What exactly `role` says of `name`, if its chain of delegations lets it speak of that name.
    ///
    /// A target without a SHA-256 is nothing that could be checked, and is left out.
    pub fn find(&self, role: &RoleName, name: &TargetName) -> Option<TrustedTarget> {
        let stop = self.walk(role, &[]).into_iter().find(|stop| stop.role == role)?;
        self.at(&stop, name)
    }

    /// What `name` means: the roles of `order` are asked in turn, each with its delegations, breadth first.
    ///
    /// A role named in `order` is asked at its own turn only.
    ///
    /// Source: notary `client/client.go` (`GetTargetByName`), `tuf/tuf.go` (`WalkTargets`).
    pub fn search(&self, order: &[RoleName], name: &TargetName) -> Option<TrustedTarget> {
        order.iter().find_map(|role| self.walk(role, order).iter().find_map(|stop| self.at(stop, name)))
    }

    /// Every target that [`search`](Self::search) would find, sorted by name.
    pub fn list(&self, order: &[RoleName]) -> Vec<TrustedTarget> {
        let mut found = BTreeMap::new();
        for stop in order.iter().flat_map(|role| self.walk(role, order)) {
            let Some(targets) = self.targets(stop.role) else { continue };
            for (name, meta) in targets.targets.entries() {
                if stop.speaks_of(&name) && !found.contains_key(&name) {
                    found.extend(trusted(stop.role, &name, meta).map(|target| (name, target)));
                }
            }
        }
        found.into_values().collect()
    }

    fn at(&self, stop: &Stop<'_>, name: &TargetName) -> Option<TrustedTarget> {
        if !stop.speaks_of(name) {
            return None;
        }
        let meta = self.targets(stop.role)?.targets.find(name)?;
        trusted(stop.role, name, meta.into_owned())
    }

    /// The roles at and below `from`, breadth first in the files' order, without those of `skip` other than `from`.
    fn walk<'a>(&'a self, from: &'a RoleName, skip: &[RoleName]) -> Vec<Stop<'a>> {
        let Some((top, _)) = self.roles().get_key_value(&RoleName::from(TopRole::Targets)) else {
            return Vec::new();
        };
        let mut queue = VecDeque::from([Stop { role: top, paths: vec![""] }]);
        let mut stops = Vec::new();
        while let Some(stop) = queue.pop_front() {
            let Some(targets) = self.targets(stop.role) else { continue };
            let children = || targets.delegations.roles.iter().map(|child| stop.child(child));
            if is_below(from, stop.role) {
                queue.extend(children().filter(|child| child.role == from || is_below(from, child.role)));
            } else if stop.role == from || !skip.contains(stop.role) {
                queue.extend(children());
                stops.push(stop);
            }
        }
        stops
    }
}

impl<'a> Stop<'a> {
    fn speaks_of(&self, name: &TargetName) -> bool {
        self.paths.iter().any(|path| name.as_str().starts_with(path))
    }

    /// A delegation keeps those of its paths that lie within its parent's; one that is wider is dropped, not narrowed.
    fn child(&self, delegation: &'a Delegation) -> Self {
        let within = |path: &&str| self.paths.iter().any(|parent| path.starts_with(parent));
        let paths = delegation.paths.iter().map(String::as_str).filter(within).collect();
        Self { role: &delegation.name, paths }
    }
}

fn is_below(role: &RoleName, ancestor: &RoleName) -> bool {
    role.as_str().strip_prefix(ancestor.as_str()).is_some_and(|rest| rest.starts_with('/'))
}

fn trusted(role: &RoleName, name: &TargetName, meta: FileMeta) -> Option<TrustedTarget> {
    let digest = meta.hashes.sha256()?;
    let FileMeta { custom, hashes, length, .. } = meta;
    Some(TrustedTarget { name: name.clone(), role: role.clone(), hashes, digest, length, custom })
}
