//! Debian's `notary` against this server.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::key::{KeyId, KeyType, PublicKey};
use countersign_server::config::Config;
use countersign_server::{RunningServer, Server};
use countersign_testkit::command::Output;
use countersign_testkit::peers::{NotaryClient, present_or_skip};

const GUN: &str = "localhost:5000/Alice/app";

/// A server in `data` on a free port.
async fn start(data: &Path) -> RunningServer {
    let mut config = Config::new(data);
    config.listen.set_port(0);
    Server::start(config).await.expect("a server")
}

fn client(server: &RunningServer) -> NotaryClient {
    let url = format!("https://localhost:{}", server.address().port());
    NotaryClient::new(&url, server.ca_certificate().expect("a CA of its own"))
}

/// Runs `notary` away from the server's threads.
async fn run(client: &NotaryClient, args: &[&str]) -> Output {
    let invocation = client.invocation(args);
    tokio::task::spawn_blocking(move || invocation.run()).await.expect("it ran")
}

async fn ok(client: &NotaryClient, args: &[&str]) -> String {
    run(client, args).await.expect_success().stdout
}

/// The id of the ECDSA key in a PEM text.
fn key_id(pem: &str) -> KeyId {
    let base64: String = pem.lines().filter(|line| !line.contains([':', '-'])).collect();
    PublicKey::new(KeyType::Ecdsa, STANDARD.decode(base64).expect("base64")).id()
}

fn payload(client: &NotaryClient, name: &str) -> String {
    let file = client.config_file().with_file_name(name);
    fs::write(&file, format!("the content of {name}\n")).expect("written");
    file.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn notary_publishes_lists_looks_up_and_verifies() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    let server = start(data.path()).await;
    let notary = client(&server);
    let file = payload(&notary, "v1");
    ok(&notary, &["init", GUN]).await;
    ok(&notary, &["add", GUN, "v1", &file]).await;
    let published = ok(&notary, &["publish", GUN]).await;
    assert!(published.contains("Successfully published changes for repository"), "{published}");
    ok(&notary, &["add", GUN, "v2", &file, "-p"]).await;

    let other = client(&server);
    let list = ok(&other, &["list", GUN]).await;
    assert!(list.contains("v1") && list.contains("v2"), "{list}");
    let lookup = ok(&other, &["lookup", GUN, "v1"]).await;
    assert!(lookup.starts_with("v1 sha256:") && lookup.trim_end().ends_with(" 18"), "{lookup}");
    ok(&other, &["verify", GUN, "v1", "-i", &file]).await;
    ok(&notary, &["remove", GUN, "v1", "-p"]).await;
    assert!(!ok(&other, &["list", GUN]).await.contains("v1"));
    let missing = run(&other, &["list", "nobody/nothing"]).await;
    assert!(
        missing.stdout.contains("does not have trust data for nobody/nothing"),
        "{}",
        missing.transcript()
    );
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notary_continues_after_the_server_was_started_again() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    let server = start(data.path()).await;
    let notary = client(&server);
    let file = payload(&notary, "v1");
    ok(&notary, &["init", GUN]).await;
    ok(&notary, &["add", GUN, "v1", &file, "-p"]).await;
    server.shutdown().await;
    let server = start(data.path()).await;
    let url = format!("https://localhost:{}", server.address().port());
    notary.use_server(&url, server.ca_certificate().expect("a CA"));
    ok(&notary, &["add", GUN, "v2", &file, "-p"]).await;
    assert!(ok(&client(&server), &["list", GUN]).await.contains("v2"));
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notary_rotates_every_key_and_hands_the_snapshot_over() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    let server = start(data.path()).await;
    let (notary, reader) = (client(&server), client(&server));
    let file = payload(&notary, "v1");
    ok(&notary, &["init", GUN]).await;
    ok(&notary, &["add", GUN, "v1", &file, "-p"]).await;
    ok(&reader, &["list", GUN]).await;
    for (role, server_managed) in [
        ("targets", false),
        ("snapshot", false),
        ("timestamp", true),
        ("snapshot", true),
        ("snapshot", false),
    ] {
        let mut args = vec!["key", "rotate", GUN, role];
        args.extend(server_managed.then_some("-r"));
        let rotated = ok(&notary, &args).await;
        assert!(rotated.contains(&format!("Successfully rotated {role} key")), "{rotated}");
        ok(&notary, &["add", GUN, role, &file, "-p"]).await;
        assert!(ok(&reader, &["list", GUN]).await.contains(role));
    }
    let invocation = notary.invocation(&["key", "rotate", GUN, "root"]).stdin("yes\n");
    tokio::task::spawn_blocking(move || invocation.run()).await.expect("it ran").expect_success();
    assert!(ok(&reader, &["list", GUN]).await.contains("v1"));
    assert!(ok(&client(&server), &["list", GUN]).await.contains("v1"));
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notary_delegates_and_a_delegate_publishes() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    let server = start(data.path()).await;
    let (owner, delegate) = (client(&server), client(&server));
    let file = payload(&owner, "v1");
    ok(&owner, &["init", GUN]).await;
    ok(&owner, &["add", GUN, "v1", &file, "-p"]).await;
    ok(&owner, &["key", "rotate", GUN, "snapshot", "-r"]).await;

    let stem = delegate.config_file().with_file_name("alice").display().to_string();
    ok(&delegate, &["key", "generate", "ecdsa", "-r", "targets/releases", "-o", &stem]).await;
    let private = delegate.trust_dir().join("private");
    fs::create_dir_all(&private).expect("made");
    let id = key_id(&fs::read_to_string(format!("{stem}.pem")).expect("a public key"));
    fs::copy(format!("{stem}-key.pem"), private.join(format!("{id}.key"))).expect("copied");
    ok(&owner, &["delegation", "add", GUN, "targets/releases", &format!("{stem}.pem"), "--all-paths", "-p"])
        .await;
    assert!(ok(&delegate, &["delegation", "list", GUN]).await.contains("targets/releases"));
    ok(&delegate, &["add", GUN, "v2", &file, "-r", "targets/releases", "-p"]).await;
    let list = ok(&client(&server), &["list", GUN]).await;
    assert!(list.contains("v2") && list.contains("targets/releases"), "{list}");
    ok(&owner, &["delegation", "remove", GUN, "targets/releases", "-y", "-p"]).await;
    let list = ok(&client(&server), &["list", GUN]).await;
    assert!(list.contains("v1") && !list.contains("v2"), "{list}");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notary_prints_why_an_upload_was_refused() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    let server = start(data.path()).await;
    let notary = client(&server);
    let file = payload(&notary, "v1");
    ok(&notary, &["init", GUN]).await;
    // 13 B1: Notary signs this note as it stands, and nobody can verify it.
    let note = notary.config_file().with_file_name("note");
    fs::write(&note, r#"{"b":1,"a":2}"#).expect("written");
    let refused =
        run(&notary, &["add", GUN, "v1", &file, "--custom", &note.display().to_string(), "-p"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stdout.contains("The targets metadata is invalid: "), "{}", refused.transcript());
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notary_deletes_the_collection() {
    if !present_or_skip(&["notary"]) {
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    let server = start(data.path()).await;
    let notary = client(&server);
    let file = payload(&notary, "v1");
    ok(&notary, &["init", GUN]).await;
    ok(&notary, &["add", GUN, "v1", &file, "-p"]).await;
    ok(&notary, &["delete", GUN, "--remote"]).await;
    let gone = run(&client(&server), &["list", GUN]).await;
    assert!(gone.stdout.contains("does not have trust data"), "{}", gone.transcript());
    server.shutdown().await;
}
