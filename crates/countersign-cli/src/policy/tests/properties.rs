//! What holds for any three policies.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// The text of some policy: settings at the top, and rules that match one of [`GUNS`] or several.
fn any_policy() -> impl Strategy<Value = String> {
    let lines: &[&str] = &[
        "trust = \"optional\"",
        "trust = \"required\"",
        "trust = \"refused\"",
        "trust_server = \"https://a.example\"",
        "trust_server = \"https://b.example\"",
        "mirror = \"a.example/x\"",
        "mirror = \"b.example/x\"",
        "signed_by = [\"targets/ci\"]",
        "signed_by = [\"targets/ci\", \"targets/security\"]",
        "first_use = \"trust\"",
        "first_use = \"warn\"",
        "first_use = \"refuse\"",
        "offline = \"allow\"",
        "offline = \"forbid\"",
        "expired_certificates = \"warn\"",
        "expired_certificates = \"refuse\"",
        "releases = \"require\"",
        "releases = \"fall-back\"",
        "max_age = \"5m\"",
        "max_age = \"1h\"",
        "max_freeze = \"1h\"",
        "max_freeze = \"14d\"",
    ];
    let pins = [format!("root_keys = [\"{ONE}\"]"), format!("root_keys = [\"{TWO}\"]")];
    let in_rules: Vec<String> = lines.iter().map(|line| (*line).to_owned()).chain(pins).collect();
    let at_top: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let patterns =
        vec!["*", "registry.example/*", "registry.example/team/*", GUNS[0], GUNS[2], "docker.io/*"];
    let top = prop::collection::vec(select(at_top), 0..4);
    let rule = (select(patterns), prop::collection::vec(select(in_rules), 0..5));
    (top, prop::collection::vec(rule, 0..4)).prop_map(|(top, rules)| {
        let mut text = settings(&top);
        let mut patterns = BTreeSet::new();
        for (pattern, lines) in rules {
            if patterns.insert(pattern) {
                let _ = write!(text, "[[rule]]\nmatch = \"{pattern}\"\n{}", settings(&lines));
            }
        }
        text
    })
}

/// Each key once.
fn settings(lines: &[String]) -> String {
    let mut keys = BTreeSet::new();
    let lines = lines.iter().filter(|line| keys.insert(line.split(' ').next().map(str::to_owned)));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// What the system's policy alone says must hold, whatever others say.
fn assert_not_looser(alone: &Decision, merged: &Decision) {
    fn said<T>(decided: &Decided<T>) -> bool {
        matches!(decided.by, Origin::Line(_))
    }
    assert!(!said(&alone.trust) || merged.trust.value >= alone.trust.value);
    assert!(!said(&alone.first_use) || merged.first_use.value >= alone.first_use.value);
    assert!(!said(&alone.offline) || merged.offline.value >= alone.offline.value);
    assert!(
        !said(&alone.expired_certificates)
            || merged.expired_certificates.value >= alone.expired_certificates.value
    );
    assert!(!said(&alone.releases) || merged.releases.value >= alone.releases.value);
    for (alone, merged) in [(&alone.max_age, &merged.max_age), (&alone.max_freeze, &merged.max_freeze)] {
        let seconds = |limit: &Option<Decided<span::Span>>| limit.as_ref().map(|limit| limit.value.seconds());
        assert!(alone.is_none() || seconds(merged).is_some_and(|merged| Some(merged) <= seconds(alone)));
    }
    let names = |decision: &Decision| -> BTreeSet<String> {
        decision.signed_by.iter().map(|role| role.value.to_string()).collect()
    };
    assert!(names(merged).is_superset(&names(alone)));
    if alone.pin.is_some() {
        assert_eq!(ids(merged), ids(alone));
    }
    let server =
        |decision: &Decision| decision.required_server.as_ref().map(|server| server.value.to_string());
    assert_eq!(server(merged), server(alone));
    if let Some(mirror) = &alone.mirror {
        assert_eq!(merged.mirror.as_ref().map(|mirror| &mirror.value), Some(&mirror.value));
    }
}

proptest! {
    #[test]
    fn systems_policy_cannot_be_loosened(
        system in any_policy(), variable in any_policy(), user in any_policy(), in_ci: bool, which: Index,
    ) {
        let gun: Gun = GUNS[which.index(GUNS.len())].parse().expect("a GUN");
        let of = |variable: &str, user: &str| Policy { in_ci, ..policy(&system, variable, user) }.decide(&gun);
        assert_not_looser(&of("", ""), &of(&variable, &user));
    }

    #[test]
    fn order_of_rules_does_not_matter(text in any_policy(), which: Index) {
        let gun: Gun = GUNS[which.index(GUNS.len())].parse().expect("a GUN");
        let mut parts: Vec<&str> = text.split("[[rule]]").collect();
        let top = parts.remove(0);
        parts.reverse();
        let reversed = parts.iter().fold(top.to_owned(), |text, part| format!("{text}[[rule]]{part}"));
        let told = |text: &str| {
            let decision = policy("", "", text).decide(&gun);
            format!("{:?} {:?} {:?}", decision.demands(), decision.trust.value, ids(&decision))
        };
        prop_assert_eq!(told(&text), told(&reversed));
    }
}
