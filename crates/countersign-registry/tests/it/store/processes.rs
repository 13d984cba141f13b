//! Several processes, killed processes, full disks. The other processes are this test program, told what to do.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use countersign_registry::descriptor::{Descriptor, media_type};
use countersign_registry::store::{Limits, Store, StoreError};

use super::{Place, image, names, put, read_all, reference};

const ROLE: &str = "COUNTERSIGN_TEST_ROLE";
const STORE: &str = "COUNTERSIGN_TEST_STORE";
const IMAGES: usize = 25;

/// What a started process does; no test of its own.
#[test]
fn role() {
    let Ok(role) = env::var(ROLE) else { return };
    let dir = env::var_os(STORE).expect("a parent that starts a process says where");
    match role.split_once(' ').expect("a role and its argument") {
        ("write-half", _) => write_half(Path::new(&dir)),
        ("name", prefix) => name_many(Path::new(&dir), prefix),
        ("load", archive) => load_for_ever(Path::new(&dir), Path::new(archive)),
        ("fill", _) => fill(Path::new(&dir)),
        (other, _) => panic!("no such role: {other}"),
    }
}

fn program(role: &str, store: &Path) -> (std::path::PathBuf, Vec<(&'static str, std::ffi::OsString)>) {
    let program = env::current_exe().expect("this program has a path");
    (program, vec![(ROLE, role.into()), (STORE, store.into())])
}

fn start(role: &str, store: &Path) -> (Child, BufReader<ChildStdout>) {
    let (program, env) = program(role, store);
    let mut child = Command::new(program)
        .args(["--exact", "store::processes::role", "--nocapture"])
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started");
    let output = child.stdout.take().expect("its output is piped");
    (child, BufReader::new(output))
}

/// Reports a step to the parent.
fn step() {
    writeln!(std::io::stdout(), "step").expect("the parent reads");
}

/// Waits for the `count`th step that the process reports.
fn await_steps(output: &mut BufReader<ChildStdout>, count: usize) {
    let steps = output.lines().map_while(Result::ok).filter(|line| line.contains("step")).take(count);
    assert_eq!(steps.count(), count, "the process ended early");
}

fn kill(mut child: Child) {
    child.kill().expect("it can be killed");
    child.wait().expect("it has ended");
}

fn large_blob() -> (Descriptor, Vec<u8>) {
    let content = vec![7; 4 << 20];
    (Descriptor::of(media_type::OCI_LAYER, &content), content)
}

fn write_half(dir: &Path) {
    let store = Store::open(dir).expect("a store");
    let lease = store.lease().expect("a lease");
    let (whole, content) = large_blob();
    let mut blob = store.create(&lease, &whole).expect("a blob starts");
    blob.append(&content[..50_000]).expect("it fits");
    step();
    std::thread::park();
}

#[test]
fn writer_killed_half_way_leaves_the_store_as_it_was() {
    let place = Place::new();
    let before = put(&place.store, &image("before"), "app:1").expect("it is stored");
    let (child, mut output) = start("write-half -", place.store.dir());
    await_steps(&mut output, 1);
    assert!(matches!(place.store.sweep(), Err(StoreError::InUse { .. })));
    kill(child);
    let store = Store::open(place.store.dir()).expect("the store opens");
    assert_eq!(names(&store), ["app:1"]);
    assert!(!store.has(&large_blob().0).expect("an answer"));
    let collected = store.sweep().expect("the lease went with its process");
    assert_eq!((collected.leftovers, collected.bytes), (1, 50_000));
    read_all(&store, &before);
}

fn load_for_ever(dir: &Path, archive: &Path) {
    let store = Store::open(dir).expect("a store");
    for round in 0_u32.. {
        step();
        let name = reference(&format!("app:{round}"));
        store.load(archive, Some(&name), &Limits::default()).expect("it can be loaded");
    }
}

#[test]
fn loader_killed_at_any_moment_leaves_whole_images_only() {
    let place = Place::new();
    let archive = place.path("image.tar");
    image("loaded").write_docker_archive(&archive, "app:1").expect("an archive");
    let role = format!("load {}", archive.display());
    for round in 0..12 {
        let dir = place.path(&format!("store-{round}"));
        let (child, mut output) = start(&role, &dir);
        await_steps(&mut output, 1 + round % 4);
        kill(child);
        let store = Store::open(&dir).expect("the store opens");
        for image in store.list().expect("the store can be listed") {
            read_all(&store, &image.descriptor);
        }
        store.collect_garbage(Duration::ZERO).expect("nobody is left");
        let loaded = store.load(&archive, None, &Limits::default()).expect("it can be loaded again");
        read_all(&store, &loaded[0].descriptor);
    }
}

fn name_many(dir: &Path, prefix: &str) {
    let store = Store::open(dir).expect("a store");
    for number in 0..IMAGES {
        put(&store, &image(&format!("{prefix} {number}")), &format!("{prefix}:{number}"))
            .expect("it is stored");
    }
}

#[test]
fn neighbours_lose_nothing_of_each_other() {
    let place = Place::new();
    let dir = place.path("shared");
    let mut children: Vec<_> = ["left", "right"].map(|name| start(&format!("name {name}"), &dir)).into();
    // The directory is perhaps not even there yet: the store opens for all of them at once.
    let store = Store::open(&dir).expect("a store");
    let mut collections = 0;
    while children.iter_mut().any(|(child, _)| child.try_wait().expect("a status").is_none()) {
        match store.collect_garbage(Duration::ZERO) {
            Ok(_) => collections += 1,
            Err(StoreError::InUse { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        store.list().expect("the store can be listed at any moment");
    }
    for (mut child, mut output) in children {
        let mut said = String::new();
        output.read_to_string(&mut said).expect("its output");
        assert!(child.wait().expect("a status").success(), "{said}");
    }
    let images = store.list().expect("the store can be listed");
    assert_eq!(images.len(), 2 * IMAGES, "after {collections} collections");
    for image in images {
        read_all(&store, &image.descriptor);
    }
}

/// Writes until there is no room, and says what then is.
fn fill(dir: &Path) {
    let store = Store::open(dir).expect("a store");
    let before = put(&store, &image("before"), "app:1").expect("a small image fits");
    let lease = store.lease().expect("a lease");
    let (descriptor, large) = large_blob();
    let mut blob = store.create(&lease, &descriptor).expect("a blob starts");
    let written = large.chunks(4096).try_for_each(|piece| blob.append(piece));
    let error = written.and_then(|()| blob.commit().map(drop)).expect_err("it does not fit");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(!store.has(&descriptor).expect("an answer"));
    assert_eq!(super::files_in(&dir.join(".countersign/ingest")), 0);
    assert_eq!(names(&store), ["app:1"]);
    read_all(&store, &before);
    put(&store, &image("after"), "app:2").expect("there is room again");
    step();
}

/// Runs a role in a shell that first runs `preparation`, in a mount namespace of its own if it says so; what the role
/// said and how it ended, or `None` when the preparation is not possible here.
fn prepared(namespace: bool, preparation: &str, role: &str, store: &Path) -> Option<(Option<i32>, String)> {
    let (program, env) = program(role, store);
    let script =
        format!("{preparation} && echo prepared && exec \"$0\" --exact store::processes::role --nocapture");
    let shell = if namespace { &["unshare", "--mount", "sh"][..] } else { &["sh"] };
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", &script])
        .arg(program)
        .envs(env)
        .output()
        .expect("a shell can be started");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if said.contains("prepared") {
        return Some((output.status.code(), said.into_owned()));
    }
    let thread = std::thread::current();
    writeln!(std::io::stderr(), "{} skips: {said}", thread.name().unwrap_or("a test"))
        .expect("somebody reads");
    None
}

#[test]
fn file_size_limit_is_reported_and_nothing_stays() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    // 1 MiB, and no signal when it is reached.
    let preparation = "trap '' XFSZ && ulimit -f 2048";
    let filled = prepared(false, preparation, "fill -", &dir.path().join("images"));
    assert!(matches!(&filled, Some((Some(0), said)) if said.contains("step")), "{filled:?}");
}

#[test]
fn full_disk_is_reported_and_nothing_stays() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let preparation = format!("mount -t tmpfs -o size=1m tmpfs \"${STORE}\"");
    let filled = prepared(true, &preparation, "fill -", dir.path());
    assert!(matches!(&filled, None | Some((Some(0), _))), "{filled:?}");
}

#[test]
fn read_only_store_is_reported_and_left() {
    let place = Place::new();
    put(&place.store, &image("before"), "app:1").expect("it is stored");
    let preparation =
        format!("mount --bind \"${STORE}\" \"${STORE}\" && mount -o remount,ro,bind \"${STORE}\"");
    let Some((code, said)) = prepared(true, &preparation, "name new", place.store.dir()) else { return };
    assert_eq!(code, Some(101), "{said}");
    assert!(said.contains("ReadOnlyFilesystem"), "{said}");
    assert_eq!(names(&place.store), ["app:1"]);
}
