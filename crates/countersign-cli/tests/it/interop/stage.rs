//! Trust servers of both makes, and people who have both clients on one trust directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

use countersign_core::digest::Digest;
use countersign_lab::registry::Registry;
use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::daemon::{Daemon, answers};
use countersign_testkit::image::Image;
use countersign_testkit::peers::{MariaDb, NotaryClient, NotaryServer, PASSPHRASE, present_or_skip};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{World, block_on};

/// A running trust server.
pub(super) struct Server {
    url: String,
    ca_file: PathBuf,
    _process: Process,
}

#[expect(dead_code, reason = "held until the test is over")]
enum Process {
    Debian(NotaryServer),
    Ours(Daemon, TempDir),
}

impl Server {
    /// Debian's, in memory. `None`: it is not installed, and the test is to return.
    pub(super) fn debian() -> Option<Self> {
        present_or_skip(&["notary", "notary-server"]).then(|| Self::of_debian(NotaryServer::memory()))
    }

    /// Debian's on SQL.
    pub(super) fn debian_on(database: &MariaDb) -> Self {
        Self::of_debian(NotaryServer::mariadb(database))
    }

    /// `countersign server`. `None`: Debian's client is not installed, and the test is to return.
    pub(super) fn ours() -> Option<Self> {
        present_or_skip(&["notary"]).then(|| {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let (daemon, port) = serve(dir.path(), &|invocation| invocation);
            Self {
                url: format!("https://127.0.0.1:{port}"),
                ca_file: dir.path().join("data/ca.crt"),
                _process: Process::Ours(daemon, dir),
            }
        })
    }

