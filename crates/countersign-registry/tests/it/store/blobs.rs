//! One process, nothing going wrong but the content.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use countersign_core::digest::Digest;
use countersign_registry::descriptor::{Descriptor, media_type};
use countersign_registry::store::{Collected, Damage, Store, StoreError};

use super::{Place, files_in, image, names, put, read_all, reference};

#[test]
fn image_is_found_by_tag_and_by_digest() {
    let place = Place::new();
    let manifest = put(&place.store, &image("hello"), "app:1").expect("it is stored");
    for name in ["app:1", &format!("app@{}", manifest.digest), &format!("app:9@{}", manifest.digest)] {
        let found = place.store.resolve(&reference(name)).expect("the index can be read");
        assert_eq!(found.as_ref(), Some(&manifest), "{name}");
    }
    for name in ["app", "app:2", "other:1", &format!("other@{}", manifest.digest)] {
        assert_eq!(place.store.resolve(&reference(name)).expect("the index can be read"), None, "{name}");
    }
    read_all(&place.store, &manifest);
}

#[test]
fn list_says_age_and_size() {
    let place = Place::new();
    let image = image("hello");
    put(&place.store, &image, "app:1").expect("it is stored");
    let listed = place.store.list().expect("the store can be listed");
    let size: usize = image.contents().iter().map(|content| content.bytes.len()).sum();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].size, size as u64);
    let config: serde_json::Value = serde_json::from_slice(&image.config().bytes).expect("a configuration");
    assert_eq!(listed[0].created.map(|created| created.to_string()).as_deref(), config["created"].as_str());
}

#[test]
fn tag_moves_and_goes() {
    let place = Place::new();
    let first = put(&place.store, &image("one"), "app:1").expect("it is stored");
    let second = put(&place.store, &image("two"), "app:1").expect("it is stored");
    assert_eq!(place.store.resolve(&reference("app:1")).expect("an answer"), Some(second));
    place.store.tag(&reference("app"), &first).expect("it is named");
    assert_eq!(names(&place.store), ["app:1", "app:latest"]);
    assert!(place.store.untag(&reference("app:latest")).expect("it goes"));
    assert!(!place.store.untag(&reference("app:latest")).expect("it is gone"));
    assert_eq!(names(&place.store), ["app:1"]);
}

#[test]
fn tag_needs_the_manifest_and_the_right_digest() {
    let place = Place::new();
    let absent = Descriptor::of(media_type::OCI_MANIFEST, b"absent");
    let error = place.store.tag(&reference("app:1"), &absent).expect_err("nothing to name");
    assert!(matches!(error, StoreError::BlobMissing { digest } if digest == absent.digest), "{error}");
    let manifest = put(&place.store, &image("one"), "app:1").expect("it is stored");
    let other = reference("app").with_digest(absent.digest);
    let error = place.store.tag(&other, &manifest).expect_err("another digest");
    assert!(matches!(error, StoreError::OtherDigest { .. }), "{error}");
    assert_eq!(names(&place.store), ["app:1"]);
}

#[test]
fn blob_that_is_not_as_announced_is_discarded() {
    let place = Place::new();
    let lease = place.store.lease().expect("a lease");
    let announced = Descriptor::of(media_type::OCI_LAYER, b"content");
    let refused = |pieces: &[&[u8]]| {
        let mut blob = place.store.create(&lease, &announced).expect("a blob starts");
        let written = pieces.iter().try_for_each(|piece| blob.append(piece));
        let error = written.and_then(|()| blob.commit()).expect_err("it is not what was announced");
        assert!(!place.store.has(&announced).expect("an answer"));
        match error {
            StoreError::BlobRefused { damage, .. } => damage,
            other => panic!("{other}"),
        }
    };
    assert_eq!(refused(&[b"conten"]), Damage::Length { expected: 7, found: 6 });
    assert_eq!(refused(&[b"cont", b"ent!"]), Damage::Length { expected: 7, found: 8 });
    assert_eq!(refused(&[b"CONTENT"]), Damage::Digest { found: Digest::sha256(b"CONTENT") });
    assert_eq!(files_in(&place.store.dir().join(".countersign/ingest")), 0);
    let mut blob = place.store.create(&lease, &announced).expect("a blob starts");
    blob.append(b"content").expect("it fits");
    blob.commit().expect("it is as announced");
    assert!(place.store.has(&announced).expect("an answer"));
}

#[test]
fn directories_are_for_the_user_alone() {
    let place = Place::new();
    put(&place.store, &image("hello"), "app:1").expect("it is stored");
    for dir in ["", "blobs", "blobs/sha256", ".countersign", ".countersign/ingest"] {
        let metadata = fs::metadata(place.store.dir().join(dir)).expect("the directory is there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o700, "{dir}");
    }
}

#[test]
fn garbage_is_what_no_image_names() {
    let place = Place::new();
    let kept = put(&place.store, &image("kept"), "kept:1").expect("it is stored");
    put(&place.store, &image("lost"), "lost:1").expect("it is stored");
    assert_eq!(place.store.collect_garbage(Duration::ZERO).expect("nothing to do"), Collected::default());
    place.store.untag(&reference("lost:1")).expect("it goes");
    let young = place.store.collect_garbage(Duration::from_hours(1)).expect("too young");
    assert_eq!(young, Collected::default());
    let collected = place.store.collect_garbage(Duration::ZERO).expect("garbage goes");
    // Manifest, configuration and one layer: the other layer is shared.
    assert_eq!(collected.blobs, 3);
    read_all(&place.store, &kept);
}

#[test]
fn no_garbage_is_collected_during_a_lease() {
    let place = Place::new();
    let lease = place.store.lease().expect("a lease");
    let blob = Descriptor::of(media_type::OCI_LAYER, b"on its way");
    let mut written = place.store.create(&lease, &blob).expect("a blob starts");
    written.append(b"on its way").expect("it fits");
    drop(lease);
    let neighbour = Store::open(place.store.dir()).expect("the same store");
    let error = neighbour.collect_garbage(Duration::ZERO).expect_err("the writer has a lease of its own");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(matches!(neighbour.sweep(), Err(StoreError::InUse { .. })));
    written.commit().expect("it is whole");
    assert!(neighbour.has(&blob).expect("an answer"));
    assert_eq!(neighbour.collect_garbage(Duration::ZERO).expect("nobody is left").blobs, 1);
}
