use std::time::Duration;

use countersign_lab::fault::Fault;
use countersign_lab::image::{File, Image};
use countersign_lab::registry::{At, Registry};
use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::peers::present_or_skip;

use crate::{answer, curl};

/// A registry with one image, and the address of that image's layer.
async fn start() -> Option<(Registry, Image, String)> {
    if !present_or_skip(&["curl"]) {
        return None;
    }
    let registry = Registry::start().await.expect("a loopback port is free");
    let noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let image = Image::builder().layer([File::new("noise", noise)]).build().expect("an image can be made");
    registry.put_image("app", "1", &image);
    let layer = format!("{}/v2/app/blobs/{}", registry.url(), image.layers()[0].digest);
    Some((registry, image, layer))
}

fn head_of(output: &Output) -> String {
    output.stdout.split("\r\n\r\n").next().unwrap_or_default().to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn outright_faults_replace_the_answer_until_it_behaves() {
    let Some((registry, _, layer)) = start().await else { return };
    for (fault, status, mark) in [
        (Fault::Status(503), "503", "503 Service Unavailable"),
        (Fault::Html, "200", "text/html"),
        (Fault::Redirect("http://127.0.0.1:1/away".into()), "307", "location: http://127.0.0.1:1/away"),
        (Fault::Unauthorized("Basic realm=\"again\"".into()), "401", "Basic realm=\"again\""),
    ] {
        registry.misbehave(At::Blobs, fault);
        let output = curl(&["-i", &layer]);
        assert_eq!(answer(&output).0, status);
        assert!(output.stdout.contains(mark), "{}", output.stdout);
    }
    registry.behave();
    assert_eq!(answer(&curl(&["--output", "/dev/null", &layer])).0, "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn short_body_agrees_with_its_length() {
    let Some((registry, image, layer)) = start().await else { return };
    registry.misbehave(At::Blob(image.layers()[0].digest), Fault::Short(10));
    let output = curl(&["-I", "-X", "GET", &layer]);
    assert!(head_of(&output).contains("content-length: 10"), "{}", head_of(&output));
    assert_eq!(curl(&["--output", "/dev/null", &layer]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_body_ends_before_its_length() {
    let Some((registry, _, layer)) = start().await else { return };
    registry.misbehave(At::Blobs, Fault::CutOff(1_000));
    let output = curl(&["--output", "/dev/null", "--write-out", " %{size_download}", &layer]);
    // 18: a file was transferred in part.
    assert_eq!((output.code, output.stdout.as_str()), (Some(18), " 1000"), "{}", output.transcript());
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_body_ends_with_a_reset() {
    let Some((registry, _, layer)) = start().await else { return };
    registry.misbehave(At::Blobs, Fault::Reset(1_000));
    let output = curl(&["--output", "/dev/null", &layer]);
    // 56: receiving failed.
    assert_eq!(output.code, Some(56), "{}", output.transcript());
    assert!(output.stderr.contains("reset"), "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_body_goes_on() {
    let Some((registry, _, _)) = start().await else { return };
    registry.misbehave(At::Manifests, Fault::Endless);
    let url = format!("{}/v2/app/manifests/1", registry.url());
    let script = format!("curl --silent {url} | head -c 5000000 | wc -c");
    let output = Invocation::of("sh").args(["-c", &script]).run();
    assert_eq!(output.stdout.trim(), "5000000", "{}", output.transcript());
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_and_slow_answers_outlast_the_patience_of_a_client() {
    let Some((registry, _, layer)) = start().await else { return };
    for fault in [Fault::Hang, Fault::Slow { piece: 1, pause: Duration::from_millis(20) }] {
        registry.misbehave(At::Blobs, fault);
        let output = curl(&["--output", "/dev/null", "--max-time", "0.3", &layer]);
        // 28: it took too long.
        assert_eq!(output.code, Some(28), "{}", output.transcript());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_manifest_keeps_the_name_that_was_asked_for() {
    let Some((registry, image, _)) = start().await else { return };
    let other = Image::of_text("another").expect("an image can be made");
    let digest = image.digest().to_string();
    registry.misbehave(At::Manifest(digest.clone()), Fault::Instead(other.manifest().bytes.clone()));
    let output = curl(&["-i", &format!("{}/v2/app/manifests/{digest}", registry.url())]);
    assert!(head_of(&output).contains(&format!("docker-content-digest: {digest}")), "{}", output.stdout);
    let (_, body) = output.stdout.split_once("\r\n\r\n").expect("there is a body");
    assert!(body.as_bytes().starts_with(&other.manifest().bytes), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_media_type_is_only_said() {
    let Some((registry, image, _)) = start().await else { return };
    registry.misbehave(At::Manifests, Fault::MediaType("text/plain".into()));
    let output = curl(&["-i", &format!("{}/v2/app/manifests/1", registry.url())]);
    assert!(head_of(&output).contains("content-type: text/plain"), "{}", output.stdout);
    assert!(output.stdout.contains(&image.config().digest.to_string()), "{}", output.stdout);
}
