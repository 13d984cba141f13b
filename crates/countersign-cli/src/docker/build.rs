//! `build`: every image that a build would bring in is verified and written as its digest before anything is sent to an engine.
//!
//! The engine's own command builds. It gets the Dockerfile with digests in it, and every other flag as it was.
//!
//! Source: docker/cli `cli/command/image/build.go`, `cmd/docker/builder.go`.

mod engine;
mod flags;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use anyhow::Context as _;
use countersign_core::digest::Digest;
use countersign_engine::build::{Build, Builder, Prepared, SOURCE_POLICY_VARIABLE, verify_base};
use countersign_registry::reference::ImageReference;
use futures_util::future::try_join_all;

use super::Job;
use crate::exit::ExitStatus;
use crate::refusal::Refusal;
use crate::trust::resolve;
use crate::unsigned;
use crate::variable;

/// Verifies, builds, and gives the bases their tags.
pub(super) fn run(job: Job) -> anyhow::Result<ExitStatus> {
    let builder = engine::builder(&job);
    let flags = flags::read(&job, builder)?;
    let is_piped = flags.context == "-" || flags.file.as_deref() == Some("-");
    let build = Build::read(flags, Box::new(io::stdin()))?;
    if !is_piped && build.uses().iter().all(|image| is_free(&image.reference, &job)) {
        return job.hand_over();
    }
    verified(&job, builder, &build)
}

/// Whether nothing asks for trust of this image: trust is off, and the system's policy requires it of others.
fn is_free(image: &ImageReference, job: &Job) -> bool {
    job.required.as_ref().is_some_and(|required| required.of(image).is_none())
}

fn verified(job: &Job, builder: Builder, build: &Build) -> anyhow::Result<ExitStatus> {
    for image in build.uses() {
        unsigned::admit_name(&image.reference, &job.app)?;
    }
    let images = build.unresolved();
    let pins = job.block_on(pin(&images, job)).map_err(|error| unprocessed(error, &images))?;
    job.block_on(look_for_triggers(build, &pins, job))?;
    let mut prepared = build.write(&pins)?;
    let args = flags::args(job, &prepared);
    let mut command = job.engine.real().command();
    command.args(args).envs(engine::environment(job, builder));
    for (name, value) in &prepared.environment {
        if *name == SOURCE_POLICY_VARIABLE && variable(name).is_some() {
            job.printer().warn(format_args!(
                "`{name}` is set: BuildKit gets that policy and not the one that lets only the verified images through; \
                 every image is written as its digest all the same"
            ));
            continue;
        }
        command.env(name, value);
    }
    let stdin = prepared.stdin.take();
    let status = job.block_on(engine::attend(command, stdin))?;
    if status == ExitStatus::Dockers(0) {
        tag_bases(job, &prepared);
    }
    Ok(status)
}

/// What each reference means by the word of its publisher.
async fn pin(images: &[ImageReference], job: &Job) -> anyhow::Result<BTreeMap<ImageReference, Digest>> {
    let (free, bound): (Vec<_>, Vec<_>) = images.iter().cloned().partition(|image| is_free(image, job));
    let trusted = resolve(&bound, &job.app).await?;
    let mut pins: BTreeMap<_, _> =
        bound.into_iter().zip(trusted.into_iter().map(|trusted| trusted.digest)).collect();
    for image in free {
        let digest = unsigned::by_registry(&image, &job.app).await?;
        job.printer().warn(format_args!(
            "`{}` is not looked up, for trust is off and the system's policy requires none of it; the registry says that it is {digest}",
            image.familiar()
        ));
        pins.insert(image, digest);
    }
    Ok(pins)
}

/// Puts the promise of the first content trust before Docker's later words for an image that nobody signed.
fn unprocessed(error: anyhow::Error, images: &[ImageReference]) -> anyhow::Error {
    let what = match error.downcast_ref() {
        Some(Refusal::Unsigned { tag }) => format!("No trust data for {tag}"),
        Some(Refusal::NoTrustData { gun, .. }) => {
            let image = images.iter().find(|image| image.gun() == *gun);
            let name = image.map_or_else(|| gun.to_string(), ImageReference::familiar);
            format!("No trust data for {name}")
        }
        _ => return error,
    };
    error.context(format!("unable to process Dockerfile: {what}"))
}

/// Refuses bases whose triggers bring in other images.
async fn look_for_triggers(
    build: &Build,
    pins: &BTreeMap<ImageReference, Digest>,
    job: &Job,
) -> anyhow::Result<()> {
    let registries = job.app.registries()?;
    let bases = build.bases(pins);
    let looks = bases.iter().map(|base| {
        let registries = Arc::clone(&registries);
        async move { verify_base(&registries, &base.image, &base.platforms, &base.stages).await }
    });
    try_join_all(looks).await?;
    Ok(())
}

/// Gives each base the tag that the Dockerfile named it by, where the engine has it: BuildKit keeps bases to itself.
fn tag_bases(job: &Job, prepared: &Prepared) {
    for (tagged, pinned) in &prepared.bases {
        let familiar = tagged.familiar();
        let is_here = matches!(job.id(&job.engine.name_of(pinned)), Ok(Some(_)));
        // A reference with a digest of its own has the tag that its digest was compared with.
        let Some(tag) = tagged.tag().filter(|_| is_here) else { continue };
        let tagging = || {
            let tagged = tagged.without_suffix().with_tag(tag)?;
            job.printer().tell(format_args!("Tagging {} as {}", pinned.familiar(), tagged.familiar()));
            job.tag(pinned, &tagged).context("the base was not tagged")
        };
        if let Err(error) = tagging() {
            job.printer()
                .warn(format_args!("it was built; `{familiar}` means here what it meant before: {error:#}"));
        }
    }
}
