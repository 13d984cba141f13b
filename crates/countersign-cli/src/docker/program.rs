//! The images of an engine, through its own command line: contexts, TLS, ssh and credentials are exactly what its user has.
//!
//! Arguments go as vectors, never through a shell, and content trust is off for what is run here, because it was enforced before.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use countersign_core::digest::Digest;
use countersign_engine::Pinned;
use countersign_registry::reference::ImageReference;
use thiserror::Error;

use super::real::Real;
use super::verbs::Kind;

/// Most that is kept of what an engine says, in bytes.
const SAID_BYTES: u64 = 1 << 20;

/// An engine that is talked to by running its program.
#[derive(Clone, Debug)]
pub(crate) struct EngineCli {
    kind: Kind,
    real: Real,
    globals: Vec<OsString>,
}

/// Where an engine's progress is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Show {
    /// Where the program itself would show it.
    Itself,
    /// On stderr, for stdout belongs to a container.
    Stderr,
    /// Nowhere.
    Nothing,
}

/// What the engine's program did not do.
#[derive(Debug, Error)]
pub(crate) enum EngineCliError {
    /// It cannot be started.
    #[error("cannot run `{program}`")]
    Start {
        /// Its path.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It failed, and what it said of it was shown already.
    #[error("`{what}` failed")]
    Shown {
        /// What it was to do.
        what: String,
    },
    /// It failed, and said why.
    #[error("{0}")]
    Said(String),
    /// Its words cannot be understood.
    #[error("`{what}` said nothing that names {wanted}")]
    Unclear {
        /// What it was to do.
        what: String,
        /// What was looked for.
        wanted: &'static str,
    },
}

impl EngineCli {
    /// The engine behind `real`, with the words that its user put before the command.
    pub(crate) fn new(kind: Kind, real: Real, globals: Vec<OsString>) -> Self {
        Self { kind, real, globals }
    }

    /// Which engine it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The words that its user put before the command.
    pub(crate) fn globals(&self) -> &[OsString] {
        &self.globals
    }

    /// The program.
    pub(crate) fn real(&self) -> &Real {
        &self.real
    }

    /// How the engine is told of an image.
    ///
    /// podman completes short names by rules of its own, so it is never given one.
    pub(crate) fn name_of(&self, pinned: &Pinned) -> String {
        match self.kind {
            Kind::Docker => pinned.familiar(),
            Kind::Podman => pinned.to_string(),
        }
    }

    /// How the engine is told of a tag.
    pub(crate) fn tag_of(&self, tagged: &ImageReference) -> String {
        match self.kind {
            Kind::Docker => tagged.familiar(),
            Kind::Podman => tagged.to_string(),
        }
    }

    /// The full id, `sha256:…`, of the local image that the engine knows by `name`; `None` when it knows none.
    pub(crate) fn id(&self, name: &str) -> Result<Option<String>, EngineCliError> {
        let words = ["image", "inspect", "--format", "{{.Id}}", name];
        let output = self.said(&words)?;
        if output.status.success() {
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let hex = text.strip_prefix("sha256:").unwrap_or(&text);
            let is_id = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            let unclear = || EngineCliError::Unclear { what: self.line(&words), wanted: "an image id" };
            return if is_id { Ok(Some(format!("sha256:{hex}"))) } else { Err(unclear()) };
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let lower = said.to_lowercase();
        let is_unknown =
            ["no such image", "no such object", "image not known"].iter().any(|text| lower.contains(text));
        if is_unknown { Ok(None) } else { Err(EngineCliError::Said(said)) }
    }

    /// What an installed plugin of Docker was installed from.
    pub(crate) fn plugin_source(&self, name: &str) -> Result<String, EngineCliError> {
        let words = ["plugin", "inspect", "--format", "{{.PluginReference}}", name];
        let output = self.said(&words)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(EngineCliError::Said(text(&output.stderr)))
        }
    }

    /// Whether it has the plugin that builds with BuildKit.
    pub(crate) fn has_buildx(&self) -> bool {
        self.said(&["buildx", "version"]).is_ok_and(|output| output.status.success())
    }

