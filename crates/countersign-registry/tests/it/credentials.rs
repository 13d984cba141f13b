//! `config.json` and credential helpers, as files and programs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_registry::credentials::{
    CredentialError, CredentialStore, Credentials, DOCKER_HUB_KEY, Secret, StoredIn, server_key,
};
use tempfile::TempDir;

struct Home(TempDir);

impl Home {
    fn new(config: &str) -> Self {
        let home = Self(tempfile::tempdir().expect("a directory"));
        fs::write(home.config(), config).expect("a file");
        home
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("config.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.config()).expect("a file")
    }

    fn store(&self) -> CredentialStore {
        let path = format!("{}:/usr/bin:/bin", self.0.path().display());
        CredentialStore::new(self.0.path()).with_search_path(path.into())
    }

    /// Adds a helper that keeps its input per verb and says `answer` to `get`.
    fn helper(&self, name: &str, script: &str) {
        let path = self.0.path().join(format!("docker-credential-{name}"));
        let log = self.0.path().display();
        fs::write(&path, format!("#!/bin/sh\ncat > {log}/heard-$1\n{script}\n")).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    }

    fn heard(&self, verb: &str) -> String {
        fs::read_to_string(self.0.path().join(format!("heard-{verb}"))).expect("the helper was asked")
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn account(credentials: &Credentials) -> Option<(&str, &str)> {
    match credentials {
        Credentials::Password { username, password } => Some((username, password.expose())),
        _ => None,
    }
}

#[tokio::test]
async fn missing_file_means_nobody_and_broken_file_is_named() {
    let nowhere = CredentialStore::new("/nonexistent/.docker".as_ref());
    assert!(nowhere.lookup("r.example").await.expect("nothing there").is_anonymous());
    let error = Home::new("{").store().lookup("r.example").await.expect_err("broken");
    assert!(error.to_string().contains("config.json` is not a Docker configuration: line 1"), "{error}");
}

#[tokio::test]
async fn login_and_logout_leave_the_rest_of_the_file() {
    let home = Home::new(r#"{"HttpHeaders":{"A":"b"},"auths":{"other.example":{"auth":"dTp4"}}}"#);
    fs::set_permissions(home.config(), fs::Permissions::from_mode(0o644)).expect("readable");
    let kept = home.store().store("r.example", Credentials::password("me", "p:w")).await.expect("kept");
    assert_eq!(kept, StoredIn::File(home.config()));
    assert_eq!(mode(&home.config()), 0o600);
    let found = home.store().lookup("r.example").await.expect("found");
    assert_eq!(account(&found), Some(("me", "p:w")));
    assert!(home.text().contains("HttpHeaders") && home.text().contains("other.example"));
    assert!(home.store().erase("r.example").await.expect("erased"));
    assert!(!home.store().erase("r.example").await.expect("nothing left"));
    assert!(home.store().lookup("r.example").await.expect("read").is_anonymous());
    assert!(home.text().contains("other.example"));
    let leftovers = fs::read_dir(home.0.path()).expect("a directory").count();
    assert_eq!(leftovers, 1, "no temporary file stays");
}

#[tokio::test]
async fn login_creates_a_private_directory() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("new/.docker");
    let store = CredentialStore::new(&directory);
    store.store(server_key("docker.io"), Credentials::IdentityToken(Secret::from("t"))).await.expect("kept");
    assert_eq!((mode(&directory), mode(&directory.join("config.json"))), (0o700, 0o600));
    let found = store.lookup(DOCKER_HUB_KEY).await.expect("found");
    assert!(matches!(found, Credentials::IdentityToken(token) if token.expose() == "t"));
}

#[tokio::test]
async fn linked_file_stays_a_link() {
    let home = tempfile::tempdir().expect("a directory");
    let real = home.path().join("dotfiles.json");
    fs::write(&real, "{}").expect("a file");
    let link = home.path().join("config.json");
    std::os::unix::fs::symlink(&real, &link).expect("a link");
    let store = CredentialStore::new(home.path());
    store.store("r.example", Credentials::password("me", "x")).await.expect("kept");
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert!(fs::read_to_string(&real).expect("there").contains("r.example"));
}

#[tokio::test]
async fn helper_is_asked_by_key() {
    let home = Home::new(r#"{"credHelpers":{"r.example":"mine"}}"#);
    home.helper("mine", r#"echo '{"ServerURL":"r.example","Username":"me","Secret":"x"}'"#);
    let found = home.store().lookup("r.example").await.expect("found");
    assert_eq!((account(&found), home.heard("get").as_str()), (Some(("me", "x")), "r.example"));
    home.helper("mine", r#"echo '{"Username":"<token>","Secret":"x"}'"#);
    let found = home.store().lookup("r.example").await.expect("found");
    assert!(matches!(found, Credentials::IdentityToken(_)));
}

#[tokio::test]
async fn helper_keeps_what_the_file_then_only_mentions() {
    let home = Home::new(r#"{"credsStore":"mine"}"#);
    home.helper("mine", "exit 0");
    let kept = home.store().store("r.example", Credentials::password("me", "secret")).await.expect("kept");
    assert_eq!(kept, StoredIn::Helper("mine".to_owned()));
    assert_eq!(home.heard("store"), r#"{"ServerURL":"r.example","Username":"me","Secret":"secret"}"#);
    assert!(home.text().contains("r.example") && !home.text().contains("auth\""), "{}", home.text());
    assert!(home.store().erase("r.example").await.expect("erased"));
    assert_eq!(home.heard("erase"), "r.example");
    assert!(!home.text().contains("r.example"));
}

#[tokio::test]
async fn helpers_that_misbehave_are_named() {
    let home =
        Home::new(r#"{"credsStore":"mine","credHelpers":{"gone.example":"gone","bad.example":"../evil"}}"#);
    let lookup = async |key: &str| home.store().lookup(key).await;
    home.helper("mine", "echo 'credentials not found in native keychain'; exit 1");
    assert!(lookup("r.example").await.expect("nothing there").is_anonymous());
    home.helper("mine", "echo 'the key ring is locked'; exit 1");
    let error = lookup("r.example").await.expect_err("locked");
    let expected = "credential helper `docker-credential-mine` could not `get`: the key ring is locked";
    assert_eq!(error.to_string(), expected);
    home.helper("mine", "echo nonsense");
    assert!(matches!(lookup("r.example").await, Err(CredentialError::HelperAnswer { .. })));
    home.helper("mine", "exec cat /dev/zero");
    assert!(matches!(lookup("r.example").await, Err(CredentialError::HelperAnswer { .. })));
    assert!(matches!(lookup("gone.example").await, Err(CredentialError::HelperStart { .. })));
    assert!(matches!(lookup("bad.example").await, Err(CredentialError::HelperName(_))));
    home.helper("mine", "exec sleep 600");
    let hasty = home.store().with_helper_deadline(Duration::from_millis(100));
    assert!(matches!(hasty.lookup("r.example").await, Err(CredentialError::HelperTimeout { .. })));
}

#[tokio::test]
async fn podmans_file_is_read_where_dockers_has_nothing() {
    let home = Home::new(r#"{"auths":{"r.example":{"auth":"ZG9ja2VyOng="}}}"#);
    let directory = home.0.path().join("containers");
    fs::create_dir(&directory).expect("a directory");
    let text = r#"{"auths":{"r.example":{"auth":"cG9kbWFuOng="},"p.example":{"auth":"cG9kbWFuOng="}}}"#;
    fs::write(directory.join("auth.json"), text).expect("a file");
    let store = home
        .store()
        .with_podman_files(|name| (name == "XDG_RUNTIME_DIR").then(|| home.0.path().as_os_str().to_owned()));
    let docker = store.lookup("r.example").await.expect("found");
    assert_eq!(account(&docker), Some(("docker", "x")));
    let podman = store.lookup("p.example").await.expect("found");
    assert_eq!(account(&podman), Some(("podman", "x")));
}
