//! Pushes: what was sent is what is reported.

use countersign_core::digest::Digest;
use countersign_engine::{Engine as _, EngineError};
use countersign_lab::fault::Fault;
use countersign_lab::registry::At;
use countersign_registry::transfer::State;

use super::{Desk, amd64, engine, heard, image};

#[tokio::test]
async fn image_arrives_as_it_was_and_is_reported_as_sent() {
    let desk = Desk::new().await;
    let image = image("hello");
    desk.load(&image, "team/app:1.4");
    let pushed = desk.engine.push(&desk.reference("team/app:1.4"), heard()).await.expect("it is pushed");
    assert_eq!((pushed.tag.as_str(), pushed.digest), ("1.4", image.digest()));
    assert_eq!(pushed.length, image.manifest().bytes.len() as u64);
    assert_eq!(desk.registry.tagged("team/app", "1.4"), Some(image.digest()));

    let other = tempfile::tempdir().expect("a temporary directory");
    let other = engine(&other);
    let pinned = desk.pinned("team/app", pushed.digest);
    other.pull(&pinned, Some(&amd64()), heard()).await.expect("it is pulled elsewhere");
    for content in image.contents() {
        let blob = other.store().blob(&content.digest).expect("it is there");
        assert_eq!(blob.into_bytes(1 << 20).expect("it is whole"), content.bytes);
    }
}

#[tokio::test]
async fn reference_without_tag_means_latest() {
    let desk = Desk::new().await;
    let image = image("hello");
    desk.load(&image, "app");
    let pushed = desk.engine.push(&desk.reference("app"), heard()).await.expect("it is pushed");
    assert_eq!(pushed.tag, "latest");
}

#[tokio::test]
async fn layers_that_another_repository_has_are_mounted() {
    let desk = Desk::new().await;
    let image = image("hello");
    desk.load(&image, "one:1");
    desk.load(&image, "two:1");
    desk.engine.push(&desk.reference("one:1"), heard()).await.expect("it is pushed");
    let second = heard();
    desk.engine.push(&desk.reference("two:1"), second.clone()).await.expect("it is pushed");
    assert_eq!(second.count(&State::MountedFrom("one".to_owned())), 3);
}

#[tokio::test]
async fn image_that_is_not_here_is_not_pushed() {
    let desk = Desk::new().await;
    let error = desk.engine.push(&desk.reference("app:1"), heard()).await.expect_err("nothing to push");
    assert!(matches!(error, EngineError::NoSuchImage(_)), "{error:?}");
    let by_digest = desk.reference("app").with_digest(Digest::sha256(b"x"));
    let error = desk.engine.push(&by_digest, heard()).await.expect_err("no tag to push to");
    assert!(matches!(error, EngineError::NoTag(_)), "{error:?}");
    assert!(desk.registry.requests().is_empty());
}

#[tokio::test]
async fn refused_or_damaged_push_sets_no_tag() {
    let desk = Desk::new().await;
    let image = image("hello");
    desk.load(&image, "app:1");
    for (at, fault) in [
        (At::Uploads, Fault::Status(500)),
        (At::Uploads, Fault::Html),
        (At::Everything, Fault::Unauthorized("Basic realm=\"r\"".to_owned())),
    ] {
        let what = format!("{at:?} {fault:?}");
        desk.registry.misbehave(at, fault);
        let error = desk.engine.push(&desk.reference("app:1"), heard()).await.expect_err(&what);
        assert!(matches!(error, EngineError::Transfer(_)), "{what}: {error:?}");
        desk.registry.behave();
        assert_eq!(desk.registry.tagged("app", "1"), None, "{what}");
    }
    let layer = image.layers()[0];
    let path = desk.engine.store().dir().join("blobs/sha256").join(layer.digest.hex());
    let mut content = layer.bytes.to_vec();
    content[30] ^= 1;
    std::fs::write(path, content).expect("it can be written");
    let error = desk.engine.push(&desk.reference("app:1"), heard()).await.expect_err("a layer is damaged");
    assert!(matches!(error, EngineError::Transfer(_)), "{error:?}");
    assert_eq!(desk.registry.tagged("app", "1"), None);
}
