use proptest::prelude::*;

use super::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parsed(text: &str) -> ImageReference {
    ImageReference::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn names_are_normalised_as_docker_does() {
    for (text, full, familiar) in [
        ("alpine", "docker.io/library/alpine", "alpine"),
        ("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
        ("library/alpine", "docker.io/library/alpine", "alpine"),
        ("docker.io/alpine", "docker.io/library/alpine", "alpine"),
        ("index.docker.io/alpine", "docker.io/library/alpine", "alpine"),
        ("index.docker.io/a/b:1", "docker.io/a/b:1", "a/b:1"),
        ("alice/app", "docker.io/alice/app", "alice/app"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("localhost/app", "localhost/app", "localhost/app"),
        ("localhost:5000/app", "localhost:5000/app", "localhost:5000/app"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"),
        ("[2001:db8::1]/a/b:t", "[2001:db8::1]/a/b:t", "[2001:db8::1]/a/b:t"),
        ("127.0.0.1:5000/x", "127.0.0.1:5000/x", "127.0.0.1:5000/x"),
        ("UPPER/app", "UPPER/app", "UPPER/app"),
        ("Registry.Example/app", "Registry.Example/app", "Registry.Example/app"),
        ("r.example/a__b/c--d/e.f:T_1", "r.example/a__b/c--d/e.f:T_1", "r.example/a__b/c--d/e.f:T_1"),
        ("docker.io/localhost/app", "docker.io/localhost/app", "docker.io/localhost/app"),
        ("docker.io/a.b/app", "docker.io/a.b/app", "docker.io/a.b/app"),
    ] {
        assert_eq!(parsed(text).to_string(), full, "{text}");
        assert_eq!(parsed(text).familiar(), familiar, "{text}");
        assert_eq!(parsed(familiar), parsed(text), "{familiar}");
    }
}

#[test]
fn tags_and_digests_are_told_apart() {
    let both = parsed(&format!("alpine:3@{DIGEST}"));
    assert_eq!(both.tag(), Some("3"));
    assert_eq!(both.digest().map(ToString::to_string).as_deref(), Some(DIGEST));
    assert_eq!(both.to_string(), format!("docker.io/library/alpine:3@{DIGEST}"));
    let digest_only = parsed(&format!("localhost:5000/a@{DIGEST}"));
    assert_eq!((digest_only.tag(), digest_only.is_name_only()), (None, false));
    assert_eq!(digest_only.clone().or_latest(), digest_only);
    assert_eq!(parsed("a").or_latest().tag(), Some("latest"));
    assert_eq!(parsed("a:1").or_latest().tag(), Some("1"));
    assert_eq!(both.without_suffix(), parsed("alpine"));
}

#[test]
fn what_docker_refuses_is_refused() {
    for text in [
        "",
        ":",
        ":tag",
        "/a",
        "a/",
        "a//b",
        "a:",
        "a b",
        "a:b:c",
        "a:b/c",
        "-a",
        "a-",
        "a._b",
        "a___b",
        "a..b",
        "_a",
        "http://a/b",
        "a/b?c",
        "::1/a",
        "[::1/a",
        "[]/a",
        "[g]/a",
        "r.example:/a",
        "r.example:x/a",
        "-r.example/a",
        "r..example/a",
        "a:-tag",
        "a:.tag",
        "my_host.x/app",
        "a\n",
        "é",
        "./a",
        "../a",
        "a/../b",
    ] {
        assert_eq!(ImageReference::parse(text), Err(ReferenceError::Format), "{text:?}");
    }
    assert!(matches!(ImageReference::parse("a@"), Err(ReferenceError::Digest(_))));
    assert!(matches!(ImageReference::parse("a@sha256:00"), Err(ReferenceError::Digest(_))));
    assert!(matches!(
        ImageReference::parse(&format!("a@{}", DIGEST.to_uppercase())),
        Err(ReferenceError::Digest(_))
    ));
}

#[test]
fn upper_case_paths_are_refused_in_dockers_words() {
    let message = |text| ImageReference::parse(text).map_err(|error| error.to_string());
    assert_eq!(
        message("alice/APP"),
        Err("invalid reference format: repository name (alice/APP) must be lowercase".to_owned())
    );
    assert_eq!(
        message("APP:1"),
        Err("invalid reference format: repository name (library/APP) must be lowercase".to_owned())
    );
    assert_eq!(message("a b"), Err("invalid reference format".to_owned()));
}

#[test]
fn image_ids_are_no_names() {
    let id = "ab".repeat(32);
    assert_eq!(ImageReference::parse(&id), Err(ReferenceError::Identifier(id.clone())));
    assert!(ImageReference::parse(&id[1..]).is_ok());
    let official = parsed(&format!("docker.io/library/{id}"));
    assert_eq!(official.familiar_name(), official.name());
}

#[test]
fn long_names_are_refused_at_the_bound() {
    let path = "a".repeat(MAX_NAME_BYTES - "r.example/".len());
    assert!(ImageReference::parse(&format!("r.example/{path}")).is_ok());
    assert_eq!(ImageReference::parse(&format!("r.example/{path}a")), Err(ReferenceError::Long));
    let tag = "t".repeat(MAX_TAG_BYTES);
    assert!(ImageReference::parse(&format!("a:{tag}")).is_ok());
    assert_eq!(ImageReference::parse(&format!("a:{tag}t")), Err(ReferenceError::Format));
}

#[test]
fn parts_join_to_the_name() {
    let reference = parsed("[::1]:5000/team/app:1");
    assert_eq!((reference.domain(), reference.path()), ("[::1]:5000", "team/app"));
    assert_eq!(reference.gun().as_str(), "[::1]:5000/team/app");
    assert!(reference.with_tag("bad tag").is_err());
    assert_eq!(
        reference.with_tag("2").map(|other| other.to_string()),
        Ok("[::1]:5000/team/app:2".to_owned())
    );
}

proptest! {
    #[test]
    fn any_text_parses_or_is_refused_without_panic(text in "\\PC{0,80}") {
        drop(ImageReference::parse(&text));
    }

    #[test]
    fn written_references_parse_back(
        domain in "([a-z][a-z0-9]{0,5}\\.example(:[0-9]{1,4})?/)?",
        path in "[a-z0-9]{1,6}([._]|__|-{1,3})?[a-z0-9]{1,6}(/[a-z0-9]{1,6}){0,3}",
        tag in "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,10})?",
        digested in any::<bool>(),
    ) {
        let digest = if digested { format!("@{DIGEST}") } else { String::new() };
        let reference = parsed(&format!("{domain}{path}{tag}{digest}"));
        prop_assert_eq!(&parsed(&reference.to_string()), &reference);
        prop_assert_eq!(&parsed(&reference.familiar()), &reference);
        prop_assert_eq!(format!("{}/{}", reference.domain(), reference.path()), reference.name());
    }
}
