//! Which target names a role may speak of.

use crate::metadata::Delegation;

/// Prefixes of target names: sorted, and none begins with another. A name is looked up in logarithmic time.
#[derive(Clone, Debug)]
pub(crate) struct Prefixes<'a>(Vec<&'a str>);

impl Prefixes<'_> {
    /// Every name.
    pub(crate) fn all() -> Self {
        Self(vec![""])
    }

    /// The paths of a delegation that lie within these, which are its parent's; one that is wider is dropped, not narrowed.
    ///
    /// Source: notary `tuf/data/roles.go` (`RestrictDelegationPathPrefixes`).
    pub(crate) fn restrict<'b>(&self, delegation: &'b Delegation) -> Prefixes<'b> {
        let mut paths: Vec<_> =
            delegation.paths.iter().map(String::as_str).filter(|path| self.cover(path)).collect();
        paths.sort_unstable();
        // What begins with a prefix stands right behind it.
        paths.dedup_by(|path, kept| path.starts_with(*kept));
        Prefixes(paths)
    }

    /// Whether `name` begins with one of them.
    pub(crate) fn cover(&self, name: &str) -> bool {
        let behind = self.0.partition_point(|prefix| *prefix <= name);
        behind > 0 && name.starts_with(self.0[behind - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::Threshold;

    fn restricted(parent: &Prefixes<'_>, paths: &[&str]) -> Vec<String> {
        let mut delegation = Delegation::new("targets/a".parse().expect("a role"), Threshold::ONE);
        delegation.paths = paths.iter().map(|path| (*path).to_owned()).collect();
        parent.restrict(&delegation).0.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn path_within_another_is_dropped_and_so_is_one_outside_of_the_parents() {
        let all = Prefixes::all();
        assert_eq!(restricted(&all, &["b/", "a/x", "a", "a/", "b/", "é"]), ["a", "b/", "é"]);
        assert_eq!(restricted(&all, &["x", "", "y"]), [""]);
        assert!(restricted(&all, &[]).is_empty());
        let parent = Prefixes(vec!["a/", "b/c"]);
        assert_eq!(restricted(&parent, &["a", "a/x", "b/", "b/cd", ""]), ["a/x", "b/cd"]);
        assert!(restricted(&Prefixes(Vec::new()), &["a", ""]).is_empty());
    }

    #[test]
    fn name_is_covered_by_its_own_prefix_only() {
        let prefixes = Prefixes(vec!["a/", "b", "c0", "é"]);
        for (name, is_covered) in [
            ("a/", true),
            ("a/x", true),
            ("a", false),
            ("b", true),
            ("bz", true),
            ("c", false),
            ("éa", true),
            ("", false),
        ] {
            assert_eq!(prefixes.cover(name), is_covered, "{name}");
        }
        assert!(Prefixes::all().cover(""));
    }
}
