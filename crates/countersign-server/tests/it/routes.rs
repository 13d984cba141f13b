//! Every route, its status, headers and body, held against Notary's.

use axum::body::Body;
use countersign_server::storage::Storage as _;
use http::{Method, Request, StatusCode};

use crate::setting::{Publisher, Reply, SnapshotKey, TestServer, set};

const NO_ROUTE: &str = "{\"errors\":[{\"code\":\"METADATA_NOT_FOUND\",\"message\":\"You have requested metadata that does not exist.\"}]}\n";
const NOT_FOUND: &str = "{\"errors\":[{\"code\":\"METADATA_NOT_FOUND\",\"message\":\"You have requested metadata that does not exist.\",\"detail\":{}}]}\n";

#[tokio::test]
async fn ping_and_health_answer_an_empty_object() {
    let server = TestServer::start().await;
    let ping = server.get("/v2/").await;
    assert_eq!((ping.status, ping.text()), (StatusCode::OK, "{}"));
    assert_eq!(ping.header("content-type"), "text/plain; charset=utf-8");
    let health = server.get("/_notary_server/health").await;
    assert_eq!((health.status, health.text()), (StatusCode::OK, "{}"));
    assert_eq!(health.header("content-type"), "application/json; charset=utf-8");
    server.storage.close().await;
    let health = server.get("/_notary_server/health").await;
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.text(), r#"{"DB operational":"Cannot access table: tuf_files"}"#);
}

#[tokio::test]
async fn path_or_method_without_a_route_is_not_found() {
    let server = TestServer::start().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v2"),
        (Method::POST, "/v2/"),
        (Method::HEAD, "/v2/"),
        (Method::PUT, "/v2/"),
        (Method::POST, "/_notary_server/health"),
        (Method::GET, "/v2/g/_trust/tuf/"),
        (Method::POST, "/v2/g/_trust/tuf"),
        (Method::PUT, "/v2/g/_trust/tuf/root.json"),
        (Method::HEAD, "/v2/g/_trust/tuf/root.json"),
        (Method::POST, "/v2/g/_trust/tuf/root.json"),
        (Method::DELETE, "/v2/g/_trust/tuf/root.json"),
        (Method::GET, "/v2/g/_trust/tuf/root.key"),
        (Method::GET, "/v2/g/_trust/tuf/targets.key"),
        (Method::DELETE, "/v2/g/_trust/tuf/timestamp.key"),
        (Method::HEAD, "/v2/g/_trust/proposal"),
        (Method::POST, "/v2/g/_trust/proposal"),
        (Method::GET, "/v2/g/_trust/proposal/"),
        (Method::GET, "/v2/g*/_trust/tuf/root.json"),
        (Method::GET, "/v2/g%2Fh/_trust/tuf/timestamp.key"),
        (Method::GET, "/v2/g/%2e%2e/h/_trust/tuf/root.json"),
    ] {
        let reply = server.ask(method.clone(), path).await;
        let body = if method == Method::HEAD { "" } else { NO_ROUTE };
        assert_eq!((reply.status, reply.text()), (StatusCode::NOT_FOUND, body), "{method} {path}");
        assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
        assert_eq!(reply.header("cache-control"), "");
    }
    for method in [Method::PATCH, Method::OPTIONS] {
        let reply = server.ask(method, "/v2/g/_trust/tuf/").await;
        assert_eq!((reply.status, reply.text()), (StatusCode::METHOD_NOT_ALLOWED, ""));
    }
}

#[tokio::test]
async fn path_with_empty_or_dot_segments_is_redirected_on_this_host() {
    let server = TestServer::start().await;
    for (path, location) in [
        ("/v2//g/_trust/tuf/root.json", "/v2/g/_trust/tuf/root.json"),
        ("/v2/g/../h/_trust/tuf/root.json?x=1", "/v2/h/_trust/tuf/root.json?x=1"),
        ("//evil.example/v2/", "/evil.example/v2/"),
    ] {
        let reply = server.get(path).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::MOVED_PERMANENTLY, location));
    }
}

