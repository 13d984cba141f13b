//! Other tools read what the store writes, and the store what they write.

use std::fs;
use std::path::Path;

use countersign_core::digest::Digest;
use countersign_registry::store::Limits;
use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::peers::present_or_skip;

use super::{Place, image, names, put, read_all, reference};

fn skopeo(dir: &Path, args: &[&str]) -> Output {
    Invocation::of("skopeo")
        .arg("--insecure-policy")
        .args(args)
        .dir(dir)
        .env("HOME", dir)
        .run()
        .expect_success()
}

/// buildah or podman with images of their own below `dir`.
fn with_storage(program: &str, dir: &Path, args: &[&str]) -> Output {
    let (root, run) = (dir.join("root"), dir.join("run"));
    fs::write(dir.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).expect("a file");
    Invocation::of(program)
        .args(["--storage-driver", "vfs", "--root"])
        .arg(root)
        .arg("--runroot")
        .arg(run)
        .args(args)
        .dir(dir)
        .env("HOME", dir)
        .env("TMPDIR", dir)
        .run()
        .expect_success()
}

#[test]
fn skopeo_reads_the_store_and_writes_to_it() {
    if !present_or_skip(&["skopeo"]) {
        return;
    }
    let place = Place::new();
    let image = image("hello");
    let name = "docker.io/library/app:1";
    put(&place.store, &image, name).expect("it is stored");
    let raw = skopeo(place.dir.path(), &["inspect", "--raw", &format!("oci:images:{name}")]);
    assert_eq!(Digest::sha256(raw.stdout.as_bytes()), image.digest());
    let (from, to) = (format!("oci:images:{name}"), "oci:images:docker.io/library/copy:2");
    skopeo(place.dir.path(), &["copy", "--preserve-digests", &from, to]);
    assert_eq!(names(&place.store), ["app:1", "copy:2"]);
    let copied = place.store.resolve(&reference("copy:2")).expect("an answer").expect("it is there");
    assert_eq!(copied.digest, image.digest());
    read_all(&place.store, &copied);
}

#[test]
fn skopeo_reads_what_is_saved_in_both_ways() {
    if !present_or_skip(&["skopeo"]) {
        return;
    }
    let place = Place::new();
    let image = image("hello");
    put(&place.store, &image, "app:1").expect("it is stored");
    place.store.save(&[reference("app:1")], &place.path("saved.tar")).expect("it is saved");
    let dir = place.dir.path();
    let raw = skopeo(dir, &["inspect", "--raw", "oci-archive:saved.tar:docker.io/library/app:1"]);
    assert_eq!(Digest::sha256(raw.stdout.as_bytes()), image.digest());
    let config =
        skopeo(dir, &["inspect", "--config", "--raw", "docker-archive:saved.tar:docker.io/library/app:1"]);
    assert_eq!(config.stdout.as_bytes(), image.config().bytes);
}

#[test]
fn archives_of_skopeo_are_loaded() {
    if !present_or_skip(&["skopeo"]) {
        return;
    }
    let place = Place::new();
    let image = image("hello");
    put(&place.store, &image, "app:1").expect("it is stored");
    let dir = place.dir.path();
    let from = "oci:images:docker.io/library/app:1";
    skopeo(dir, &["copy", from, "docker-archive:docker.tar:registry.example/app:2"]);
    skopeo(dir, &["copy", "--preserve-digests", from, "oci-archive:oci.tar:registry.example/app:3"]);
    skopeo(dir, &["copy", "--preserve-digests", from, "oci:layout:3"]);
    let load = |name: &str, reference: Option<&_>| {
        let loaded = place.store.load(&place.path(name), reference, &Limits::default());
        let loaded = loaded.unwrap_or_else(|error| panic!("{name}: {error}"));
        read_all(&place.store, &loaded[0].descriptor);
        loaded.into_iter().next().expect("one image")
    };
    assert_eq!(load("docker.tar", None).reference, Some(reference("registry.example/app:2")));
    let oci = load("oci.tar", None);
    assert_eq!(
        (oci.reference, oci.descriptor.digest),
        (Some(reference("registry.example/app:3")), image.digest())
    );
    let layout = load("layout", Some(&reference("app:4")));
    assert_eq!((layout.reference, layout.descriptor.digest), (Some(reference("app:4")), image.digest()));
}

#[test]
fn podman_loads_what_is_saved_and_its_archives_are_loaded() {
    if !present_or_skip(&["podman"]) {
        return;
    }
    let place = Place::new();
    let image = image("hello");
    put(&place.store, &image, "registry.example/app:1").expect("it is stored");
    place.store.save(&[reference("registry.example/app:1")], &place.path("saved.tar")).expect("it is saved");
    let dir = place.dir.path();
    let podman = |args: &[&str]| with_storage("podman", dir, args);
    let policy = dir.join("policy.json").display().to_string();
    let said = podman(&["load", "--signature-policy", &policy, "-i", "saved.tar"]);
    assert!(said.stdout.contains("registry.example/app:1"), "{}", said.transcript());
    let id = podman(&["images", "--no-trunc", "--format", "{{.ID}}"]);
    assert_eq!(id.stdout.trim(), image.config().digest.to_string());
    for format in ["docker-archive", "oci-archive"] {
        let path = place.path(format);
        podman(&["save", "--format", format, "-o", &path.display().to_string(), "registry.example/app:1"]);
        let other = Place::new();
        let loaded = other.store.load(&path, None, &Limits::default()).expect("it is loaded");
        assert_eq!(names(&other.store), ["registry.example/app:1"], "{format}");
        read_all(&other.store, &loaded[0].descriptor);
    }
}

#[test]
fn image_built_by_buildah_is_loaded_from_either_archive() {
    if !present_or_skip(&["buildah"]) {
        return;
    }
    let place = Place::new();
    let dir = place.dir.path();
    fs::write(dir.join("motd"), "hello\n").expect("a file");
    let buildah = |args: &[&str]| with_storage("buildah", dir, args).stdout.trim().to_owned();
    let container = buildah(&["from", "scratch"]);
    buildah(&["copy", &container, "motd", "/etc/motd"]);
    let policy = dir.join("policy.json").display().to_string();
    buildah(&["commit", "--signature-policy", &policy, &container, "built:1"]);
    for (kind, name) in [("docker-archive", "docker.io/library/built:1"), ("oci-archive", "built:1")] {
        buildah(&["push", "--signature-policy", &policy, "built:1", &format!("{kind}:{kind}.tar:{name}")]);
        let other = Place::new();
        let loaded = other.store.load(&place.path(&format!("{kind}.tar")), None, &Limits::default());
        let loaded = loaded.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(
            loaded.iter().any(|image| image.reference == Some(reference("built:1"))),
            "{kind}: {loaded:?}"
        );
        read_all(&other.store, &loaded[0].descriptor);
    }
}
