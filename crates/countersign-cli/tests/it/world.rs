//! A person's machine: a home of its own, and the program.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use countersign_lab::registry::Registry;
use countersign_server::config::Config;
use countersign_server::{RunningServer, Server};
use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::image::Image;
use countersign_testkit::normalise::Normaliser;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The passphrase of every key of these tests.
pub(crate) const PASSPHRASE: &str = "correct horse battery";
const SERVER: &str = "DOCKER_CONTENT_TRUST_SERVER";

/// A home directory in which the program is run.
pub(crate) struct World {
    home: TempDir,
    env: Vec<(String, String)>,
}

impl World {
    /// An empty home. Images are in its own store, whatever engines this machine has.
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a temporary directory"),
            env: vec![("COUNTERSIGN_ENGINE".to_owned(), "local".to_owned())],
        }
    }

    /// Sets a variable for every run.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// A path in the home directory.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Writes a file in the home directory.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directories can be made");
        std::fs::write(path, content).expect("a file can be written");
    }

    /// Puts a script into the home directory, to be run as a program.
    ///
    /// Another program writes it: a file that is open here, and so in children of other tests, can't be run.
    pub(crate) fn script(&self, path: &str, text: &str) {
        self.write("script", text);
        let to = self.path(path);
        std::fs::create_dir_all(to.parent().expect("a directory")).expect("directories can be made");
        Invocation::of("install").args(["-m", "755"]).arg(self.path("script")).arg(to).run().expect_success();
    }

    /// The program with these arguments, not yet run.
    pub(crate) fn program(&self, args: &[&str]) -> Invocation {
        self.program_at(Path::new(env!("CARGO_BIN_EXE_countersign")), args)
    }

    /// Another program with these arguments and this person's environment, not yet run.
    pub(crate) fn program_at(&self, program: &Path, args: &[&str]) -> Invocation {
        let invocation = Invocation::of(program).env("HOME", self.home.path());
        let invocation =
            self.env.iter().fold(invocation, |invocation, (name, value)| invocation.env(name, value));
        invocation.dir(self.home.path()).args(args)
    }

    /// Looks trust data up at this server, and trusts this authority for it.
    pub(crate) fn use_server(&mut self, url: &str, ca: &Path) {
        let host = url.strip_prefix("https://").expect("a trust server speaks TLS");
        self.write(&format!(".docker/tls/{host}/ca.crt"), std::fs::read(ca).expect("a certificate"));
        self.env.retain(|(name, _)| name != SERVER);
        self.set(SERVER, url);
    }

    /// Loads an image with this text under this name.
    pub(crate) fn load(&self, name: &str, text: &str) -> Image {
        let image = Image::of_text(text).expect("an image");
        image.write_oci_archive(&self.path("image.tar"), "ignored").expect("an archive");
        self.run(&["load", "image.tar", "--as", name]).expect_success();
        image
    }

    /// Runs the program with these arguments.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.program(args).run()
    }

    /// Compares what runs said and how they ended with `snapshots/<name>.snap`, without what differs from run to run.
    #[track_caller]
    pub(crate) fn assert_told(&self, name: &str, outputs: &[&Output]) {
        let text: Vec<_> = outputs.iter().map(|output| output.transcript()).collect();
        assert_snapshot(name, &self.normalise(&text.join("\n")));
    }

    /// Takes out of a text what differs from run to run.
    pub(crate) fn normalise(&self, text: &str) -> String {
        let normaliser = Normaliser::new()
            .path(Path::new(env!("CARGO_BIN_EXE_countersign")), "countersign")
            .path(self.home.path(), "<home>");
        times(&settled(&normaliser.normalise(text)))
    }
}

/// Takes out minutes (`2026-12-08 16:40 UTC`) and ages of seconds.
fn times(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let mut line = line.replace("just now", "<ago>");
        while let Some(end) = line.find(":00 UTC").or_else(|| minute_at(&line)) {
            line.replace_range(end - 13..end + 7, "<minute>");
        }
        while let Some(end) = line.find(" s ago") {
            let digits = line[..end].bytes().rev().take_while(u8::is_ascii_digit).count();
            line.replace_range(end - digits..end + 6, "<ago>");
        }
        lines.push(line);
    }
    lines.join("\n")
}

/// Where the `:mm UTC` of a minute begins.
fn minute_at(line: &str) -> Option<usize> {
    let utc = line.find(" UTC")?;
    let begin = utc.checked_sub(3)?;
    (line.as_bytes()[begin] == b':' && begin >= 13).then_some(begin)
}

/// Takes out the short ids of which the text has no long form, and puts the lines of layers, which come as they will, in
/// order.
fn settled(text: &str) -> String {
    let mut lines: Vec<String> = text.split('\n').map(without_short_ids).collect();
    for layers in lines.chunk_by_mut(|one, other| is_layer(one) && is_layer(other)) {
        layers.sort();
    }
    lines.join("\n")
}

/// Whether a line is of one layer: `a2fa83c4cf6c: Pull complete`.
fn is_layer(line: &str) -> bool {
    line.split_once(": ")
        .is_some_and(|(id, _)| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn without_short_ids(line: &str) -> String {
    let is_id =
        |word: &str| word.len() == 7 && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let replaced = |piece: &str| {
        let word = piece.trim_end_matches([':', ',', ' ']);
        if is_id(word) { format!("<short id>{}", &piece[word.len()..]) } else { piece.to_owned() }
    };
    line.split_inclusive(' ').map(replaced).collect()
}

/// A trust server and a registry, for as many people as a test has.
pub(crate) struct Site {
    registry: Registry,
    server: RunningServer,
    _data: TempDir,
}

impl Site {
    /// Starts both.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// Starts both, the trust server with another configuration.
    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let mut config = Config::new(data.path());
        config.listen = "127.0.0.1:0".parse().expect("an address");
        change(&mut config);
        let (registry, server) = block_on(async { (Registry::start().await, Server::start(config).await) });
        Self {
            registry: registry.expect("a registry on loopback"),
            server: server.expect("a trust server on loopback"),
            _data: data,
        }
    }

    /// The registry.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The trust server's address.
    pub(crate) fn trust_server(&self) -> String {
        self.server.url()
    }

    /// The certificate of the trust server's authority.
    pub(crate) fn ca(&self) -> PathBuf {
        self.server.ca_certificate().expect("it has an authority of its own").clone()
    }

    /// The full name of an image in the registry: `127.0.0.1:PORT/team/app:1`.
    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }

    /// Somebody who trusts the trust server's authority and has no keys.
    pub(crate) fn person(&self) -> World {
        let mut world = World::new();
        world.use_server(&self.trust_server(), &self.ca());
        world
    }

    /// Somebody whose keys are opened by variables.
    pub(crate) fn publisher(&self) -> World {
        let mut world = self.person();
        world.set("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", PASSPHRASE);
        world.set("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", PASSPHRASE);
        world
    }

    /// Has somebody load an image with this text, and push it under this name.
    pub(crate) fn publish(&self, publisher: &World, name: &str, text: &str) -> Image {
        let image = publisher.load(&self.image(name), text);
        publisher.run(&["push", "--engine", "local", &self.image(name)]).expect_success();
        image
    }
}

/// Compares `text` with `snapshots/<name>.snap`.
#[track_caller]
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Drives lab servers, which go on in the background.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("threads can be started"));
    RUNTIME.block_on(future)
}