#[tokio::test]
async fn b8_b9_t17_file_that_is_not_there_is_not_found() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g/a", SnapshotKey::Publisher).await;
    let root = server.storage.current(&publisher.gun, &crate::setting::role("root")).await;
    let root = root.expect("read").expect("there").sha256.hex();
    for path in [
        "/v2/g/b/_trust/tuf/root.json".to_owned(),
        "/v2/g/_trust/tuf/root.json".to_owned(),
        "/v2/G/A/_trust/tuf/root.json".to_owned(),
        // 13 B8: Notary on SQL answers 500 to a delegation that is not there.
        "/v2/g/a/_trust/tuf/targets/none.json".to_owned(),
        "/v2/g/a/_trust/tuf/2.root.json".to_owned(),
        format!("/v2/g/a/_trust/tuf/root.{}.json", "0".repeat(64)),
        // 13 B9: Notary's memory store looks at the checksum only.
        format!("/v2/g/a/_trust/tuf/targets.{root}.json"),
        format!("/v2/g/b/_trust/tuf/root.{root}.json"),
    ] {
        let reply = server.get(&path).await;
        assert_eq!((reply.status, reply.text()), (StatusCode::NOT_FOUND, NOT_FOUND), "{path}");
    }
    for path in [
        // 13 B8: Notary on SQL answers with its first row.
        "/v2/g/a/_trust/tuf/0.root.json".to_owned(),
        format!("/v2/g/a/_trust/tuf/root.{}.json", root.to_uppercase()),
    ] {
        let reply = server.get(&path).await;
        assert_eq!((reply.status, reply.text()), (StatusCode::NOT_FOUND, NO_ROUTE), "{path}");
    }
}

#[tokio::test]
async fn file_is_served_with_notarys_headers() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g/a", SnapshotKey::Publisher).await;
    let stored = server.storage.current(&publisher.gun, &crate::setting::role("root")).await;
    let stored = stored.expect("read").expect("there");
    let (current, immutable) =
        ("public, max-age=300, s-maxage=300, must-revalidate", "public, max-age=2592000, s-maxage=2592000");
    let by_checksum = format!("root.{}.json", stored.sha256.hex());
    for (name, caching) in [("root.json", current), ("1.root.json", immutable), (&by_checksum, immutable)] {
        let reply = server.get(&format!("/v2/g/a/_trust/tuf/{name}")).await;
        assert_eq!((reply.status, &reply.body), (StatusCode::OK, &stored.bytes), "{name}");
        assert_eq!(reply.header("cache-control"), caching, "{name}");
        assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(reply.header("last-modified"), "Tue, 24 Nov 2026 00:27:22 GMT");
        assert_eq!(reply.header("etag"), format!("\"{}\"", stored.sha256.hex()));
    }
}

#[tokio::test]
async fn caching_that_is_configured_to_zero_is_forbidden() {
    let server = TestServer::with(|config| config.caching.current_metadata = 0).await;
    Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    let reply = server.get("/v2/g/_trust/tuf/timestamp.json").await;
    assert_eq!(reply.header("cache-control"), "max-age=0, no-cache, no-store");
    assert_eq!(reply.header("pragma"), "no-cache");
}

#[tokio::test]
async fn asker_who_has_the_file_is_told_so_until_it_changes() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    let path = "/v2/g/_trust/tuf/timestamp.json";
    let etag = server.get(path).await.header("etag").to_owned();
    let ask = async || -> Reply {
        let request = Request::get(path).header("if-none-match", &etag).body(Body::empty());
        server.send(request.expect("a request")).await
    };
    let same = ask().await;
    assert_eq!(
        (same.status, same.text(), same.header("etag")),
        (StatusCode::NOT_MODIFIED, "", etag.as_str())
    );
    let next = publisher.next(&server, &[set("targets", "v2", b"two")]).await;
    server.publish(&publisher.gun, &next).await.expect_ok();
    let other = ask().await;
    assert_eq!(other.status, StatusCode::OK);
    assert_ne!(other.header("etag"), etag);
}

