//! Loading and saving, and archives that are not what they should be.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use countersign_core::digest::Digest;
use countersign_registry::descriptor::media_type;
use countersign_registry::store::{ArchiveError, EntryProblem, Limits, Loaded, Store};
use countersign_testkit::image::{Content, Image, Index};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Place, image, names, put, read_all, reference};

fn load(store: &Store, path: &Path) -> Result<Vec<Loaded>, ArchiveError> {
    store.load(path, None, &Limits::default())
}

fn load_as(store: &Store, path: &Path, name: &str) -> Result<Vec<Loaded>, ArchiveError> {
    store.load(path, Some(&reference(name)), &Limits::default())
}

fn gzip(path: &Path, to: &Path) {
    let mut encoder = GzEncoder::new(File::create(to).expect("a file"), Compression::fast());
    encoder.write_all(&fs::read(path).expect("an archive")).expect("it can be compressed");
    encoder.finish().expect("it can be compressed");
}

fn write_tar(path: &Path, files: &[(&str, &[u8])]) {
    let mut tar = tar::Builder::new(File::create(path).expect("a file"));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).expect("it can be written");
    }
    tar.into_inner().expect("it can be written").sync_all().expect("it can be written");
}

#[test]
fn every_form_of_an_image_is_loaded_whole() {
    let place = Place::new();
    let image = image("hello");
    let paths = ["dir", "oci.tar", "oci.tar.gz", "docker.tar"].map(|name| place.path(name));
    image.write_layout(&paths[0], "app:1").expect("a layout");
    image.write_oci_archive(&paths[1], "docker.io/library/app:1").expect("an archive");
    gzip(&paths[1], &paths[2]);
    image.write_docker_archive_with_layout(&paths[3], "app:1").expect("an archive");
    for path in paths {
        let store = Store::open(&tempfile::tempdir().expect("a directory").keep()).expect("a store");
        let loaded = load(&store, &path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(loaded.len(), 1);
        assert_eq!(loaded[0].reference, Some(reference("app:1")), "{}", path.display());
        assert_eq!(loaded[0].descriptor.digest, image.digest());
        assert_eq!(names(&store), ["app:1"]);
        read_all(&store, &loaded[0].descriptor);
        fs::remove_dir_all(store.dir()).expect("it can be removed");
    }
}

#[test]
fn older_docker_archive_always_gets_the_same_manifest() {
    let place = Place::new();
    let image = image("hello");
    let (plain, compressed) = (place.path("docker.tar"), place.path("docker.tar.gz"));
    image.write_docker_archive(&plain, "registry.example/team/app:1.4").expect("an archive");
    gzip(&plain, &compressed);
    let first = load(&place.store, &plain).expect("it is loaded");
    assert_eq!(first[0].reference, Some(reference("registry.example/team/app:1.4")));
    read_all(&place.store, &first[0].descriptor);
    let second = load_as(&place.store, &compressed, "other:2").expect("it is loaded");
    assert_eq!(second[0].descriptor, first[0].descriptor);
    assert_eq!(names(&place.store), ["other:2", "registry.example/team/app:1.4"]);
}

#[test]
fn index_of_several_platforms_is_loaded_and_saved_whole() {
    let place = Place::new();
    let platform = |architecture| {
        let builder = Image::builder().platform("linux", architecture);
        let file = countersign_testkit::image::File::new("etc/arch", architecture);
        builder.layer([file]).build().expect("an image")
    };
    let index = Index::of([platform("amd64"), platform("arm64")]);
    let (path, saved) = (place.path("multi.tar"), place.path("saved.tar"));
    index.write_oci_archive(&path, "1.4").expect("an archive");
    assert_eq!(load(&place.store, &path).expect("it is loaded")[0].reference, None);
    assert_eq!(names(&place.store), [""]);
    let loaded = load_as(&place.store, &path, "multi:1.4").expect("it is loaded");
    assert_eq!(loaded[0].descriptor.digest, index.digest());
    assert_eq!(names(&place.store), ["multi:1.4"], "the entry that had no name has it");
    place.store.save(&[reference("multi:1.4")], &saved).expect("it is saved");
    let other = Place::new();
    let again = load(&other.store, &saved).expect("it is loaded");
    assert_eq!(
        (again[0].reference.clone(), again[0].descriptor.digest),
        (Some(reference("multi:1.4")), index.digest())
    );
    read_all(&other.store, &again[0].descriptor);
}

#[test]
fn saved_archive_is_the_same_every_time() {
    let place = Place::new();
    put(&place.store, &image("one"), "one:1").expect("it is stored");
    let two = put(&place.store, &image("two"), "two:1").expect("it is stored");
    place.store.tag(&reference("also:2"), &two).expect("it is named");
    let both = [reference("two:1"), reference("one:1"), reference("also:2")];
    let (first, second) = (place.path("first.tar"), place.path("second.tar"));
    place.store.save(&both, &first).expect("it is saved");
    place.store.save(&[both[2].clone(), both[1].clone(), both[0].clone()], &second).expect("it is saved");
    assert!(fs::read(&first).expect("an archive") == fs::read(&second).expect("an archive"));
    let other = Place::new();
    load(&other.store, &first).expect("it is loaded");
    assert_eq!(names(&other.store), ["also:2", "one:1", "two:1"]);
    let error = load_as(&other.store, &first, "x:1").expect_err("one name for two images");
    assert!(matches!(&error, ArchiveError::Several { names } if names.len() == 3), "{error}");
    let error = place.store.save(&[reference("absent:1")], &first).expect_err("no such image");
    assert!(matches!(error, ArchiveError::NoSuchImage(_)), "{error}");
    assert!(fs::read(&first).expect("the old archive") == fs::read(&second).expect("an archive"));
}

#[test]
fn two_names_of_one_image_may_become_one() {
    let place = Place::new();
    let one = put(&place.store, &image("one"), "one:1").expect("it is stored");
    place.store.tag(&reference("one:2"), &one).expect("it is named");
    let path = place.path("one.tar");
    place.store.save(&[reference("one:1"), reference("one:2")], &path).expect("it is saved");
    let other = Place::new();
    load_as(&other.store, &path, "mine:1").expect("one image");
    assert_eq!(names(&other.store), ["mine:1"]);
}

#[test]
fn archive_cut_short_or_changed_anywhere_loads_nothing_else() {
    let place = Place::new();
    let image = image("hello");
    let (oci, docker, broken) = (place.path("oci.tar"), place.path("docker.tar"), place.path("broken.tar"));
    image.write_oci_archive(&oci, "app:1").expect("an archive");
    image.write_docker_archive(&docker, "app:1").expect("an archive");
    for path in [&oci, &docker] {
        let whole = fs::read(path).expect("an archive");
        let expected = load(&Place::new().store, path).expect("it is loaded");
        for at in (0..whole.len()).step_by(411) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            for damaged in [&whole[..at], &changed] {
                fs::write(&broken, damaged).expect("it can be written");
                let before = names(&place.store);
                match load(&place.store, &broken) {
                    Err(_) => assert_eq!(names(&place.store), before, "{at}"),
                    // What is left out or changed may be padding, or a name.
                    Ok(loaded) => {
                        assert_eq!(loaded[0].descriptor, expected[0].descriptor, "{at}");
                        read_all(&place.store, &loaded[0].descriptor);
                    }
                }
            }
        }
    }
}

