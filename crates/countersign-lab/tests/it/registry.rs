use countersign_core::digest::Digest;
use countersign_lab::image::{Image, Index};
use countersign_lab::registry::Registry;
use countersign_testkit::peers::present_or_skip;
use serde_json::Value;

use crate::{answer, curl};

async fn start() -> Option<Registry> {
    if !present_or_skip(&["curl"]) {
        return None;
    }
    Some(Registry::start().await.expect("a loopback port is free"))
}

fn location(headers: &str) -> String {
    let line =
        headers.lines().find_map(|line| line.strip_prefix("location: ").or(line.strip_prefix("Location: ")));
    line.expect("there is a Location").trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn blob_uploaded_in_chunks_is_there_whole() {
    let Some(registry) = start().await else { return };
    let url = registry.url();
    let begun = curl(&["-i", "-X", "POST", &format!("{url}/v2/a/b/c/blobs/uploads/")]);
    assert_eq!(answer(&begun).0, "202");
    let upload = format!("{url}{}", location(&begun.stdout));
    let chunk = |range: &str, text: &str| {
        curl(&["-i", "-X", "PATCH", "-H", &format!("Content-Range: {range}"), "-d", text, &upload])
    };
    let first = chunk("0-4", "hello");
    assert_eq!(answer(&first).0, "202");
    assert!(first.stdout.contains("range: 0-4\r\n"), "{}", first.stdout);
    let gap = chunk("9-10", "xx");
    assert_eq!(answer(&gap).0, "416");
    assert!(gap.stdout.contains("range: 0-4\r\n"), "{}", gap.stdout);
    let status = curl(&["-i", &upload]);
    assert_eq!(answer(&status).0, "204");
    let digest = Digest::sha256(b"hello world");
    let end = curl(&["-X", "PUT", "-d", " world", &format!("{upload}?digest={digest}")]);
    assert_eq!(answer(&end).0, "201");
    assert_eq!(registry.blob("a/b/c", digest).expect("the blob is there").bytes, "hello world");
    assert_eq!(answer(&curl(&[&upload])).0, "404");
}

#[tokio::test(flavor = "multi_thread")]
async fn blob_with_another_digest_is_refused_and_not_kept() {
    let Some(registry) = start().await else { return };
    let digest = Digest::sha256(b"something else");
    let url = format!("{}/v2/app/blobs/uploads/?digest={digest}", registry.url());
    let (status, body) = answer(&curl(&["-X", "POST", "-d", "hello", &url]));
    assert_eq!(status, "400");
    assert!(body.contains("DIGEST_INVALID"), "{body}");
    assert!(registry.blob("app", digest).is_none());
    assert!(registry.blob("app", Digest::sha256(b"hello")).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn blob_is_mounted_from_the_repository_that_has_it() {
    let Some(registry) = start().await else { return };
    let url = registry.url();
    let digest = Digest::sha256(b"hello");
    let upload = format!("{url}/v2/from/blobs/uploads/?digest={digest}");
    assert_eq!(answer(&curl(&["-X", "POST", "-d", "hello", &upload])).0, "201");
    let mount = |from: &str| {
        let url = format!("{url}/v2/to/blobs/uploads/?mount={digest}&from={from}");
        answer(&curl(&["-X", "POST", &url])).0
    };
    assert_eq!(mount("nowhere"), "202");
    assert!(registry.blob("to", digest).is_none());
    assert_eq!(mount("from"), "201");
    assert!(registry.blob("to", digest).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn blob_is_given_in_part() {
    let Some(registry) = start().await else { return };
    let image = Image::of_text("hello").expect("an image can be made");
    registry.put_image("app", "1", &image);
    let config = image.config();
    let url = format!("{}/v2/app/blobs/{}", registry.url(), config.digest);
    let part = curl(&["-r", "2-5", &url]);
    let expected = String::from_utf8_lossy(&config.bytes[2..6]).into_owned();
    assert_eq!(answer(&part), ("206".to_owned(), expected));
    assert_eq!(answer(&curl(&["-r", "999999-", &url])).0, "416");
    let head = curl(&["-I", &url]);
    assert!(head.stdout.contains(&format!("content-length: {}\r\n", config.bytes.len())), "{}", head.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn manifest_that_names_what_is_missing_is_refused() {
    let Some(registry) = start().await else { return };
    let image = Image::of_text("hello").expect("an image can be made");
    let put = |name: &str, media_type: &str| {
        let text = String::from_utf8_lossy(&image.manifest().bytes).into_owned();
        let url = format!("{}/v2/{name}/manifests/1.4", registry.url());
        answer(&curl(&["-X", "PUT", "-H", &format!("Content-Type: {media_type}"), "-d", &text, &url]))
    };
    let media_type = image.manifest().media_type.clone();
    let (status, body) = put("app", &media_type);
    assert_eq!(status, "404");
    assert!(body.contains("MANIFEST_BLOB_UNKNOWN"), "{body}");
    registry.put_image("app", "other", &image);
    assert_eq!(put("app", "application/vnd.oci.image.index.v1+json").0, "400");
    assert_eq!(registry.tagged("app", "1.4"), None);
    assert_eq!(put("app", &media_type).0, "201");
    assert_eq!(registry.tagged("app", "1.4"), Some(image.digest()));
}

#[tokio::test(flavor = "multi_thread")]
async fn manifest_is_found_by_tag_and_digest_until_deleted() {
    let Some(registry) = start().await else { return };
    let image = Image::of_text("hello").expect("an image can be made");
    let index = Index::of([image.clone()]);
    registry.put_index("team/app", "1.4", &index);
    let url = |reference: &str| format!("{}/v2/team/app/manifests/{reference}", registry.url());
    let body = String::from_utf8_lossy(&index.manifest().bytes).into_owned();
    assert_eq!(answer(&curl(&[&url("1.4")])), ("200".to_owned(), body.clone()));
    assert_eq!(answer(&curl(&[&url(&index.digest().to_string())])), ("200".to_owned(), body));
    assert_eq!(answer(&curl(&[&url(&image.digest().to_string())])).0, "200");
    assert_eq!(answer(&curl(&["-X", "DELETE", &url(&index.digest().to_string())])).0, "202");
    assert_eq!(answer(&curl(&[&url("1.4")])).0, "404");
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_come_in_pages_that_link_to_the_next() {
    let Some(registry) = start().await else { return };
    let image = Image::of_text("hello").expect("an image can be made");
    for tag in ["1", "2", "3"] {
        registry.put_image("app", tag, &image);
    }
    let first = curl(&["-i", &format!("{}/v2/app/tags/list?n=2", registry.url())]);
    assert!(first.stdout.contains(r#"{"name":"app","tags":["1","2"]}"#), "{}", first.stdout);
    assert!(first.stdout.contains("link: </v2/app/tags/list?n=2&last=2>; rel=\"next\""), "{}", first.stdout);
    let last = curl(&["-i", &format!("{}/v2/app/tags/list?n=2&last=2", registry.url())]);
    assert!(last.stdout.contains(r#""tags":["3"]"#), "{}", last.stdout);
    assert!(!last.stdout.contains("link:"), "{}", last.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_list_what_names_a_subject() {
    let Some(registry) = start().await else { return };
    let image = Image::of_text("hello").expect("an image can be made");
    registry.put_image("app", "1", &image);
    let mut signature: Value = serde_json::from_slice(&image.manifest().bytes).expect("a manifest is JSON");
    signature["artifactType"] = "application/vnd.example.signature".into();
    signature["subject"] = image.manifest().descriptor();
    let text = signature.to_string();
    let digest = Digest::sha256(text.as_bytes());
    let url = |path: &str| format!("{}/v2/app/{path}", registry.url());
    let media_type = format!("Content-Type: {}", image.manifest().media_type);
    let put =
        curl(&["-i", "-X", "PUT", "-H", &media_type, "-d", &text, &url(&format!("manifests/{digest}"))]);
    assert!(put.stdout.contains(&format!("oci-subject: {}", image.digest())), "{}", put.stdout);
    let list = |query: &str| {
        let (status, body) = answer(&curl(&[&url(&format!("referrers/{}{query}", image.digest()))]));
        assert_eq!(status, "200");
        let list: Value = serde_json::from_str(&body).expect("an index is JSON");
        list["manifests"].as_array().expect("an index lists manifests").clone()
    };
    assert_eq!(list("")[0]["digest"], digest.to_string());
    assert_eq!(list("?artifactType=application/vnd.example.signature").len(), 1);
    assert_eq!(list("?artifactType=application/vnd.example.other").len(), 0);
}
