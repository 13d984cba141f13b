use std::io::Write as _;

use proptest::prelude::*;

use super::*;

/// A tar entry whose name is written as it is, legal or not.
fn entry(kind: EntryType, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, content: &str) -> Vec<u8> {
    entry(EntryType::Regular, name, "", content.as_bytes())
}

fn open(bytes: &[u8], limits: &Limits) -> Result<TarFile, ArchiveError> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("it can be written");
    TarFile::index(file, Path::new("a.tar"), limits)
}

fn opened(entries: &[Vec<u8>]) -> Result<TarFile, ArchiveError> {
    let mut bytes = entries.concat();
    bytes.extend_from_slice(&[0; 1024]);
    open(&bytes, &Limits::default())
}

fn text(tar: &TarFile, name: &str) -> Option<String> {
    let (_, mut content) = tar.content(name).expect("links lead somewhere")?;
    let mut text = String::new();
    content.read_to_string(&mut text).expect("it can be read");
    Some(text)
}

fn refusal(entries: &[Vec<u8>]) -> EntryProblem {
    match opened(entries) {
        Err(ArchiveError::Entry { problem, .. }) => problem,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn contents_are_found_by_normalised_name_and_through_links() {
    let tar = opened(&[
        entry(EntryType::Directory, "./", "", b""),
        entry(EntryType::Directory, "a/", "", b""),
        entry(EntryType::Directory, "a/", "", b""),
        file("./a//one", "1"),
        entry(EntryType::Symlink, "b/two", "../a/./one", b""),
        entry(EntryType::Link, "b/three", "b/two", b""),
    ])
    .expect("a tar");
    for name in ["a/one", "b/two", "b/three"] {
        assert_eq!(text(&tar, name).as_deref(), Some("1"), "{name}");
    }
    assert_eq!(text(&tar, "a"), None);
    assert_eq!(text(&tar, "c"), None);
}

#[test]
fn long_names_and_sizes_come_from_extension_records() {
    let long = "d/".repeat(100) + "name";
    let pax = format!("20 path=from-a-pax!\n10 size=2\n{}", "12 uid=1234\n");
    let hollow = entry(EntryType::Regular, "short", "", b"");
    let mut two = vec![0; 512];
    two[..2].copy_from_slice(b"hi");
    let tar = opened(&[
        entry(EntryType::GNULongName, "././@LongLink", "", format!("{long}\0").as_bytes()),
        file("d/d", "long"),
        entry(EntryType::XHeader, "pax", "", pax.as_bytes()),
        hollow,
        two,
        file("after", "in step"),
    ])
    .expect("a tar");
    assert_eq!(text(&tar, &long).as_deref(), Some("long"));
    assert_eq!(text(&tar, "from-a-pax!").as_deref(), Some("hi"));
    assert_eq!(text(&tar, "after").as_deref(), Some("in step"));
}

#[test]
fn entries_that_lead_elsewhere_are_refused() {
    assert_eq!(refusal(&[file("../x", "")]), EntryProblem::Escapes);
    assert_eq!(refusal(&[file("a/../x", "")]), EntryProblem::Escapes);
    assert_eq!(refusal(&[file("/etc/passwd", "")]), EntryProblem::Absolute);
    assert_eq!(refusal(&[file("a\\b", "")]), EntryProblem::NotText);
    let linked = |kind, to: &str| refusal(&[entry(kind, "a/b", to, b"")]);
    for to in ["../../x", "/etc/passwd", "../../../../etc/passwd"] {
        assert_eq!(linked(EntryType::Symlink, to), EntryProblem::LinkEscapes(to.to_owned()));
    }
    assert_eq!(linked(EntryType::Link, "../x"), EntryProblem::LinkEscapes("../x".to_owned()));
    assert_eq!(linked(EntryType::Char, ""), EntryProblem::Kind);
    assert_eq!(linked(EntryType::Fifo, ""), EntryProblem::Kind);
    assert_eq!(linked(EntryType::GNUSparse, ""), EntryProblem::Sparse);
}

#[test]
fn second_entry_of_a_name_is_refused() {
    assert_eq!(refusal(&[file("a", "1"), file("./a", "2")]), EntryProblem::Twice);
    assert_eq!(refusal(&[file("a", ""), entry(EntryType::Directory, "a/", "", b"")]), EntryProblem::Twice);
}

#[test]
fn links_in_a_circle_end() {
    let tar = opened(&[entry(EntryType::Symlink, "a", "b", b""), entry(EntryType::Symlink, "b", "a", b"")])
        .expect("a tar");
    let error = tar.content("a").expect_err("a circle");
    assert!(matches!(error, ArchiveError::Entry { problem: EntryProblem::LinkLoop, .. }), "{error}");
}

#[test]
fn cut_short_anywhere_is_an_error_or_leaves_whole_entries() {
    let bytes = [file("a", &"x".repeat(700)), file("b", "y")].concat();
    for length in 1..bytes.len() {
        match open(&bytes[..length], &Limits::default()) {
            Err(ArchiveError::Truncated { .. }) => {}
            Ok(tar) => {
                let whole = tar.entries.keys().all(|name| text(&tar, name).is_some());
                assert!(whole, "{length}");
            }
            Err(other) => panic!("{length}: {other}"),
        }
    }
}

#[test]
fn limits_hold_on_both_sides() {
    let bytes = [file("a", ""), file("b", "")].concat();
    assert!(open(&bytes, &Limits { entries: 2, ..Limits::default() }).is_ok());
    let error = open(&bytes, &Limits { entries: 1, ..Limits::default() }).expect_err("too many");
    assert!(matches!(error, ArchiveError::Limit { what: "entries", limit: 1 }), "{error}");
    assert!(open(&file("abcd", ""), &Limits { path_bytes: 4, ..Limits::default() }).is_ok());
    let error =
        open(&file("abcd", ""), &Limits { path_bytes: 3, ..Limits::default() }).expect_err("too long");
    assert!(matches!(error, ArchiveError::Entry { problem: EntryProblem::Long { .. }, .. }), "{error}");
}

#[test]
fn noise_is_refused() {
    for bytes in [vec![7; 2048], file("a", "x").into_iter().map(|byte| byte ^ 1).collect()] {
        let error = open(&bytes, &Limits::default()).expect_err("noise");
        assert!(matches!(error, ArchiveError::Tar { .. }), "{error}");
    }
    let bomb = entry(EntryType::GNULongName, "x", "", &vec![b'a'; 65 * 1024]);
    assert!(matches!(opened(&[bomb]), Err(ArchiveError::Tar { .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_indexed_or_refused_without_panic(
        names in proptest::collection::vec("[a-c./]{1,8}", 0..4),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
        fix_checksums in any::<bool>(),
    ) {
        let mut bytes = names.iter().map(|name| file(name, "content")).collect::<Vec<_>>().concat();
        for (at, byte) in changes.iter().filter(|_| !names.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if fix_checksums {
            for block in bytes.chunks_mut(1024) {
                let mut header = Header::from_byte_slice(&block[..512]).clone();
                header.set_cksum();
                block[..512].copy_from_slice(header.as_bytes());
            }
        }
        if let Ok(tar) = open(&bytes, &Limits::default()) {
            for name in tar.entries.keys() {
                if let Ok(Some((size, mut content))) = tar.content(name) {
                    let copied = io::copy(&mut content, &mut io::sink());
                    prop_assert_eq!(copied.ok(), Some(size));
                }
            }
        }
    }
}
