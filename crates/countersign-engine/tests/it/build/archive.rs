//! Archives on standard input: the Dockerfile in them is replaced, and everything else arrives as it was.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use countersign_engine::build::{ArchiveProblem, BuildError, Builder, ContextError, Prepared};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::{flags, pinned_alpine, prepare, stdin_of};

/// An entry of an archive.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry {
    path: PathBuf,
    kind: EntryType,
    mode: u32,
    content: Vec<u8>,
    target: Option<PathBuf>,
}

fn file(path: &str, content: &str) -> Entry {
    Entry { path: path.into(), kind: EntryType::Regular, mode: 0o640, content: content.into(), target: None }
}

fn link(path: &str, kind: EntryType, target: &str) -> Entry {
    Entry { path: path.into(), kind, mode: 0o777, content: Vec::new(), target: Some(target.into()) }
}

fn dir(path: &str) -> Entry {
    Entry { path: path.into(), kind: EntryType::Directory, mode: 0o755, content: Vec::new(), target: None }
}

/// Writes an archive whose names are what they are, `./` and all.
fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        header.set_uid(7);
        header.set_gid(8);
        header.set_mtime(9);
        header.set_size(entry.content.len() as u64);
        let name = entry.path.to_str().expect("text").as_bytes();
        header.as_gnu_mut().expect("a header").name[..name.len()].copy_from_slice(name);
        if let Some(target) = &entry.target {
            header.set_link_name_literal(target.to_str().expect("text")).expect("a target");
        }
        header.set_cksum();
        builder.append(&header, entry.content.as_slice()).expect("an entry");
    }
    builder.into_inner().expect("an archive")
}

fn entries(archive: &[u8]) -> Vec<Entry> {
    let mut archive = tar::Archive::new(archive);
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.expect("an entry");
        let header = entry.header().clone();
        assert_eq!((header.uid().ok(), header.gid().ok(), header.mtime().ok()), (Some(7), Some(8), Some(9)));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        Entry {
            path: entry.path().expect("a path").into_owned(),
            kind: header.entry_type(),
            mode: header.mode().expect("a mode"),
            content,
            target: entry.link_name().expect("a link").map(std::borrow::Cow::into_owned),
        }
    };
    archive.entries().expect("entries").map(read).collect()
}

fn build(stdin: &[u8], file: Option<&str>) -> Result<Prepared, BuildError> {
    let mut flags = flags(Builder::Classic, "-", Path::new("/"));
    flags.file = file.map(str::to_owned);
    prepare(flags, stdin)
}

fn problem(stdin: &[u8], file: Option<&str>) -> ArchiveProblem {
    match build(stdin, file) {
        Err(BuildError::Context(ContextError::Archive(problem))) => problem,
        other => fail(&format!("{other:?}")),
    }
}

#[expect(clippy::panic, reason = "a test says what went wrong")]
fn fail(text: &str) -> ! {
    panic!("{text}")
}

#[test]
fn only_the_dockerfile_of_an_archive_changes() {
    let long = format!("{}/file", "d".repeat(90));
    let given = [
        dir("src/"),
        file("src/Dockerfile", "FROM evil\n"),
        file(&long, "long"),
        file("./Dockerfile", "FROM alpine\n"),
        link("a", EntryType::Symlink, "../outside"),
        link("b", EntryType::Link, "src/Dockerfile"),
        file("empty", ""),
    ];
    let prepared = build(&archive(&given), None).expect("a build");
    let mut expected = given.clone();
    expected[3] = file("Dockerfile", &pinned_alpine());
    assert_eq!(entries(&stdin_of(&prepared)), expected);
}

#[test]
fn dockerfile_is_found_under_each_of_its_names() {
    for (name, flag) in [
        ("Dockerfile", None),
        ("./Dockerfile", None),
        ("/Dockerfile", None),
        ("dockerfile", None),
        ("a/b", Some("a/b")),
        ("./a/b", Some("./a//b")),
        ("x/../Dockerfile", None),
    ] {
        let given = archive(&[file(name, "FROM alpine\n"), file("z", "z")]);
        let prepared = build(&given, flag).expect(name);
        let found = entries(&stdin_of(&prepared));
        assert_eq!(String::from_utf8_lossy(&found[0].content), pinned_alpine(), "{name}");
        assert_eq!(prepared.args.is_empty(), flag.is_none());
    }
    let both = archive(&[file("dockerfile", "FROM busybox\n"), file("Dockerfile", "FROM alpine\n")]);
    let found = entries(&stdin_of(&build(&both, None).expect("a build")));
    assert_eq!(String::from_utf8_lossy(&found[0].content), "FROM busybox\n");
    assert_eq!(String::from_utf8_lossy(&found[1].content), pinned_alpine());
}

#[test]
fn gzip_is_unpacked_and_other_compressions_are_refused() {
    let given = archive(&[file("Dockerfile", "FROM alpine\n")]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&given).expect("written");
    let packed = gzip.finish().expect("packed");
    let found = entries(&stdin_of(&build(&packed, None).expect("a build")));
    assert_eq!(String::from_utf8_lossy(&found[0].content), pinned_alpine());
    for (start, name) in [
        (&b"BZh91AY"[..], "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x50\x2a\x4d\x18", "zstd"),
    ] {
        let refused = build(start, None);
        assert!(
            matches!(&refused, Err(BuildError::Context(ContextError::Compression(found))) if *found == name),
            "{name}"
        );
    }
    assert!(matches!(
        build(&packed[..packed.len() / 2], None),
        Err(BuildError::Context(ContextError::Io { .. }))
    ));
}

#[test]
fn archives_whose_dockerfile_is_not_what_it_seems_are_refused() {
    let docker = || file("Dockerfile", "FROM alpine\n");
    let twice = archive(&[docker(), file("./Dockerfile", "FROM evil\n")]);
    assert!(matches!(problem(&twice, None), ArchiveProblem::Twice(_)));
    for odd in [
        vec![link("Dockerfile", EntryType::Symlink, "evil"), file("evil", "FROM evil\n")],
        vec![file("evil", "FROM evil\n"), link("Dockerfile", EntryType::Link, "evil")],
        vec![docker(), link("./Dockerfile", EntryType::Symlink, "evil")],
        vec![docker(), dir("Dockerfile/")],
        vec![docker(), file(".wh.Dockerfile", "")],
        vec![docker(), file(".wh..wh..opq", "")],
    ] {
        assert!(matches!(problem(&archive(&odd), None), ArchiveProblem::NoFile(_)), "{odd:?}");
    }
    let above = archive(&[file("a/Dockerfile", "FROM alpine\n"), link("a", EntryType::Symlink, "evil")]);
    assert!(matches!(problem(&above, Some("a/Dockerfile")), ArchiveProblem::NoFile(_)));
    assert!(
        matches!(problem(&archive(&[file("x", "")]), None), ArchiveProblem::NoDockerfile(name) if name == "Dockerfile")
    );
    assert!(matches!(problem(&archive(&[docker(), file("../x", "")]), None), ArchiveProblem::Escapes(_)));
    assert!(matches!(problem(&archive(&[docker()]), Some("../x")), ArchiveProblem::Escapes(_)));
    let mut cut = archive(&[docker(), file("big", &"x".repeat(5000))]);
    cut.truncate(3000);
    assert!(build(&cut, None).is_err());
}
