//! Pages on security, and on what is held to other programs, name tests and code. Each name must lead somewhere, so that no page
//! outlives what it tells of.
//!
//! A name stands in backticks, with its path from the root of the repository:
//!
//! ```text
//! crates/countersign-core/src/trust/file.rs                           a file or a directory
//! crates/countersign-core/src/trust/root.rs::RootPhase::accept_root   a function in it
//! crates/countersign-core/tests/it/threshold.rs::some_test            a test
//! scripts/seed-tour::the first push makes keys                        a step of a script
//! test_rollback.py::test_snapshot_rollback                            a test of the TUF conformance suite
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign_testkit::peers::peers_dir_or_skip;

/// Modules whose every test must be named on a page.
const CATALOGUES: &[(&str, &str)] = &[
    ("crates/countersign-cli/tests/it/attacks", "docs/security/attacks.md"),
    ("crates/countersign-cli/tests/it/traps", ANSWERS),
    ("crates/countersign-client/tests/it/attacks", "docs/security/attacks.md"),
    ("crates/countersign-client/tests/it/attacks.rs", "docs/security/attacks.md"),
    ("crates/countersign-cli/tests/it/notary/connection.rs", "docs/reference/notary.md"),
    ("crates/countersign-server/tests/it/upload.rs", "docs/security/attacks.md"),
    ("crates/countersign-server/tests/it/verdicts", "docs/security/attacks.md"),
];

/// Pages that name tests, besides those in `docs/security`.
const PAGES_BESIDE: [&str; 4] =
    ["SECURITY.md", ANSWERS, "docs/reference/docker-trust.md", "docs/reference/notary.md"];

/// How names of variables begin.
const PREFIXES: [&str; 12] = [
    "BUILDKIT_",
    "CONTAINER_",
    "CONTAINERS_",
    "COUNTERSIGN_",
    "DOCKER_",
    "HTTP_",
    "HTTPS_",
    "NO_",
    "NOTARY_",
    "REGISTRIES_",
    "SSL_",
    "XDG_",
];

/// Not for people: Docker tells its plugins with it, a test hides in it, and a code is no variable.
const NO_VARIABLES: [&str; 3] = ["DOCKER_CLI_PLUGIN_SOCKET", "COUNTERSIGN_TEST_DATABASE", "NO_FILENAME"];
/// What Docker did, and what it promised, case by case.
const ANSWERS: &str = "docs/reference/answers.md";
/// How many cases of each there are.
const CASES: [(&str, usize); 2] = [("## What Docker did", 18), ("## What Docker 1.8 promised", 32)];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The pages that say which test holds what: `SECURITY.md`, those in `docs/security`, and those on other programs' command
/// lines. Path and text.
fn pages() -> Vec<(String, String)> {
    let mut paths: Vec<_> = PAGES_BESIDE.map(str::to_owned).into();
    for entry in fs::read_dir(repository().join("docs/security")).expect("the directory exists") {
        let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            paths.push(format!("docs/security/{name}"));
        }
    }
    let read = |path: String| {
        let text = fs::read_to_string(repository().join(&path)).expect("the page can be read");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// What stands in backticks, fenced blocks left out.
fn quoted(page: &str) -> Vec<&str> {
    let mut is_fenced = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// The lines of `source` up to the one that begins the function `name`.
fn up_to_function<'a>(source: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let begins = |line: &str| {
        let rest = line.split_once("fn ").and_then(|(_, rest)| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(['(', '<'])) && !line.trim_start().starts_with("//")
    };
    let at = source.lines().position(begins)?;
    Some(source.lines().take(at).collect())
}

