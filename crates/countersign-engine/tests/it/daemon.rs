//! The docker engine against daemons that say what they should, and against such that don't.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign_core::digest::Digest;
use countersign_engine::docker::{Address, DaemonError, Deadlines, DockerEngine, Endpoint, Parts, Source};
use countersign_engine::{Engine as _, EngineError, Pinned};
use countersign_registry::descriptor::Platform;
use countersign_testkit::fake_daemon::{FakeDaemon, Reply};

use super::fake::{engine, engine_with, registries};
use super::{heard, reference};

fn digest(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

fn pinned() -> Pinned {
    Pinned::new(&reference("r.example/team/app"), digest("signed"))
}

fn id() -> Digest {
    digest("id")
}

/// What a daemon says of an image with these names.
fn inspected(names: &[String]) -> Reply {
    let names = serde_json::json!(names);
    Reply::Whole(200, format!(r#"{{"Id":"{}","RepoTags":[],"RepoDigests":{names},"Size":7}}"#, id()))
}

fn status(text: &str) -> String {
    format!(r#"{{"status":"{text}"}}"#)
}

const CREATE: &str = "POST /images/create";
const PUSH: &str = "POST /images/r.example/team/app/push";

/// One that pulls with this report, and has `names` afterwards.
fn puller(report: impl Fn() -> Reply + Send + Sync + 'static, names: Vec<String>) -> FakeDaemon {
    FakeDaemon::start(move |request| match request {
        request if request.starts_with(CREATE) => Some(report()),
        request if request.starts_with("GET /images/r.example") => Some(inspected(&names)),
        _ => None,
    })
}

async fn refused_pull(report: impl Fn() -> Reply + Send + Sync + 'static) -> DaemonError {
    let fake = puller(report, Vec::new());
    match engine(&fake).pull(&pinned(), None, heard()).await {
        Err(EngineError::Daemon(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// One that pushes with this report, of an image with `digests`.
async fn push(report: Vec<String>, digests: Vec<Digest>) -> Result<(Digest, u64), EngineError> {
    let fake = FakeDaemon::start(move |request| match request {
        request if request.starts_with(PUSH) => Some(Reply::Report(report.clone())),
        request if request.starts_with("GET /images/r.example") => {
            let names: Vec<_> = digests.iter().map(|digest| format!("r.example/team/app@{digest}")).collect();
            Some(inspected(&names))
        }
        _ => None,
    });
    let pushed = engine(&fake).push(&reference("r.example/team/app:1"), heard()).await?;
    assert_eq!(pushed.tag, "1");
    Ok((pushed.digest, pushed.length))
}

fn aux(digest: Digest, size: u64) -> String {
    format!(r#"{{"progressDetail":{{}},"aux":{{"Tag":"1","Digest":"{digest}","Size":{size}}}}}"#)
}

#[tokio::test]
async fn pull_is_by_digest_and_confirmed_and_reported_in_the_daemons_words() {
    let report = || {
        Reply::Report(vec![
            format!(r#"{{"status":"Pulling from team/app","id":"{}"}}"#, pinned().familiar()),
            r#"{"status":"Downloading","progressDetail":{"current":5,"total":10},"progress":"x","id":"abc"}"#
                .to_owned(),
            r#"{"status":"Pull complete","progressDetail":{},"id":"abc"}"#.to_owned(),
            status(&format!("Digest: {}", digest("signed"))),
        ])
    };
    let fake = puller(report, vec![pinned().to_string()]);
    let heard = heard();
    let platform = Platform::new("linux", "arm64", None);
    let pulled = engine(&fake).pull(&pinned(), Some(&platform), heard.clone()).await.expect("it is pulled");
    assert!(pulled.was_here);
    assert_eq!(
        heard.lines(),
        [
            format!("{}: Pulling from team/app", pinned().familiar()),
            "[abc] Downloading 5/10".to_owned(),
            "[abc] Pull complete".to_owned(),
            format!("Digest: {}", digest("signed")),
        ]
    );
    let requests = fake.heard();
    assert_eq!(requests[0], "GET /_ping");
    let expected = format!(
        "POST /v1.41/images/create?fromImage=r.example%2Fteam%2Fapp&tag={}&platform=linux%2Farm64 auth=e30=",
        digest("signed").to_string().replace(':', "%3A")
    );
    assert_eq!(requests[2], expected);
}

#[tokio::test]
async fn pull_that_brought_another_image_is_refused() {
    let fake = puller(
        || Reply::Report(vec![status("Status: done")]),
        vec![
            format!("r.example/team/app@{}", digest("evil")),
            format!("r.example/other@{}", digest("signed")),
        ],
    );
    let error = engine(&fake).pull(&pinned(), None, heard()).await.expect_err("another image");
    match &error {
        EngineError::Daemon(DaemonError::OtherDigest { found, .. }) => assert_eq!(*found, [digest("evil")]),
        other => panic!("{other:?}"),
    }
    let error = engine(&fake).tag(&pinned(), &reference("r.example/team/app:1")).await.expect_err("no tag");
    assert!(matches!(error, EngineError::NoSuchImage(_)), "{error:?}");
    assert!(!fake.heard().iter().any(|request| request.contains("/tag?")), "{:?}", fake.heard());

    let said = refused_pull(|| Reply::Report(vec![status(&format!("Digest: {}", digest("evil")))])).await;
    assert!(matches!(said, DaemonError::OtherDigest { .. }), "{said:?}");
}

#[tokio::test]
async fn tag_is_set_by_id_once_the_digest_is_confirmed() {
    let fake = FakeDaemon::start(|request| match request {
        request if request.contains("/tag?") => Some(Reply::Whole(201, String::new())),
        request if request.starts_with("GET /images/") => Some(inspected(&[pinned().to_string()])),
        _ => None,
    });
    engine(&fake).tag(&pinned(), &reference("r.example/team/app:1")).await.expect("it is tagged");
    let expected = format!("POST /v1.41/images/{}/tag?repo=r.example%2Fteam%2Fapp&tag=1", id());
    assert_eq!(fake.heard().last().expect("a request"), &expected);
}

#[tokio::test]
async fn broken_reports_are_told_apart() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cut = format!("{head}18\r\n{}\r\n", status("Downloading..."));
    let error = refused_pull(move || Reply::Bytes(cut.clone().into_bytes())).await;
    assert!(matches!(error, DaemonError::Reset { .. }), "{error:?}");
    let error = refused_pull(|| Reply::Report(vec!["garbage".to_owned()])).await;
    assert!(matches!(error, DaemonError::Garbage { .. }), "{error:?}");
    let error = refused_pull(|| Reply::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())).await;
    assert!(matches!(error, DaemonError::Garbage { .. }), "{error:?}");
    let error = refused_pull(|| Reply::Report(vec![status(&"x".repeat(2 << 20))])).await;
    assert!(matches!(error, DaemonError::TooLarge { .. }), "{error:?}");
    let error = refused_pull(|| Reply::Bytes(Vec::new())).await;
    assert!(matches!(error, DaemonError::Reset { .. }), "{error:?}");
}

#[tokio::test]
async fn errors_of_a_daemon_keep_its_words_without_control_characters() {
    let refused = r#"{"message":"manifest for app not found: \u001b[2Jmanifest unknown"}"#;
    let error = refused_pull(|| Reply::Whole(404, refused.to_owned())).await;
    assert_eq!(
        error.to_string(),
        "Error response from daemon: manifest for app not found: \\u{1b}[2Jmanifest unknown"
    );
    let failed = r#"{"errorDetail":{"message":"unauthorized: log in"},"error":"unauthorized: log in"}"#;
    let error = refused_pull(|| Reply::Report(vec![status("Pulling"), failed.to_owned()])).await;
    assert_eq!(error.to_string(), "unauthorized: log in");
    let error = refused_pull(|| Reply::Whole(500, String::new())).await;
    assert_eq!(error.to_string(), "Error response from daemon: 500 Internal Server Error");
}

#[tokio::test]
async fn daemon_that_never_answers_is_given_up() {
    let address = |fake: &FakeDaemon| Address::Unix(fake.socket());
    let short = Duration::from_millis(50);
    let silent = FakeDaemon::start(|_| Some(Reply::Nothing));
    let engine =
        engine_with(&silent, |parts| parts.deadlines = Deadlines { hello: short, ..parts.deadlines });
    let error = engine.greet().await.expect_err("no answer");
    assert_eq!(error.to_string(), format!("the daemon at {} did not answer within 50ms", address(&silent)));
    let slow = puller(|| Reply::Nothing, vec![]);
    let engine =
        engine_with(&slow, |parts| parts.deadlines = Deadlines { silence: short, ..parts.deadlines });
    let error = engine.pull(&pinned(), None, heard()).await.expect_err("no answer");
    assert!(matches!(error, EngineError::Daemon(DaemonError::Silent { .. })), "{error:?}");
}

#[tokio::test]
async fn nobody_there_is_told_in_dockers_words() {
    let dir = tempfile::tempdir().expect("a directory");
    let address = Address::Unix(dir.path().join("none.sock"));
    let endpoint = Endpoint { address: address.clone(), source: Source::Default };
    let engine = DockerEngine::new(Parts::new(endpoint, dir.path(), registries())).expect("an engine");
    let error = engine.greet().await.expect_err("nobody");
    assert!(error.is_absent(), "{error:?}");
    let expected = format!("Cannot connect to the Docker daemon at {address}. Is the docker daemon running?");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn version_is_negotiated_or_fixed() {
    let greeting = |header: &'static str| {
        FakeDaemon::start(move |request| {
            let text = format!("HTTP/1.1 200 OK\r\n{header}Connection: close\r\nContent-Length: 2\r\n\r\nOK");
            (request == "GET /_ping").then(|| Reply::Bytes(text.into_bytes()))
        })
    };
    let spoken =
        |fake: FakeDaemon| async move { engine(&fake).greet().await.map(|greeting| greeting.api_version) };
    assert_eq!(spoken(greeting("Api-Version: 1.40\r\n")).await.expect("a version"), "1.40");
    assert_eq!(spoken(greeting("Api-Version: 1.99\r\n")).await.expect("a version"), "1.48");
    assert_eq!(spoken(greeting("")).await.expect("a version"), "1.24");
    let error = spoken(greeting("Api-Version: 1.12\r\n")).await.expect_err("too old");
    assert!(matches!(error, DaemonError::Old { .. }), "{error:?}");
    let error = spoken(greeting("Api-Version: x\r\n")).await.expect_err("garbage");
    assert!(matches!(error, DaemonError::Garbage { .. }), "{error:?}");

    let fake = greeting("Api-Version: 1.40\r\nLibpod-Api-Version: 4.3.1\r\n");
    let engine = engine_with(&fake, |parts| parts.api_version = Some("1.30".to_owned()));
    let greeting = engine.greet().await.expect("a version");
    assert_eq!((greeting.api_version.as_str(), greeting.is_podman), ("1.30", true));
    let endpoint = Endpoint { address: Address::Unix(fake.socket()), source: Source::Default };
    let parts =
        Parts { api_version: Some("latest".to_owned()), ..Parts::new(endpoint, fake.dir(), registries()) };
    let error = DockerEngine::new(parts).expect_err("no version");
    assert!(matches!(error, DaemonError::Version(_)), "{error:?}");
}

#[tokio::test]
async fn push_reports_what_the_daemon_says_once_and_has() {
    let sent = digest("sent");
    let pushed = push(vec![status("Pushed"), aux(sent, 527)], vec![sent]).await.expect("it is pushed");
    assert_eq!(pushed, (sent, 527));
    let twice = push(vec![aux(sent, 527), aux(sent, 527)], vec![digest("old"), sent]).await;
    assert_eq!(twice.expect("it is pushed"), (sent, 527));
}

#[tokio::test]
async fn push_without_a_clear_report_is_no_push() {
    let sent = digest("sent");
    let daemon = |result: Result<_, EngineError>| match result {
        Err(EngineError::Daemon(error)) => error,
        other => panic!("{other:?}"),
    };
    let words = format!("1: digest: {sent} size: 527");
    let error = daemon(push(vec![status(&words)], vec![sent]).await);
    assert!(matches!(error, DaemonError::NoDigest(_)), "{error:?}");
    let error = daemon(push(vec![aux(sent, 527), aux(digest("evil"), 527)], vec![sent]).await);
    assert!(matches!(error, DaemonError::SecondDigest { .. }), "{error:?}");
    let error = daemon(push(vec![aux(digest("evil"), 527)], vec![sent]).await);
    assert!(matches!(error, DaemonError::OtherImage { .. }), "{error:?}");
    let late = r#"{"error":"received unexpected HTTP status: 500"}"#.to_owned();
    let error = daemon(push(vec![aux(sent, 527), late], vec![sent]).await);
    assert!(matches!(error, DaemonError::Failed { .. }), "{error:?}");
}

/// The daemon pushed what the tag meant when it began, or what it meant a moment later: nobody knows, so it is not signed.
#[tokio::test]
async fn tag_that_moved_while_it_was_pushed_is_no_push() {
    let sent = digest("sent");
    let inspected = move |id: Digest| {
        let text =
            format!(r#"{{"Id":"{id}","RepoTags":[],"RepoDigests":["r.example/team/app@{sent}"],"Size":7}}"#);
        Some(Reply::Whole(200, text))
    };
    for (moves, is_pushed) in [(false, true), (true, false)] {
        let pushed = AtomicBool::new(false);
        let fake = FakeDaemon::start(move |request| match request {
            request if request.starts_with(PUSH) => {
                pushed.store(true, Ordering::SeqCst);
                Some(Reply::Report(vec![aux(sent, 527)]))
            }
            request if request.starts_with("GET /images/r.example") => {
                inspected(if moves && pushed.load(Ordering::SeqCst) { digest("another id") } else { id() })
            }
            _ => None,
        });
        let outcome = engine(&fake).push(&reference("r.example/team/app:1"), heard()).await;
        match outcome {
            Ok(outcome) => assert!(is_pushed && outcome.digest == sent),
            Err(EngineError::Daemon(DaemonError::OtherImage { pushed, .. })) => {
                assert!(!is_pushed && pushed == sent);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn push_of_all_tags_needs_a_report_for_each_that_is_right() {
    let sent = digest("sent");
    let reported =
        |tag: &str, digest: Digest| format!(r#"{{"aux":{{"Tag":"{tag}","Digest":"{digest}","Size":527}}}}"#);
    let push = |report: Vec<String>| async move {
        let names = r#"["r.example/app:1","r.example/app:2","r.example/other:1"]"#;
        let list = format!(r#"[{{"Id":"{}","RepoTags":{names}}}]"#, id());
        let fake = FakeDaemon::start(move |request| match request {
            "GET /images/json" => Some(Reply::Whole(200, list.clone())),
            "POST /images/r.example/app/push" => Some(Reply::Report(report.clone())),
            asked if asked.starts_with("GET /images/r.example/app:") => {
                Some(inspected(&[format!("r.example/app@{sent}")]))
            }
            _ => None,
        });
        engine(&fake).push_all(&reference("r.example/app"), &*heard()).await
    };
    let pushed = push(vec![reported("1", sent), reported("2", sent)]).await.expect("both are pushed");
    assert_eq!(pushed.iter().map(|pushed| pushed.tag.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    for report in [
        vec![reported("1", sent)],
        vec![reported("1", sent), reported("2", digest("evil"))],
        vec![reported("1", sent), reported("2", sent), reported("3", sent)],
        vec![],
    ] {
        let error = push(report.clone()).await.expect_err("a report that is not right");
        assert!(matches!(error, EngineError::Daemon(_)), "{report:?}: {error:?}");
    }
}

#[tokio::test]
async fn push_of_an_unknown_image_asks_for_no_push() {
    let fake = FakeDaemon::start(|_| None);
    let error = engine(&fake).push(&reference("r.example/team/app:1"), heard()).await.expect_err("unknown");
    assert!(matches!(error, EngineError::NoSuchImage(_)), "{error:?}");
    let error = engine(&fake).planned_push(&reference("r.example/team/app:1")).await.expect_err("unknown");
    assert!(matches!(error, EngineError::NoSuchImage(_)), "{error:?}");
    assert!(fake.heard().iter().all(|request| request.starts_with("GET ")), "{:?}", fake.heard());
}

#[tokio::test]
async fn id_counts_only_if_the_image_has_it() {
    let fake = FakeDaemon::start(|request| request.starts_with("GET /images/").then(|| inspected(&[])));
    let engine = engine(&fake);
    let whole = id();
    for text in [
        whole.to_string(),
        whole.hex(),
        whole.hex()[..12].to_owned(),
        format!("sha256:{}", &whole.hex()[..12]),
    ] {
        assert_eq!(engine.image_id(&text).await.expect("an answer"), Some(whole), "{text}");
    }
    let asked = fake.heard().len();
    assert_eq!(engine.image_id("cafecafecafe").await.expect("an answer"), None, "a name of that image");
    let short = format!("sha256:{}", &whole.hex()[..11]);
    for text in ["cafe", &short] {
        assert_eq!(engine.image_id(text).await.expect("an answer"), None, "{text}");
    }
    assert_eq!(fake.heard().len(), asked + 1, "what is too short is not asked for");
}

#[tokio::test]
async fn credentials_go_to_the_daemon_for_their_registry_alone() {
    let fake = puller(|| Reply::Report(Vec::new()), vec![pinned().to_string()]);
    let config = r#"{"auths":{"r.example":{"auth":"bWU6c2VjcmV0"}}}"#;
    std::fs::write(fake.dir().join("config.json"), config).expect("a file");
    let engine = engine(&fake);
    engine.pull(&pinned(), None, heard()).await.expect("it is pulled");
    let pull = fake.heard().into_iter().find(|request| request.starts_with("POST")).expect("a pull");
    // {"username":"me","password":"secret","serveraddress":"r.example"}
    let expected = "eyJ1c2VybmFtZSI6Im1lIiwicGFzc3dvcmQiOiJzZWNyZXQiLCJzZXJ2ZXJhZGRyZXNzIjoici5leGFtcGxlIn0=";
    assert!(pull.ends_with(&format!(" auth={expected}")), "{pull}");
    let other = Pinned::new(&reference("other.example/app"), digest("signed"));
    drop(engine.pull(&other, None, heard()).await);
    assert!(fake.heard().last().is_some_and(|request| !request.contains(expected)));
    let asked = fake.heard().into_iter().filter(|request| request.contains("other.example%2Fapp"));
    assert!(asked.into_iter().all(|request| request.ends_with(" auth=e30=")));
}

#[tokio::test]
async fn images_are_listed_by_name_with_their_digests() {
    let list = format!(
        r#"[{{"Id":"{0}","RepoTags":["app:2","app:1"],"RepoDigests":["app@{1}"],"Created":7,"Size":9}},
            {{"Id":"{0}","RepoTags":null,"RepoDigests":null,"Created":7,"Size":9}}]"#,
        id(),
        digest("one")
    );
    let fake = FakeDaemon::start(move |request| {
        (request == "GET /images/json").then(|| Reply::Whole(200, list.clone()))
    });
    let images = engine(&fake).images().await.expect("a list");
    let shown: Vec<_> = images
        .iter()
        .map(|image| (image.reference.as_ref().map(ToString::to_string), image.digest, image.size))
        .collect();
    let name = |tag: &str| Some(format!("docker.io/library/app:{tag}"));
    let expected = [(None, id(), 9), (name("1"), digest("one"), 9), (name("2"), digest("one"), 9)];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn archive_that_breaks_off_replaces_nothing() {
    let whole = FakeDaemon::start(|request| match request {
        request if request.starts_with("GET /images/get") => Some(Reply::Whole(200, "a tar".to_owned())),
        request if request.starts_with("GET /images/") => Some(inspected(&[])),
        _ => None,
    });
    let path = whole.dir().join("app.tar");
    engine(&whole).save(&[reference("r.example/app:1")], &path).await.expect("it is saved");
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "a tar");
    let broken = FakeDaemon::start(|request| match request {
        request if request.starts_with("GET /images/get") => {
            Some(Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec()))
        }
        request if request.starts_with("GET /images/") => Some(inspected(&[])),
        _ => None,
    });
    let error = engine(&broken).save(&[reference("r.example/app:1")], &path).await.expect_err("half of it");
    assert!(matches!(error, EngineError::Daemon(DaemonError::Reset { .. })), "{error:?}");
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "a tar");
}
