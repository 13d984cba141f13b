//! Pulls: by digest alone, and named only when asked to.

use std::fs;

use bytes::Bytes;
use countersign_engine::{Engine as _, EngineError};
use countersign_lab::fault::Fault;
use countersign_lab::image::{File, Image, Index};
use countersign_lab::registry::At;
use countersign_registry::descriptor::{Descriptor, media_type};
use countersign_registry::transfer::{State, TransferError};

use super::{Desk, amd64, engine, heard, image};

#[tokio::test]
async fn image_is_pulled_by_digest_and_named_by_a_call_of_its_own() {
    let desk = Desk::new().await;
    let image = image("hello");
    desk.registry.put_image("team/app", "1.4", &image);
    let pinned = desk.pinned("team/app", image.digest());
    let pulled = desk.engine.pull(&pinned, Some(&amd64()), heard()).await.expect("it is pulled");
    assert_eq!((pulled.digest, pulled.was_here), (image.digest(), false));
    assert_eq!(desk.names(), [format!("HOST/team/app@{}", image.digest())]);
    let asked_by_tag = desk.registry.requests().iter().any(|asked| asked.path.contains("manifests/1.4"));
    assert!(!asked_by_tag, "nothing is fetched by tag");

    let target = desk.reference("team/app:1.4");
    assert_eq!(desk.engine.resolve(&target).await.expect("an answer"), None);
    desk.engine.tag(&pinned, &target).await.expect("it is named");
    assert_eq!(
        desk.engine.resolve(&target).await.expect("an answer").map(|found| found.id),
        Some(image.digest())
    );
    let images = desk.engine.images().await.expect("a list");
    assert_eq!(images.len(), 2);
    assert!(images.iter().all(|listed| listed.digest == image.digest() && listed.size > 0));
}

#[tokio::test]
async fn second_pull_fetches_no_blobs() {
    let desk = Desk::new().await;
    let (first, second) = (image("first"), image("second"));
    desk.registry.put_image("app", "1", &first);
    desk.registry.put_image("app", "2", &second);
    let pull = async |image: &Image| {
        let heard = heard();
        let pinned = desk.pinned("app", image.digest());
        let pulled = desk.engine.pull(&pinned, Some(&amd64()), heard.clone()).await.expect("it is pulled");
        (pulled.was_here, heard.count(&State::Complete), heard.count(&State::AlreadyExists))
    };
    assert_eq!(pull(&first).await, (false, 3, 0));
    assert_eq!(pull(&first).await, (true, 0, 3));
    assert_eq!(pull(&second).await, (false, 2, 1), "the layer that both have is here");
}

#[tokio::test]
async fn swapped_or_broken_content_changes_nothing() {
    let desk = Desk::new().await;
    let (old, new) = (image("old"), image("new"));
    desk.registry.put_image("app", "1", &old);
    let pinned_old = desk.pinned("app", old.digest());
    desk.engine.pull(&pinned_old, Some(&amd64()), heard()).await.expect("it is pulled");
    desk.engine.tag(&pinned_old, &desk.reference("app:1")).await.expect("it is named");
    let before = desk.names();

    desk.registry.put_image("app", "1", &new);
    let manifest = || At::Manifest(new.digest().to_string());
    let layer = new.layers()[1];
    let changed = Bytes::from(layer.bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>());
    let faults = [
        (manifest(), Fault::Instead(old.manifest().bytes.clone())),
        (manifest(), Fault::MediaType("text/html".to_owned())),
        (manifest(), Fault::Html),
        (manifest(), Fault::Endless),
        (manifest(), Fault::CutOff(20)),
        (At::Blob(layer.digest), Fault::Instead(changed)),
        (At::Blob(layer.digest), Fault::Short(10)),
        (At::Blob(layer.digest), Fault::CutOff(10)),
        (At::Blob(layer.digest), Fault::Endless),
        (At::Blob(layer.digest), Fault::Status(404)),
        (At::Everything, Fault::Status(500)),
    ];
    let pinned = desk.pinned("app", new.digest());
    for (at, fault) in faults {
        let what = format!("{at:?} {fault:?}");
        desk.registry.misbehave(at, fault);
        let error = desk.engine.pull(&pinned, Some(&amd64()), heard()).await.expect_err(&what);
        assert!(matches!(error, EngineError::Transfer(_)), "{what}: {error:?}");
        assert_eq!(desk.names(), before, "{what}");
        let found = desk.engine.resolve(&desk.reference("app:1")).await.expect("an answer");
        assert_eq!(found.map(|found| found.digests), Some(vec![old.digest()]), "{what}");
        let error = desk.engine.tag(&pinned, &desk.reference("app:1")).await.expect_err("it is not here");
        assert!(matches!(error, EngineError::NoSuchImage(_)), "{what}: {error:?}");
        desk.registry.behave();
    }
    let ingest = desk.engine.store().dir().join(".countersign/ingest");
    assert_eq!(fs::read_dir(ingest).expect("a directory").count(), 0);
    desk.engine.pull(&pinned, Some(&amd64()), heard()).await.expect("the registry behaves again");
}

#[tokio::test]
async fn one_platform_of_an_index_is_pulled() {
    let desk = Desk::new().await;
    let of = |architecture: &str| {
        let file = File::new("etc/arch", architecture.to_owned());
        Image::builder().platform("linux", architecture).layer([file]).build().expect("an image")
    };
    let (amd, arm) = (of("amd64"), of("arm64"));
    let index = Index::of([arm.clone(), amd.clone()]);
    desk.registry.put_index("app", "1", &index);
    let pinned = desk.pinned("app", index.digest());
    let pulled = desk.engine.pull(&pinned, Some(&amd64()), heard()).await.expect("it is pulled");
    assert_eq!(pulled.digest, index.digest());
    let has = |image: &Image| {
        let descriptor = Descriptor::of(media_type::OCI_MANIFEST, &image.manifest().bytes);
        desk.engine.store().has(&descriptor).expect("an answer")
    };
    assert!(has(&amd) && !has(&arm));

    let error = desk.engine.pull(&pinned, Some(&"linux/s390x".parse().expect("a platform")), heard()).await;
    assert!(matches!(error, Err(EngineError::Transfer(TransferError::NoPlatform { .. }))), "{error:?}");

    // What is here can be saved, and pushed back to where the rest is.
    desk.engine.tag(&pinned, &desk.reference("app:1")).await.expect("it is named");
    let saved = desk.dir.path().join("saved.tar");
    desk.engine.save(&[desk.reference("app:1")], &saved).await.expect("it is saved");
    desk.engine.push(&desk.reference("app:1"), heard()).await.expect("it is pushed");
    let other = tempfile::tempdir().expect("a temporary directory");
    let loaded = engine(&other).load(&saved, None).await.expect("it is loaded");
    assert_eq!(loaded[0].digest, index.digest());
}

#[tokio::test]
async fn pulls_at_the_same_time_do_not_hurt_each_other() {
    let desk = Desk::new().await;
    let images: Vec<_> = (0..6).map(|number| image(&format!("{}", number / 2))).collect();
    for image in &images {
        desk.registry.put_image("app", "1", image);
    }
    let neighbour = engine(&desk.dir);
    let pulls = images.iter().enumerate().map(|(number, image)| {
        let engine = if number % 2 == 0 { &desk.engine } else { &neighbour };
        let pinned = desk.pinned("app", image.digest());
        async move { engine.pull(&pinned, Some(&amd64()), heard()).await }
    });
    for pulled in futures_util::future::join_all(pulls).await {
        pulled.expect("it is pulled");
    }
    assert_eq!(desk.names().len(), 3);
}
