//! `pull` of Docker and podman: by the signed digest, then tagged.
//!
//! Source: docker/cli `cli/command/image/{pull,trust}.go`.

use anyhow::Context as _;
use countersign_engine::Pinned;

use super::line::Given;
use super::program::Show;
use super::{Job, Kind, named};
use crate::exit::ExitStatus;
use crate::refusal::Refusal;
use crate::trust::{Trusted, resolve, resolve_all};
use crate::unsigned;

/// Pulls what is signed.
pub(super) fn run(job: &Job) -> anyhow::Result<ExitStatus> {
    let words: Vec<&str> = match job.engine.kind() {
        Kind::Docker => vec![job.only_word()?],
        // podman takes several.
        Kind::Podman => {
            (0..job.line.words.len().max(1)).map(|index| job.word(index)).collect::<Result<_, _>>()?
        }
    };
    let all = job.line.is_on("all-tags");
    let mut tags = Vec::new();
    for word in words {
        let image = named(job.engine.kind(), word.strip_prefix("docker://").unwrap_or(word))?;
        if all && !image.is_name_only() {
            return Err(Refusal::TagWithAll.into());
        }
        if image.is_name_only() && !all && job.engine.kind() == Kind::Docker {
            job.printer().status("Using default tag: latest")?;
        }
        match (image.digest().copied(), image.tag()) {
            (Some(digest), None) => {
                let pinned = unsigned::pinned(&image, digest, &job.app)?;
                fetch(job, &pinned)?;
                last_line(job, &image.to_string())?;
            }
            _ => tags.push(image),
        }
    }
    if all {
        for image in tags {
            let trusted = job.block_on(resolve_all(&image, &job.app))?;
            place_all(job, &trusted)?;
            last_line(job, image.name())?;
        }
        return Ok(ExitStatus::Success);
    }
    let trusted = job.block_on(resolve(&tags, &job.app))?;
    for one in &trusted {
        place_all(job, std::slice::from_ref(one))?;
        last_line(job, &one.tagged.to_string())?;
    }
    Ok(ExitStatus::Success)
}

fn place_all(job: &Job, trusted: &[Trusted]) -> anyhow::Result<()> {
    for (index, one) in trusted.iter().enumerate() {
        let (pinned, familiar) = (&one.pinned, one.tagged.familiar());
        let line = format!("Pull ({} of {}): {familiar}@{}", index + 1, trusted.len(), one.digest);
        match job.engine.kind() {
            // With `-q` too.
            Kind::Docker => job.printer().data(line)?,
            Kind::Podman => job.printer().say(line),
        }
        fetch(job, pinned)?;
        job.printer().tell(format_args!("Tagging {} as {familiar}", pinned.familiar()));
        job.tag(pinned, &one.tagged).with_context(|| format!("cannot tag `{familiar}`"))?;
    }
    Ok(())
}

fn fetch(job: &Job, pinned: &Pinned) -> anyhow::Result<()> {
    let is_quiet = job.line.is_on("quiet");
    let show = if is_quiet && job.engine.kind() == Kind::Docker { Show::Nothing } else { Show::Itself };
    let unchanged = || format!("cannot pull `{}`; no tag was changed", pinned.familiar());
    job.pull(pinned, &flags(job), show).with_context(unchanged)
}

/// What its user said of the pull, without what is about the tags.
fn flags(job: &Job) -> Vec<&Given> {
    job.line.flags.iter().filter(|flag| flag.name != "all-tags").collect()
}

/// Docker says at the end what was pulled; podman has said its id.
fn last_line(job: &Job, text: &str) -> anyhow::Result<()> {
    if job.engine.kind() == Kind::Docker {
        job.printer().data(text)?;
    }
    Ok(())
}
