//! The body of an upload: what is taken and what is not, before anything is validated.

use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use countersign_core::name::Gun;
use countersign_server::storage::Storage as _;
use http::{Method, Request, StatusCode};

use crate::setting::{Publisher, Reply, SnapshotKey, TestServer, multipart, role, set};

async fn raw(server: &TestServer, content_type: &str, body: impl Into<Body>) -> Reply {
    let request = Request::post("/v2/g/_trust/tuf/").header("content-type", content_type).body(body.into());
    server.send(request.expect("a request")).await
}

#[tokio::test]
async fn b10_body_that_is_broken_is_malformed_and_nothing_else() {
    let server = TestServer::start().await;
    let form = "multipart/form-data; boundary=b0b";
    for content_type in [
        "application/json",
        "multipart/form-data",
        "multipart/mixed; boundary=b0b",
        "multipart/form-data; boundary=",
        "",
        "é",
    ] {
        let request = Request::post("/v2/g/_trust/tuf/")
            .header("content-type", content_type.as_bytes())
            .body(Body::from(multipart(&[("root", b"{}")])));
        let reply = server.send(request.expect("a request")).await;
        reply.expect_code(StatusCode::BAD_REQUEST, "MALFORMED_UPLOAD");
        assert!(!reply.text().contains("detail"));
    }
    let whole = multipart(&[("root", b"{}")]);
    for end in (0..whole.len() - 6).step_by(7) {
        raw(&server, form, whole[..end].to_vec())
            .await
            .expect_code(StatusCode::BAD_REQUEST, "MALFORMED_UPLOAD");
    }
    for body in [
        "",
        "nothing",
        "--other\r\n\r\n--other--\r\n",
        "--b0b\r\n\0\0\0\r\n\r\n--b0b--",
        "--b0b\r\nContent-Disposition",
    ] {
        raw(&server, form, body).await.expect_code(StatusCode::BAD_REQUEST, "MALFORMED_UPLOAD");
    }
    let broken = futures_util::stream::iter([
        Ok(Bytes::from_static(b"--b0b\r\n")),
        Err(std::io::Error::other("reset")),
    ]);
    raw(&server, form, Body::from_stream(broken))
        .await
        .expect_code(StatusCode::BAD_REQUEST, "MALFORMED_UPLOAD");
}

#[tokio::test]
async fn part_must_have_the_name_of_a_role() {
    let server = TestServer::start().await;
    let gun: Gun = "g".parse().expect("a GUN");
    for name in ["", ".json"] {
        let reply = server.upload(&gun, &[(name, b"{}")]).await;
        reply.expect_code(StatusCode::BAD_REQUEST, "NO_FILENAME");
    }
    let field = "--b0b\r\nContent-Disposition: form-data; name=\"root\"\r\n\r\n{}\r\n--b0b--\r\n";
    raw(&server, "multipart/form-data; boundary=b0b", field)
        .await
        .expect_code(StatusCode::BAD_REQUEST, "NO_FILENAME");
    for name in ["foo", "Root", "targets/", "targets/A", "../root", "root.json.json", "targets/../root"] {
        let reply = server.upload(&gun, &[(name, b"{}")]).await;
        reply.expect_code(StatusCode::BAD_REQUEST, "INVALID_ROLE");
        let detail = name.strip_suffix(".json").unwrap_or(name);
        assert!(reply.text().contains(&format!("\"detail\":\"{detail}\"")), "{}", reply.text());
    }
}

#[tokio::test]
async fn part_must_be_json_and_come_once() {
    let server = TestServer::start().await;
    let gun: Gun = "g".parse().expect("a GUN");
    for (name, bytes) in
        [("root", &b"<html>"[..]), ("targets", b"{\"signed\":"), ("targets/a", b"\xff"), ("timestamp", b"x")]
    {
        let reply = server.upload(&gun, &[(name, bytes)]).await;
        reply.expect_code(StatusCode::BAD_REQUEST, "MALFORMED_JSON");
    }
    for (name, bytes, kind) in [
        ("root", "{}", "ErrBadRoot"),
        ("targets", "[]", "ErrBadTargets"),
        ("snapshot", "1", "ErrBadSnapshot"),
    ] {
        server
            .upload(&gun, &[(name, bytes.as_bytes())])
            .await
            .expect_refused(kind, "is not metadata that can be used");
    }
    let twice = server.upload(&gun, &[("root", b"{}"), ("root.json", b"{}")]).await;
    twice.expect_refused("ErrValidation", "root is in the update twice");
}

#[tokio::test]
async fn t16_name_may_end_in_json_and_a_timestamp_is_ignored() {
    let server = TestServer::start().await;
    let publisher = Publisher::of(&server, "g", SnapshotKey::Publisher).await;
    let files = publisher.first(&server);
    let parts = [
        ("root.json", files[&role("root")].as_ref()),
        ("targets.json", files[&role("targets")].as_ref()),
        ("timestamp", b"{\"not\":\"ours\"}"),
        ("snapshot", files[&role("snapshot")].as_ref()),
    ];
    server.upload(&publisher.gun, &parts).await.expect_ok();
    let timestamp = server.update(&publisher.gun).await;
    assert_eq!(timestamp.timestamp().version.get(), 1);
}

