//! Search: which role may say what a name means, and which one says it first.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use crate::metadata::{FileMeta, Prefixes};
use crate::name::{RoleName, TargetName, TopRole};
use crate::trust::{TrustedCollection, TrustedTarget};

/// A role met on a walk, with the name prefixes that it may speak of.
struct Stop<'a> {
    role: &'a RoleName,
    paths: Prefixes<'a>,
}

impl TrustedCollection {
    /// What exactly `role` says of `name`, if its chain of delegations lets it speak of that name.
    ///
    /// A target without a SHA-256 is nothing that could be checked, and is left out.
    pub fn find(&self, role: &RoleName, name: &TargetName) -> Option<TrustedTarget> {
        let stop = self.walk(role, &[]).into_iter().find(|stop| stop.role == role)?;
        trusted(role, name, self.at(&stop, name)?)
    }

    /// Whether exactly `role` has an entry of `name` and may have one, even if [`find`](Self::find) leaves it out.
    pub fn speaks_of(&self, role: &RoleName, name: &TargetName) -> bool {
        self.walk(role, &[]).iter().any(|stop| stop.role == role && self.at(stop, name).is_some())
    }

    /// What `name` means: the roles of `order` are asked in turn, each with its delegations, breadth first.
    ///
    /// A role named in `order` is asked at its own turn only. The first role that speaks of `name` decides: if it names no
    /// SHA-256, nothing is found.
    ///
    /// Source: notary `client/client.go` (`GetTargetByName`), `tuf/tuf.go` (`WalkTargets`).
    pub fn search(&self, order: &[RoleName], name: &TargetName) -> Option<TrustedTarget> {
        let mut stops = order.iter().flat_map(|role| self.walk(role, order));
        let (role, meta) = stops.find_map(|stop| Some((stop.role, self.at(&stop, name)?)))?;
        trusted(role, name, meta)
    }

    /// Every target that [`search`](Self::search) would find, sorted by name.
    pub fn list(&self, order: &[RoleName]) -> Vec<TrustedTarget> {
        let mut found = BTreeMap::new();
        for stop in order.iter().flat_map(|role| self.walk(role, order)) {
            let Some(targets) = self.targets(stop.role) else { continue };
            for (name, meta) in targets.targets.entries() {
                if stop.paths.cover(name.as_str())
                    && let Entry::Vacant(entry) = found.entry(name)
                {
                    let target = trusted(stop.role, entry.key(), meta);
                    entry.insert(target);
                }
            }
        }
        found.into_values().flatten().collect()
    }

    /// The delegations with paths of which they may not speak, because the role that declares them may not; and those paths.
    pub fn excluded_paths(&self) -> Vec<(&RoleName, Vec<&str>)> {
        let Some((top, _)) = self.roles().get_key_value(&RoleName::from(TopRole::Targets)) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for stop in self.walk(top, &[]) {
            for child in self.targets(stop.role).into_iter().flat_map(|targets| &targets.delegations.roles) {
                let paths = child.paths.iter().map(String::as_str);
                let excluded: Vec<_> = paths.filter(|path| !stop.paths.cover(path)).collect();
                if !excluded.is_empty() {
                    found.push((&child.name, excluded));
                }
            }
        }
        found
    }

    fn at(&self, stop: &Stop<'_>, name: &TargetName) -> Option<FileMeta> {
        if !stop.paths.cover(name.as_str()) {
            return None;
        }
        Some(self.targets(stop.role)?.targets.find(name)?.into_owned())
    }

    /// The roles at and below `from`, breadth first in the files' order, without those of `skip` other than `from`.
    fn walk<'a>(&'a self, from: &'a RoleName, skip: &[RoleName]) -> Vec<Stop<'a>> {
        let Some((top, _)) = self.roles().get_key_value(&RoleName::from(TopRole::Targets)) else {
            return Vec::new();
        };
        if from != top && !from.is_delegation() {
            return Vec::new();
        }
        let mut queue = VecDeque::from([Stop { role: top, paths: Prefixes::all() }]);
        let mut stops = Vec::new();
        while let Some(stop) = queue.pop_front() {
            let Some(targets) = self.targets(stop.role) else { continue };
            let is_above = from.is_below(stop.role);
            if !is_above && stop.role != from && skip.contains(stop.role) {
                continue;
            }
            for child in &targets.delegations.roles {
                if !is_above || child.name == *from || from.is_below(&child.name) {
                    queue.push_back(Stop { role: &child.name, paths: stop.paths.restrict(child) });
                }
            }
            if !is_above {
                stops.push(stop);
            }
        }
        stops
    }
}

fn trusted(role: &RoleName, name: &TargetName, meta: FileMeta) -> Option<TrustedTarget> {
    let digest = meta.hashes.sha256()?;
    let FileMeta { custom, hashes, length, .. } = meta;
    Some(TrustedTarget { name: name.clone(), role: role.clone(), hashes, digest, length, custom })
}