    fn of_debian(server: NotaryServer) -> Self {
        Self { url: server.url(), ca_file: server.ca_file(), _process: Process::Debian(server) }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// What the server answers to a `GET` of a file of a collection: status and body.
    pub(super) fn file(&self, gun: &str, file: &str) -> (String, String) {
        let url = format!("{}/v2/{gun}/_trust/tuf/{file}", self.url);
        let said = Invocation::of("curl")
            .args(["--silent", "--show-error", "--write-out", "\n%{http_code}", "--cacert"])
            .arg(&self.ca_file)
            .arg(url)
            .run()
            .expect_success()
            .stdout;
        let (body, status) = said.rsplit_once('\n').expect("curl writes the status last");
        (status.to_owned(), body.to_owned())
    }

    /// The version of a role that the server has now.
    pub(super) fn version(&self, gun: &str, role: &str) -> u64 {
        let (status, body) = self.file(gun, &format!("{role}.json"));
        assert_eq!(status, "200", "{role} of {gun}: {body}");
        let file: Value = serde_json::from_str(&body).expect("metadata is JSON");
        file["signed"]["version"].as_u64().expect("a version")
    }
}

/// Starts `countersign server` with its data below `dir`, run as `changed` says.
pub(super) fn serve(dir: &Path, changed: &dyn Fn(Invocation) -> Invocation) -> (Daemon, u16) {
    let serve = |port| {
        let server = Invocation::of(env!("CARGO_BIN_EXE_countersign"))
            .args(["server", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(dir.join("data"));
        changed(server)
    };
    Daemon::start("countersign server", &dir.join("log"), serve, answers)
}

/// Somebody's machine, with both clients on one trust directory.
pub(super) struct Person {
    world: World,
    notary: NotaryClient,
}

impl Person {
    /// Somebody who uses this server.
    pub(super) fn of(server: &Server) -> Self {
        Self::at(server.url(), server.ca_file())
    }

    /// Somebody who uses the server at `url`.
    pub(super) fn at(url: &str, ca_file: &Path) -> Self {
        let mut world = World::new();
        let host = url.trim_start_matches("https://");
        let own_ca_file = format!(".docker/tls/{host}/ca.crt");
        world.write(&own_ca_file, fs::read(ca_file).expect("the server has a CA"));
        world.set("DOCKER_CONTENT_TRUST_SERVER", url);
        world.set("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", PASSPHRASE);
        world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE);
        let notary =
            NotaryClient::with_trust_dir(&world.path(".docker/trust"), url, &world.path(&own_ca_file));
        Self { world, notary }
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn notary(&self) -> &NotaryClient {
        &self.notary
    }

    /// Runs our program.
    #[track_caller]
    pub(super) fn ours(&self, args: &[&str]) -> Output {
        self.world.run(args)
    }

    /// Our program as `notary`, with the configuration and the variables of Debian's client.
    pub(super) fn face(&self, args: &[&str]) -> Invocation {
        let program =
            self.world.program(&["notary", "--configFile"]).arg(self.notary.config_file()).args(args);
        ["ROOT", "TARGETS", "SNAPSHOT", "DELEGATION"]
            .into_iter()
            .fold(program, |program, kind| program.env(format!("NOTARY_{kind}_PASSPHRASE"), PASSPHRASE))
    }

    /// Starts our program, whose words nobody hears, to be killed.
    pub(super) fn start(&self, args: &[&str]) -> Child {
        let silent = ["-c", r#"exec "$0" "$@" >/dev/null 2>&1"#];
        self.world.program(args).through("sh", &silent).start()
    }

    /// Runs Debian's client.
    #[track_caller]
    pub(super) fn theirs(&self, args: &[&str]) -> Output {
        self.notary.run(args)
    }

    /// Takes over somebody's signing keys, as from a backup.
    pub(super) fn take_keys_of(&self, other: &Self) {
        for (name, bytes) in other.files("private") {
            self.world.write(&format!(".docker/trust/private/{}", name.display()), bytes);
        }
    }

    /// Takes over all of somebody's trust directory.
    pub(super) fn take_trust_of(&self, other: &Self) {
        for (name, bytes) in other.files("") {
            self.world.write(&format!(".docker/trust/{}", name.display()), bytes);
        }
    }

    /// Every file of the trust directory below `part`, with its content.
    pub(super) fn files(&self, part: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let base = self.world.path(".docker/trust").join(part);
        let mut found = BTreeMap::new();
        let mut open = vec![base.clone()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(&base).expect("it is below").to_owned();
                    found.insert(name, fs::read(path).expect("a file"));
                }
            }
        }
        found
    }

    /// Every file of the trust directory with the hash of its content, but for locks: what must not change.
    pub(super) fn state(&self) -> BTreeMap<PathBuf, String> {
        let files = self.files("").into_iter().filter(|(name, _)| !name.ends_with(".lock"));
        files.map(|(name, bytes)| (name, Digest::sha256(&bytes).to_string())).collect()
    }

    /// A role's cached file.
    pub(super) fn cached(&self, gun: &str, role: &str) -> Value {
        let path = self.world.path(&format!(".docker/trust/tuf/{gun}/metadata/{role}.json"));
        serde_json::from_slice(&fs::read(path).expect("it is cached")).expect("metadata is JSON")
    }

    /// Forgets what our program remembers of a collection besides Notary's files.
    pub(super) fn remembers_nothing(&self, gun: &str) {
        let _ = fs::remove_file(self.world.path(&format!(".docker/trust/tuf/{gun}/seen.json")));
    }

    /// The names that both clients list.
    #[track_caller]
    pub(super) fn both_list(&self, gun: &str) -> Vec<String> {
        let theirs = self.theirs(&["list", gun]).expect_success();
        let ours = self.ours(&["repo", "list", gun]).expect_success();
        assert_eq!(ours.stdout, theirs.stdout, "both print one table");
        let rows = ours.stdout.lines().skip_while(|line| !line.starts_with("----")).skip(1);
        rows.filter_map(|row| row.split("    ").next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// A registry with a repository, and images for it.
pub(super) struct Shop {
    registry: Registry,
}

impl Shop {
    pub(super) fn open() -> Self {
        Self { registry: block_on(Registry::start()).expect("a loopback port is free") }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The full name of a repository.
    pub(super) fn gun(&self, repository: &str) -> String {
        format!("{}/{repository}", self.registry.host())
    }

    /// Brings a new image to the registry under a tag, as a push without trust would.
    pub(super) fn offer(&self, repository: &str, tag: &str) -> Image {
        let image = Image::of_text(&format!("{repository}:{tag}")).expect("an image");
        self.registry.put_image(repository, tag, &image);
        image
    }

    /// Has `person` sign a tag with our program: load an image, then push it.
    #[track_caller]
    pub(super) fn push(&self, person: &Person, repository: &str, tag: &str) -> Image {
        let image = load(person, &format!("{}:{tag}", self.gun(repository)));
        person
            .ours(&["push", "--engine", "local", &format!("{}:{tag}", self.gun(repository))])
            .expect_success();
        image
    }

    /// Has `person` give a tag another meaning with our program.
    #[track_caller]
    pub(super) fn push_again(&self, person: &Person, repository: &str, tag: &str, text: &str) -> Image {
        let reference = format!("{}:{tag}", self.gun(repository));
        let image = person.world().load(&reference, text);
        person.ours(&["push", &reference]).expect_success();
        image
    }

    /// Has `person` sign a tag of an image on the registry with Debian's client.
    #[track_caller]
    pub(super) fn add(&self, person: &Person, repository: &str, tag: &str) -> Image {
        let image = self.offer(repository, tag);
        let file = manifest_file(person, &image);
        person.theirs(&["add", &self.gun(repository), tag, &file, "-p"]).expect_success();
        image
    }
}

/// Has `person` load a new image under a name.
#[track_caller]
pub(super) fn load(person: &Person, reference: &str) -> Image {
    let image = Image::of_text(reference).expect("an image");
    let archive = person.world().path("image.tar");
    image.write_oci_archive(&archive, "ignored").expect("an archive");
    person.ours(&["load", "image.tar", "--as", reference]).expect_success();
    image
}

/// An image's manifest in a file: what Debian's client signs.
pub(super) fn manifest_file(person: &Person, image: &Image) -> String {
    let path = person.world().path("manifest.json");
    fs::write(&path, &image.manifest().bytes).expect("a file can be written");
    path.display().to_string()
}

/// `notary`'s line for an image.
pub(super) fn line(tag: &str, image: &Image) -> String {
    format!("{tag} {} {}\n", image.digest(), image.manifest().bytes.len())
}

/// Checks that `person` gets this image with both clients: looked up, verified, and pulled.
#[track_caller]
pub(super) fn gets(person: &Person, gun: &str, tag: &str, image: &Image) {
    let signed = line(tag, image);
    assert_eq!(person.theirs(&["lookup", gun, tag]).expect_success().stdout, signed);
    assert_eq!(person.ours(&["repo", "lookup", gun, tag]).expect_success().stdout, signed);
    let manifest = &image.manifest().bytes;
    let verified = person.notary().invocation(&["verify", gun, tag]).stdin(manifest).run().expect_success();
    assert_eq!(verified.stdout.as_bytes(), &manifest[..], "what is verified is passed on");
    let other = person.notary().invocation(&["verify", gun, tag]).stdin("something else").run();
    assert_eq!(other.code, Some(1), "{}", other.transcript());
    let reference = format!("{gun}:{tag}");
    let pulled = person.ours(&["pull", "--engine", "local", &reference]).expect_success();
    assert!(pulled.stdout.ends_with(&format!("{reference}\n")), "{}", pulled.transcript());
    let here = person.ours(&["images", "--no-trunc"]).expect_success().stdout;
    let is_here = here.lines().any(|row| row.contains(&image.digest().to_string()) && row.contains(gun));
    assert!(is_here, "{reference} is {}: {here}", image.digest());
}
