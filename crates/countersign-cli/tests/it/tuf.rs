//! `tuf`: repositories that others made.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use countersign_testkit::command::Invocation;
use countersign_testkit::peers::peers_dir_or_skip;

use crate::world::World;

/// Serves the files below `root` on loopback until the tests end.
fn serve(root: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that went away is none of ours.
            drop(answer(stream, &root));
        }
    });
    address
}

fn answer(mut stream: TcpStream, root: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let (status, body) = match fs::read(root.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body)
}

/// A repository that `tuf-on-ci` made, from the conformance suite, served on loopback; and a home to use it from.
struct Stage {
    world: World,
    url: String,
}

impl Stage {
    fn new() -> Option<Self> {
        let peers = peers_dir_or_skip()?;
        let suite = fs::read_dir(peers).expect("a folder").flatten().map(|entry| entry.path()).find(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tuf-conformance-"))
        });
        let suite = suite.expect("the TUF conformance suite");
        let world = World::new();
        Invocation::of("tar")
            .args(["-xf", &suite.display().to_string(), "--strip-components=3", "-C"])
            .args([&world.path("").display().to_string(), "tuf-conformance/tuf_conformance/static_data"])
            .run()
            .expect_success();
        let address = serve(world.path("tuf-on-ci-0.11"));
        Some(Self { world, url: format!("http://{address}/metadata") })
    }

    fn targets(&self) -> String {
        self.url.replace("/metadata", "/targets")
    }
}

#[test]
fn target_of_a_repository_is_downloaded_and_only_what_was_signed() {
    let Some(stage) = Stage::new() else { return };
    let (world, targets) = (&stage.world, stage.targets());
    let get = [
        "tuf",
        "get",
        &stage.url,
        "delegatedrole/artifact",
        "--targets-url",
        &targets,
        "--dir",
        "out",
        "--state",
        "s",
    ];
    let without_root = world.run(&get).expect_code(1);
    let first = world.run(&[&get[..], &["--root", "tuf-on-ci-0.11/initial_root.json"]].concat());
    let served = world.path("tuf-on-ci-0.11/targets/delegatedrole");
    let file = fs::read_dir(&served).expect("a folder").flatten().next().expect("a file").path();
    let signed = fs::read(&file).expect("a file");
    assert_eq!(fs::read(world.path("out/delegatedrole/artifact")).expect("it was downloaded"), signed);
    let again = world.run(&get);
    fs::write(world.path("out/delegatedrole/artifact"), "mine").expect("a file");
    fs::write(&file, vec![b'x'; signed.len()]).expect("a file");
    let swapped = world.run(&get).expect_code(3);
    assert_eq!(fs::read(world.path("out/delegatedrole/artifact")).expect("as it was"), b"mine");
    let unknown = world.run(&["tuf", "get", &stage.url, "nosuch", "--state", "s"]).expect_code(3);
    world.assert_told("tuf_get", &[&without_root, &first, &again, &swapped, &unknown]);
}

#[test]
fn repository_is_brought_up_to_date() {
    let Some(stage) = Stage::new() else { return };
    let world = &stage.world;
    let root = ["--root", "tuf-on-ci-0.11/initial_root.json"];
    let refresh = ["tuf", "refresh", &stage.url];
    let refreshed = world.run(&[&refresh[..], &root].concat());
    let states = fs::read_dir(world.path(".local/share/countersign/tuf")).expect("a folder").count();
    assert_eq!(states, 1);
    let json = world.run(&[&refresh[..], &["--json"]].concat());
    let usage = world.run(&["tuf", "refresh", "no-url"]).expect_code(2);
    let timestamp = world.path("tuf-on-ci-0.11/metadata/timestamp.json");
    let honest = fs::read_to_string(&timestamp).expect("a file");
    fs::write(&timestamp, honest.replace("\"version\": ", "\"version\": 9")).expect("a file");
    let forged = world.run(&refresh).expect_code(3);
    fs::write(&timestamp, &honest).expect("a file");
    world.run(&refresh).expect_success();
    world.assert_told("tuf_refresh", &[&refreshed, &json, &usage, &forged]);
}