    /// Pulls an image by its digest, with these flags of the engine's own `pull`.
    pub(crate) fn pull(&self, pinned: &Pinned, flags: &[OsString], show: Show) -> Result<(), EngineCliError> {
        let name = self.name_of(pinned);
        let mut command = self.command(&["pull"]);
        command.args(flags).arg(&name).stdin(Stdio::null());
        let what = self.line(&["pull", &name]);
        let is_watched = match show {
            Show::Itself => io::stdout().is_terminal(),
            Show::Stderr => io::stderr().is_terminal(),
            Show::Nothing => false,
        };
        if show == Show::Nothing {
            command.stdout(Stdio::null());
        } else if self.kind == Kind::Docker && !is_watched {
            command.stdout(Stdio::piped());
        } else if show == Show::Stderr {
            let stderr = io::stderr().as_fd().try_clone_to_owned();
            command.stdout(stderr.map_err(|source| self.start_error(source))?);
        }
        if show != Show::Itself {
            command.stderr(Stdio::piped());
        }
        let mut child = self.spawn(&mut command)?;
        let stderr = child.stderr.take().map(|stderr| keep(Some(stderr)));
        if let Some(stdout) = child.stdout.take() {
            // Docker ends a pull with the name that was pulled. Here that is the digest, and the tag is said at the end.
            let names = [pinned.to_string(), pinned.familiar()];
            let shown = |line: &str| !names.iter().any(|name| name == line);
            let to_stderr = show == Show::Stderr;
            echo(stdout, to_stderr, shown).map_err(|source| self.start_error(source))?;
        }
        let status = child.wait().map_err(|source| self.start_error(source))?;
        let said = stderr.map(|reader| reader.join().unwrap_or_default()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        match (status.success(), said.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => {
                // A warning. That nobody can hear it stops nothing.
                let _ = writeln!(io::stderr(), "{said}");
                Ok(())
            }
            (false, false) => Err(EngineCliError::Said(said)),
            (false, true) => Err(EngineCliError::Shown { what }),
        }
    }

    /// Lets a tag stand for an image that the engine has.
    pub(crate) fn tag(&self, pinned: &Pinned, tagged: &ImageReference) -> Result<(), EngineCliError> {
        let (name, tag) = (self.name_of(pinned), self.tag_of(tagged));
        let words = ["tag", &name, &tag];
        let output = self.said(&words)?;
        if output.status.success() {
            return Ok(());
        }
        Err(EngineCliError::Said(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    /// Runs the command `words` that pushes, shows what the engine says of it, and returns its lines that name what was sent.
    pub(crate) fn push(&self, words: &[&str], args: &[OsString]) -> Result<Vec<SentLine>, EngineCliError> {
        let mut command = self.command(words);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = self.spawn(&mut command)?;
        let mut sent = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            let each = |line: &str| {
                sent.extend(SentLine::parse(line));
                true
            };
            echo(stdout, false, each).map_err(|source| self.start_error(source))?;
        }
        let status = child.wait().map_err(|source| self.start_error(source))?;
        if status.success() { Ok(sent) } else { Err(EngineCliError::Shown { what: self.line(words) }) }
    }

    /// Runs the engine for something short.
    fn said(&self, words: &[&str]) -> Result<std::process::Output, EngineCliError> {
        let mut command = self.command(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn(&mut command)?;
        let (stdout, stderr) = (keep(child.stdout.take()), keep(child.stderr.take()));
        let status = child.wait().map_err(|source| self.start_error(source))?;
        let read = |reader: JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
        Ok(std::process::Output { status, stdout: read(stdout), stderr: read(stderr) })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.real.command();
        command.args(&self.globals).args(words);
        command
    }

    fn spawn(&self, command: &mut Command) -> Result<Child, EngineCliError> {
        command.spawn().map_err(|source| self.start_error(source))
    }

    fn start_error(&self, source: io::Error) -> EngineCliError {
        EngineCliError::Start { program: self.real.path().display().to_string(), source }
    }

    fn line(&self, words: &[&str]) -> String {
        format!("{} {}", self.kind.name(), words.join(" "))
    }
}

/// What Docker says at the end of a push of one tag: `1.4: digest: sha256:… size: 527`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SentLine {
    pub(crate) tag: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl SentLine {
    fn parse(line: &str) -> Option<Self> {
        let (tag, rest) = line.trim().split_once(": digest: ")?;
        let (digest, size) = rest.split_once(" size: ")?;
        Some(Self { tag: tag.to_owned(), digest: digest.parse().ok()?, size: size.parse().ok()? })
    }
}

/// Shows each line for which `shown` says so, as soon as it is there.
fn echo(stream: impl io::Read, to_stderr: bool, mut shown: impl FnMut(&str) -> bool) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line that does not end is shown in pieces, and cannot be one of those that are looked for.
        if io::Read::by_ref(&mut stream).take(SAID_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if shown(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n'])) {
            let (mut stdout, mut stderr) = (io::stdout(), io::stderr());
            let to: &mut dyn io::Write = if to_stderr { &mut stderr } else { &mut stdout };
            to.write_all(&line)?;
            to.flush()?;
        }
    }
}

/// Reads a stream to its end and keeps the beginning.
fn keep(stream: Option<impl io::Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut stream) = stream {
            let _ = io::Read::by_ref(&mut stream).take(SAID_BYTES).read_to_end(&mut kept);
            let _ = io::copy(&mut stream, &mut io::sink());
        }
        kept
    })
}

/// A flag with its value as one word.
pub(crate) fn flag_word(name: &str, value: Option<&OsStr>) -> OsString {
    let mut word = OsString::from(format!("--{name}"));
    if let Some(value) = value {
        word.push("=");
        word.push(value);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_about_what_was_sent_is_read() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let line = SentLine::parse(&format!("1.4: digest: {digest} size: 527\n")).expect("it names it");
        assert_eq!((line.tag.as_str(), line.digest.to_string(), line.size), ("1.4", digest.clone(), 527));
        for other in ["latest: Pulling from x", "a: digest: sha256:12 size: 1", "1: digest: x", ""] {
            assert_eq!(SentLine::parse(other), None, "{other}");
        }
        assert_eq!(SentLine::parse(&format!("1.4: digest: {digest} size: -1")), None);
    }
}