/// Whether what stands right before a function makes it a test.
fn is_test(before: &[&str]) -> bool {
    let attributes = before
        .iter()
        .rev()
        .map(|line| line.trim())
        .take_while(|line| line.starts_with("#[") || line.starts_with("//") || line.ends_with(")]"));
    attributes.into_iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

/// What is wrong with a name of something in the repository.
fn fault(name: &str) -> Option<String> {
    let (path, function) = name.split_once("::").map_or((name, None), |(path, rest)| (path, Some(rest)));
    let file = repository().join(path);
    if !file.exists() {
        return Some(format!("there is no `{path}`"));
    }
    let function = function?;
    let Ok(source) = fs::read_to_string(&file) else { return Some(format!("`{path}` is no file")) };
    if path.starts_with("scripts/") {
        let is_step = |line: &str| line.contains("step \"") && line.ends_with(&format!(": {function}\""));
        let found = source.lines().any(is_step);
        return (!found).then(|| format!("`{function}` is no step of {path}"));
    }
    let (owner, function) = function.rsplit_once("::").unwrap_or(("", function));
    if !source.contains(owner) {
        return Some(format!("there is no `{owner}` in {path}"));
    }
    match up_to_function(&source, function) {
        None => Some(format!("there is no `{function}` in {path}")),
        Some(before) if path.contains("/tests/it/") && !is_test(&before) => {
            Some(format!("`{function}` in {path} is no test"))
        }
        Some(_) => None,
    }
}

fn is_path(name: &str) -> bool {
    ["crates/", "docs/", "scripts/", "fuzz/"].iter().any(|root| name.starts_with(root))
}

#[test]
fn everything_that_the_pages_name_exists() {
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        let names: BTreeSet<_> = quoted(&text).into_iter().filter(|name| is_path(name)).collect();
        assert!(names.len() >= 10, "{page} names {} places, or is not read rightly", names.len());
        wrong.extend(names.into_iter().filter_map(fault).map(|fault| format!("{page}: {fault}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_case_is_answered_once_in_its_order() {
    let page = fs::read_to_string(repository().join(ANSWERS)).expect("the page can be read");
    for (title, count) in CASES {
        let (_, part) = page.split_once(title).expect("the page has this part");
        let part = part.split("\n## ").next().unwrap_or_default();
        let rows = part.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
        let rows: Vec<_> =
            rows.filter_map(|(number, row)| Some((number.parse::<usize>().ok()?, row))).collect();
        assert_eq!(
            rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            (1..=count).collect::<Vec<_>>()
        );
        for (number, row) in rows {
            let names: Vec<_> = quoted(row).into_iter().filter(|name| is_path(name)).collect();
            assert!(!names.is_empty(), "nothing holds {title} {number}");
            let is_its_own = |name: &str| name.contains(&format!("::trap_{number:02}_"));
            assert!(count != 18 || names.iter().any(|name| is_its_own(name)), "{number}: {names:?}");
        }
    }
}

#[test]
fn every_test_of_a_catalogue_is_on_its_page() {
    let mut missing = Vec::new();
    for (path, page) in CATALOGUES {
        let text = fs::read_to_string(repository().join(page)).expect("the page can be read");
        let names: BTreeSet<_> = quoted(&text).into_iter().collect();
        let mut tests = Vec::new();
        collect_tests(path, &mut tests);
        assert!(!tests.is_empty(), "there is no test in {path}");
        missing.extend(tests.into_iter().filter(|test| !names.contains(test.as_str())));
    }
    assert!(missing.is_empty(), "not on the page: {missing:#?}");
}

#[test]
fn every_variable_that_the_program_reads_is_on_a_page() {
    let mut documents = String::new();
    for path in ["README.md", "CONTRIBUTING.md", "docs/guide", "docs/reference"] {
        read_all(&repository().join(path), "md", &mut documents);
    }
    let words = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
        words.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let documented = words(&documents);
    let mut code = String::new();
    for name in ["cli", "client", "engine", "registry", "server"] {
        read_all(&repository().join(format!("crates/countersign-{name}/src")), "rs", &mut code);
    }
    let is_variable = |word: &&str| {
        PREFIXES.iter().any(|prefix| word.starts_with(prefix) && word.len() > prefix.len())
            && !word.ends_with('_')
            && word.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
            && !NO_VARIABLES.contains(word)
    };
    let read: BTreeSet<&str> = code.split('"').filter(is_variable).collect();
    assert!(read.len() > 30, "only {} variables are read, or the code is not", read.len());
    // What is said of a variable says that a file may be named in its place.
    let names = |name: &str| [Some(name.to_owned()), name.strip_suffix("_FILE").map(str::to_owned)];
    let is_missing = |name: &&str| !names(name).into_iter().flatten().any(|name| documented.contains(&name));
    let missing: Vec<_> = read.into_iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "on no page: {missing:?}");
}

/// The text of a file, or of the files of a directory and below, that end so.
fn read_all(path: &Path, ending: &str, text: &mut String) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            read_all(&entry.expect("an entry").path(), ending, text);
        }
    } else if path.extension().is_some_and(|found| found == ending) {
        text.push_str(&fs::read_to_string(path).expect("text"));
    }
}

