//! Somebody with a home of their own, who runs commands.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Parser as _;
use countersign_client::prompt::Prompt;
use countersign_client::trust_server::VARIABLE;
use countersign_registry::reference::ImageReference;
use countersign_registry::store::Store;
use zeroize::Zeroizing;

use super::stage::StageClock;
use crate::app::App;
use crate::args::{Cli, Global};
use crate::commands;
use crate::commands::trust::Face;
use crate::context::Context;
use crate::engine;
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::report;
use crate::terminal::Person as Asked;

/// Somebody with a home and a trust server.
pub(super) struct Person {
    name: &'static str,
    home: PathBuf,
    clock: Arc<StageClock>,
    variables: Vec<(&'static str, OsString)>,
}

/// A command that was run, and how it ended.
pub(super) struct Told {
    pub(super) person: &'static str,
    pub(super) words: Vec<String>,
    /// Everything it said, on either stream.
    pub(super) text: String,
    pub(super) status: ExitStatus,
    pub(super) error: Option<anyhow::Error>,
}

impl Person {
    /// Somebody whose home is in `dir`, who asks the trust server at `host` and knows it by the certificate `ca_pem`.
    pub(super) fn new(
        name: &'static str,
        dir: &Path,
        clock: &Arc<StageClock>,
        host: &str,
        ca_pem: &str,
    ) -> io::Result<Self> {
        let home = dir.join(name.replace(' ', "-"));
        let tls = home.join(".docker/tls").join(host);
        fs::create_dir_all(&tls)?;
        fs::write(tls.join("ca.crt"), ca_pem)?;
        let variables = vec![
            ("HOME", home.clone().into_os_string()),
            (VARIABLE, format!("https://{host}").into()),
            (engine::VARIABLE, "local".into()),
        ];
        Ok(Self { name, home, clock: Arc::clone(clock), variables })
    }

    /// The same, with passphrases that nobody else ever learns, in variables of this process alone.
    pub(super) fn with_passphrases(mut self) -> io::Result<Self> {
        for name in ["DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"] {
            self.variables.push((name, passphrase()?.into()));
        }
        Ok(self)
    }

    /// A path in this person's home.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.home.join(path)
    }

    /// The images of this person.
    pub(super) fn store(&self) -> anyhow::Result<Store> {
        self.context()?.store()
    }

    /// Runs the program with these arguments, in this process.
    pub(super) async fn run(&self, words: &[&str]) -> anyhow::Result<Told> {
        let cli = Cli::try_parse_from(std::iter::once("countersign").chain(words.iter().copied()))?;
        let said = Said::default();
        let printer =
            Arc::new(Printer::new(Box::new(said.clone()), Box::new(said.clone()), cli.global.quiet));
        let app = App::new(self.context()?, Arc::clone(&printer), Arc::new(Nobody));
        // Boxed, because the demo is one of the commands that this may run.
        let running: Pin<Box<dyn Future<Output = anyhow::Result<ExitStatus>> + '_>> =
            Box::pin(commands::run(cli.command, &app, Face::Own));
        let (status, error) = match running.await {
            Ok(status) => (status, None),
            Err(error) => (report::report(&error, &printer), Some(error)),
        };
        Ok(Told {
            person: self.name,
            words: words.iter().map(|&word| word.replace(&self.home.display().to_string(), "~")).collect(),
            text: said.text().replace(&self.home.display().to_string(), "~"),
            status,
            error,
        })
    }

    /// The digest that a name stands for in this person's images, if it stands for one.
    pub(super) fn digest_of(&self, image: &str) -> anyhow::Result<Option<countersign_core::digest::Digest>> {
        let found = self.store()?.resolve(&ImageReference::parse(image)?)?;
        Ok(found.map(|descriptor| descriptor.digest))
    }

    fn context(&self) -> anyhow::Result<Context> {
        let variables = self.variables.clone();
        let lookup = move |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.clone())
        };
        // What the policy of this machine requires holds for its users, not for actors.
        let context = Context::load(lookup, &Global::default(), &self.home.join("no-policy.toml"))?;
        let clock = Arc::clone(&self.clock);
        Ok(context.with_clock(move || clock.time()))
    }
}

fn passphrase() -> io::Result<String> {
    let mut bytes = Zeroizing::new([0; 24]);
    File::open("/dev/urandom")?.read_exact(&mut *bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// What was said, in one order.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Nobody is there to be asked.
struct Nobody;

impl Prompt for Nobody {
    fn say(&self, _: &str) {}

    fn ask_hidden(&self, _: &str) -> Option<Zeroizing<String>> {
        None
    }
}

impl Asked for Nobody {
    fn ask(&self, _: &str) -> Option<String> {
        None
    }
}
