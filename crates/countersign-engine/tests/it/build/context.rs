//! Where a Dockerfile comes from, and in which form it is handed over.

use std::fs;
use std::path::Path;

use countersign_engine::build::{BuildError, Builder, ContextError, SOURCE_POLICY_VARIABLE};
use tempfile::TempDir;

use super::{flags, pinned_alpine, prepare, stdin_of, value};

fn directory(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    dir
}

fn refusal(result: Result<impl Sized, BuildError>) -> ContextError {
    match result.err().expect("it is refused") {
        BuildError::Context(error) => error,
        other => panic_with(&other),
    }
}

#[expect(clippy::panic, reason = "a test says what went wrong")]
fn panic_with(error: &BuildError) -> ! {
    panic!("{error}")
}

#[test]
fn dockerfile_of_a_directory_is_replaced_by_one_elsewhere() {
    let dir = directory(&[
        ("app/Dockerfile", "FROM alpine\n"),
        ("app/main.c", ""),
        ("app/.dockerignore", "Dockerfile\n"),
    ]);
    let prepared = prepare(flags(Builder::BuildKit, "app", dir.path()), b"").expect("a build");
    let file = value(&prepared, "--file").expect("a Dockerfile");
    assert!(!file.starts_with(dir.path()));
    assert_eq!(fs::read_to_string(file).expect("a file"), pinned_alpine());
    assert_eq!(fs::read_to_string(dir.path().join("app/Dockerfile")).expect("a file"), "FROM alpine\n");
    assert_eq!(prepared.context, "app");
    assert!(prepared.stdin.is_none());
    let beside = fs::read_dir(file.parent().expect("a directory")).expect("a directory").count();
    assert_eq!(beside, 1, "the context's own .dockerignore still holds");
    let directory = prepared.directory().to_owned();
    drop(prepared);
    assert!(!directory.exists());
}

#[test]
fn files_that_belong_to_the_dockerfile_go_along() {
    let files = [
        ("x.Dockerfile", "FROM alpine\n"),
        ("x.Dockerfile.dockerignore", "*.md\n"),
        ("x.Dockerfile.rego", "package x\n"),
    ];
    let dir = directory(&files);
    let mut flags = flags(Builder::BuildKit, ".", dir.path());
    flags.file = Some("x.Dockerfile".to_owned());
    let prepared = prepare(flags, b"").expect("a build");
    let file = value(&prepared, "--file").expect("a Dockerfile");
    assert_eq!(file.file_name(), Some("x.Dockerfile".as_ref()));
    for (name, text) in &files[1..] {
        let copy = file.parent().expect("a directory").join(name);
        assert_eq!(fs::read_to_string(copy).expect("a file"), *text);
    }
}

#[test]
fn file_flag_counts_from_the_working_directory() {
    let dir = directory(&[
        ("other", "FROM alpine\n"),
        ("app/other", "FROM busybox\n"),
        ("app/inner", "FROM alpine\n"),
    ]);
    let named = |builder, file: &str| {
        let mut flags = flags(builder, "app", dir.path());
        flags.file = Some(file.to_owned());
        prepare(flags, b"")
            .map(|prepared| fs::read_to_string(value(&prepared, "--file").expect("a file")).expect("text"))
    };
    assert_eq!(named(Builder::BuildKit, "other").expect("a build"), pinned_alpine());
    assert_eq!(named(Builder::Classic, "app/inner").expect("a build"), pinned_alpine());
    assert!(matches!(refusal(named(Builder::BuildKit, "inner")), ContextError::NoDockerfile { .. }));
    assert!(named(Builder::Podman, "inner").is_ok(), "podman looks into the context too");
}

#[test]
fn names_are_looked_for_as_each_builder_does() {
    let dir = directory(&[
        ("a/dockerfile", "FROM alpine\n"),
        ("b/Containerfile", "FROM busybox\n"),
        ("b/Dockerfile", "FROM alpine\n"),
    ]);
    let text = |builder, context: &str| {
        let prepared = prepare(flags(builder, context, dir.path()), b"");
        prepared
            .map(|prepared| fs::read_to_string(value(&prepared, "--file").expect("a file")).expect("text"))
    };
    assert_eq!(text(Builder::BuildKit, "a").expect("a build"), pinned_alpine());
    assert_eq!(text(Builder::Classic, "b").expect("a build"), pinned_alpine());
    assert!(text(Builder::Podman, "b").expect("a build").contains("busybox"));
    assert!(matches!(refusal(text(Builder::Podman, "a")), ContextError::NoDockerfile { .. }));
}

