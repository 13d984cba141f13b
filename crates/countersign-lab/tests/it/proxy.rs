use std::fs;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use countersign_core::name::Gun;
use countersign_lab::fault::Fault;
use countersign_lab::proxy::{At, Proxy, RememberError, Upstream};
use countersign_lab::tls::Authority;
use countersign_testkit::command::Invocation;
use countersign_testkit::peers::{NotaryClient, NotaryServer, present_or_skip};
use tempfile::TempDir;

use crate::{answer, curl};

const GUN: &str = "example.com/team/app";

/// Debian's trust server behind a proxy, and a directory with the certificate that the proxy's clients trust.
struct Stage {
    _server: NotaryServer,
    proxy: Proxy,
    dir: TempDir,
}

impl Stage {
    async fn set() -> Option<Self> {
        if !present_or_skip(&["notary", "notary-server"]) {
            return None;
        }
        let server = NotaryServer::memory();
        let authority = Authority::new().expect("an authority can be made");
        let ca_pem = fs::read_to_string(server.ca_file()).expect("the server has a CA");
        let upstream = Upstream::server(&server.url(), Some(&ca_pem)).expect("an address and a CA");
        let identity = authority.issue(&["127.0.0.1"]).expect("a certificate can be issued");
        let proxy = Proxy::start(upstream, Some(identity)).await.expect("a loopback port is free");
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        fs::write(dir.path().join("ca.crt"), authority.ca_pem()).expect("a file can be written");
        Some(Self { _server: server, proxy, dir })
    }

    fn somebody(&self) -> NotaryClient {
        NotaryClient::new(&self.proxy.url(), &self.dir.path().join("ca.crt"))
    }

    async fn remember(&self, name: &str) {
        self.proxy.remember(name, &gun()).await.expect("the collection is there");
    }
}

fn gun() -> Gun {
    GUN.parse().expect("a GUN")
}

