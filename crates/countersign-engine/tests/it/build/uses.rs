//! What a plan says about each use of an image, and what rewriting asks for.

use std::collections::BTreeMap;

use countersign_core::digest::Digest;
use countersign_engine::build::{
    BuildInputs, BuildPlan, Builder, Dockerfile, Place, Reason, ShellError, UseKind, plan,
};
use countersign_registry::descriptor::Platform;
use countersign_registry::reference::ImageReference;

use super::{digest, pins};

fn planned(source: &str, inputs: &BuildInputs) -> BuildPlan {
    let dockerfile = Dockerfile::parse(source.as_bytes()).expect("a Dockerfile");
    plan(&dockerfile, inputs).expect("a plan")
}

#[test]
fn each_use_has_its_kind_its_line_and_its_stage() {
    let source = "# syntax=f\nFROM a AS one\nCOPY --from=b \\\n x y\nFROM --platform=$TARGETPLATFORM c\n\
                  RUN --mount=from=d,target=/d x\nONBUILD COPY --from=e x y\n";
    let mut inputs = BuildInputs::new(Builder::BuildKit);
    inputs.platforms = vec![Platform::new("linux", "arm", Some("v7"))];
    let plan = planned(source, &inputs);
    let found: Vec<_> = plan
        .uses()
        .iter()
        .map(|found| {
            let Place::Dockerfile { line, span } = &found.place else { return None };
            Some((&source[span.clone()], found.kind, *line, found.stage, found.platform.as_deref()))
        })
        .collect();
    let expected = [
        ("f", UseKind::Syntax, 1, None, None),
        ("a", UseKind::From, 2, Some(0), None),
        ("b", UseKind::CopyFrom, 3, Some(0), None),
        ("c", UseKind::From, 5, Some(1), Some("linux/arm/v7")),
        ("d", UseKind::MountFrom, 6, Some(1), None),
        ("e", UseKind::Onbuild, 7, Some(1), None),
    ];
    assert_eq!(found, expected.map(Some));
}

#[test]
fn platform_that_is_not_known_is_empty() {
    let plan = planned("FROM --platform=$TARGETPLATFORM a\n", &BuildInputs::new(Builder::BuildKit));
    assert_eq!(plan.uses()[0].platform.as_deref(), Some(""));
}

#[test]
fn references_are_asked_for_once_and_digests_not_at_all() {
    let pinned = format!("FROM a@{}\n", Digest::sha256(b"a"));
    let plan =
        planned(&format!("{pinned}FROM b\nFROM b:latest\nFROM c\n"), &BuildInputs::new(Builder::Classic));
    let asked: Vec<_> = plan.unresolved().iter().map(ImageReference::familiar).collect();
    assert_eq!(asked, ["b:latest", "c:latest"]);
    assert_eq!(plan.uses().len(), 4);
    let refusal = plan.rewrite(&BTreeMap::new()).expect_err("nothing is resolved");
    assert_eq!(refusal.reason, Reason::Unresolved);
    let text = String::from_utf8(plan.rewrite(&pins(&plan)).expect("a Dockerfile")).expect("text");
    assert!(text.starts_with(&pinned));
}

#[test]
fn tag_and_digest_must_mean_the_same() {
    let written = Digest::sha256(b"signed");
    let plan = planned(&format!("FROM a:1@{written}\n"), &BuildInputs::new(Builder::Classic));
    let asked = plan.unresolved().remove(0);
    let agrees = plan.rewrite(&BTreeMap::from([(asked.clone(), written)])).expect("they agree");
    assert_eq!(agrees, format!("FROM a@{written}\n").into_bytes());
    let other = digest(&asked);
    let refusal = plan.rewrite(&BTreeMap::from([(asked, other)])).expect_err("they do not");
    assert_eq!(refusal.reason, Reason::Disagrees(other.to_string()));
}

#[test]
fn number_of_words_with_values_is_bounded_on_both_sides() {
    let inputs = BuildInputs::new(Builder::BuildKit);
    let many = |count| Dockerfile::parse("FROM a AS x\n".repeat(count).as_bytes()).expect("a Dockerfile");
    let fits = plan(&many(10_000), &inputs).expect("a plan");
    assert_eq!(fits.rewrite(&pins(&fits)).expect("a Dockerfile").split(|byte| *byte == b'@').count(), 10_001);
    let refusal = plan(&many(10_001), &inputs).expect_err("it is refused");
    assert_eq!(refusal.reason, Reason::Expression(ShellError::Large));
}