#[test]
fn dockerfile_from_standard_input_becomes_a_file() {
    let dir = directory(&[("Dockerfile", "FROM busybox\n")]);
    let mut flags = flags(Builder::Classic, ".", dir.path());
    flags.file = Some("-".to_owned());
    let prepared = prepare(flags, b"FROM alpine\n").expect("a build");
    let file = value(&prepared, "--file").expect("a Dockerfile");
    assert_eq!(fs::read_to_string(file).expect("a file"), pinned_alpine());
    assert!(prepared.stdin.is_none());
}

#[test]
fn dockerfile_alone_on_standard_input_stays_there() {
    let here = Path::new("/");
    let prepared = prepare(flags(Builder::BuildKit, "-", here), b"FROM alpine\n").expect("a build");
    assert_eq!(String::from_utf8(stdin_of(&prepared)).expect("text"), pinned_alpine());
    assert_eq!(prepared.context, "-");
    assert_eq!(value(&prepared, "--file"), None);
    let mut named = flags(Builder::BuildKit, "-", here);
    named.file = Some("Dockerfile".to_owned());
    assert!(matches!(refusal(prepare(named.clone(), b"FROM alpine\n")), ContextError::TwoDockerfiles));
    named.file = Some("-".to_owned());
    assert!(matches!(refusal(prepare(named, b"FROM alpine\n")), ContextError::TwiceStdin));
    assert!(matches!(refusal(prepare(flags(Builder::BuildKit, "-", here), b"")), ContextError::EmptyStdin));
}

#[test]
fn what_only_the_builder_fetches_is_refused() {
    let here = Path::new("/");
    for context in
        ["https://example.test/r.git", "git@example.test:r", "HTTP://example.test/x.tar", "github.com/a/b"]
    {
        let refused = refusal(prepare(flags(Builder::BuildKit, context, here), b""));
        assert!(matches!(&refused, ContextError::Remote { text, .. } if text == context), "{refused}");
    }
    let mut flags_with_url = flags(Builder::BuildKit, ".", here);
    flags_with_url.file = Some("https://example.test/Dockerfile".to_owned());
    assert!(matches!(refusal(prepare(flags_with_url, b"")), ContextError::Remote { .. }));
    assert!(matches!(
        refusal(prepare(flags(Builder::BuildKit, "none", here), b"")),
        ContextError::NoContext(_)
    ));
}

#[test]
fn preprocessed_and_endless_files_are_refused() {
    let dir = directory(&[("Containerfile.in", "FROM alpine\n"), ("Dockerfile", &"#\n".repeat(2 << 20))]);
    let mut podman = flags(Builder::Podman, ".", dir.path());
    podman.file = Some("Containerfile.in".to_owned());
    assert!(matches!(refusal(prepare(podman, b"")), ContextError::Preprocessed(_)));
    assert!(matches!(refusal(prepare(flags(Builder::BuildKit, ".", dir.path()), b"")), ContextError::Large));
}

#[test]
fn flags_are_pinned_and_the_policy_goes_along_with_buildkit() {
    let dir = directory(&[("Dockerfile", "FROM alpine\nCOPY --from=src /a /a\n")]);
    let mut all = flags(Builder::BuildKit, ".", dir.path());
    all.build_args = vec!["BUILDKIT_SYNTAX=docker/dockerfile:1".to_owned(), "A=b".to_owned()];
    all.build_contexts = vec!["src=docker-image://busybox".to_owned()];
    all.cache_from = vec!["type=registry,ref=team/cache:1".to_owned()];
    all.sbom = Some("generator=team/scan:1".to_owned());
    let prepared = prepare(all, b"").expect("a build");
    let text = |flag| value(&prepared, flag).expect(flag).display().to_string();
    let pinned = |name: &str, full: &str| {
        format!("{name}@{}", countersign_core::digest::Digest::sha256(full.as_bytes()))
    };
    let frontend = pinned("docker/dockerfile", "docker.io/docker/dockerfile:1");
    assert_eq!(text("--build-arg"), format!("BUILDKIT_SYNTAX={frontend}"));
    let source = pinned("busybox", "docker.io/library/busybox:latest");
    assert_eq!(text("--build-context"), format!("src=docker-image://{source}"));
    assert_eq!(
        text("--cache-from"),
        format!("type=registry,ref={}", pinned("team/cache", "docker.io/team/cache:1"))
    );
    assert_eq!(text("--sbom"), format!("generator={}", pinned("team/scan", "docker.io/team/scan:1")));
    let (name, path) = prepared.environment.first().expect("a policy");
    assert_eq!(*name, SOURCE_POLICY_VARIABLE);
    let policy = fs::read_to_string(path).expect("a policy");
    for allowed in ["docker.io/library/alpine@", "docker.io/library/busybox@", "docker.io/docker/dockerfile@"]
    {
        assert!(policy.contains(&format!("docker-image://{allowed}")), "{allowed}");
    }
    assert_eq!(prepared.bases.len(), 1);
    assert_eq!(prepared.bases[0].0.familiar(), "alpine:latest");
}
