//! Other tools read what the store writes, and the store what they write.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

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

/// A `dockerd` with everything it has below a directory; ended, with what it started, when dropped.
struct Dockerd {
    process: Child,
    socket: String,
}

impl Dockerd {
    /// Starts it; `None` where it may not run.
    fn start(dir: &Path) -> Option<Self> {
        let path = |name: &str| dir.join(name).display().to_string();
        let socket = format!("unix://{}", path("docker.sock"));
        let process = Invocation::of("dockerd")
            .args(["--bridge=none", "--iptables=false", "--ip-forward=false", "--storage-driver=vfs"])
            .args(["--log-level=error", "--data-root", &path("data"), "--exec-root", &path("exec")])
            .args(["--pidfile", &path("pid"), "--host", &socket])
            .env("HOME", dir)
            .start();
        let mut daemon = Self { process, socket };
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline && daemon.process.try_wait().expect("a status").is_none() {
            if daemon.docker(dir, &["version"]).code == Some(0) {
                return Some(daemon);
            }
            thread::sleep(Duration::from_millis(50));
        }
        None
    }

    fn docker(&self, dir: &Path, args: &[&str]) -> Output {
        Invocation::of("docker").args(["--host", &self.socket]).args(args).dir(dir).env("HOME", dir).run()
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // It ends its containerd only when it is asked to end itself.
        Invocation::of("kill").arg(self.process.id().to_string()).run();
        let _ = self.process.wait();
    }
}

#[test]
fn docker_loads_what_is_saved_and_its_archives_are_loaded() {
    if !present_or_skip(&["dockerd", "docker"]) {
        return;
    }
    let place = Place::new();
    let dir = place.dir.path();
    let Some(daemon) = Dockerd::start(dir) else {
        return writeln!(io::stderr(), "docker skips: its daemon may not run here").expect("somebody reads");
    };
    let (image, other) = (image("hello"), image("other"));
    put(&place.store, &image, "registry.example/app:1").expect("it is stored");
    put(&place.store, &other, "app:2").expect("it is stored");
    let both = [reference("registry.example/app:1"), reference("app:2")];
    place.store.save(&both, &place.path("saved.tar")).expect("it is saved");
    daemon.docker(dir, &["load", "-i", "saved.tar"]).expect_success();
    let id = daemon.docker(dir, &["inspect", "--format", "{{.Id}}", "app:2"]).expect_success();
    assert_eq!(id.stdout.trim(), other.config().digest.to_string());
    daemon.docker(dir, &["save", "-o", "docker.tar", "registry.example/app:1", "app:2"]).expect_success();
    let again = Place::new();
    let loaded = again.store.load(&place.path("docker.tar"), None, &Limits::default()).expect("it is loaded");
    assert_eq!(names(&again.store), ["app:2", "registry.example/app:1"]);
    for image in loaded {
        read_all(&again.store, &image.descriptor);
    }
}
