//! `service create`, `service update`, `plugin install` and `plugin upgrade`: the reference gets the digest that is signed.
//!
//! Source: docker/cli `cli/command/service/trust.go`, `cli/command/plugin/{install,upgrade}.go`.

use countersign_registry::reference::{DEFAULT_TAG, ImageReference, ReferenceError};
use thiserror::Error;

use super::mount::ImageMount;
use super::{Job, reference};
use crate::exit::ExitStatus;
use crate::trust::{Trusted, resolve};
use crate::unsigned;

/// A service with an image among its mounts.
#[derive(Debug, Error)]
#[error("content trust does not cover the image `{0}` in a mount of a service; nothing was changed")]
pub(super) struct MountNotCovered(String);

/// Puts `name:tag@sha256:…` in the place of the image.
pub(super) fn create(mut job: Job) -> anyhow::Result<ExitStatus> {
    refuse_mounts(&job)?;
    let word = job.word(0)?;
    if let Some(pinned) = pin(&job, word)? {
        let at = job.line.words[0];
        job.args[at] = pinned.into();
    }
    job.hand_over()
}

/// The same for `--image`; without it the service goes on with the image that it has.
pub(super) fn update(mut job: Job) -> anyhow::Result<ExitStatus> {
    refuse_mounts(&job)?;
    if let Some(flag) = job.line.last("image").cloned() {
        let word = flag.value.as_ref().and_then(|value| value.to_str());
        let word = word.ok_or(ReferenceError::Format)?;
        if let Some(pinned) = pin(&job, word)? {
            flag.set(&mut job.args, pinned);
        }
    }
    job.hand_over()
}

/// Puts `name:tag@sha256:…` in the place of the plugin: Docker pulls it by the digest and names it by the tag.
pub(super) fn install(mut job: Job) -> anyhow::Result<ExitStatus> {
    let word = job.word(0)?;
    if let Some(pinned) = pin(&job, word)? {
        let at = job.line.words[0];
        job.args[at] = pinned.into();
    }
    job.hand_over()
}

/// The same for what a plugin is upgraded to: what is named, or what it was installed from.
pub(super) fn upgrade(mut job: Job) -> anyhow::Result<ExitStatus> {
    let name = job.word(0)?.to_owned();
    let source = job.engine.plugin_source(&name)?;
    let remote = match job.line.words.get(1) {
        Some(_) => job.word(1)?.to_owned(),
        None => source.clone(),
    };
    if let Some(pinned) = pin(&job, &remote)? {
        let is_same = tag_of(&remote).is_some_and(|tag| Some(tag) == tag_of(&source));
        match job.line.words.get(1) {
            Some(at) => job.args[*at] = pinned.into(),
            None => job.args.push(pinned.into()),
        }
        if is_same {
            // Docker would ask whether the digest is meant, which is what was just verified.
            job.args.insert(job.found.rest, "--skip-remote-check".into());
        }
    }
    job.hand_over()
}

/// The reference with the digest that is signed; `None` when it says by itself which image is meant.
fn pin(job: &Job, word: &str) -> anyhow::Result<Option<String>> {
    let id = word.strip_prefix("sha256:");
    if id.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Ok(None);
    }
    let image = reference(word)?;
    unsigned::admit_name(&image, &job.app)?;
    if image.tag().is_none() && image.digest().is_some() {
        return Ok(None);
    }
    let trusted = job.block_on(resolve(&[image.or_latest()], &job.app))?;
    Ok(trusted.first().map(both))
}

/// The reference without a digest, but with a tag: `latest` if it has none.
fn tag_of(word: &str) -> Option<ImageReference> {
    let image = reference(word).ok()?;
    image.without_suffix().with_tag(image.tag().unwrap_or(DEFAULT_TAG)).ok()
}

fn both(trusted: &Trusted) -> String {
    trusted.tagged.with_digest(trusted.digest).familiar()
}

fn refuse_mounts(job: &Job) -> anyhow::Result<()> {
    let mounts = job.line.flags.iter().filter(|flag| flag.name == "mount" || flag.name == "mount-add");
    for flag in mounts {
        if let Some(mount) = ImageMount::of(flag)? {
            return Err(MountNotCovered(mount.image().to_owned()).into());
        }
    }
    Ok(())
}
