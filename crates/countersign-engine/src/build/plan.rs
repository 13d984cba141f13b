//! Which images a build uses, and where it says so.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use countersign_core::digest::Digest;
use countersign_registry::reference::ImageReference;

use super::dockerfile::Dockerfile;
use super::error::{BuildRefusal, Reason};
use super::inputs::{BuildInputs, Builder};
use super::planner::Planner;
use super::stages::Stages;
use crate::podman::{ShortNameError, ShortNames};

/// What podman takes for a transport in front of a name.
const TRANSPORTS: [&str; 13] = [
    "atomic",
    "container-image",
    "containers-storage",
    "dir",
    "docker",
    "docker-archive",
    "docker-daemon",
    "docker-image",
    "oci",
    "oci-archive",
    "ostree",
    "sif",
    "tarball",
];

/// Finds every image that the Dockerfile brings in.
///
/// # Errors
/// [`BuildRefusal`]: something may bring in an image and can't be pinned. It names the line.
pub fn plan(dockerfile: &Dockerfile, inputs: &BuildInputs) -> Result<BuildPlan, BuildRefusal> {
    let (uses, stages) = Planner::new(dockerfile, inputs).run(dockerfile)?;
    Ok(BuildPlan { dockerfile: dockerfile.clone(), inputs: inputs.clone(), uses, stages })
}

/// The images of a build.
#[derive(Clone, Debug)]
pub struct BuildPlan {
    pub(super) dockerfile: Dockerfile,
    pub(super) inputs: BuildInputs,
    pub(super) uses: Vec<ImageUse>,
    stages: Stages,
}

impl BuildPlan {
    /// Every use of an image in the Dockerfile, in its order.
    pub fn uses(&self) -> &[ImageUse] {
        &self.uses
    }

    /// The references that need a trusted digest, each once. Those that consist of a name and a digest need none.
    pub fn unresolved(&self) -> Vec<ImageReference> {
        unresolved(&self.uses)
    }

    /// The names of the stages before `stage`.
    pub(super) fn stages_before(&self, stage: Option<usize>) -> Vec<String> {
        self.stages.names_before(stage.unwrap_or(0))
    }
}

/// The references among `uses` that need a trusted digest, each once.
pub(super) fn unresolved<'uses>(uses: impl IntoIterator<Item = &'uses ImageUse>) -> Vec<ImageReference> {
    let open = uses.into_iter().filter(|found| !found.is_pinned());
    let unique: BTreeSet<_> = open.map(|found| found.reference.clone()).collect();
    unique.into_iter().collect()
}

/// One place that brings in an image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImageUse {
    /// The image; `latest` is added where there is neither tag nor digest.
    pub reference: ImageReference,
    /// How it is used.
    pub kind: UseKind,
    /// Where it stands.
    pub place: Place,
    /// What `FROM --platform` asks for; empty if that is not known before the build.
    pub platform: Option<String>,
    /// The build stage that uses it, counted from zero.
    pub stage: Option<usize>,
}

impl ImageUse {
    /// Whether it can mean one thing only: a digest, and no tag that could say otherwise.
    pub fn is_pinned(&self) -> bool {
        self.reference.digest().is_some() && self.reference.tag().is_none()
    }

    /// Its line and its bytes, if it stands in the Dockerfile.
    pub(super) fn line_and_span(&self) -> Option<(usize, Range<usize>, &Self)> {
        match &self.place {
            Place::Dockerfile { line, span } => Some((*line, span.clone(), self)),
            Place::Flag(_) => None,
        }
    }
}

/// Where a use stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// In the Dockerfile.
    Dockerfile {
        /// The line of the instruction, counted from one.
        line: usize,
        /// The bytes to replace.
        span: Range<usize>,
    },
    /// In the value of a flag.
    Flag(&'static str),
}

/// How an image is used.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum UseKind {
    /// `FROM`.
    From,
    /// `COPY --from=`.
    CopyFrom,
    /// `RUN --mount=from=`.
    MountFrom,
    /// `# syntax=` or the build argument `BUILDKIT_SYNTAX`.
    Syntax,
    /// A trigger in this Dockerfile.
    Onbuild,
    /// `--cache-from`.
    CacheFrom,
    /// `--build-context`.
    BuildContext,
    /// The generator of an attestation.
    Attestation,
}

/// Reads a reference as a builder does, and completes it; short names by `names`, if they are podman's to complete.
pub(super) fn image(
    text: &str,
    builder: Builder,
    names: Option<&ShortNames>,
) -> Result<ImageReference, Reason> {
    let transport = text.split_once(':').map(|(before, _)| before);
    if builder == Builder::Podman && transport.is_some_and(|name| TRANSPORTS.contains(&name)) {
        return Err(Reason::Ambiguous("names a transport of podman, and only registries have trust data"));
    }
    let found = match names {
        Some(names) => names.reference(text).map_err(|error| match error {
            ShortNameError::Reference(error) => Reason::Reference(error),
            error => Reason::ShortName(error),
        })?,
        None => ImageReference::parse(text).map_err(Reason::Reference)?,
    };
    Ok(found.or_latest())
}

/// A pinned image, as it is written for a builder. Podman gets the full name: its short names may mean another registry.
pub(super) fn pinned_text(
    reference: &ImageReference,
    pins: &BTreeMap<ImageReference, Digest>,
    builder: Builder,
) -> Result<String, Reason> {
    let digest = match (reference.digest(), reference.tag()) {
        (Some(digest), None) => *digest,
        (written, _) => {
            let trusted = *pins.get(reference).ok_or(Reason::Unresolved)?;
            if written.is_some_and(|written| *written != trusted) {
                return Err(Reason::Disagrees(trusted.to_string()));
            }
            trusted
        }
    };
    let name = if builder == Builder::Podman { reference.name() } else { reference.familiar_name() };
    Ok(format!("{name}@{digest}"))
}
