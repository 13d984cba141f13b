use std::fs;
use std::path::Path;

use countersign_lab::image::{Dialect, File, Image, Index};
use countersign_lab::registry::{Access, Account, Options, Registry};
use countersign_lab::tls::Authority;
use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::peers::present_or_skip;

fn image(architecture: &str, dialect: Dialect) -> Image {
    Image::builder()
        .dialect(dialect)
        .platform("linux", architecture)
        .layer([File::new("bin/hello", "#!/bin/sh\necho hello\n").executable()])
        .layer([File::new("etc/motd", "hello\n")])
        .build()
        .expect("an image can be made")
}

fn skopeo(home: &Path, args: &[&str]) -> Output {
    Invocation::of("skopeo").arg("--insecure-policy").args(args).env("HOME", home).dir(home).run()
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pushes_and_pulls_an_index_unchanged() {
    if !present_or_skip(&["skopeo"]) {
        return;
    }
    let registry = Registry::start().await.expect("a loopback port is free");
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let index = Index::of([image("amd64", Dialect::Oci), image("arm64", Dialect::Oci)]);
    index.write_layout(&dir.path().join("here"), "1.4").expect("a layout can be written");
    let there = format!("docker://{}/some/deep/name/app:1.4", registry.host());
    let all = ["copy", "--all", "--preserve-digests"];
    skopeo(dir.path(), &[&all[..], &["--dest-tls-verify=false", "oci:here:1.4", &there]].concat())
        .expect_success();
    assert_eq!(registry.tagged("some/deep/name/app", "1.4"), Some(index.digest()));
    skopeo(dir.path(), &[&all[..], &["--src-tls-verify=false", &there, "oci:back:1.4"]].concat())
        .expect_success();
    for content in index.contents() {
        let path = dir.path().join("back/blobs/sha256").join(content.digest.hex());
        assert_eq!(fs::read(path).expect("the content came back"), content.bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_logs_in_for_a_token_over_tls() {
    if !present_or_skip(&["skopeo"]) {
        return;
    }
    let authority = Authority::new().expect("an authority can be made");
    let registry = Registry::with(Options {
        access: Access::Token { account: Account::new("alice", "secret"), anonymous_pull: false },
        identity: Some(authority.issue(&["127.0.0.1"]).expect("a certificate can be issued")),
        ..Options::default()
    })
    .await
    .expect("a loopback port is free");
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    fs::write(dir.path().join("ca.crt"), authority.ca_pem()).expect("a file can be written");
    image("amd64", Dialect::Docker)
        .write_docker_archive(&dir.path().join("app.tar"), "app:1.4")
        .expect("an archive");
    let there = format!("docker://{}/app:1.4", registry.host());
    let push = |credentials: &str| {
        skopeo(dir.path(), &["copy", "--dest-cert-dir=.", credentials, "docker-archive:app.tar", &there])
    };
    assert_ne!(push("--dest-creds=alice:wrong").code, Some(0));
    push("--dest-creds=alice:secret").expect_success();
    assert!(registry.tagged("app", "1.4").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_pulls_and_pushes() {
    if !present_or_skip(&["podman"]) {
        return;
    }
    let registry = Registry::start().await.expect("a loopback port is free");
    let image = image(architecture(), Dialect::Docker);
    registry.put_image("team/app", "1.4", &image);
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
        .expect("a file can be written");
    let podman = |args: &[&str]| {
        Invocation::of("podman")
            .args(["--root", &path("root"), "--runroot", &path("runroot"), "--storage-driver=vfs"])
            .args(args)
            .env("HOME", dir.path())
            .env("XDG_RUNTIME_DIR", dir.path())
            .run()
            .expect_success()
            .stdout
    };
    let policy = format!("--signature-policy={}", path("policy.json"));
    let name = |tag: &str| format!("{}/team/app:{tag}", registry.host());
    podman(&["pull", "--quiet", "--tls-verify=false", &policy, &name("1.4")]);
    let digest = podman(&["image", "inspect", "--format", "{{.Digest}}", &name("1.4")]);
    assert_eq!(digest.trim(), image.digest().to_string());
    podman(&["tag", &name("1.4"), &name("1.5")]);
    podman(&["push", "--quiet", "--tls-verify=false", "--remove-signatures", &policy, &name("1.5")]);
    assert!(registry.tagged("team/app", "1.5").is_some());
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}
