//! Files that are damaged, missing or somebody else's, and disks that refuse.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use countersign_registry::store::{Damage, Store, StoreError};

use super::{Place, image, names, put, read_all, reference};

#[test]
fn directory_with_other_things_is_left_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("thesis.txt"), "mine").expect("a file");
    let error = Store::open(dir.path()).expect_err("not a store");
    assert!(matches!(error, StoreError::NotALayout { .. }), "{error}");
    assert_eq!(super::files_in(dir.path()), 1);
}

#[test]
fn layout_of_another_version_is_refused() {
    let place = Place::new();
    for (content, expected) in [(r#"{"imageLayoutVersion":"2.0.0"}"#, "version"), ("{", "damaged")] {
        fs::write(place.store.dir().join("oci-layout"), content).expect("it can be written");
        let found = match Store::open(place.store.dir()).expect_err("not ours") {
            StoreError::LayoutVersion { .. } => "version",
            StoreError::Damaged { .. } => "damaged",
            other => panic!("{other}"),
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn damaged_index_is_reported_and_left() {
    let place = Place::new();
    let manifest = put(&place.store, &image("hello"), "app:1").expect("it is stored");
    let index = place.store.dir().join("index.json");
    let whole = fs::read(&index).expect("the index");
    for damaged in [&whole[..whole.len() / 2], b"", b"<html>", b"[]"] {
        fs::write(&index, damaged).expect("it can be written");
        let errors = [
            place.store.resolve(&reference("app:1")).expect_err("damaged"),
            place.store.list().expect_err("damaged"),
            place.store.tag(&reference("app:2"), &manifest).expect_err("damaged"),
            place.store.untag(&reference("app:1")).expect_err("damaged"),
            place.store.collect_garbage(Duration::ZERO).expect_err("damaged"),
        ];
        for error in errors {
            assert!(matches!(&error, StoreError::Damaged { path, .. } if *path == index), "{error}");
        }
        assert_eq!(fs::read(&index).expect("the index"), damaged);
    }
    fs::remove_file(&index).expect("it can be removed");
    let error = place.store.collect_garbage(Duration::ZERO).expect_err("nothing is known");
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    fs::write(&index, whole).expect("it can be written");
    read_all(&place.store, &manifest);
}

#[test]
fn damaged_blob_is_reported_set_aside_and_can_be_fetched_again() {
    let place = Place::new();
    let image = image("hello");
    put(&place.store, &image, "app:1").expect("it is stored");
    let layer = super::Descriptor::of("layer", &image.layers()[1].bytes);
    let path = place.blob_path(&layer);
    let mut content = fs::read(&path).expect("the blob");
    content[9] ^= 1;
    fs::write(&path, &content).expect("it can be written");

    let mut seen = Vec::new();
    let mut blob = place.store.blob(&layer.digest).expect("it can be opened");
    let error = blob.read_to_end(&mut seen).expect_err("it is damaged");
    let error = error.downcast::<StoreError>().expect("the store says so");
    assert!(matches!(error, StoreError::BlobCorrupt { damage: Damage::Digest { .. }, .. }), "{error}");
    assert!(seen.len() < content.len(), "the last piece is never handed out");
    assert!(!place.store.has(&layer).expect("an answer"));

    let manifest = put(&place.store, &image, "app:1").expect("it is fetched again");
    read_all(&place.store, &manifest);
    assert_eq!(place.store.sweep().expect("the damaged file goes").leftovers, 1);
}

#[test]
fn short_blob_does_not_count_as_there() {
    let place = Place::new();
    let image = image("hello");
    let manifest = put(&place.store, &image, "app:1").expect("it is stored");
    let path = place.blob_path(&manifest);
    let content = fs::read(&path).expect("the blob");
    fs::write(&path, &content[..10]).expect("it can be written");
    assert!(!place.store.has(&manifest).expect("an answer"));
    let error =
        place.store.collect_garbage(Duration::ZERO).expect_err("what the image consists of is not known");
    assert!(matches!(error, StoreError::BlobCorrupt { .. }), "{error}");
    put(&place.store, &image, "app:1").expect("it is fetched again");
    read_all(&place.store, &manifest);
}

#[test]
fn directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("file"), "").expect("a file");
    for place in [dir.path().join("file/images"), Path::new("/proc/countersign/images").to_owned()] {
        let error = Store::open(&place).expect_err("no directory can be there");
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        assert!(error.to_string().contains('`'), "{error}");
    }
}

#[test]
fn names_that_another_tool_made_ambiguous_are_refused() {
    let place = Place::new();
    put(&place.store, &image("one"), "app:1").expect("it is stored");
    put(&place.store, &image("two"), "app:2").expect("it is stored");
    let index = place.store.dir().join("index.json");
    let text = fs::read_to_string(&index).expect("the index");
    fs::write(&index, text.replace("app:2", "app:1")).expect("it can be written");
    let error = place.store.resolve(&reference("app:1")).expect_err("which?");
    assert!(matches!(error, StoreError::AmbiguousName { .. }), "{error}");
    put(&place.store, &image("three"), "app:1").expect("a name that is given anew is one name");
    assert_eq!(names(&place.store), ["app:1"]);
}
