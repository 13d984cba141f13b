//! The flags of a build: those that can bring in images are taken out, looked at, and put back as digests.

use std::ffi::OsString;
use std::path::Path;

use countersign_engine::build::{BuildFlags, Builder, Prepared};
use thiserror::Error;

use crate::docker::line::Given;
use crate::docker::program::flag_word;
use crate::docker::{Job, Kind, short_names};
use crate::variable;

/// The build argument that replaces `# syntax=`.
const SYNTAX: &str = "BUILDKIT_SYNTAX";
/// The flags that [`Prepared::args`] takes the place of.
const TAKEN: [&str; 5] = ["file", "build-context", "cache-from", "sbom", "attest"];
/// Flags that bring in what nobody can look at before the build, and the way round.
const REFUSED: [(&str, &str); 2] = [
    ("build-arg-file", "give each argument with `--build-arg`"),
    ("sbom-scanner-image", "scan the image after the build"),
];

/// A flag of a build that could bring in an image unseen.
#[derive(Debug, Error)]
pub(super) enum FlagError {
    /// It can't be known what it brings in.
    #[error("`--{flag}` may bring in an image that nobody verified; nothing was built: {way}")]
    Refused {
        /// Its name.
        flag: &'static str,
        /// What to do instead.
        way: &'static str,
    },
    /// Several Dockerfiles in one build.
    #[error("several Dockerfiles in one build cannot be verified together; nothing was built")]
    ManyFiles,
    /// What is no text is no reference.
    #[error("the value of `--{0}` is no UTF-8; nothing was built")]
    NotText(String),
}

/// What the command line says that can change which images a build uses.
pub(super) fn read(job: &Job, builder: Builder) -> anyhow::Result<BuildFlags> {
    for (flag, way) in REFUSED {
        if job.line.last(flag).is_some() {
            return Err(FlagError::Refused { flag, way }.into());
        }
    }
    let all = |name: &str| {
        let given = job.line.flags.iter().filter(|flag| flag.name == name);
        given.map(text).collect::<Result<Vec<_>, FlagError>>()
    };
    let last = |name: &str| Ok::<_, FlagError>(all(name)?.pop());
    let files = all("file")?;
    if job.engine.kind() == Kind::Podman && files.len() > 1 {
        return Err(FlagError::ManyFiles.into());
    }
    let file = files.last().filter(|file| !file.is_empty()).cloned();
    let mut flags = BuildFlags::new(builder, &context(job, file.as_deref())?, std::env::current_dir()?);
    flags.file = file;
    flags.build_args = all("build-arg")?.into_iter().map(completed).collect::<Result<_, _>>()?;
    flags.build_contexts = all("build-context")?;
    flags.cache_from = all("cache-from")?;
    flags.platforms = all("platform")?;
    if let Some(architecture) = last("arch")? {
        let os = last("os")?.unwrap_or_else(|| "linux".to_owned());
        flags.platforms.push(format!("{os}/{architecture}"));
    }
    flags.sbom = last("sbom")?.filter(|value| builder == Builder::Podman || value != "false");
    flags.attest = all("attest")?;
    flags.from = last("from")?;
    if builder == Builder::Podman {
        flags.short_names = Some(short_names::load(&variable)?);
    }
    Ok(flags)
}

/// The command line for the engine: what the build was prepared to, and every other flag as it was.
pub(super) fn args(job: &Job, prepared: &Prepared) -> Vec<OsString> {
    let mut args = job.args[..job.found.rest].to_vec();
    args.extend(prepared.args.iter().cloned());
    let kept = job.line.flags.iter().filter(|flag| !TAKEN.contains(&flag.name.as_str()) && !is_syntax(flag));
    args.extend(kept.map(|flag| flag_word(&flag.name, flag.value.as_deref())));
    args.push("--".into());
    args.push(prepared.context.clone().into());
    args
}

/// The build context. podman takes the directory of the Dockerfile, or the working directory, where none is named.
fn context(job: &Job, file: Option<&str>) -> anyhow::Result<String> {
    if job.engine.kind() == Kind::Podman && job.line.words.is_empty() {
        let beside = file.filter(|file| *file != "-").and_then(|file| Path::new(file).parent()?.to_str());
        return Ok(beside.filter(|dir| !dir.is_empty()).unwrap_or(".").to_owned());
    }
    Ok(job.only_word()?.to_owned())
}

fn text(flag: &Given) -> Result<String, FlagError> {
    match &flag.value {
        // A flag that stands alone is on.
        None => Ok("true".to_owned()),
        Some(value) => value.to_str().map(str::to_owned).ok_or_else(|| FlagError::NotText(flag.name.clone())),
    }
}

/// A build argument, which has its value from the environment if it names none.
fn completed(argument: String) -> Result<String, FlagError> {
    if argument.contains('=') {
        return Ok(argument);
    }
    match variable(&argument) {
        None => Ok(argument),
        Some(value) => match value.to_str() {
            Some(value) => Ok(format!("{argument}={value}")),
            None => Err(FlagError::NotText(format!("build-arg {argument}"))),
        },
    }
}

fn is_syntax(flag: &Given) -> bool {
    let name = flag.text().map(|text| text.split_once('=').map_or(text, |(name, _)| name));
    flag.name == "build-arg" && name == Some(SYNTAX)
}