#[tokio::test]
async fn upload_is_bounded_in_every_direction() {
    let server = TestServer::with(|config| {
        config.limits.upload_bytes = 4000;
        config.limits.part_bytes = 1000;
        config.limits.parts = 3;
    })
    .await;
    let gun: Gun = "g".parse().expect("a GUN");
    let too_large = |reply: Reply, why: &str| {
        assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", reply.text());
        assert!(reply.text().contains(why), "{}", reply.text());
    };
    let (small, large) = (vec![b'1'; 1000], vec![b'1'; 1001]);
    too_large(
        server.upload(&gun, &[("root", &large)]).await,
        "a file of the update has more than 1000 bytes",
    );
    let four = [("root", &small[..]), ("targets", &small), ("snapshot", &small), ("targets/a", &small)];
    too_large(server.upload(&gun, &four).await, "the update has more than 4000 bytes");
    let many = [("root", &b"1"[..]), ("targets", b"1"), ("snapshot", b"1"), ("targets/a", b"1")];
    too_large(server.upload(&gun, &many).await, "the update has more than 3 files");
    let form = "multipart/form-data; boundary=b0b";
    let endless =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 100])));
    too_large(raw(&server, form, Body::from_stream(endless)).await, "the update has more than 4000 bytes");
    let announced = Request::post("/v2/g/_trust/tuf/")
        .header("content-type", form)
        .header("content-length", "4001")
        .body(Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>()));
    too_large(server.send(announced.expect("a request")).await, "the update has more than 4000 bytes");
}

#[tokio::test]
async fn upload_that_stalls_meets_the_deadline() {
    let server = TestServer::with(|config| config.deadlines.request = Duration::from_millis(50)).await;
    let stalled = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
    let reply = raw(&server, "multipart/form-data; boundary=b0b", Body::from_stream(stalled)).await;
    reply.expect_code(StatusCode::SERVICE_UNAVAILABLE, "UNKNOWN");
}

/// A body that arrives whole between two looks of whoever reads it is no body that was cut short.
#[tokio::test]
async fn upload_that_comes_late_and_at_once_is_whole() {
    let server = TestServer::start().await;
    let publisher = Publisher::of(&server, "g/a", SnapshotKey::Server).await;
    let files = publisher.first(&server);
    let parts: Vec<_> = files.iter().map(|(role, bytes)| (role.as_str(), bytes.as_ref())).collect();
    let mut looks = 0;
    let mut body = Some(Bytes::from(multipart(&parts)));
    let late = futures_util::stream::poll_fn(move |context| {
        looks += 1;
        if looks == 1 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(body.take().map(Ok::<_, std::io::Error>))
    });
    let request = Request::post("/v2/g/a/_trust/tuf/")
        .header("content-type", "multipart/form-data; boundary=b0b")
        .body(Body::from_stream(late));
    server.send(request.expect("a request")).await.expect_ok();
}

/// Cure53 TUF-01-004: nothing can be published under a name that leads elsewhere.
#[tokio::test]
async fn name_that_leads_elsewhere_takes_no_upload() {
    let server = TestServer::start().await;
    let publisher = Publisher::of(&server, "g/a", SnapshotKey::Server).await;
    let files = publisher.first(&server);
    let parts: Vec<_> = files.iter().map(|(role, bytes)| (role.as_str(), bytes.as_ref())).collect();
    let long = "a".repeat(5000);
    for gun in [
        "..",
        "../g/a",
        "g/../../a",
        "g/%2e%2e/a",
        "g%2fa",
        "g/%2E./a",
        "g/a%00",
        "g\\a",
        "g%5ca",
        "/g/a",
        "g//a",
        "g/./a",
        "g/a/",
        "g/%252e%252e/a",
        "g/a%0a",
        "g/a%20",
        "g*",
        "g/a?x=/_trust/tuf/",
        "_trust/a",
        &long,
    ] {
        let request = Request::post(format!("/v2/{gun}/_trust/tuf/"))
            .header("content-type", "multipart/form-data; boundary=b0b")
            .body(Body::from(multipart(&parts)));
        // What is no path at all does not even make a request.
        let Ok(request) = request else { continue };
        let reply = server.send(request).await;
        assert!(reply.status.is_client_error() || reply.status.is_redirection(), "{gun}: {}", reply.status);
    }
    for method in [Method::PUT, Method::PATCH, Method::GET] {
        let reply = server.ask(method.clone(), "/v2/g/a/_trust/tuf/").await;
        assert!(reply.status.is_client_error(), "{method}: {}", reply.status);
    }
    assert_eq!(server.storage.changes(None, 0, 10).await.expect("read"), []);
    server.publish(&publisher.gun, &files).await.expect_ok();
}

/// Cure53 TUF-01-004: a part's name is a role or nothing.
#[tokio::test]
async fn part_whose_name_leads_elsewhere_is_refused() {
    let server = TestServer::start().await;
    let publisher = Publisher::published(&server, "g/a", SnapshotKey::Server).await;
    let next = publisher.next(&server, &[set("targets", "v2", b"2")]).await;
    let file = &next[&role("targets")];
    let long = format!("targets/{}", "a".repeat(5000));
    for name in [
        "..",
        "../targets",
        "targets/..",
        "targets/../targets",
        "targets/./a",
        "targets//a",
        "/targets",
        "targets%2f..",
        "targets\\..",
        "targets/a\u{0}",
        "targets/\u{430}",
        "targets/A",
        "TARGETS",
        "targets ",
        "targets.json.json",
        "mirrors",
        &long,
    ] {
        let reply = server.upload(&publisher.gun, &[(name, file.as_ref())]).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{name}: {}", reply.text());
        assert!(reply.body.len() < 1024, "{name}");
    }
    assert_eq!(server.storage.changes(None, 0, 10).await.expect("read").len(), 1);
    server.publish(&publisher.gun, &next).await.expect_ok();
}