fn publish(publisher: &NotaryClient, tag: &str) {
    let file = publisher.config_file();
    publisher.run(&["add", GUN, tag, file.to_str().expect("a path of ASCII"), "-p"]).expect_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_collection_is_a_rollback_to_those_who_saw_more() {
    let Some(stage) = Stage::set().await else { return };
    let (publisher, consumer) = (stage.somebody(), stage.somebody());
    publisher.run(&["init", GUN, "-p"]).expect_success();
    publish(&publisher, "v1");
    stage.remember("before").await;
    publish(&publisher, "v2");
    consumer.run(&["lookup", GUN, "v2"]).expect_success();

    stage.proxy.replay("before");
    let refused = consumer.run(&["lookup", GUN, "v2"]).expect_code(1);
    assert!(refused.stdout.contains("is lower than current version"), "{}", refused.transcript());
    let newcomer = stage.somebody();
    newcomer.run(&["lookup", GUN, "v1"]).expect_success();
    newcomer.run(&["lookup", GUN, "v2"]).expect_code(1);

    stage.proxy.forward();
    consumer.run(&["lookup", GUN, "v2"]).expect_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_role_is_mixed_with_what_is_there() {
    let Some(stage) = Stage::set().await else { return };
    let publisher = stage.somebody();
    publisher.run(&["init", GUN, "-p"]).expect_success();
    publish(&publisher, "v1");
    stage.remember("before").await;
    publish(&publisher, "v2");

    stage.proxy.replay_role("before", "targets");
    let refused = stage.somebody().run(&["lookup", GUN, "v1"]).expect_code(1);
    // The snapshot names targets by a checksum that was not there before.
    assert!(refused.stdout.contains("targets"), "{}", refused.transcript());
}

#[tokio::test(flavor = "multi_thread")]
async fn remembered_collection_has_delegations_and_old_roots() {
    let Some(stage) = Stage::set().await else { return };
    let publisher = stage.somebody();
    publisher.run(&["init", GUN, "-p"]).expect_success();
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    Invocation::of("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"])
        .args(["-days", "30", "-subj", "/CN=alice"])
        .dir(dir.path())
        .run()
        .expect_success();
    let path = |name: &str| dir.path().join(name).display().to_string();
    publisher
        .run(&["key", "import", &path("key.pem"), "--role", "targets/releases", "--gun", GUN])
        .expect_success();
    publisher
        .run(&["delegation", "add", GUN, "targets/releases", &path("cert.pem"), "--all-paths"])
        .expect_success();
    publisher
        .run(&["add", GUN, "v1", &path("cert.pem"), "--roles", "targets/releases", "-p"])
        .expect_success();
    publisher.run(&["key", "rotate", GUN, "snapshot", "--server-managed"]).expect_success();
    stage.remember("all").await;

    stage.proxy.replay("all");
    let found = stage.somebody().run(&["list", GUN]).expect_success();
    assert!(found.stdout.contains("targets/releases"), "{}", found.transcript());
    let ca_file = stage.dir.path().join("ca.crt").display().to_string();
    for (file, status) in [("1.root.json", "200"), ("2.root.json", "200"), ("3.root.json", "404")] {
        let url = format!("{}/v2/{GUN}/_trust/tuf/{file}", stage.proxy.url());
        assert_eq!(answer(&curl(&["--cacert", &ca_file, &url])).0, status, "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn collection_that_is_not_there_is_not_remembered() {
    let Some(stage) = Stage::set().await else { return };
    let error = stage.proxy.remember("nothing", &gun()).await.expect_err("there is nothing");
    assert!(matches!(error, RememberError::NoRoot(missing) if missing == gun()));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_reach_the_client_and_nobody_else() {
    let Some(stage) = Stage::set().await else { return };
    let publisher = stage.somebody();
    publisher.run(&["init", GUN, "-p"]).expect_success();
    publish(&publisher, "v1");
    for (at, fault, said) in [
        (At::File("timestamp.json".into()), Fault::Status(503), "503"),
        (At::Role("root".into()), Fault::Html, "invalid character '<'"),
        (At::Role("targets".into()), Fault::Short(100), "checksum"),
        (At::Files, Fault::Reset(10), ""),
    ] {
        stage.proxy.misbehave(at.clone(), fault.clone());
        let refused = stage.somebody().run(&["lookup", GUN, "v1"]).expect_code(1);
        assert!(refused.stdout.contains(said), "{at:?} {fault:?}: {}", refused.transcript());
        stage.proxy.forward();
    }
    stage.somebody().run(&["lookup", GUN, "v1"]).expect_success();
    stage.proxy.misbehave(At::Uploads, Fault::Status(500));
    let file = publisher.config_file();
    publisher.run(&["add", GUN, "v2", file.to_str().expect("a path of ASCII"), "-p"]).expect_code(1);
    stage.proxy.forward();
    stage.somebody().run(&["lookup", GUN, "v2"]).expect_code(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_recorded_with_their_fate() {
    let Some(stage) = Stage::set().await else { return };
    stage.somebody().run(&["list", GUN]).expect_code(1);
    let exchanges = stage.proxy.exchanges();
    let paths: Vec<&str> = exchanges.iter().map(|exchange| exchange.path.as_str()).collect();
    assert!(paths.contains(&"/v2/example.com/team/app/_trust/tuf/root.json"), "{paths:?}");
    let root = exchanges.iter().find(|exchange| exchange.path.ends_with("root.json")).expect("it was asked");
    assert_eq!(root.status.map(|status| status.as_u16()), Some(404));
    stage.proxy.forget_exchanges();
    assert_eq!(stage.proxy.exchanges(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn delay_shows_which_requests_wait_for_others() {
    if !present_or_skip(&["curl"]) {
        return;
    }
    let router = Router::new().route("/v2/{*rest}", get(|| async { "{}" }));
    let proxy = Proxy::start(Upstream::router(router), None).await.expect("a loopback port is free");
    proxy.delay(Duration::from_millis(50));
    let url = |name: &str| format!("{}/v2/{name}", proxy.url());
    let together = Invocation::of("curl")
        .args(["--silent", "--fail", "--parallel", "--parallel-immediate"])
        .args([url("a"), url("b"), url("c")])
        .run()
        .expect_success();
    assert!(together.took >= Duration::from_millis(100));
    assert_eq!((proxy.exchanges().len(), proxy.round_trips()), (3, 1));

    proxy.forget_exchanges();
    let in_a_row =
        Invocation::of("curl").args(["--silent", "--fail"]).args([url("a"), url("b")]).run().expect_success();
    assert!(in_a_row.took >= Duration::from_millis(200));
    assert_eq!((proxy.exchanges().len(), proxy.round_trips()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_files_are_found_by_name_version_and_checksum() {
    if !present_or_skip(&["curl"]) {
        return;
    }
    let router = Router::new().route("/v2/{*rest}", get(|| async { "upstream" }));
    let proxy = Proxy::start(Upstream::router(router), None).await.expect("a loopback port is free");
    let (one, two) = (r#"{"signed":{"version":1}}"#, r#"{"signed":{"version":2}}"#);
    proxy.forge("forged", &gun(), [one, two].map(|file| ("root".to_owned(), file.into())));
    proxy.replay("forged");
    let checksum = countersign_core::digest::Digest::sha256(one.as_bytes()).hex();
    for (file, expected) in [
        ("root.json".to_owned(), ("200", two)),
        ("1.root.json".to_owned(), ("200", one)),
        ("2.root.json".to_owned(), ("200", two)),
        (format!("root.{checksum}.json"), ("200", one)),
    ] {
        let (status, body) = answer(&curl(&[&format!("{}/v2/{GUN}/_trust/tuf/{file}", proxy.url())]));
        assert_eq!((status.as_str(), body.as_str()), expected, "{file}");
    }
    let (status, _) = answer(&curl(&[&format!("{}/v2/{GUN}/_trust/tuf/targets.json", proxy.url())]));
    assert_eq!(status, "404");
    let (_, body) = answer(&curl(&[&format!("{}/v2/example.com/other/_trust/tuf/root.json", proxy.url())]));
    assert_eq!(body, "upstream");
}
