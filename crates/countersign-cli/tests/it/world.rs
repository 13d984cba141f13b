//! A person's machine: a home of its own, and the program.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use countersign_testkit::command::{Invocation, Output};
use countersign_testkit::normalise::Normaliser;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A home directory in which the program is run.
pub(crate) struct World {
    home: TempDir,
    env: Vec<(String, String)>,
}

impl World {
    /// An empty home.
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary directory"), env: Vec::new() }
    }

    /// Sets a variable for every run.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
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

    /// The program with these arguments, not yet run.
    pub(crate) fn program(&self, args: &[&str]) -> Invocation {
        let invocation = Invocation::of(env!("CARGO_BIN_EXE_countersign")).env("HOME", self.home.path());
        let invocation =
            self.env.iter().fold(invocation, |invocation, (name, value)| invocation.env(name, value));
        invocation.dir(self.home.path()).args(args)
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
        short_ids(&normaliser.normalise(text))
    }
}

/// Names the short ids in prompts of which the text has no long form.
fn short_ids(text: &str) -> String {
    let mut parts = text.split(" key with ID ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut text, part| {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        text.push_str(" key with ID ");
        text.push_str(if digits == 7 { "<short id>" } else { &part[..digits] });
        text.push_str(&part[digits..]);
        text
    })
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
