//! `run` and `create`: every image that the container needs is verified and named by its digest; the rest goes on as it was.
//!
//! Source: docker/cli `cli/command/container/{create,run}.go`.

use anyhow::Context as _;
use countersign_registry::reference::ImageReference;
use thiserror::Error;

use super::line::Given;
use super::mount::ImageMount;
use super::program::Show;
use super::{Job, Kind, named};
use crate::exit::ExitStatus;
use crate::refusal::Refusal;
use crate::trust::{Trusted, resolve};
use crate::unsigned;

/// Fewest digits of an id that is shortened; shorter ones are names.
const SHORT_ID: usize = 12;
/// The flags of podman's `run` that are about the pull.
const PODMAN_PULL: [&str; 11] = [
    "arch",
    "authfile",
    "cert-dir",
    "creds",
    "decryption-key",
    "os",
    "platform",
    "retry",
    "retry-delay",
    "tls-verify",
    "variant",
];

/// A value of `--pull` that nobody knows.
#[derive(Debug, Error)]
#[error("invalid pull option: '{0}': must be one of \"always\", \"missing\" or \"never\"")]
pub(super) struct PullOption(String);

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum When {
    Always,
    Missing,
    Never,
}

/// Where the name of an image stands in the command line.
enum Place {
    /// A word by itself.
    Word(usize),
    /// The value of a flag: `--mount`.
    Mount(usize, ImageMount),
}

/// What a name means.
enum Meaning {
    /// What it says: a digest, or an id that the engine confirmed.
    Itself(String),
    /// A tag, to be looked up.
    Tag(ImageReference),
}

/// Verifies, pulls, and becomes the real program.
pub(super) fn run(mut job: Job) -> anyhow::Result<ExitStatus> {
    let when = when(&job)?;
    let mut places = Vec::new();
    // What podman starts from a directory is no image.
    if !(job.engine.kind() == Kind::Podman && job.line.is_on("rootfs")) {
        let word = job.word(0)?.to_owned();
        places.push((Place::Word(job.line.words[0]), meaning(&job, &word)?));
    }
    for (index, flag) in job.line.flags.iter().enumerate().filter(|(_, flag)| flag.name == "mount") {
        if let Some(mount) = ImageMount::of(flag)? {
            let meaning = meaning(&job, mount.image())?;
            places.push((Place::Mount(index, mount), meaning));
        }
    }
    let tags: Vec<_> = places.iter().filter_map(|(_, meaning)| meaning.tag().cloned()).collect();
    let trusted = job.block_on(resolve(&tags, &job.app)).map_err(|error| with_local_name(&job, error))?;
    for one in &trusted {
        provide(&job, one, when)?;
    }
    let mut trusted = trusted.iter();
    for (place, meaning) in &places {
        let name = match meaning {
            Meaning::Itself(name) => name.clone(),
            Meaning::Tag(image) => {
                let found =
                    trusted.next().with_context(|| format!("`{}` was not looked up", image.familiar()))?;
                job.engine.name_of(&found.pinned)
            }
        };
        match place {
            Place::Word(at) => job.args[*at] = name.into(),
            Place::Mount(flag, mount) => job.line.flags[*flag].set(&mut job.args, mount.with_image(&name)),
        }
    }
    if when == When::Always
        && let Some(flag) = job.line.last("pull")
    {
        // It was pulled, and tagged.
        flag.set(&mut job.args, "missing");
    }
    job.hand_over()
}

impl Meaning {
    fn tag(&self) -> Option<&ImageReference> {
        match self {
            Self::Itself(_) => None,
            Self::Tag(image) => Some(image),
        }
    }
}

fn when(job: &Job) -> Result<When, PullOption> {
    let Some(flag) = job.line.last("pull") else { return Ok(When::Missing) };
    let value = flag.value.as_ref().map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
    match (job.engine.kind(), value.to_ascii_lowercase().as_str()) {
        (_, "always") | (Kind::Podman, "true" | "newer" | "ifnewer") => Ok(When::Always),
        (_, "" | "missing") | (Kind::Podman, "ifmissing" | "notpresent") => Ok(When::Missing),
        (_, "never") | (Kind::Podman, "false") => Ok(When::Never),
        _ => Err(PullOption(value)),
    }
}