/// Every test in a file, or in the files of a directory and below.
fn collect_tests(path: &str, tests: &mut Vec<String>) {
    let file = repository().join(path);
    if file.is_dir() {
        for entry in fs::read_dir(&file).expect("a directory") {
            let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
            collect_tests(&format!("{path}/{name}"), tests);
        }
        return;
    }
    let source = fs::read_to_string(&file).expect("a source file");
    let lines: Vec<&str> = source.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some((_, rest)) = line.split_once("fn ") else { continue };
        if is_test(&lines[..at]) {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            tests.push(format!("{path}::{name}"));
        }
    }
}

#[test]
fn every_test_of_the_conformance_suite_that_is_named_exists() {
    let Some(peers) = peers_dir_or_skip() else { return };
    let archive = fs::read_dir(peers).expect("a folder").filter_map(Result::ok).map(|entry| entry.path());
    let archive = archive.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("tuf-conformance-") && name.ends_with(".tar.gz")
    });
    let archive = archive.expect("the folder holds the suite");
    let mut named = 0;
    for (page, text) in pages() {
        for name in quoted(&text) {
            let Some((module, test)) = name.split_once(".py::") else { continue };
            let mut tar = Command::new("tar");
            tar.arg("-xzOf").arg(&archive).arg(format!("tuf-conformance/tuf_conformance/{module}.py"));
            let source = String::from_utf8(tar.output().expect("tar runs").stdout).expect("text");
            assert!(source.contains(&format!("def {test}(")), "{page}: there is no `{test}` in {module}.py");
            named += 1;
        }
    }
    assert!(named > 0, "no page names any");
}

#[test]
fn checker_tells_what_is_there_from_what_is_not() {
    let here = "crates/countersign-testkit/tests/it/pages.rs";
    assert_eq!(fault(&format!("{here}::checker_tells_what_is_there_from_what_is_not")), None);
    assert_eq!(fault("crates/countersign-testkit/src/peers.rs::present_or_skip"), None);
    assert_eq!(fault("crates/countersign-testkit"), None);
    assert_eq!(fault("scripts/seed-tour::the first push makes keys"), None);
    let foreign = fault("crates/countersign-testkit/src/peers.rs::Foreign::present_or_skip");
    assert_eq!(foreign.as_deref(), Some("there is no `Foreign` in crates/countersign-testkit/src/peers.rs"));
    for (name, expected) in [
        (format!("{here}::fault"), "is no test"),
        (format!("{here}::checker_tells"), "there is no `checker_tells`"),
        ("crates/countersign-testkit/tests/it/nothing.rs".to_owned(), "there is no `crates/"),
        ("crates/countersign-testkit::fault".to_owned(), "is no file"),
        ("scripts/seed-tour::the first".to_owned(), "is no step of scripts/seed-tour"),
    ] {
        let found = fault(&name).unwrap_or_default();
        assert!(found.contains(expected), "{name}: {found}");
    }
    assert_eq!(quoted("a `b` c\n```text\n`d`\n```\n`e``f`"), ["b", "e", "f"]);
}