#[test]
fn changed_layer_is_named_with_both_digests() {
    let place = Place::new();
    let image = image("hello");
    let path = place.path("dir");
    image.write_layout(&path, "app:1").expect("a layout");
    let layer = image.layers()[0];
    let file = path.join("blobs/sha256").join(layer.digest.hex());
    let mut content = layer.bytes.to_vec();
    content[12] ^= 1;
    fs::write(&file, &content).expect("it can be written");
    let error = load(&place.store, &path).expect_err("it is changed");
    let text = error.to_string();
    assert!(matches!(error, ArchiveError::Content { .. }), "{text}");
    assert!(
        text.contains(&layer.digest.to_string()) && text.contains(&Digest::sha256(&content).to_string()),
        "{text}"
    );
    fs::remove_file(&file).expect("it can be removed");
    let error = load(&place.store, &path).expect_err("it is not there");
    assert!(matches!(error, ArchiveError::Absent { .. }), "{error}");
    assert!(names(&place.store).is_empty());
}

#[test]
fn older_docker_archive_that_lies_is_refused() {
    let place = Place::new();
    let path = place.path("docker.tar");
    let refused = |files: &[(&str, &[u8])]| {
        write_tar(&path, files);
        let error = load(&place.store, &path).expect_err("a lie");
        assert!(names(&place.store).is_empty());
        error
    };
    let config = format!(r#"{{"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#, Digest::sha256(b"layer"));
    let named = format!("{}.json", Digest::sha256(config.as_bytes()).hex());
    let list = |config: &str, layers: &str| {
        format!(r#"[{{"Config":"{config}","RepoTags":["app:1"],"Layers":{layers}}}]"#).into_bytes()
    };
    let whole = list(&named, r#"["l/layer.tar"]"#);
    let error = refused(&[("manifest.json", &whole), (&named, config.as_bytes()), ("l/layer.tar", b"LAYER")]);
    assert!(matches!(&error, ArchiveError::Content { entry, .. } if entry == "l/layer.tar"), "{error}");
    let error =
        refused(&[("manifest.json", &whole), (&named, b"{\"rootfs\":{}}"), ("l/layer.tar", b"layer")]);
    assert!(matches!(&error, ArchiveError::Content { entry, .. } if *entry == named), "{error}");
    let error = refused(&[("manifest.json", &list(&named, "[]")), (&named, config.as_bytes())]);
    assert!(matches!(error, ArchiveError::LayerCount { diff_ids: 1, layers: 0, .. }), "{error}");
    let error = refused(&[("manifest.json", &whole), (&named, config.as_bytes())]);
    assert!(matches!(error, ArchiveError::Absent { .. }), "{error}");
    let error = refused(&[("manifest.json", &list("../../etc/passwd", "[]"))]);
    assert!(matches!(error, ArchiveError::Entry { problem: EntryProblem::Escapes, .. }), "{error}");
    let error = refused(&[("manifest.json", &list("/etc/passwd", "[]"))]);
    assert!(matches!(error, ArchiveError::Entry { problem: EntryProblem::Absolute, .. }), "{error}");
    let error = refused(&[("manifest.json", b"[]")]);
    assert!(matches!(error, ArchiveError::NoImages { .. }), "{error}");
    let error = refused(&[("manifest.json", b"{")]);
    assert!(matches!(error, ArchiveError::Document { .. }), "{error}");
    let error = refused(&[("repositories", b"{}")]);
    assert!(matches!(error, ArchiveError::Unknown { .. }), "{error}");
}

/// Docker reads names in any case, and the last of two counts.
#[test]
fn document_that_docker_would_read_otherwise_is_refused() {
    let place = Place::new();
    let path = place.path("docker.tar");
    let config = |more: &str| {
        format!(r#"{{"rootfs":{{"type":"layers","diff_ids":["{}"]{more}}}}}"#, Digest::sha256(b"layer"))
    };
    let list = |more: &str| format!(r#"[{{"Config":"c.json","RepoTags":null,"Layers":["l"]{more}}}]"#);
    let write = |list: &str, config: &str| {
        let files = [("manifest.json", list.as_bytes()), ("c.json", config.as_bytes()), ("l", b"layer")];
        write_tar(&path, &files);
    };
    for (list, config, entry) in [
        (list(r#","layers":["m"]"#), config(""), "manifest.json"),
        (list(r#","CONFIG":"d.json""#), config(""), "manifest.json"),
        (list(""), config(r#","Diff_IDs":[]"#), "c.json"),
        (list(""), config("").replacen('{', r#"{"RootFS":{},"#, 1), "c.json"),
    ] {
        write(&list, &config);
        let error = load(&place.store, &path).expect_err("two readings");
        assert!(matches!(&error, ArchiveError::Document { entry: of, .. } if of == entry), "{error}");
        assert!(names(&place.store).is_empty());
    }
    write_tar(
        &path,
        &[
            ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#),
            ("index.json", br#"{"schemaVersion":2,"manifests":[],"Manifests":[]}"#),
        ],
    );
    let error = load(&place.store, &path).expect_err("two readings");
    assert!(matches!(&error, ArchiveError::Document { entry, .. } if entry == "index.json"), "{error}");
    write(&list(r#","Comment":"""#), &config(r#","other":1"#));
    load(&place.store, &path).expect("one reading");
}

#[test]
fn links_between_layers_and_compressed_layers_are_read() {
    let place = Place::new();
    let path = place.path("docker.tar");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"layer").expect("it can be compressed");
    let compressed = encoder.finish().expect("it can be compressed");
    let diff_id = Digest::sha256(b"layer");
    let config =
        format!(r#"{{"rootfs":{{"type":"layers","diff_ids":["{diff_id}","{diff_id}","{diff_id}"]}}}}"#);
    let list = br#"[{"Config":"c.json","RepoTags":null,"Layers":["a/layer.tar","b/layer.tar","z.tar.gz"]}]"#;
    let mut tar = tar::Builder::new(File::create(&path).expect("a file"));
    let mut append = |name: &str, kind, link: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        if link.is_empty() {
            tar.append_data(&mut header, name, content).expect("it can be written");
        } else {
            tar.append_link(&mut header, name, link).expect("it can be written");
        }
    };
    append("manifest.json", tar::EntryType::Regular, "", list);
    append("c.json", tar::EntryType::Regular, "", config.as_bytes());
    append("a/layer.tar", tar::EntryType::Regular, "", b"layer");
    append("b/layer.tar", tar::EntryType::Symlink, "../a/layer.tar", b"");
    append("z.tar.gz", tar::EntryType::Regular, "", &compressed);
    tar.into_inner().expect("it can be written").sync_all().expect("it can be written");
    let loaded = load(&place.store, &path).expect("it is loaded");
    assert_eq!(loaded[0].reference, None);
    read_all(&place.store, &loaded[0].descriptor);
}

#[test]
fn bombs_and_other_compressions_are_refused() {
    let place = Place::new();
    let (plain, bomb) = (place.path("plain.tar"), place.path("bomb.tar.gz"));
    write_tar(&plain, &[("oci-layout", &vec![0; 1 << 20])]);
    gzip(&plain, &bomb);
    let limits = Limits { unpacked_bytes: 1 << 20, ..Limits::default() };
    let error = place.store.load(&bomb, None, &limits).expect_err("too large");
    assert!(matches!(error, ArchiveError::Limit { what: "bytes when unpacked", .. }), "{error}");
    assert_eq!(super::files_in(&place.store.dir().join(".countersign/ingest")), 0);
    let error = load(&place.store, &bomb).expect_err("an endless file that should be short");
    assert!(matches!(error, ArchiveError::Unknown { .. }), "{error}");
    for (name, start) in [("zstd", &[0x28, 0xb5, 0x2f, 0xfd][..]), ("xz", b"\xfd7zXZ\0"), ("bzip2", b"BZh9")]
    {
        fs::write(&plain, start).expect("it can be written");
        let error = load(&place.store, &plain).expect_err("not gzip");
        assert!(matches!(error, ArchiveError::Compression { method, .. } if method == name), "{error}");
    }
}

#[test]
fn neither_archive_nor_layout_is_said() {
    let place = Place::new();
    let (empty, dir, absent) = (place.path("empty"), place.path("dir"), place.path("absent"));
    fs::write(&empty, "").expect("a file");
    fs::create_dir(&dir).expect("a directory");
    for path in [empty, dir] {
        let error = load(&place.store, &path).expect_err("nothing in it");
        assert!(matches!(error, ArchiveError::Unknown { .. }), "{error}");
    }
    let error = load(&place.store, &absent).expect_err("not there");
    assert!(matches!(error, ArchiveError::Read { .. }), "{error}");
    let error = load(&place.store, Path::new("/dev/zero")).expect_err("not a file");
    assert!(matches!(error, ArchiveError::Read { .. }), "{error}");
}

#[test]
fn damaged_store_saves_nothing() {
    let place = Place::new();
    let image = image("hello");
    put(&place.store, &image, "app:1").expect("it is stored");
    let layer = super::Descriptor::of("layer", &image.layers()[0].bytes);
    let mut content = layer_content(&place, &layer);
    content[20] ^= 1;
    fs::write(place.blob_path(&layer), content).expect("it can be written");
    let path = place.path("saved.tar");
    let before = super::files_in(place.dir.path());
    let error = place.store.save(&[reference("app:1")], &path).expect_err("damaged");
    assert!(matches!(error, ArchiveError::Store(_)), "{error}");
    assert_eq!(super::files_in(place.dir.path()), before);
    let error = place.store.save(&[reference("app:1")], &path).expect_err("set aside");
    assert!(error.to_string().contains(&layer.digest.to_string()), "{error}");
}

fn layer_content(place: &Place, layer: &super::Descriptor) -> Vec<u8> {
    fs::read(place.blob_path(layer)).expect("the blob")
}

#[test]
fn indexes_that_name_each_other_many_times_are_read_once() {
    let place = Place::new();
    let image = image("hello");
    let mut files: Vec<(String, Vec<u8>)> = image
        .contents()
        .iter()
        .map(|content| (format!("blobs/sha256/{}", content.digest.hex()), content.bytes.to_vec()))
        .collect();
    let mut child = serde_json::to_value(image.manifest().descriptor()).expect("a descriptor");
    for _ in 0..12 {
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": vec![child; 50] }).to_string();
        let described = Content::new(media_type::OCI_INDEX, index.clone());
        files.push((format!("blobs/sha256/{}", described.digest.hex()), index.into_bytes()));
        child = described.descriptor();
    }
    files.push(("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [child] });
    files.push(("index.json".to_owned(), index.to_string().into_bytes()));
    let path = place.path("deep.tar");
    let named: Vec<_> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    write_tar(&path, &named);
    load_as(&place.store, &path, "deep:1").expect("it is loaded");
    place.store.save(&[reference("deep:1")], &path).expect("it is saved");
    assert_eq!(place.store.list().expect("it is listed").len(), 1);
}
