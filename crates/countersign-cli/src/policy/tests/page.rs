//! The page on policies, held against the parser.

use std::collections::BTreeSet;

use super::*;

const PAGE: &str = include_str!("../../../../../docs/reference/policy.md");

/// The keys that the parser takes at a place, as its refusal of another names them.
fn keys_at(place: &str) -> BTreeSet<String> {
    let error = refusal(&format!("{place}\nno_such_key = 1\n"));
    let (_, expected) = error.split_once("expected one of ").expect("the keys");
    expected.split(", ").map(|key| key.trim_matches('`').to_owned()).collect()
}

#[test]
fn page_has_every_key_and_no_other() {
    let mut parsed = keys_at("");
    parsed.extend(keys_at("[[rule]]"));
    parsed.extend(keys_at("[trust_pinning]"));
    let headings = PAGE.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let told: BTreeSet<String> = headings.map(str::to_owned).collect();
    assert_eq!(told, parsed);
}

#[test]
fn examples_of_the_page_are_policies() {
    let dir = tempfile::tempdir().expect("a directory");
    let ca = countersign_lab::tls::Authority::new().expect("an authority");
    std::fs::write(dir.path().join("ca.crt"), ca.ca_pem()).expect("a file");
    std::fs::write(dir.path().join("pins"), "").expect("a file");
    let examples: Vec<_> =
        PAGE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() > 10, "{}", examples.len());
    for example in examples {
        Rules::parse(&dir.path().join("policy.toml"), example)
            .unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
}