/// What `word` names: a digest by itself, an id if the engine has it, or else a tag.
fn meaning(job: &Job, word: &str) -> anyhow::Result<Meaning> {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    // With fewer digits it could be a tag of a repository with that name.
    if let Some(hex) = word.strip_prefix("sha256:").filter(|hex| is_hex(hex) && hex.len() >= SHORT_ID) {
        if hex.len() == 64 {
            return Ok(Meaning::Itself(word.to_owned()));
        }
        return Ok(Meaning::Itself(job.whole_id(word, hex)?.ok_or(NoSuchId(word.to_owned()))?));
    }
    if is_hex(word)
        && (SHORT_ID..=64).contains(&word.len())
        && let Some(id) = job.whole_id(word, word)?
    {
        return Ok(Meaning::Itself(id));
    }
    let image = named(job.engine.kind(), word)?;
    unsigned::admit_name(&image, &job.app)?;
    Ok(match (image.digest(), image.tag()) {
        (Some(_), None) => Meaning::Itself(match job.engine.kind() {
            Kind::Docker => word.to_owned(),
            Kind::Podman => image.to_string(),
        }),
        _ => Meaning::Tag(image.or_latest()),
    })
}

/// The context of a refusal: the name is that of an image here, which has an id.
#[derive(Debug, Error)]
#[error("`{name}` is an image here, and nobody signed it under that name")]
pub(super) struct IsLocal {
    name: String,
    /// Its full id.
    pub(super) id: String,
}

/// Says of a name that nobody signed whether it is one of this machine.
fn with_local_name(job: &Job, error: anyhow::Error) -> anyhow::Error {
    let is_unsigned =
        matches!(error.downcast_ref(), Some(Refusal::NoTrustData { .. } | Refusal::Unsigned { .. }));
    let Ok(name) = job.word(0) else { return error };
    // podman calls so what it builds.
    let is_of_this_machine = name.starts_with("localhost/");
    if !is_unsigned && !is_of_this_machine {
        return error;
    }
    match job.id(name) {
        Ok(Some(id)) => error.context(IsLocal { name: name.to_owned(), id }),
        _ => error,
    }
}

/// An id that names no local image.
#[derive(Debug, Error)]
#[error("`{0}` is the id of no image here; nothing was started")]
struct NoSuchId(String);

/// Sees to it that the engine has the image.
fn provide(job: &Job, trusted: &Trusted, when: When) -> anyhow::Result<()> {
    let (pinned, familiar, printer) = (&trusted.pinned, trusted.tagged.familiar(), job.printer());
    if when == When::Never {
        return Ok(());
    }
    let here = job.id(&job.engine.name_of(pinned))?;
    let tagged = job.id(&job.engine.tag_of(&trusted.tagged))?;
    let is_other = tagged.is_some() && tagged != here;
    if is_other {
        printer.say(format_args!(
            "'{familiar}' is another image here than the signed one; using {}",
            pinned.familiar()
        ));
    }
    if here.is_some() && when == When::Missing {
        return Ok(());
    }
    if tagged.is_none() && when == When::Missing {
        printer.say(format_args!("Unable to find image '{familiar}' locally"));
    }
    let show = if printer.is_quiet() { Show::Nothing } else { Show::Stderr };
    let flags = pull_flags(job);
    let failed = || format!("cannot pull `{}`; nothing was started", pinned.familiar());
    job.pull(pinned, &flags, show).with_context(failed)?;
    printer.tell(format_args!("Tagging {} as {familiar}", pinned.familiar()));
    job.tag(pinned, &trusted.tagged).with_context(|| format!("cannot tag `{familiar}`"))
}

fn pull_flags(job: &Job) -> Vec<&Given> {
    let is_about_the_pull = |name: &str| match job.engine.kind() {
        Kind::Docker => name == "platform",
        Kind::Podman => PODMAN_PULL.contains(&name),
    };
    job.line.flags.iter().filter(|flag| is_about_the_pull(&flag.name)).collect()
}
