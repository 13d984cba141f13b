//! Where the Dockerfile of a build comes from: a directory, a file beside it, standard input, or an archive on it.

mod archive;
mod spool;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use self::archive::Archive;
pub use self::archive::ArchiveProblem;
use self::spool::{Input, Spool};
use super::MAX_DOCKERFILE_BYTES;
use super::inputs::Builder;

/// Most bytes of an archive on standard input, unpacked. Default 64 GiB.
pub const DEFAULT_ARCHIVE_BYTES: u64 = 64 << 30;

/// A build context whose Dockerfile can't be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// Content from elsewhere, which is fetched by the builder only.
    #[error(
        "the {what} `{}` is fetched by the builder, so that its images can't be known before; nothing was sent to the engine",
        text.escape_debug()
    )]
    Remote {
        /// `build context` or `Dockerfile`.
        what: &'static str,
        /// What was given.
        text: String,
    },
    /// The context is no directory.
    #[error("there is no directory `{}` to build", .0.escape_debug())]
    NoContext(String),
    /// There is no Dockerfile.
    #[error("there is no Dockerfile `{}`", path.display())]
    NoDockerfile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A Dockerfile that is written by another program first.
    #[error("`{}` goes through a preprocessor first, so that its images can't be known before; run `cpp` and build what it writes", .0.display())]
    Preprocessed(PathBuf),
    /// Standard input cannot be both.
    #[error("standard input can't be both the build context and the Dockerfile")]
    TwiceStdin,
    /// `-f` and a Dockerfile on standard input.
    #[error("standard input is a Dockerfile, and `-f` names another one")]
    TwoDockerfiles,
    /// Nothing came.
    #[error("standard input is empty; a Dockerfile or an archive was expected")]
    EmptyStdin,
    /// The Dockerfile is too long.
    #[error("the Dockerfile has more than {MAX_DOCKERFILE_BYTES} bytes")]
    Large,
    /// A compression that is not read here.
    #[error(
        "the archive on standard input is compressed with {0}, which is not read here; unpack it, or compress it with gzip"
    )]
    Compression(&'static str),
    /// The archive can't be used.
    #[error("the archive on standard input is refused: {0}")]
    Archive(#[from] ArchiveProblem),
    /// Something could not be read or written.
    #[error("cannot {verb} {what}")]
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// What it is.
        what: String,
        /// Why not.
        source: io::Error,
    },
}

impl ContextError {
    pub(super) fn read(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { verb: "read", what, source }
    }

    pub(super) fn write(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { verb: "write", what, source }
    }
}

/// A build context and its Dockerfile, as found.
#[derive(Debug)]
pub struct Source {
    pub(super) dockerfile: Vec<u8>,
    pub(super) form: Form,
}

/// In which form the Dockerfile came, and must be handed over.
#[derive(Debug)]
pub(super) enum Form {
    /// A file; the context is a directory.
    File(PathBuf),
    /// Standard input; the context is a directory.
    Stdin,
    /// Standard input, without any context.
    Alone,
    /// An entry of the archive on standard input.
    Entry(Archive),
}

/// Finds the Dockerfile as the builder would.
///
/// `context` is the command's argument, `file` the value of `-f`; paths count from `cwd`. `stdin` is read when they say so,
/// an archive into a temporary file of at most `archive_bytes`.
///
/// # Errors
/// [`ContextError`]: there is none, or its content is only known to the builder.
///
/// Source: `docker/buildx build/opt.go`, `docker/cli cli/command/image/build/context.go`.
pub fn find_dockerfile(
    context: &str,
    file: Option<&str>,
    builder: Builder,
    cwd: &Path,
    stdin: &mut dyn Read,
    archive_bytes: u64,
) -> Result<Source, ContextError> {
    if let Some(url) = file.filter(|file| is_remote(file)) {
        return Err(ContextError::Remote { what: "Dockerfile", text: url.to_owned() });
    }
    if context == "-" {
        return from_stdin(file, builder, stdin, archive_bytes);
    }
    let directory = cwd.join(context);
    if !directory.is_dir() {
        return Err(if is_remote(context) {
            ContextError::Remote { what: "build context", text: context.to_owned() }
        } else {
            ContextError::NoContext(context.to_owned())
        });
    }
    if file == Some("-") {
        let dockerfile = bounded(stdin, "standard input")?;
        return Ok(Source { dockerfile, form: Form::Stdin });
    }
    let path = locate(&directory, file, builder, cwd)?;
    let dockerfile = match File::open(&path) {
        Ok(mut opened) => bounded(&mut opened, &path.display().to_string())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ContextError::NoDockerfile { path });
        }
        Err(error) => return Err(ContextError::read(path.display().to_string())(error)),
    };
    Ok(Source { dockerfile, form: Form::File(path) })
}

/// The path of the Dockerfile in or beside a directory.
fn locate(
    directory: &Path,
    file: Option<&str>,
    builder: Builder,
    cwd: &Path,
) -> Result<PathBuf, ContextError> {
    let path = if let Some(file) = file.filter(|file| !file.is_empty()) {
        let (here, inside) = (cwd.join(file), directory.join(file));
        if builder == Builder::Podman && !here.exists() && inside.exists() { inside } else { here }
    } else {
        let mut paths = default_names(builder).iter().map(|name| directory.join(name));
        let first = paths.next().unwrap_or_else(|| directory.to_owned());
        if first.exists() { first } else { paths.find(|path| path.exists()).unwrap_or(first) }
    };
    if builder == Builder::Podman && path.extension().is_some_and(|extension| extension == "in") {
        return Err(ContextError::Preprocessed(path));
    }
    Ok(path)
}

/// The names that are looked for when there is no `-f`, the first one first.
fn default_names(builder: Builder) -> &'static [&'static str] {
    match builder {
        Builder::BuildKit | Builder::Classic => &["Dockerfile", "dockerfile"],
        Builder::Podman => &["Containerfile", "Dockerfile"],
    }
}

fn from_stdin(
    file: Option<&str>,
    builder: Builder,
    stdin: &mut dyn Read,
    archive_bytes: u64,
) -> Result<Source, ContextError> {
    if file == Some("-") {
        return Err(ContextError::TwiceStdin);
    }
    match Spool::read(stdin, archive_bytes)? {
        Input::Text(_) if file.is_some_and(|file| !file.is_empty()) => Err(ContextError::TwoDockerfiles),
        Input::Text(dockerfile) => Ok(Source { dockerfile, form: Form::Alone }),
        Input::Archive(spool) => {
            let names: Vec<&str> = match file.filter(|file| !file.is_empty()) {
                Some(file) => vec![file],
                None => default_names(builder).to_vec(),
            };
            let (archive, dockerfile) = Archive::open(spool, &names)?;
            Ok(Source { dockerfile, form: Form::Entry(archive) })
        }
    }
}

/// Whether Docker would fetch it from elsewhere.
fn is_remote(text: &str) -> bool {
    const STARTS: [&str; 7] = ["http://", "https://", "git://", "git@", "ssh://", "github.com/", "ftp://"];
    STARTS.iter().any(|start| text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start)))
}

fn bounded(input: &mut dyn Read, what: &str) -> Result<Vec<u8>, ContextError> {
    let mut bytes = Vec::new();
    input.take(MAX_DOCKERFILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(ContextError::read(what))?;
    if bytes.len() > MAX_DOCKERFILE_BYTES { Err(ContextError::Large) } else { Ok(bytes) }
}
