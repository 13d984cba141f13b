//! Podman's program, and programs that only look like it.

use std::fs;
use std::path::PathBuf;

use countersign_core::digest::Digest;
use countersign_engine::podman::{PodmanCli, PodmanError};
use countersign_engine::{Engine as _, EngineError, Pinned};
use countersign_registry::credentials::CredentialStore;

use super::fake::registries;
use super::{heard, reference};

/// A script in podman's place. It writes its arguments, and the file of credentials, to a log before it goes on.
struct Script {
    dir: tempfile::TempDir,
}

impl Script {
    fn new(body: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let log = dir.path().join("log").display().to_string();
        let script = format!(
            "#!/bin/sh\necho \"$@\" >>{log}\nfor word; do\n  [ \"$last\" != --authfile ] || cat \"$word\" >>{log}\n  last=\"$word\"\ndone\n{body}\n"
        );
        fs::write(dir.path().join("script"), script).expect("a file");
        // By another program: a file that is open here, and so in children of other tests, can't be run.
        let mut install = std::process::Command::new("install");
        let install =
            install.args(["-m", "755"]).args(["script", "podman"].map(|name| dir.path().join(name)));
        assert!(install.status().expect("it can be run").success());
        Self { dir }
    }

    fn program(&self) -> PathBuf {
        self.dir.path().join("podman")
    }

    fn engine(&self) -> PodmanCli {
        PodmanCli::new(self.program(), CredentialStore::new(self.dir.path()), registries())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

fn pinned() -> Pinned {
    Pinned::new(&reference("r.example/team/app"), Digest::sha256(b"signed"))
}

/// A script whose image has these digests.
fn having(digests: &[Digest], rest: &str) -> Script {
    let names: Vec<_> = digests.iter().map(|digest| format!("\"r.example/team/app@{digest}\"")).collect();
    let id = Digest::sha256(b"id").hex();
    Script::new(&format!(
        "case \"$1 $2\" in\n'image exists') exit 0;;\n'image inspect') echo '[{{\"Id\":\"{id}\",\"RepoDigests\":[{}]}}]';;\nesac\n{rest}",
        names.join(",")
    ))
}

fn podman(error: EngineError) -> PodmanError {
    match error {
        EngineError::Podman(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn pull_is_by_the_whole_name_and_digest_and_confirmed() {
    let script = having(&[*pinned().digest()], "");
    let heard = heard();
    script.engine().pull(&pinned(), None, heard.clone()).await.expect("it is pulled");
    assert!(script.log().lines().any(|line| line == format!("pull -- {}", pinned())), "{}", script.log());
    assert_eq!(heard.lines()[0], format!("{}: Pulling from team/app", pinned().familiar()));
    let hub = Pinned::new(&reference("alpine"), Digest::sha256(b"signed"));
    drop(script.engine().pull(&hub, None, super::heard()).await);
    assert!(script.log().contains("pull -- docker.io/library/alpine@sha256:"), "{}", script.log());
}

#[tokio::test]
async fn pull_that_brought_another_image_is_refused_and_not_tagged() {
    let script = having(&[Digest::sha256(b"evil")], "");
    let error = podman(script.engine().pull(&pinned(), None, heard()).await.expect_err("another image"));
    assert!(matches!(error, PodmanError::OtherDigest { .. }), "{error:?}");
    let error = script.engine().tag(&pinned(), &reference("r.example/team/app:1")).await.expect_err("no tag");
    assert!(matches!(error, EngineError::NoSuchImage(_)), "{error:?}");
    assert!(!script.log().contains("tag --"), "{}", script.log());
    let script = having(&[*pinned().digest()], "");
    script.engine().tag(&pinned(), &reference("r.example/team/app:1")).await.expect("it is tagged");
    let id = Digest::sha256(b"id").hex();
    assert!(script.log().contains(&format!("tag -- {id} r.example/team/app:1\n")), "{}", script.log());
}

#[tokio::test]
async fn push_without_a_digest_is_no_push() {
    for written in ["", "sha256:12", "garbage"] {
        let script = having(&[], &format!("[ \"$1\" != push ] || printf '%s' '{written}' >\"$3\""));
        let pushed = script.engine().push(&reference("r.example/team/app:1"), heard()).await;
        let error = podman(pushed.expect_err("no digest"));
        assert!(matches!(error, PodmanError::Garbage { verb: "push", .. }), "{written}: {error:?}");
    }
}

#[tokio::test]
async fn failures_keep_podmans_words_without_control_characters() {
    let script = Script::new(
        "[ \"$1\" = pull ] || exit 1\nprintf 'Trying\\nError: no\\033[2J such manifest\\n' >&2; exit 125",
    );
    let error = podman(script.engine().pull(&pinned(), None, heard()).await.expect_err("it failed"));
    assert_eq!(error.to_string(), "`podman pull` failed: no\\u{1b}[2J such manifest");
    let script = Script::new("exit 125");
    let error = podman(script.engine().resolve(pinned().reference()).await.expect_err("it failed"));
    assert!(matches!(error, PodmanError::Failed { verb: "image exists", .. }), "{error:?}");
    let script = Script::new("echo garbage");
    let error = podman(script.engine().resolve(pinned().reference()).await.expect_err("garbage"));
    assert!(matches!(error, PodmanError::Garbage { .. }), "{error:?}");
    let script = Script::new("[ \"$1\" != images ] || yes");
    let error = podman(script.engine().images().await.expect_err("endless"));
    assert!(matches!(error, PodmanError::Garbage { .. }), "{error:?}");
    let script = Script::new("exit 1");
    let error = script.engine().push(&reference("r.example/app:1"), heard()).await.expect_err("no image");
    assert!(matches!(error, EngineError::NoSuchImage(_)), "{error:?}");
    let gone =
        PodmanCli::new("/nonexistent/podman".into(), CredentialStore::new(script.dir.path()), registries());
    let error = podman(gone.images().await.expect_err("no program"));
    assert!(matches!(error, PodmanError::Run { .. }), "{error:?}");
}

#[tokio::test]
async fn credentials_are_in_a_file_and_in_no_argument() {
    let script = having(&[*pinned().digest()], "");
    let config = r#"{"auths":{"r.example":{"auth":"bWU6c2VjcmV0"}}}"#;
    fs::write(script.dir.path().join("config.json"), config).expect("a file");
    script.engine().pull(&pinned(), None, heard()).await.expect("it is pulled");
    let log = script.log();
    let line = log.lines().find(|line| line.starts_with("pull ")).expect("a pull");
    assert!(!line.contains("secret") && !line.contains("bWU6"), "{line}");
    let file = line.split(' ').nth(2).expect("a file");
    assert!(!fs::exists(file).expect("an answer"), "it is gone");
    assert!(log.contains(r#"{"auths":{"r.example":{"auth":"bWU6c2VjcmV0"}}}"#), "{log}");
}