#[tokio::test]
async fn b9_t16b_delete_is_of_one_collection_and_always_answers_200() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g", SnapshotKey::Publisher).await;
    // 13 B9: Notary's memory store deletes every collection that begins with this name.
    let longer = Publisher::published(&server, "g/longer", SnapshotKey::Publisher).await;
    for _ in 0..2 {
        server.ask(Method::DELETE, "/v2/g/_trust/tuf/").await.expect_ok();
    }
    assert_eq!(server.get("/v2/g/_trust/tuf/root.json").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/v2/g/_trust/tuf/1.root.json").await.status, StatusCode::NOT_FOUND);
    server.update(&longer.gun).await;
    server.publish(&publisher.gun, &publisher.first(&server)).await.expect_ok();
}

#[tokio::test]
async fn failure_of_the_server_tells_nothing_of_its_cause() {
    let server = TestServer::start().await;
    let publisher = Publisher::of(&server, "g", SnapshotKey::Publisher).await;
    let files = publisher.first(&server);
    server.storage.close().await;
    for path in ["root.json", "1.root.json", "timestamp.key"] {
        let reply = server.get(&format!("/v2/g/_trust/tuf/{path}")).await;
        reply.expect_code(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN");
        assert!(!reply.text().contains("detail"), "{}", reply.text());
    }
    let reply = server.publish(&publisher.gun, &files).await;
    reply.expect_code(StatusCode::INTERNAL_SERVER_ERROR, "UPDATING");
    assert!(!reply.text().contains("detail"), "{}", reply.text());
    for method in [Method::GET, Method::DELETE] {
        let reply = server.ask(method, "/v2/g/_trust/proposal").await;
        reply.expect_code(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN");
        assert!(!reply.text().contains("detail"), "{}", reply.text());
    }
}

#[tokio::test]
async fn handler_that_panics_answers_500() {
    let server = TestServer::start().await;
    server.clock.break_it();
    let reply = server.ask(Method::DELETE, "/v2/g/_trust/tuf/").await;
    reply.expect_code(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN");
    assert_eq!(server.get("/v2/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn changefeed_is_served_in_pages() {
    let server = TestServer::start().await;
    let empty = server.get("/v2/_trust/changefeed?records=10").await;
    assert_eq!((empty.status, empty.text()), (StatusCode::OK, r#"{"count":0,"records":null}"#));
    let [a, b] = [
        Publisher::published(&server, "example.com/a", SnapshotKey::Server).await,
        Publisher::published(&server, "example.com/b", SnapshotKey::Server).await,
    ];
    server.ask(Method::DELETE, &format!("/v2/{}/_trust/tuf/", b.gun)).await.expect_ok();
    let entries = |reply: &Reply| -> Vec<(String, String, String)> {
        let page: serde_json::Value = serde_json::from_str(reply.text()).expect("JSON");
        let records = page["records"].as_array().expect("a list");
        assert_eq!(page["count"], records.len());
        let text = |entry: &serde_json::Value, name: &str| entry[name].as_str().expect("text").to_owned();
        records.iter().map(|entry| (text(entry, "ID"), text(entry, "GUN"), text(entry, "Category"))).collect()
    };
    let all = entries(&server.get("/v2/_trust/changefeed?records=0").await);
    let guns: Vec<_> = all.iter().map(|(_, gun, category)| (gun.as_str(), category.as_str())).collect();
    assert_eq!(
        guns,
        [("example.com/a", "update"), ("example.com/b", "update"), ("example.com/b", "deletion")]
    );
    let first = entries(&server.get("/v2/_trust/changefeed?records=1").await);
    assert_eq!(first, all[..1]);
    let rest =
        entries(&server.get(&format!("/v2/_trust/changefeed?records=9&change_id={}", first[0].0)).await);
    assert_eq!(rest, all[1..]);
    let of_one = entries(&server.get(&format!("/v2/{}/_trust/changefeed?records=9", a.gun)).await);
    assert_eq!(of_one, all[..1]);
    for bad in
        ["", "?records=", "?records=-1", "?records=x", "?records=1&change_id=x", "?records=1&change_id=-1"]
    {
        let reply = server.get(&format!("/v2/_trust/changefeed{bad}")).await;
        reply.expect_code(StatusCode::BAD_REQUEST, "INVALID_PARAMETERS");
    }
}
