//! A whole build: its flags and its Dockerfile read, its images resolved, and everything written again for the engine.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_registry::descriptor::Platform;
use countersign_registry::reference::ImageReference;
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::build_flags::{BuildFlags, platform};
use super::context::{ContextError, DEFAULT_ARCHIVE_BYTES, Source, find_dockerfile};
use super::dockerfile::Dockerfile;
use super::error::BuildRefusal;
use super::flag_images::FlagImage;
use super::hand_over::Prepared;
use super::onbuild::{OnbuildError, verify_base};
use super::plan::{BuildPlan, ImageUse, UseKind, plan, unresolved};
use crate::pinned::Pinned;
use crate::registries::Registries;

/// Tells what images stand for.
#[async_trait]
pub trait Resolve<E>: Send + Sync {
    /// The trusted digest of each image, in their order.
    async fn resolve(&self, images: &[ImageReference]) -> Vec<Result<Digest, E>>;
}

/// A build that was not started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PrepareError<E: Error + 'static> {
    /// Something may bring in an image and can't be pinned.
    #[error(transparent)]
    Refused(#[from] BuildRefusal),
    /// There is no Dockerfile to be had.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A base image may bring in others.
    #[error(transparent)]
    Onbuild(#[from] OnbuildError),
    /// An image has no trusted digest.
    #[error("image `{}` is not trusted; nothing was sent to the engine", image.reference.familiar())]
    Untrusted {
        /// The first use of an image without one.
        image: Box<ImageUse>,
        /// Why not.
        source: E,
    },
    /// The work was cut off because the program ends.
    #[error("the build was cut off before it began")]
    CutOff,
}

/// Pins every image of a build, or refuses the build.
///
/// All references are resolved in one call. Base images are looked at in their registries, for triggers that bring in
/// others. Nothing was sent to an engine when this returns.
///
/// # Errors
/// [`PrepareError`], whose refusals name the line or the flag.
pub async fn prepare_build<E: Error + 'static>(
    flags: BuildFlags,
    stdin: Box<dyn Read + Send>,
    resolver: &dyn Resolve<E>,
    registries: &Arc<dyn Registries>,
) -> Result<Prepared, PrepareError<E>> {
    let read = spawn_blocking(move || Build::read(flags, stdin)).await;
    let build = read.map_err(|_| PrepareError::CutOff)??;
    let images = build.unresolved();
    let answers = if images.is_empty() { Vec::new() } else { resolver.resolve(&images).await };
    let mut answers: BTreeMap<_, _> = images.into_iter().zip(answers).collect();
    let mut pins = BTreeMap::new();
    for image in build.uses().into_iter().filter(|image| !image.is_pinned()) {
        match answers.remove(&image.reference) {
            Some(Ok(digest)) => drop(pins.insert(image.reference, digest)),
            Some(Err(source)) => return Err(PrepareError::Untrusted { image: Box::new(image), source }),
            // It was answered for another use; or not at all, and then writing it fails.
            None => {}
        }
    }
    for base in build.bases(&pins) {
        verify_base(registries, &base.image, &base.platforms, &base.stages).await?;
    }
    let written = spawn_blocking(move || build.write(&pins)).await;
    Ok(written.map_err(|_| PrepareError::CutOff)??)
}

/// A build that was read and not handed over.
#[derive(Debug)]
pub struct Build {
    pub(super) flags: BuildFlags,
    pub(super) source: Source,
    pub(super) plan: BuildPlan,
    pub(super) flag_images: Vec<FlagImage>,
}

/// A base image, and what its triggers would find.
#[derive(Clone, Debug)]
pub struct Base {
    /// The image.
    pub image: Pinned,
    /// The platforms that it is taken for; none when that is not known.
    pub platforms: Vec<Platform>,
    /// The names of the build stages before the one that uses it.
    pub stages: Vec<String>,
}

/// Why a build can't be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Something may bring in an image and can't be pinned.
    #[error(transparent)]
    Refused(#[from] BuildRefusal),
    /// There is no Dockerfile to be had, or it can't be handed over.
    #[error(transparent)]
    Context(#[from] ContextError),
}

impl<E: Error + 'static> From<BuildError> for PrepareError<E> {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Refused(refusal) => Self::Refused(refusal),
            BuildError::Context(error) => Self::Context(error),
        }
    }
}

impl Build {
    /// Reads the flags and the Dockerfile; standard input, if they say so.
    pub fn read(flags: BuildFlags, mut stdin: Box<dyn Read + Send>) -> Result<Self, BuildError> {
        let inputs = flags.inputs()?;
        let flag_images = flags.images()?;
        let file = flags.file.as_deref();
        let source = find_dockerfile(
            &flags.context,
            file,
            flags.builder,
            &flags.cwd,
            &mut stdin,
            DEFAULT_ARCHIVE_BYTES,
        )?;
        let dockerfile = Dockerfile::parse(&source.dockerfile).map_err(BuildRefusal::from)?;
        let plan = plan(&dockerfile, &inputs)?;
        Ok(Self { flags, source, plan, flag_images })
    }

    /// Every use of an image: those of the Dockerfile in its order, then those of the flags.
    pub fn uses(&self) -> Vec<ImageUse> {
        let flags = self.flag_images.iter().filter_map(FlagImage::image_use);
        self.plan.uses().iter().cloned().chain(self.plan.inputs.contexts.uses()).chain(flags).collect()
    }

    /// The references that need a trusted digest, each once.
    pub fn unresolved(&self) -> Vec<ImageReference> {
        unresolved(&self.uses())
    }

    /// The images that stages begin with, whose triggers run in this build.
    pub fn bases(&self, pins: &BTreeMap<ImageReference, Digest>) -> Vec<Base> {
        let inputs = &self.plan.inputs;
        let native = || inputs.build_platform.iter().cloned().collect::<Vec<_>>();
        let usual = if inputs.platforms.is_empty() { native() } else { inputs.platforms.clone() };
        let bases = self.uses().into_iter().filter_map(|image| {
            let stages = match image.kind {
                UseKind::From => self.plan.stages_before(image.stage),
                UseKind::BuildContext => Vec::new(),
                _ => return None,
            };
            let digest = image.reference.digest().or_else(|| pins.get(&image.reference)).copied()?;
            let platforms = match &image.platform {
                None => usual.clone(),
                Some(text) => platform(text).into_iter().collect(),
            };
            Some(Base { image: Pinned::new(&image.reference, digest), platforms, stages })
        });
        bases.collect()
    }
}
